"""Separate random streams, so that what one part draws never moves another part's numbers."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager

import torch


def derive(seed: int, stream: str) -> int:
    """The seed of a named stream: `derive(seed, "dropout")`."""
    digest = hashlib.sha256(f"{seed}/{stream}".encode()).digest()
    return int.from_bytes(digest[:4], "big")


@contextmanager
def seeded(seed: int, stream: str) -> Iterator[None]:
    """Runs a block with torch's global generators at a stream's seed, then restores them."""
    with torch.random.fork_rng():
        set_seed(derive(seed, stream))
        yield


def set_seed(seed: int) -> None:
    """Seeds torch's global generators, of the CPU and of CUDA devices.

    `torch.manual_seed` gives the same numbers and, for each kind of device that is not there, keeps
    the text of a whole stack for ever; that takes longer than building a small model.
    """
    torch.default_generator.manual_seed(seed)
    if torch.cuda.is_available():
        torch.cuda.manual_seed_all(seed)
