"""What turns a task's inputs into the vectors that the first cell reads.

Legend: B batch, T time, N valid steps, E embedding size, K kernel size.
"""

import math
from dataclasses import replace
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from recurbench.harness.config.sections import ModelConfig
from recurbench.harness.errors import UserError
from recurbench.harness.model.packing import in_caller_order, in_sorted_order, layout, with_data
from recurbench.tasks.base import TaskSpec

CAUSAL_CONV = "causal_conv"


def resolve_encoder(model: ModelConfig, spec: TaskSpec) -> ModelConfig:
    """What `model.encoder` means for a task: for `auto` what fits, for `none` the inputs' width.

    Raises:
        UserError: an embedding of features; a linear layer of tokens, or none.
    """
    fitting = ("auto", "embedding") if spec.tokens else ("auto", "linear", "none")
    if model.encoder not in (*fitting, CAUSAL_CONV):
        inputs = "tokens" if spec.tokens else "features"
        raise UserError(
            f"model.encoder={model.encoder}: the task's inputs are {inputs}; "
            f"use {', '.join(fitting)} or {CAUSAL_CONV}"
        )
    if model.encoder == "none":
        return replace(model, embedding_size=spec.input_size)
    if model.encoder == "auto":
        return replace(model, encoder="embedding" if spec.tokens else "linear")
    return model


def make_encoder(spec: TaskSpec, config: ModelConfig) -> nn.Module:
    """Treats every step alone: an embedding of tokens, a linear layer of features, or nothing."""
    if config.encoder == "none":
        return nn.Identity()
    return (nn.Embedding if spec.tokens else nn.Linear)(spec.input_size, config.embedding_size)


class ConvState(NamedTuple):
    """What a causal convolution remembers."""

    window: Tensor  # (B, K - 1, E), its last inputs, oldest first


class CausalConv(nn.Module):
    """Lets each step see the K - 1 before it: a depthwise convolution over time, then SiLU.

    The short convolution before the recurrence of Gu & Dao, "Mamba: Linear-Time Sequence Modeling
    with Selective State Spaces", 2023::

        y_t = SiLU(b + sum_k w_k * x_{t-k})    k from 0 to K - 1; x is 0 before the first step

    Channels do not mix, as the encoder before it has mixed them. It stands where a layer of cells
    could, and like one it carries a state, a list of one, so that chunks and single steps give what
    the whole sequence gives.

    Args:
        width: E.
        kernel_size: K.
    """

    def __init__(self, width: int, kernel_size: int) -> None:
        super().__init__()
        bound = 1 / math.sqrt(kernel_size)
        self.weight = nn.Parameter(torch.empty(kernel_size, width).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(width).uniform_(-bound, bound))

    def initial_state(self, batch_size: int) -> list[ConvState]:
        """Zeros, on the parameters' device and in their dtype."""
        taps, width = self.weight.shape
        return [ConvState(self.weight.new_zeros(batch_size, taps - 1, width))]

    def forward(
        self, x: Tensor | PackedSequence, state: list[ConvState] | None
    ) -> tuple[Tensor | PackedSequence, list[ConvState]]:
        """`(B, T, E)` or packed to the same, and the state after each row's own last step."""
        if isinstance(x, PackedSequence):
            return self._forward_packed(x, state)
        ((window,),) = state or self.initial_state(len(x))
        steps = x.shape[1]
        longer = torch.cat([window, x], 1)  # (B, K - 1 + T, E)
        y = self._mix([longer[:, k : k + steps] for k in range(len(self.weight))])
        return y, [ConvState(longer[:, steps:])]

    def step(self, x: Tensor, state: list[ConvState]) -> tuple[Tensor, list[ConvState]]:
        """One step, `(B, E)`."""
        y, final = self(x[:, None], state)
        return y[:, 0], final

    def _forward_packed(
        self, x: PackedSequence, state: list[ConvState] | None
    ) -> tuple[PackedSequence, list[ConvState]]:
        offsets, lengths, time, row = layout(x)
        rows, taps = len(lengths), len(self.weight)
        ((window,),) = state or self.initial_state(rows)
        # The window's steps, for all rows, before those of the sequences: times from -(K - 1) on.
        past = in_sorted_order(x, window).transpose(0, 1).flatten(0, 1)
        longer = torch.cat([past, x.data])
        before = torch.arange(taps - 1, device=offsets.device) * rows
        begins = torch.cat([before, offsets + len(past)])
        # index_select, whose gradient is faster than that of indexing
        y = self._mix([longer.index_select(0, begins[time + k] + row) for k in range(taps)])
        last = lengths[:, None] + torch.arange(taps - 1, device=offsets.device)  # (B, K - 1)
        window = longer[begins[last] + torch.arange(rows, device=offsets.device)[:, None]]
        return with_data(x, y), [ConvState(in_caller_order(x, window))]

    def _mix(self, shifted: list[Tensor]) -> Tensor:
        """The outputs from the inputs of K - 1 steps ago, of K - 2 steps ago, ..., of now."""
        total = self.bias
        for weight, part in zip(self.weight.flip(0), shifted, strict=True):
            total = total + weight * part
        return F.silu(total)
