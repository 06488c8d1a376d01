"""What a run costs: training time, memory, parameters, state and work."""

import gc
import resource
import sys
import time
from typing import Any

import torch

from recurbench.harness.config.measures import (
    count_parameters,
    flops_per_token,
    recurrent_parameters,
    states_size,
)
from recurbench.harness.errors import PLUGIN_ERRORS
from recurbench.harness.model.sequence_model import SequenceModel
from recurbench.harness.run.memory import release_freed_memory, reset_peak, resident


class Stopwatch:
    """Seconds of training; evaluation, checkpointing and logging are left out by pausing.

    A GPU works behind the program's back, so its queue is waited for whenever the watch pauses or
    is read, and at no other time.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._total = 0.0
        self._since: float | None = None

    def resume(self) -> None:
        """Starts or goes on counting."""
        if self._since is None:
            self._since = time.perf_counter()

    def pause(self) -> None:
        """Stops counting."""
        self._total = self.seconds()
        self._since = None

    def add(self, seconds: float) -> None:
        """Counts what an earlier watch had counted."""
        self._total += seconds

    def seconds(self) -> float:
        """Counted so far, with all queued work done."""
        if self._since is None:
            return self._total
        if self._device.type == "cuda":
            torch.cuda.synchronize(self._device)
        return self._total + time.perf_counter() - self._since


class PeakMemory:
    """The peak of memory since it was made: torch's on a GPU, the resident set on a CPU."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        if device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(device)
            return
        gc.collect()
        release_freed_memory()  # what earlier runs of this process left is not this run's cost
        # Linux resets the mark for us; elsewhere it stays that of the whole process.
        self._resettable = reset_peak()
        self._seen = 0

    def look(self) -> None:
        """Keeps the peak so far; to be called before something else resets the mark."""
        self._seen = max(self._seen, self.bytes())

    def bytes(self) -> int:
        """The peak so far."""
        if self._device.type == "cuda":
            return torch.cuda.max_memory_allocated(self._device)
        if self._resettable and (peak := resident("VmHWM")) is not None:
            return max(self._seen, peak)
        unit = 1 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def model_cost(model: SequenceModel) -> dict[str, Any]:
    """Parameters of the model and of its cells alone, numbers in one row's state, work per token.

    The work is None for a model that cannot run: that of a run which failed for this reason.
    """
    try:
        flops = flops_per_token(model)
    except PLUGIN_ERRORS:
        flops = None
    return {
        "parameters": count_parameters(model),
        "recurrent_parameters": recurrent_parameters(model),
        "state_size": states_size(model),
        "flops_per_token": flops,
    }
