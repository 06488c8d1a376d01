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

NOISE = 16
"""Different tokens of noise."""

MOST_KEYS = 10_000
"""Of several tokens; all keys are shuffled for each sequence."""


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

    Two knobs are after the noisy and the fuzzy recall of Poli et al., "Mechanistic Design and
    Scaling of Hybrid Architectures", 2024. `noise` puts so many tokens of a kind of their own
    before, between and behind the pairs, all orders alike; in the paper noise comes in two tokens,
    in place of a pair. `key_length` spells each key by so many tokens, and a value is due at the
    last one of a question; in the paper keys and values have 1 to 3 tokens. A GRU of 64 units is
    right on all by default after 1,000 steps of training, on all with `noise=6`, and on 0.675 with
    `key_length=2` (one seed). With `pairs=2, gap=1, noise=2, key_length=2`, where signs are noise:

        input    # a b 3 ? b b 1 0 b b a b
        target   . . . . . . . . . . 1 . 3

        >>> task = AssociativeRecall(pairs=2, gap=1, keys=2, values=4, noise=2, key_length=2)
        >>> keys, values = torch.tensor([[1, 3]]), torch.tensor([[3, 1]])
        >>> noise, places = torch.tensor([[5, 9]]), torch.tensor([[0, 2]])
        >>> gap, asked = torch.tensor([[0]]), torch.tensor([[1, 0]])
        >>> inputs, targets, _ = task.layout(keys, values, gap, asked, noise, places)
        >>> inputs.tolist()  # values are 0 to 3, tokens of keys 4 and 5, of noise 6 and above
        [[11, 4, 5, 3, 15, 5, 5, 1, 0, 5, 5, 4, 5]]
        >>> targets[:, -4:].tolist()
        [[-100, 1, -100, 3]]

    Args:
        pairs: of a key and a value, shown and asked for.
        gap: steps from the last pair, or noise behind it, to the first question.
        keys: different tokens of keys; the keys of a sequence differ.
        values: different values.
        noise: tokens of noise among the pairs.
        key_length: tokens of a key.
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
        noise: Annotated[int, Ge(0)] = 0,
        key_length: Annotated[int, Ge(1)] = 1,
        eval_sequences: Annotated[int, Ge(1)] = 1000,
    ) -> None:
        super().__init__()
        self.spelled = int(keys**key_length)
        if self.spelled < pairs:
            name = "keys" if key_length == 1 else "keys ** key_length"
            raise TaskError(f"{name} must be at least pairs={pairs}, not {self.spelled}")
        if key_length > 1 and self.spelled > MOST_KEYS:
            raise TaskError(
                f"keys ** key_length must be at most {MOST_KEYS:,}, not {self.spelled:,}"
            )
        self.pairs, self.gap, self.keys, self.values = pairs, gap, keys, values
        self.noise, self.key_length = noise, key_length
        self.eval_sequences = eval_sequences

    def describe(self) -> TaskSpec:
        """Values, keys and noise in, values out."""
        tokens = self.values + self.keys + (NOISE if self.noise else 0)
        return TaskSpec(tokens, tokens=True, output_size=self.values, scope="step")

    def draw(self, rows: int, size: int, source: torch.Generator) -> Batch:
        """Sequences with a gap."""
        keys = torch.rand(rows, self.spelled, generator=source).argsort(1)[:, : self.pairs]
        values = torch.randint(self.values, (rows, self.pairs), generator=source)
        distractors = torch.randint(self.values, (rows, size), generator=source)
        asked = torch.rand(rows, self.pairs, generator=source).argsort(1)
        if not self.noise:
            return self.layout(keys, values, distractors, asked)
        noise = torch.randint(NOISE, (rows, self.noise), generator=source)
        order = torch.rand(rows, self.pairs + self.noise, generator=source).argsort(1)
        places = order[:, : self.noise].sort(1).values
        return self.layout(keys, values, distractors, asked, noise, places)

    def layout(
        self,
        keys: Tensor,
        values: Tensor,
        distractors: Tensor,
        asked: Tensor,
        noise: Tensor | None = None,
        places: Tensor | None = None,
    ) -> Batch:
        """The sequences that show pairs and ask for them.

        Args:
            keys: their numbers `(B, P)`, counted from 0, whose digits spell them.
            values: `(B, P)`.
            distractors: the values `(B, G)` in the gap.
            asked: the numbers `(B, P)` of the pairs in the order in which they are asked for.
            noise: its tokens `(B, N)`, counted from 0.
            places: where each of them stands `(B, N)` among pairs and noise, in order.

        Returns:
            Inputs and targets `(B, (2 K + 1) P + N + G)` for keys of K tokens.
        """
        digits = self.keys ** torch.arange(self.key_length - 1, -1, -1)
        tokens = self.values + keys[..., None] // digits % self.keys  # (B, P, K)
        shown = torch.cat([tokens, values[..., None]], -1).flatten(1)
        if noise is not None and places is not None:
            shown = self._among(shown, noise, places)
        questions = tokens.gather(1, asked[..., None].expand_as(tokens)).flatten(1)
        inputs = torch.cat([shown, distractors, questions], 1)
        targets = torch.full_like(inputs, IGNORE_INDEX)
        ends = targets[:, -questions.shape[1] :]
        ends[:, self.key_length - 1 :: self.key_length] = values.gather(1, asked)
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
        """By the number of pairs, values in the gap, orders of the questions, and noise."""
        shown = math.perm(self.spelled, self.pairs) * self.values ** (self.pairs + self.gap)
        shown *= math.comb(self.pairs + self.noise, self.noise) * NOISE**self.noise
        return expected_overlap(sequences, [shown * math.factorial(self.pairs)])

    def predictors(self) -> dict[str, Predictor]:
        """Always value 0; always the most frequent one of the pairs; the targets."""
        return {
            "chance": lambda batch: self.always(batch, dense(batch.inputs)[:, 0] * 0),
            "seen": lambda batch: self.always(batch, self._shown(batch).mode(1).values),
            "optimal": self.oracle,
        }

    def _shown(self, batch: Batch) -> Tensor:
        """The values of the pairs `(B, P)`."""
        inputs = dense(batch.inputs)[:, : self.pairs * (self.key_length + 1) + self.noise]
        return inputs[inputs < self.values].view(len(inputs), self.pairs)

    def _among(self, shown: Tensor, noise: Tensor, places: Tensor) -> Tensor:
        """Tokens of pairs `(B, P (K + 1))` with noise `(B, N)` at places among pairs and noise."""
        before = places - torch.arange(self.noise)  # pairs before each token of noise
        pairs = torch.arange(self.pairs).repeat_interleave(self.key_length + 1).expand_as(shown)
        order = torch.cat([2 * before, 2 * pairs + 1], 1).argsort(dim=1, stable=True)
        return torch.cat([self.values + self.keys + noise, shown], 1).gather(1, order)
