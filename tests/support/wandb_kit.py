"""What tests of wandb share: no login, and what an offline run wrote."""

import os
import struct
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture(autouse=True)
def logged_out(workplace: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No credentials, choices or runs from the machine that runs the tests."""
    for variable in [name for name in os.environ if name.startswith("WANDB_")]:
        monkeypatch.delenv(variable)
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    kernels = os.environ.get("TORCH_EXTENSIONS_DIR") or str(cache / "torch_extensions")
    monkeypatch.setenv("TORCH_EXTENSIONS_DIR", kernels)  # or each home would have them built anew
    monkeypatch.setenv("NETRC", str(workplace / "netrc"))
    monkeypatch.setenv("HOME", str(workplace / "home"))
    yield
    for variable in ("WANDB_MODE", "WANDB_ERROR_REPORTING"):  # set when a server is unreachable
        os.environ.pop(variable, None)
    if "wandb" in sys.modules:
        sys.modules["wandb"].teardown()  # it reads the environment once per process


def wandb_messages(path: Path) -> Iterator[Any]:
    """The messages of an offline run's file: framed records in blocks of 32 KiB."""
    import wandb
    from wandb.proto.wandb_internal_pb2 import Record

    wandb.teardown()  # its service may still be writing; it ends with the last byte
    data = path.read_bytes()
    position, parts = 7, b""
    while position + 7 <= len(data):
        left = 32768 - position % 32768
        if left < 7:
            position += left
            continue
        _, length, kind = struct.unpack_from("<IHB", data, position)
        parts += data[position + 7 : position + 7 + length]
        position += 7 + length
        if kind in (1, 4):  # a whole message, or its last part
            message = Record()
            message.ParseFromString(parts)
            parts = b""
            yield message
