"""The flip-flop task: bits that pulses set and that are to be remembered in between."""

import torch
import torch.nn.functional as F
from torch import Tensor
from torchmetrics import MetricCollection

from tasks.base import (
    EVAL_ROWS,
    Batch,
    Batches,
    Task,
    TaskError,
    TaskSpec,
    generator,
    hash_data,
    require_positive,
)
from tasks.common.metrics import classification_metrics


class FlipFlop(Task):
    """Says at every step which pulse came last on each channel.

    Sussillo & Barak, "Opening the Black Box", 2013, as a choice among 2^bits classes. A channel is
    0, or at a pulse -1 or 1; at the first step all have a pulse. With `bits=2`:

        channel 0   1  0  0 -1  0  0  0
        channel 1  -1  0  1  0  0  1  0
        target      1  1  3  2  2  2  2

    Args:
        bits: channels.
        length: steps of a sequence.
        pulse: the probability of a pulse, at each step and channel after the first step.
        eval_sequences: sequences in validation and in test; training's are endless.
    """

    name = "flip_flop"
    primary = "accuracy"

    def __init__(
        self, *, bits: int = 3, length: int = 50, pulse: float = 0.1, eval_sequences: int = 500
    ) -> None:
        super().__init__()
        require_positive(bits=bits, length=length, pulse=pulse, eval_sequences=eval_sequences)
        if pulse > 1:
            raise TaskError(f"pulse is a probability, not {pulse}")
        self.bits, self.length, self.pulse = bits, length, pulse
        self.eval_sequences = eval_sequences

    def load(self) -> TaskSpec:
        """Generates the evaluation splits."""
        self._splits = {split: self._evaluation(split) for split in ("val", "test")}
        return TaskSpec(input_size=self.bits, tokens=False, output_size=2**self.bits, scope="step")

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Mean cross-entropy in nats."""
        return F.cross_entropy(outputs, targets)

    def metrics(self) -> MetricCollection:
        """Accuracy, of all bits at once, and mean cross-entropy."""
        return classification_metrics(self.spec.output_size)

    def references(self) -> dict[str, float]:
        """Accuracy of a guess, of one who sees the pulses but forgets them, and the best."""
        seen = ((1 + self.pulse) / 2) ** self.bits
        memoryless = (1 + (self.length - 1) * seen) / self.length
        return {"chance": 0.5**self.bits, "memoryless": memoryless, "optimal": 1.0}

    def fingerprint(self) -> str:
        """Of both evaluation splits and the first training batch of 32 at seed 0."""
        return hash_data(*map(list, self._splits.values()), self._training_batch(32, 0, 0))

    def train_dataloader(self) -> Batches:
        """Fresh sequences at every step, without end."""
        rows, seed = self.batch_size, self.seed
        return Batches(lambda step: self._training_batch(rows, seed, step))

    def val_dataloader(self) -> Batches:
        """The validation split."""
        return self._splits["val"]

    def test_dataloader(self) -> Batches:
        """The test split."""
        return self._splits["test"]

    def _training_batch(self, rows: int, seed: int, step: int) -> Batch:
        return Batch(*self._draw(rows, generator(self.name, "train", seed, step)))

    def _evaluation(self, split: str) -> Batches:
        sequences = self._draw(self.eval_sequences, generator(self.name, split))
        inputs, targets = (part.split(EVAL_ROWS) for part in sequences)
        return Batches(lambda i: Batch(inputs[i], targets[i]), len(inputs))

    def _draw(self, rows: int, draw: torch.Generator) -> tuple[Tensor, Tensor]:
        """Sequences `(B, T, bits)` and classes `(B, T)`."""
        shape = rows, self.length, self.bits
        signs = torch.randint(2, shape, generator=draw) * 2 - 1
        pulses = torch.rand(shape, generator=draw) < self.pulse
        pulses[:, 0] = True
        inputs = (signs * pulses).float()
        return inputs, last_pulses(inputs)


def last_pulses(inputs: Tensor) -> Tensor:
    """The class at each step: the bits that `(B, T, bits)` last set, as a number `(B, T)`."""
    held = inputs[:, 0]
    classes = []
    for pulse in inputs.unbind(1):
        held = torch.where(pulse == 0, held, pulse)
        classes.append(((held > 0) * 2 ** torch.arange(inputs.shape[-1])).sum(-1))
    return torch.stack(classes, dim=1)
