"""Decoding: a model reads prompts once, then goes on with its own choices as inputs.

Legend: B rows, T time, F features.
"""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence

from recurbench.harness.model.packing import Sequences, last_steps, with_data
from recurbench.harness.model.sequence_model import SequenceModel

Choose = Callable[[Tensor], Tensor]
"""The next inputs, `(B,)` or `(B, F)`, from the outputs of one step `(B, output_size)`."""


def likeliest(outputs: Tensor) -> Tensor:
    """Greedy decoding: the token with the largest logit."""
    return outputs.argmax(-1)


def itself(outputs: Tensor) -> Tensor:
    """The prediction of a step's features is the next step."""
    return outputs


@torch.no_grad()
def decode(
    model: SequenceModel, prompts: Sequences, choose: Choose, limit: int, stop: int | None = None
) -> Tensor:
    """Continues prompts; the output at a prompt's last step gives the first choice.

    Args:
        model: predicts a next step at each step, in one direction; in evaluation mode, unless
            its dropout is wanted.
        prompts: token ids or features, dense or packed, of at least one step each.
        choose: see `Choose`.
        limit: how many steps are decoded, at least one.
        stop: the token that ends a row; decoding ends when all rows have stopped.

    Returns:
        The continuations `(B, limit)` or `(B, limit, F)` in the caller's order; what follows a
        row's first `stop` is `stop`.
    """
    outputs, state = model(prompts)
    chosen = choose(_last_outputs(prompts, outputs))
    shape = len(chosen), limit, *chosen.shape[1:]
    decoded = chosen.new_full(shape, 0 if stop is None else stop)
    over = torch.zeros(len(chosen), dtype=torch.bool, device=chosen.device)
    for index in range(limit):
        if index:
            outputs, state = model.step(chosen, state)
            chosen = choose(outputs)
        if stop is not None:
            chosen = chosen.masked_fill(over, stop)
            over = over | (chosen == stop)
        decoded[:, index] = chosen
        if stop is not None and over.all():
            break
    return decoded


def _last_outputs(prompts: Sequences, outputs: Tensor) -> Tensor:
    """The outputs `(N, ...)` of all steps at each prompt's last one, in the caller's order."""
    if isinstance(prompts, PackedSequence):
        return last_steps(with_data(prompts, outputs))
    return outputs.view(*prompts.shape[:2], -1)[:, -1]
