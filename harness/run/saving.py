"""The file that a training is continued from, which is used whole or not at all."""

import hashlib
import io
import os
import pickle
from pathlib import Path
from typing import Any

import torch

FORMAT = b"recurbench progress 1\n"
DIGEST = hashlib.sha256


class DamagedError(Exception):
    """A file is not what was saved; the message says why."""


def save(state: dict[str, Any], file: Path) -> None:
    """Replaces a file by a whole one.

    Raises:
        OSError: it cannot be written.
    """
    content = io.BytesIO()
    torch.save(state, content)
    new = file.with_suffix(".new")
    with new.open("wb") as stream:
        stream.write(FORMAT + DIGEST(content.getbuffer()).digest())
        stream.write(content.getbuffer())
    os.replace(new, file)


def load(file: Path) -> dict[str, Any] | None:
    """What was saved, on the CPU; None if nothing was.

    Raises:
        DamagedError: there is something else.
    """
    size = len(FORMAT) + DIGEST().digest_size
    try:
        content = file.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise DamagedError(f"{file}: {error.strerror}") from error
    if FORMAT + DIGEST(memoryview(content)[size:]).digest() != content[:size]:
        raise DamagedError(f"{file} is damaged, or was not saved by this version")
    try:
        found: dict[str, Any] = torch.load(
            io.BytesIO(content[size:]), weights_only=True, map_location="cpu"
        )
    except (RuntimeError, pickle.UnpicklingError, EOFError) as error:  # of another torch
        raise DamagedError(f"{file} cannot be read ({type(error).__name__})") from error
    return found
