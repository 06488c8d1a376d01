"""How wandb is used: its settings, when it is online, and what an offline run leaves behind."""

import netrc
import os
import shlex
import shutil
import sys
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlparse
from urllib.request import urlopen

from recurbench.harness.console import complain

ANSWER_SECONDS = 5

SETTINGS: dict[str, Any] = {
    "silent": True,
    "console": "off",
    "init_timeout": 8,
    "finish_timeout": 8,
    "x_disable_stats": True,  # its system monitor would take time from the run
}
"""Ours, each unless wandb's variable of that name is set, such as WANDB_INIT_TIMEOUT."""

HEADER_BYTES = 7
"""Of an offline run's file, which has no more than these until the first 32 KiB are full or its
process has ended; `wandb sync` gives up all folders it is told of when one file is that short."""


def our_settings() -> Any:
    """Settings of a wandb run."""
    import wandb

    chosen = {k: v for k, v in SETTINGS.items() if f"WANDB_{k.upper()}" not in os.environ}
    return wandb.Settings(**chosen)


def usual_mode() -> str:
    """`online` for a user who is logged in while the server answers; never asks for anything.

    wandb itself waits for a silent server at the start, at the end and when the program exits, half
    a minute in all; one request of our own finds it out sooner.
    """
    import wandb

    settings = wandb.setup().settings
    if not _has_login(settings):
        return "offline"
    try:
        urlopen(settings.base_url, timeout=ANSWER_SECONDS).close()  # noqa: S310 - the user's own server
    except HTTPError:
        pass  # an answer, whatever it says
    except OSError as error:
        go_offline(f"{settings.base_url} does not answer ({error})")
        return "offline"
    return "online"


def go_offline(reason: str) -> None:
    """Says why, and keeps the jobs to come from waiting again."""
    complain(f"wandb: {reason}; going on offline")
    os.environ["WANDB_MODE"] = "offline"
    os.environ["WANDB_ERROR_REPORTING"] = "false"  # or the program's exit waits for the server


def sync_command(folder: str) -> str:
    """The command that uploads the offline runs in a folder, without those that hold nothing.

    Those are of processes that were killed, or that still run.
    """
    if "wandb" in sys.modules:
        sys.modules[
            "wandb"
        ].teardown()  # the service, which may still write, ends with this process
    files = Path(folder).glob("offline-run-*/*.wandb")
    if all(file.stat().st_size > HEADER_BYTES for file in files):
        return f"wandb sync {shlex.quote(folder)}/offline-run-*"
    wanted = f"-path '*/offline-run-*.wandb' -size +{HEADER_BYTES}c"
    return f"find {shlex.quote(folder)} {wanted} -exec wandb sync {{}} +"


def remove_offline(directory: str, run_id: str) -> None:
    """Removes what an offline run wrote of a part of its curve, unless it was uploaded.

    Args:
        directory: that of the run; none of another name is touched.
        run_id: wandb's.
    """
    folder = Path(directory)
    ours = folder.name.startswith("offline-run-") and f"-{run_id}" in folder.name
    if ours and not list(folder.glob("*.synced")):
        shutil.rmtree(folder, ignore_errors=True)


def _has_login(settings: Any) -> bool:
    """Whether the user has credentials for the configured server."""
    if settings.api_key or settings.identity_token_file:
        return True
    host = urlparse(settings.base_url).hostname or ""
    candidates = [os.environ.get("NETRC"), "~/.netrc", "~/_netrc"]
    for file in (Path(name).expanduser() for name in candidates if name):
        try:
            return netrc.netrc(file).authenticators(host) is not None
        except (OSError, netrc.NetrcParseError):
            continue
    return False
