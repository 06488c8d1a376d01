"""The memorization task: say the values of keys that are the same in all sequences."""

from typing import Annotated

import torch
import torch.nn.functional as F
from annotated_types import Ge
from torch import Tensor

from recurbench.tasks.base import (
    IGNORE_INDEX,
    Batch,
    Predictor,
    TaskError,
    TaskSpec,
    dense,
    generator,
    one_hot_logits,
)
from recurbench.tasks.common.classification import Classification
from recurbench.tasks.common.counting import expected_overlap
from recurbench.tasks.common.synthetic import Synthetic

MOST_KEYS = 1_000_000
"""A map of more takes long to count."""


class Memorization(Classification, Synthetic):
    """Says the value of each key at the blank behind it, from a map that no sequence shows.

    Memorization of Poli et al., "Mechanistic Design and Scaling of Hybrid Architectures", 2024: one
    random map from keys to values holds for training and test, and for all seeds, so that it has to
    be learnt into the weights. A state only carries the key under way. In the paper a key is one
    token, of which an embedding can hold the value. Here it is spelled by `key_length` tokens, so
    that the cell has to put them together. With `queries=3`, where letters spell keys, and a map
    from aa to 2, ab to 0, ba to 3 and bb to 2:

        input    a b _ b b _ a a _
        target   . . 0 . . 2 . . 2

        >>> task = Memorization(alphabet=2, key_length=2, values=4)
        >>> task.map = torch.tensor([2, 0, 3, 2])
        >>> inputs, targets, _ = task.layout(torch.tensor([[1, 3, 0]]))
        >>> inputs.tolist()  # 2 is the blank
        [[0, 1, 2, 1, 1, 2, 0, 0, 2]]
        >>> targets[:, 2::3].tolist()
        [[0, 2, 2]]

    All keys are equally likely, and each has a value of its own draw. Each of the
    4,096 default keys is met 125 times in 1,000 steps of training, after which a GRU of 64 units is
    right on 0.97, an RNN on 0.42 and a minGRU on 0.20 (one seed). The paper has 128 keys and 128
    values.

    Further test splits, `queries_<n>`, ask for two and four times as many keys.

    Args:
        alphabet: different tokens of keys.
        key_length: tokens of a key; all keys of that length have a value.
        values: different values.
        queries: keys of a sequence.
        eval_sequences: sequences in validation and in each test split; training's are endless.
    """

    name = "memorization"
    measures = "how much of a fixed table is learnt into the weights"
    default_references = {
        "chance": 0.0625,
        "memoryless": 0.0684,
        "last_token": 0.0908,
        "optimal": 1.0,
    }
    seconds = 6
    grows = "queries"

    def __init__(
        self,
        *,
        alphabet: Annotated[int, Ge(2)] = 16,
        key_length: Annotated[int, Ge(1)] = 3,
        values: Annotated[int, Ge(2)] = 16,
        queries: Annotated[int, Ge(1)] = 16,
        eval_sequences: Annotated[int, Ge(1)] = 500,
    ) -> None:
        super().__init__()
        self.keys = int(alphabet**key_length)
        if self.keys > MOST_KEYS:
            raise TaskError(
                f"alphabet={alphabet} and key_length={key_length} spell {self.keys:,} keys; give "
                f"at most {MOST_KEYS:,}"
            )
        self.alphabet, self.key_length, self.values = alphabet, key_length, values
        self.queries, self.eval_sequences = queries, eval_sequences
        self.blank = alphabet
        source = generator(self.name, "map", self.keys, values)
        self.map = torch.randint(values, (self.keys,), generator=source)

    def describe(self) -> TaskSpec:
        """Tokens of keys and the blank in, values out."""
        return TaskSpec(self.alphabet + 1, tokens=True, output_size=self.values, scope="step")

    def draw(self, rows: int, size: int, source: torch.Generator) -> Batch:
        """Sequences with so many keys."""
        return self.layout(torch.randint(self.keys, (rows, size), generator=source))

    def layout(self, keys: Tensor) -> Batch:
        """The sequences that ask for keys with numbers `(B, Q)`, the digits of which spell them.

        Returns:
            Inputs and targets `(B, Q (key_length + 1))`.
        """
        places = self.alphabet ** torch.arange(self.key_length - 1, -1, -1)
        spelled = keys[..., None] // places % self.alphabet
        inputs = F.pad(spelled, (0, 1), value=self.blank)
        targets = torch.full_like(inputs, IGNORE_INDEX)
        targets[..., -1] = self.map[keys]
        return Batch(inputs.flatten(1), targets.flatten(1))

    def references_at(self, size: int) -> dict[str, float]:
        """Accuracy of a guess, of those who see one token of each key or none, and of the map.

        All know the map. One who sees the blank alone says the value of most keys, and one who
        remembers the last token the value of most keys that end with it.
        """
        known = {"chance": 1 / self.values, "memoryless": self._most(1), "optimal": 1.0}
        if self.key_length > 1:
            known["last_token"] = self._most(self.alphabet)
        return known

    def overlap(self, sequences: int) -> float:
        """By the number of sequences; each key alone is met again and again."""
        return expected_overlap(sequences, [self.keys**self.queries])

    def predictors(self) -> dict[str, Predictor]:
        """Each value in turn; those of most keys, or of most with the last token; the targets."""
        played: dict[str, Predictor] = {
            "chance": lambda batch: self._say(
                torch.arange(dense(batch.inputs).numel()) // (self.key_length + 1) % self.values
            ),
            "memoryless": lambda batch: self._say(
                self.map.mode().values.expand(dense(batch.inputs).numel())
            ),
            "last_token": self._by_last_token,
            "optimal": self.oracle,
        }
        return {name: played[name] for name in self.references_at(self.queries)}

    def _counts(self, endings: int) -> Tensor:
        """How many keys have each value `(E, V)`, by their number modulo so many endings."""
        ends = torch.arange(self.keys) % endings
        counts = (ends * self.values + self.map).bincount(minlength=endings * self.values)
        return counts.view(endings, self.values)

    def _most(self, endings: int) -> float:
        """The share of keys with the value of most that end alike."""
        return int(self._counts(endings).max(1).values.sum()) / self.keys

    def _by_last_token(self, batch: Batch) -> Tensor:
        before = dense(batch.inputs).roll(1, 1)
        # A step before which the blank stands does not count.
        return self._say(self._counts(self.alphabet).argmax(1)[before % self.alphabet].flatten())

    def _say(self, values: Tensor) -> Tensor:
        return one_hot_logits(values, self.values)
