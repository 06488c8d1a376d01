"""The memory of one training step: at its peak, and what is kept for the way back."""

import gc

import torch

from recurbench.harness.run.footprint import counting_saved
from recurbench.harness.run.memory import release_freed_memory, reset_peak, resident
from recurbench.harness.speed.alternating import Way
from recurbench.harness.speed.batches import Sequences
from recurbench.harness.speed.contenders import Contender


def saved_bytes(contender: Contender, module: torch.nn.Module, x: Sequences) -> int:
    """Bytes that a forward pass keeps for its way back, parameters left out; they are exact."""
    with counting_saved(module) as found:
        contender.outputs(module, x)
    return found[0]


def peak_bytes(train: Way, device: torch.device) -> int | None:
    """What one training step adds to memory at its peak, to within some megabytes on a CPU.

    Args:
        train: the step, which was called before.
        device: where it runs; on a GPU it is torch's peak of what was allocated.

    Returns:
        Bytes, or None where the system does not tell.
    """
    gc.collect()
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        before = torch.cuda.memory_allocated(device)
        train()
        return torch.cuda.max_memory_allocated(device) - before
    release_freed_memory()
    level = resident("VmRSS")
    if level is None or not reset_peak():
        return None
    train()
    peak = resident("VmHWM")
    return None if peak is None else max(0, peak - level)
