"""What memory training adds: at its peak, and what a step keeps for its way back."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from pytorch_lightning import Callback
from torch import Tensor, nn

from recurbench.harness.run.cost import PeakMemory
from recurbench.harness.run.memory import release_freed_memory, reset_peak, resident


class TrainingMemory(Callback):
    """The peak of memory while training, above what the process had when training began.

    On a CPU that is the resident set: of some hundred megabytes most are libraries, and evaluation
    in large batches needs more than training does. So the level at the start is subtracted, and
    evaluations are left out; what they freed is given back before training goes on. What is left
    are activations, gradients and the optimizer's state, to within some megabytes. On a GPU it is
    torch's peak of what was allocated, of the whole run.

    Args:
        device: of the model.
        whole: the peak of the whole run, which the same mark tells.
    """

    def __init__(self, device: torch.device, whole: PeakMemory) -> None:
        self._device, self._whole = device, whole
        self._level: int | None = None
        self._most: int | None = None

    def bytes(self) -> int | None:
        """The peak so far; None where the system does not tell, or before training."""
        if self._device.type == "cuda":
            return torch.cuda.max_memory_allocated(self._device)
        return self._most

    def state_dict(self) -> dict[str, Any]:
        """The peak before an interruption."""
        return {"most": self._most}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Goes on from an earlier peak."""
        self._most = state_dict["most"]

    def on_train_start(self, *_: Any) -> None:
        """Notes the level, once what torch loads at the first step of any training is there."""
        if self._device.type == "cuda":
            return
        _take_a_step()
        self._settle()
        self._level = resident("VmRSS")

    def on_validation_start(self, *_: Any) -> None:
        """Reads the peak of the steps up to here."""
        if self._level is None:
            return
        peak = resident("VmHWM")
        if peak is not None:
            self._most = max(self._most or 0, peak - self._level)

    def on_validation_end(self, *_: Any) -> None:
        """Counts anew, without what the evaluation needed."""
        if self._level is not None:
            self._settle()

    def _settle(self) -> None:
        gc.collect()
        release_freed_memory()
        self._whole.look()
        if not reset_peak():
            self._level = None


@contextmanager
def counting_saved(model: nn.Module) -> Iterator[list[int]]:
    """Counts the bytes that the operations within keep for the way back, parameters left out.

    Yields:
        A list that holds the number at the end. Tensors that share memory count once.
    """
    own = {parameter.untyped_storage().data_ptr() for parameter in model.parameters()}
    kept: dict[int, int] = {}
    found = [0]

    def pack(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor.detach()  # an output that holds itself would never be freed

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        yield found
    found[0] = sum(kept.values())


def _take_a_step() -> None:
    """A step of a tiny model, which loads code and makes threads for all that follow."""
    weight = torch.ones(1, requires_grad=True)
    with torch.enable_grad():
        (weight * weight).sum().backward()
    torch.optim.Adam([weight]).step()
