"""The model around a cell: encoder, stack, readout and head, identical for every cell.

Legend: B batch, T time, N valid steps, E embedding size, O a layer's output size.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from recurbench.cells.base import RecurrentCell
from recurbench.harness.config.sections import ModelConfig
from recurbench.harness.model.encoders import CAUSAL_CONV, CausalConv, make_encoder
from recurbench.harness.model.packing import Sequences, combine, positionwise, reverse
from recurbench.harness.model.readouts import make_readout
from recurbench.harness.model.streams import seeded
from recurbench.tasks.base import TaskSpec

MakeCell = Callable[[int], RecurrentCell[Any]]
LayerState = list[Any]  # one cell state per direction, or that of the encoder's convolution


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
            y = combine(lambda a, b: torch.cat([a, b], -1), y, reverse(backward))
        return (combine(torch.add, y, x) if self.residual else y), finals

    def initial_state(self, batch_size: int) -> LayerState:
        """The state before the first step, of each direction."""
        return [cell.initial_state(batch_size) for cell in self.cells]  # type: ignore[operator]

    def step(self, x: Tensor, state: LayerState) -> tuple[Tensor, LayerState]:
        """One streaming step, `(B, width)` to `(B, O)`, of a layer with one direction."""
        (cell,), (before,) = self.cells, state
        y, final = cell.step(self.dropout(self.norm(x)), before)  # type: ignore[operator]
        return (y + x if self.residual else y), [final]


class SequenceModel(nn.Module):
    """Encoder, a stack of cells, readout and linear head.

    Each part is initialised from a stream of its own, so that with one seed all cells share the
    encoder's and, where their output sizes agree, the head's initial weights.

    Args:
        spec: what the task's inputs and outputs are.
        make_cell: gives a cell for an input size.
        config: depth, dropout and so on; as `resolve_encoder` gives it.
        seed: of the run.
    """

    def __init__(self, spec: TaskSpec, make_cell: MakeCell, config: ModelConfig, seed: int) -> None:
        super().__init__()
        self.spec = spec
        self.bidirectional = config.bidirectional
        width = config.embedding_size
        self.convolutions = nn.ModuleList()  # of the encoder; one at most
        with seeded(seed, "encoder"):
            self.encoder = make_encoder(spec, config)
            if config.encoder == CAUSAL_CONV:
                self.convolutions.append(CausalConv(width, config.kernel_size))
        self.layers = nn.ModuleList()
        for index in range(config.depth):
            with seeded(seed, f"layer {index}"):
                layer = Layer(width, make_cell, config)
            self.layers.append(layer)
            width = layer.output_size
        with seeded(seed, "readout"):
            self.readout = make_readout(spec, config, width)
        self.norm = make_norm(self.readout.size, config)
        self.dropout = nn.Dropout(config.dropout)
        with seeded(seed, "head"):
            self.head = nn.Linear(self.readout.size, spec.output_size)

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
            `(B, output_size)`; and the state, that of the encoder's convolution first.
        """
        x = positionwise(self.encoder, inputs)
        stages = self._stages
        states: Sequence[LayerState | None] = state or [None] * len(stages)
        finals: list[LayerState] = []
        for stage, before in zip(stages, states, strict=True):
            x, final = stage(x, before)
            finals.append(final)
        return self._predict(self.readout(x)), finals

    def step(
        self, inputs: Tensor, state: list[LayerState] | None = None
    ) -> tuple[Tensor, list[LayerState]]:
        """Predicts from one more step, as `forward` does at the last step of all so far.

        Args:
            inputs: token ids `(B,)` or features `(B, F)`.
            state: what the call before, of this or of `forward`, returned.

        Returns:
            Predictions `(B, output_size)` and the state.

        Raises:
            ValueError: the model must have seen whole sequences: it reads them backwards too, or
                its readout needs all their steps.
        """
        if self.bidirectional or not self.readout.streams:
            raise ValueError("a model that reads whole sequences cannot take single steps")
        x = self.encoder(inputs)
        states = state or self.initial_state(len(inputs))
        finals: list[LayerState] = []
        for stage, before in zip(self._stages, states, strict=True):
            x, final = stage.step(x, before)
            finals.append(final)
        return self._predict(x), finals

    def initial_state(self, batch_size: int) -> list[LayerState]:
        """The state before the first step."""
        return [stage.initial_state(batch_size) for stage in self._stages]

    @property
    def _stages(self) -> list[Any]:
        """All that carries a state, in the order in which a step passes through it."""
        return [*self.convolutions, *self.layers]

    def _predict(self, y: Tensor) -> Tensor:
        predictions: Tensor = self.head(self.dropout(self.norm(y)))
        return predictions


def make_norm(width: int, config: ModelConfig) -> nn.Module:
    """The normalisation before a layer or the head."""
    return nn.LayerNorm(width) if config.norm == "layer" else nn.Identity()
