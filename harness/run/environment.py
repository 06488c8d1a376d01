"""Where a run happened: versions, hardware and the state of the code."""

import platform
import subprocess
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from recurbench.harness.config.sections import TrainerConfig


def describe_environment(device: torch.device, trainer: TrainerConfig) -> dict[str, Any]:
    """The record's `environment` section."""
    commit, dirty = _git_state()
    return {
        "recurbench": version("recurbench"),
        "python": platform.python_version(),
        "torch": str(torch.__version__),
        "lightning": version("pytorch-lightning"),
        "cuda": torch.version.cuda,
        "device": device.type,
        "hardware": torch.cuda.get_device_name(device) if device.type == "cuda" else _processor(),
        "threads": torch.get_num_threads(),
        "precision": trainer.precision,
        "host": platform.node(),
        "git_commit": commit,
        "git_dirty": dirty,
    }


@cache
def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
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
