"""Where a run happened: versions, hardware and the state of the code."""

import hashlib
import platform
import subprocess
from functools import cache
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import Any

import msgspec
import torch
from torch import nn

import recurbench
from recurbench.cells.base import RecurrentCell
from recurbench.harness.config.sections import TrainerConfig
from recurbench.harness.results.record import Environment


def describe_environment(
    device: torch.device, trainer: TrainerConfig, kernel: str | None = None
) -> Environment:
    """The record's `environment` section; `kernel` is what `kernel_of` says."""
    commit, dirty = _git_state()
    return Environment(
        recurbench=recurbench.__version__,
        python=platform.python_version(),
        torch=str(torch.__version__),
        lightning=version("pytorch-lightning"),
        cuda=torch.version.cuda,
        device=device.type,
        hardware=_hardware(device),
        threads=torch.get_num_threads(),
        precision=trainer.precision,
        host=platform.node(),
        git_commit=commit,
        git_dirty=dirty,
        kernel=kernel,
        devices=trainer.devices if trainer.devices > 1 else msgspec.UNSET,
    )


def machine_of(device: torch.device, trainer: TrainerConfig) -> dict[str, Any]:
    """What decides how far a run gets in a given time."""
    several = {"devices": trainer.devices} if trainer.devices > 1 else {}
    return {"hardware": _hardware(device), "threads": trainer.threads, **several}


def kernel_of(model: nn.Module, device: torch.device, trainer: TrainerConfig) -> str | None:
    """The kernel that a model's cells run by, or None if they have one way only.

    A kernel in C++ is built here if it was not before, so that no training waits for it.
    """
    dtype = torch.bfloat16 if trainer.precision == "bf16" else torch.float32
    cells = (module for module in model.modules() if isinstance(module, RecurrentCell))
    return next(cells).kernel_on(device, dtype)


@cache
def source_digest() -> str:
    """A hash of all our source files as they are, committed or not."""
    digest = hashlib.sha256()
    for part in ("cells", "tasks", "harness"):
        for file in sorted(Path(str(files(recurbench))).joinpath(part).rglob("*")):
            if file.suffix in (".py", ".cpp", ".h"):
                digest.update(file.read_bytes())
    return digest.hexdigest()[:12]


def _hardware(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else _processor()


@cache
def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text("utf-8", "replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


@cache
def _git_state() -> tuple[str | None, bool | None]:
    """Commit of the checkout that this code runs from, and whether it was changed since."""
    root = Path(__file__).resolve().parents[2]
    if not (root / ".git").exists():
        return None, None

    def git(*arguments: str) -> str:
        command = ["git", "-C", str(root), *arguments]
        return subprocess.run(  # noqa: S603 - a fixed command on our own folder
            command, check=True, capture_output=True, text=True, timeout=10
        ).stdout.strip()

    try:
        return git("rev-parse", "HEAD"), bool(git("status", "--porcelain"))
    except (OSError, subprocess.SubprocessError):
        return None, None
