"""What the processes of one run tell each other; each call waits for all of them.

Legend: N positions that a loss sees, O width of a prediction.
"""

import io
import time
from collections.abc import Sequence
from datetime import timedelta
from enum import IntEnum
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributed import (  # type: ignore[attr-defined] # torch exports them
    PrefixStore,
    ProcessGroupGloo,
    ReduceOp,
    Store,
)

PATIENCE = timedelta(days=30)
"""The others wait while the first process evaluates, however long; if it dies they notice."""


ASK_SECONDS = 1e-4


class LostRankError(RuntimeError):
    """Another process of the run is gone."""


class Order(IntEnum):
    """What the first process has the others do next."""

    STEP = 0
    GIVE_STATES = 1
    TAKE_STATES = 2


class Link:
    """The connection of one process to the others.

    torch's default process group is left alone: torchmetrics would wait for all processes at every
    evaluation, which is the first one's alone.

    Args:
        store: where the processes find each other.
        rank: of this process; 0 leads.
        world: how many there are.
        device: of this process's model.

    Raises:
        LostRankError: in every method, if another process ends.
    """

    def __init__(self, store: Store, rank: int, world: int, device: torch.device) -> None:
        self.rank, self.world, self._device = rank, world, device
        words = PrefixStore("words", store)
        # Typed as Any: torch's stubs do not know all methods.
        self._words: Any = ProcessGroupGloo(words, rank, world, PATIENCE)
        self._tensors: Any = self._words
        if device.type == "cuda":
            from torch.distributed import ProcessGroupNCCL  # where torch has CUDA

            options = ProcessGroupNCCL.Options()
            options._timeout = PATIENCE
            tensors = PrefixStore("tensors", store)
            self._tensors = ProcessGroupNCCL(tensors, rank, world, options)

    def order(self, order: Order | None = None) -> Order:
        """The first process's order, which it gives and the others get."""
        word = torch.tensor(order or 0)
        _wait(self._words.broadcast(word, 0))
        return Order(int(word))

    def share_weights(self, model: nn.Module) -> None:
        """Gives all models the weights of the first."""
        weights = [parameter.detach() for parameter in model.parameters()]
        vector = _joined(weights)
        _wait(self._tensors.broadcast(vector, 0))
        if self.rank:
            _spread(vector, weights)

    def gather(self, own: Tensor, counts: Sequence[int]) -> Tensor:
        """The predictions of all, `(sum of counts, O)`, in single precision.

        Gradients reach those of this process.

        Args:
            own: `(N, O)` of this process.
            counts: N of each.
        """
        own = own.float()
        padded = own.new_zeros(max(counts), *own.shape[1:])
        padded[: len(own)] = own.detach()
        found = [torch.empty_like(padded) for _ in counts]
        _wait(self._tensors.allgather([found], [padded]))
        parts = [rows[:count] for rows, count in zip(found, counts, strict=True)]
        parts[self.rank] = own
        return torch.cat(parts)

    def add_gradients(self, model: nn.Module) -> None:
        """Adds the gradients of all to those of the first."""
        parameters = list(model.parameters())
        gradients = [torch.zeros_like(p) if p.grad is None else p.grad for p in parameters]
        vector = _joined(gradients)
        _wait(self._tensors.reduce(vector, 0, ReduceOp.SUM))
        if not self.rank:
            _spread(vector, gradients)

    def tell_all(self, content: Any = None) -> Any:
        """What the first process tells all others, made of tensors and plain values."""
        coded = _coded(content) if not self.rank else torch.empty(0, dtype=torch.uint8)
        size = torch.tensor(len(coded))
        _wait(self._words.broadcast(size, 0))
        if self.rank:
            coded = torch.empty(int(size), dtype=torch.uint8)
        _wait(self._words.broadcast(coded, 0))
        return _decoded(coded)

    def hear_all(self, content: Any) -> list[Any]:
        """What each process says, by rank."""
        coded = _coded(content)
        sizes = [torch.tensor(0) for _ in range(self.world)]
        _wait(self._words.allgather([sizes], [torch.tensor(len(coded))]))
        longest = max(int(size) for size in sizes)
        padded = torch.zeros(longest, dtype=torch.uint8)
        padded[: len(coded)] = coded
        found = [torch.empty_like(padded) for _ in sizes]
        _wait(self._words.allgather([found], [padded]))
        return [_decoded(one[: int(size)]) for one, size in zip(found, sizes, strict=True)]


def _wait(work: Any) -> None:
    """Waits for all others; not by `wait` alone, in which no Ctrl-C would be heard."""
    try:
        while not work.is_completed():
            time.sleep(ASK_SECONDS)
        work.wait()
    except RuntimeError as error:
        raise LostRankError(str(error)) from error


def _real(tensor: Tensor) -> Tensor:
    return torch.view_as_real(tensor) if tensor.is_complex() else tensor


def _joined(tensors: Sequence[Tensor]) -> Tensor:
    return torch.cat([_real(tensor).reshape(-1) for tensor in tensors])


def _spread(vector: Tensor, tensors: Sequence[Tensor]) -> None:
    """Puts the parts of a vector back where `_joined` took them from."""
    parts = vector.split([_real(tensor).numel() for tensor in tensors])
    for part, tensor in zip(parts, tensors, strict=True):
        _real(tensor).copy_(part.view_as(_real(tensor)))


def _coded(content: Any) -> Tensor:
    stream = io.BytesIO()
    torch.save(content, stream)
    return torch.frombuffer(bytearray(stream.getvalue()), dtype=torch.uint8)


def _decoded(coded: Tensor) -> Any:
    return torch.load(io.BytesIO(coded.numpy().tobytes()), weights_only=True, map_location="cpu")
