"""What of a machine each of several runs at a time may use."""

import os
from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class Share:
    """A part of a machine.

    Attributes:
        cores: the numbers of its cores; None leaves the choice to the system.
        gpu: the one that it sees, as CUDA_VISIBLE_DEVICES names it; None is all.
    """

    cores: tuple[int, ...] | None = None
    gpu: str | None = None

    def environment(self) -> dict[str, str]:
        """The variables of a process that has this share."""
        return {} if self.gpu is None else {"CUDA_VISIBLE_DEVICES": self.gpu}

    def keep_to_cores(self) -> None:
        """Keeps this process to the share's cores, where the system can do that."""
        if self.cores is not None and hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(0, self.cores)


WHOLE = Share()


def shares(workers: int) -> list[Share]:
    """The shares of some workers: cores are divided, of several GPUs each has one in turn."""
    if workers == 1:
        return [WHOLE]
    cores = _cores()
    gpus = _gpus()
    return [
        Share(
            tuple(cores[worker::workers]) or None,
            gpus[worker % len(gpus)] if gpus else None,
        )
        for worker in range(workers)
    ]


def _cores() -> list[int]:
    return sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []


def _gpus() -> list[str]:
    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    if named is not None:
        return [name for name in named.split(",") if name]
    return [str(number) for number in range(torch.cuda.device_count())]
