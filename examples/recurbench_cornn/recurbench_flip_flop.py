"""The flip-flop task: bits that pulses set and that are to be remembered in between."""

from typing import Annotated

import torch
from annotated_types import Ge, Gt, Le
from torch import Tensor

from recurbench.tasks.base import (
    Batch,
    Predictor,
    TaskSpec,
    dense,
    generator,
    one_hot_logits,
)
from recurbench.tasks.common.classification import Classification
from recurbench.tasks.common.synthetic import Synthetic


class FlipFlop(Classification, Synthetic):
    """Says at every step which pulse came last on each channel.

    Sussillo & Barak, "Opening the Black Box", 2013, as a choice among 2^bits classes. A channel is
    0, or at a pulse -1 or 1; at the first step all have a pulse. With `bits=2`:

        channel 0   1  0  0 -1  0  0  0
        channel 1  -1  0  1  0  0  1  0
        target      1  1  3  2  2  2  2

        >>> last_pulses(torch.tensor([[[1, -1], [0, 0], [0, 1], [-1, 0]]])).tolist()
        [[1, 1, 3, 2]]

    Further test splits, `length_<n>`, are two and four times as long.

    Args:
        bits: channels.
        length: steps of a sequence.
        pulse: the probability of a pulse, at each step and channel after the first step.
        eval_sequences: sequences in validation and in each test split; training's are endless.
    """

    name = "flip_flop"
    measures = "keeping bits that nothing but a pulse may change"
    default_references = {"chance": 0.125, "memoryless": 0.183, "optimal": 1.0}
    grows = "length"

    def __init__(
        self,
        *,
        bits: Annotated[int, Ge(1)] = 3,
        length: Annotated[int, Ge(1)] = 50,
        pulse: Annotated[float, Gt(0), Le(1)] = 0.1,
        eval_sequences: Annotated[int, Ge(1)] = 500,
    ) -> None:
        super().__init__()
        self.bits, self.length, self.pulse = bits, length, pulse
        self.eval_sequences = eval_sequences

    def describe(self) -> TaskSpec:
        """A feature for each channel; a class for each state of all bits."""
        return TaskSpec(input_size=self.bits, tokens=False, output_size=2**self.bits, scope="step")

    def draw(self, rows: int, size: int, source: torch.Generator) -> Batch:
        """Pulses `(B, T, bits)` of a length, and classes `(B, T)`."""
        shape = rows, size, self.bits
        signs = torch.randint(2, shape, generator=source) * 2 - 1
        pulses = torch.rand(shape, generator=source) < self.pulse
        pulses[:, 0] = True
        inputs = (signs * pulses).float()
        return Batch(inputs, last_pulses(inputs))

    def references_at(self, size: int) -> dict[str, float]:
        """Accuracy of a guess, of one who sees the pulses but forgets them, and the best."""
        seen = ((1 + self.pulse) / 2) ** self.bits
        memoryless = (1 + (size - 1) * seen) / size
        return {"chance": 0.5**self.bits, "memoryless": memoryless, "optimal": 1.0}

    def predictors(self) -> dict[str, Predictor]:
        """Always class 0; the pulses of the step with guesses in between; the targets."""
        return {
            "chance": lambda batch: self._say(torch.zeros(dense(batch.inputs).shape)),
            "memoryless": self._forget,
            "optimal": self.oracle,
        }

    def _forget(self, batch: Batch) -> Tensor:
        inputs = dense(batch.inputs)
        guesses = torch.randn(inputs.shape, generator=generator(self.name, "memoryless"))
        return self._say(torch.where(inputs == 0, guesses, inputs))

    def _say(self, channels: Tensor) -> Tensor:
        """Outputs `(N, 2^bits)` that say which channels `(B, T, bits)` are above 0."""
        return one_hot_logits(classes_of(channels).flatten(), self.spec.output_size)


def last_pulses(inputs: Tensor) -> Tensor:
    """The class at each step: the bits that `(B, T, bits)` last set, as a number `(B, T)`."""
    held = inputs[:, 0]
    classes = []
    for pulse in inputs.unbind(1):
        held = torch.where(pulse == 0, held, pulse)
        classes.append(classes_of(held))
    return torch.stack(classes, dim=1)


def classes_of(channels: Tensor) -> Tensor:
    """The number whose bits say which channels `(..., bits)` are above 0."""
    return ((channels > 0) * 2 ** torch.arange(channels.shape[-1])).sum(-1)
