"""The model around a cell: encoder, stack and head, identical for every cell.

Legend: B batch, T time, N valid steps, E embedding size, O a layer's output size.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from cells.base import RecurrentCell
from harness.config import ModelConfig
from harness.packing import first_steps, last_steps, mean_steps, reverse, with_data
from harness.seeds import seeded
from tasks.base import TaskSpec, valid_steps

Sequences = Tensor | PackedSequence
MakeCell = Callable[[int], RecurrentCell[Any]]
LayerState = list[Any]  # one cell state per direction


class Layer(nn.Module):
    """Norm, dropout, one cell per direction, residual; the cells of a stack share their knobs."""

    def __init__(self, width: int, make_cell: MakeCell, config: ModelConfig) -> None:
        super().__init__()
        self.norm = make_norm(width, config)
        self.dropout = nn.Dropout(config.dropout)
        cells = [make_cell(width) for _ in range(2 if config.bidirectional else 1)]
        self.cells = nn.ModuleList(cells)
        self.output_size = sum(cell.output_size for cell in cells)
        self.residual = config.residual and width == self.output_size

    def forward(self, x: Sequences, state: LayerState | None) -> tuple[Sequences, LayerState]:
        """Inputs of a width to outputs `(..., O)`, dense or packed, and the state per direction."""
        inputs = positionwise(lambda data: self.dropout(self.norm(data)), x)
        states = state or [None] * len(self.cells)
        y, final = self.cells[0](inputs, states[0])
        finals = [final]
        if len(self.cells) == 2:
            backward, final = self.cells[1](reverse(inputs), states[1])
            finals.append(final)
            y = _combine(y, reverse(backward), lambda a, b: torch.cat([a, b], -1))
        return (_combine(y, x, torch.add) if self.residual else y), finals


class SequenceModel(nn.Module):
    """Encoder, a stack of cells, readout and linear head.

    Each part is initialised from a stream of its own, so that with one seed all cells share the
    encoder's and, where their output sizes agree, the head's initial weights.

    Args:
        spec: what the task's inputs and outputs are.
        make_cell: gives a cell for an input size.
        config: depth, dropout and so on.
        seed: of the run.
    """

    def __init__(self, spec: TaskSpec, make_cell: MakeCell, config: ModelConfig, seed: int) -> None:
        super().__init__()
        self.spec = spec
        self.readout = config.readout
        self.bidirectional = config.bidirectional
        width = config.embedding_size
        with seeded(seed, "encoder"):
            encoder = nn.Embedding if spec.tokens else nn.Linear
            self.encoder = encoder(spec.input_size, width)
        self.layers = nn.ModuleList()
        for index in range(config.depth):
            with seeded(seed, f"layer {index}"):
                layer = Layer(width, make_cell, config)
            self.layers.append(layer)
            width = layer.output_size
        self.norm = make_norm(width, config)
        self.dropout = nn.Dropout(config.dropout)
        with seeded(seed, "head"):
            self.head = nn.Linear(width, spec.output_size)

    @property
    def cells(self) -> list[RecurrentCell[Any]]:
        """All cells, layer after layer."""
        return [cell for layer in self.layers for cell in layer.cells]  # type: ignore[union-attr]

    def forward(
        self, inputs: Sequences, state: list[LayerState] | None = None
    ) -> tuple[Tensor, list[LayerState]]:
        """Predicts.

        Args:
            inputs: token ids `(B, T)` or features `(B, T, F)`, dense or packed.
            state: what the call before returned, to carry on from it.

        Returns:
            Predictions at the valid positions alone, `(N, output_size)`, or per sequence
            `(B, output_size)`; and the state.
        """
        x = positionwise(self.encoder, inputs)
        states: Sequence[LayerState | None] = state or [None] * len(self.layers)
        finals: list[LayerState] = []
        for layer, layer_state in zip(self.layers, states, strict=True):
            x, final = layer(x, layer_state)
            finals.append(final)
        y = valid_steps(x) if self.spec.scope == "step" else self._read(x)
        return self.head(self.dropout(self.norm(y))), finals

    def _read(self, x: Sequences) -> Tensor:
        """One vector per sequence, `(B, O)` in the caller's order."""
        if self.readout == "mean":
            return mean_steps(x)
        last = last_steps(x)
        if not self.bidirectional:
            return last
        # The backward cell has read the whole sequence at the sequence's first step.
        half = last.shape[-1] // 2
        return torch.cat([last[:, :half], first_steps(x)[:, half:]], -1)


def make_norm(width: int, config: ModelConfig) -> nn.Module:
    """The normalisation before a layer or the head."""
    return nn.LayerNorm(width) if config.norm == "layer" else nn.Identity()


def positionwise(function: Callable[[Tensor], Tensor], x: Sequences) -> Sequences:
    """Applies a function that treats every position alone."""
    return with_data(x, function(x.data)) if isinstance(x, PackedSequence) else function(x)


def _combine(a: Sequences, b: Sequences, function: Callable[[Tensor, Tensor], Tensor]) -> Sequences:
    """Applies a function to two batches of the same layout, position by position."""
    if isinstance(a, PackedSequence):
        return with_data(a, function(a.data, b.data))
    assert isinstance(b, Tensor)
    return function(a, b)
