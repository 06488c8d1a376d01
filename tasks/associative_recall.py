"""The associative recall task: look up the values of keys that were shown earlier."""

import math
from typing import Annotated

import torch
from annotated_types import Ge
from torch import Tensor

from recurbench.tasks.base import (
    IGNORE_INDEX,
    Batch,
    Predictor,
    TaskError,
    TaskSpec,
    dense,
)
from recurbench.tasks.common.classification import Classification
from recurbench.tasks.common.counting import expected_largest_count, expected_overlap
from recurbench.tasks.common.synthetic import Synthetic


class AssociativeRecall(Classification, Synthetic):
    """Says the value of each key that is asked for, after a gap.

    Multi-query associative recall of Arora et al., "Zoology: Measuring and Improving Recall in
    Efficient Language Models", 2023: pairs of a key and its value, a gap, then every key once more,
    in random order. With `pairs=3, gap=4`, where letters are keys and digits values:

        input    c 3 a 1 b 1 0 2 2 3 a c b
        target   . . . . . . . . . . 1 3 1

    The gap holds random values that follow no key, so that a cell has to tell what belongs to a key
    from what does not. Unlike in the paper, the keys are asked for without pauses in between, and
    several of them may have the same value.

        >>> task = AssociativeRecall(pairs=3, gap=4, keys=3, values=4)
        >>> keys, values = torch.tensor([[2, 0, 1]]), torch.tensor([[3, 1, 1]])
        >>> distractors, asked = torch.tensor([[0, 2, 2, 3]]), torch.tensor([[1, 0, 2]])
        >>> inputs, targets, _ = task.layout(keys, values, distractors, asked)
        >>> inputs.tolist()  # values are 0 to 3, keys 4 to 6
        [[6, 3, 4, 1, 5, 1, 0, 2, 2, 3, 4, 6, 5]]
        >>> targets[:, -3:].tolist()
        [[1, 3, 1]]

    Further test splits, `gap_<n>`, have two and four times the gap that is trained on. It is the
    gap that grows, because more pairs would need more keys than a model was trained on. Of the
    sequences in test, 1.3 % are to be expected among the 32,000 of a default run.

    Args:
        pairs: of a key and a value, shown and asked for.
        gap: steps from the last pair to the first question.
        keys: different keys; those of a sequence differ.
        values: different values.
        eval_sequences: sequences in validation and in each test split; training's are endless.
    """

    name = "associative_recall"
    measures = "binding values to keys, and looking them up in any order"
    default_references = {"chance": 0.25, "seen": 0.5625, "optimal": 1.0}
    seconds = 11.0
    grows = "gap"

    def __init__(
        self,
        *,
        pairs: Annotated[int, Ge(1)] = 3,
        gap: Annotated[int, Ge(1)] = 4,
        keys: int = 4,
        values: Annotated[int, Ge(2)] = 4,
        eval_sequences: Annotated[int, Ge(1)] = 1000,
    ) -> None:
        super().__init__()
        if keys < pairs:
            raise TaskError(f"keys must be at least pairs={pairs}, not {keys}")
        self.pairs, self.gap, self.keys, self.values = pairs, gap, keys, values
        self.eval_sequences = eval_sequences

    def describe(self) -> TaskSpec:
        """Values and keys in, values out."""
        return TaskSpec(self.values + self.keys, tokens=True, output_size=self.values, scope="step")

    def draw(self, rows: int, size: int, source: torch.Generator) -> Batch:
        """Sequences with a gap."""
        keys = torch.rand(rows, self.keys, generator=source).argsort(1)[:, : self.pairs]
        values = torch.randint(self.values, (rows, self.pairs), generator=source)
        distractors = torch.randint(self.values, (rows, size), generator=source)
        asked = torch.rand(rows, self.pairs, generator=source).argsort(1)
        return self.layout(keys, values, distractors, asked)

    def layout(self, keys: Tensor, values: Tensor, distractors: Tensor, asked: Tensor) -> Batch:
        """The sequences that show pairs and ask for them.

        Args:
            keys: `(B, P)`, counted from 0.
            values: `(B, P)`.
            distractors: the values `(B, G)` in the gap.
            asked: the numbers `(B, P)` of the pairs in the order in which they are asked for.

        Returns:
            Inputs and targets `(B, 3 P + G)`.
        """
        tokens = self.values + keys
        shown = torch.stack([tokens, values], -1).flatten(1)
        inputs = torch.cat([shown, distractors, tokens.gather(1, asked)], 1)
        targets = torch.full_like(inputs, IGNORE_INDEX)
        targets[:, -asked.shape[1] :] = values.gather(1, asked)
        return Batch(inputs, targets)

    def references_at(self, size: int) -> dict[str, float]:
        """Accuracy without memory, of one who knows the values but not their keys, and the best.

        The second always says the value that was shown most often.
        """
        return {
            "chance": 1 / self.values,
            "seen": expected_largest_count(self.pairs, self.values) / self.pairs,
            "optimal": 1.0,
        }

    def overlap(self, sequences: int) -> float:
        """By the number of pairs, of values in the gap, and of orders of the questions."""
        shown = math.perm(self.keys, self.pairs) * self.values ** (self.pairs + self.gap)
        return expected_overlap(sequences, [shown * math.factorial(self.pairs)])

    def predictors(self) -> dict[str, Predictor]:
        """Always value 0; always the most frequent one of the pairs; the targets."""
        return {
            "chance": lambda batch: self.always(batch, dense(batch.inputs)[:, 0] * 0),
            "seen": lambda batch: self.always(
                batch, dense(batch.inputs)[:, 1 : 2 * self.pairs : 2].mode(1).values
            ),
            "optimal": self.oracle,
        }
