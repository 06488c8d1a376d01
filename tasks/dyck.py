"""The Dyck task: say which bracket closes next, of nested brackets of several kinds."""

from functools import cache
from itertools import pairwise
from typing import Annotated

import torch
from annotated_types import Ge
from torch import Tensor

from recurbench.tasks.base import (
    IGNORE_INDEX,
    Batch,
    Batches,
    Predictor,
    TaskError,
    TaskSpec,
    dense,
    one_hot_logits,
)
from recurbench.tasks.common.classification import Classification
from recurbench.tasks.common.source import Drawn
from recurbench.tasks.common.synthetic import Synthetic


class Dyck(Classification, Synthetic):
    """Remembers which brackets are open, to say of each that closes next of which kind it is.

    Hewitt et al., "RNNs can generate bounded hierarchical languages with optimal memory", 2020:
    well-nested strings of `kinds` brackets of which at most `depth` are open at once. Where the
    next symbol is a closing bracket, its kind is asked for. The paper predicts every next symbol;
    whether it opens and which kind it then has is left to chance, and not scored here. With
    `kinds=2`:

        input    ( [ ] ( ) ) [ ]
        target   . ] . ) ) . ] .

        >>> inputs, targets, _ = Dyck(kinds=2).layout(
        ...     opens=torch.tensor([[1, 1, 0, 1, 0, 0, 1, 0]], dtype=torch.bool),
        ...     kinds=torch.tensor([[0, 1, 0, 0, 0, 0, 1, 0]]),  # of those that close: any
        ... )
        >>> inputs.tolist()  # ( and [ are 0 and 1, ) and ] are 2 and 3
        [[0, 1, 3, 0, 2, 2, 1, 3]]
        >>> targets.tolist()
        [[-100, 1, -100, 0, 0, -100, 1, -100]]

    All strings of `length` symbols are equally likely; the paper draws them step by step, in
    different lengths, and looks at what closes far from where it was opened. Here a further test
    split, `nested`, counts only brackets that close around others. Others, `length_<n>`, have two
    and four times the length that is trained on.

    Args:
        kinds: of brackets.
        depth: brackets that may be open at once.
        length: symbols of a string.
        eval_sequences: strings in validation and in each test split; training's are endless.
    """

    name = "dyck"
    measures = "a bounded stack: which brackets are open, and in which order"
    default_references = {"chance": 0.25, "last_opened": 0.6528, "optimal": 1.0}
    seconds = 33
    grows = "length"

    def __init__(
        self,
        *,
        kinds: Annotated[int, Ge(2)] = 4,
        depth: Annotated[int, Ge(1)] = 8,
        length: int = 40,
        eval_sequences: Annotated[int, Ge(1)] = 1000,
    ) -> None:
        super().__init__()
        if length % 2 or length < 2 * depth:
            raise TaskError(
                f"length must be even and at least 2 * depth = {2 * depth}, not {length}"
            )
        self.kinds, self.depth, self.length = kinds, depth, length
        self.eval_sequences = eval_sequences

    def open(self) -> Drawn:
        """Draws the evaluation splits; in `nested` only brackets around others count."""
        source = super().open()
        if self.depth > 1:
            nested = [self._nested(batch) for batch in source.splits["test"]]
            source.splits["nested"] = Batches(nested.__getitem__, len(nested))
        return source

    def describe(self) -> TaskSpec:
        """Brackets in; the kinds of those that close out."""
        return TaskSpec(
            2 * self.kinds, tokens=True, output_size=self.kinds, scope="step", predicts_next=True
        )

    def draw(self, rows: int, size: int, source: torch.Generator) -> Batch:
        """Strings drawn uniformly from all of a length."""
        depths = torch.zeros(rows, dtype=torch.long)
        chances = torch.rand(rows, size, generator=source, dtype=torch.float64)
        opens = []
        for chance, opening in zip(
            chances.unbind(1), opening_chances(self.depth, size), strict=True
        ):
            opens.append(chance < opening[depths])
            depths += 2 * opens[-1] - 1
        kinds = torch.randint(self.kinds, (rows, size), generator=source)
        return self.layout(torch.stack(opens, 1), kinds)

    def layout(self, opens: Tensor, kinds: Tensor) -> Batch:
        """The strings that open or close as said `(B, T)`, with kinds `(B, T)` where they open."""
        depths = (2 * opens.long() - 1).cumsum(1)
        # Brackets at one level open and close in turns, so that each stands by its partner.
        by_level = (depths - opens.long()).argsort(stable=True, dim=1)
        partners = kinds.gather(1, by_level)
        partners[:, 1::2] = partners[:, ::2]
        inputs = torch.empty_like(kinds).scatter_(1, by_level, partners) + self.kinds * ~opens
        targets = torch.full_like(inputs, IGNORE_INDEX)
        targets[:, :-1] = torch.where(opens[:, 1:], IGNORE_INDEX, inputs[:, 1:] - self.kinds)
        return Batch(inputs, targets)

    def references_at(self, size: int) -> dict[str, float]:
        """Accuracy of a guess, of one who remembers only the last open bracket, and of a stack.

        The bracket opened last is the one to close if it closes at once, and any other otherwise.
        """
        return self._known(closing_at_once(self.depth, size))

    def references_of(self, split: str) -> dict[str, float]:
        """As at a length; none of the brackets of `nested` closes at once."""
        return self._known(0.0) if split == "nested" else super().references_of(split)

    def predictors(self) -> dict[str, Predictor]:
        """Always the first kind; that of the bracket opened last; the targets."""
        return {
            "chance": lambda batch: one_hot_logits(dense(batch.inputs).flatten() * 0, self.kinds),
            "last_opened": self._last_opened,
            "optimal": self.oracle,
        }

    def _known(self, at_once: float) -> dict[str, float]:
        """The references where a share of the brackets closes at once."""
        return {
            "chance": 1 / self.kinds,
            "last_opened": at_once + (1 - at_once) / self.kinds,
            "optimal": 1.0,
        }

    def _last_opened(self, batch: Batch) -> Tensor:
        inputs = dense(batch.inputs)
        steps = torch.arange(inputs.shape[1])
        places = torch.where(inputs < self.kinds, steps, 0).cummax(1).values
        return one_hot_logits(inputs.gather(1, places).flatten(), self.kinds)

    def _nested(self, batch: Batch) -> Batch:
        """Counts only the brackets that do not close the one just opened."""
        just_opened = dense(batch.inputs) < self.kinds
        return batch._replace(targets=dense(batch.targets).masked_fill(just_opened, IGNORE_INDEX))


@cache
def opening_chances(depth: int, length: int) -> Tensor:
    """How likely the next bracket opens `(length, depth + 1)` after steps that left some open.

    By the number N of ways to end a string with r more symbols and d open, up to a factor that
    chances do not need: N(r, d) = N(r - 1, d + 1) + N(r - 1, d - 1). Kinds cancel out, as all
    strings of a length open as many brackets.
    """
    ways = torch.eye(depth + 1, dtype=torch.float64)[0]
    chances = []
    for _ in range(length):
        deeper, shallower = torch.zeros_like(ways), torch.zeros_like(ways)
        deeper[:-1], shallower[1:] = ways[1:], ways[:-1]
        ways = deeper + shallower
        chances.append(torch.where(ways > 0, deeper / ways.clamp(min=1e-300), 0))
        ways = ways / ways.max()
    return torch.stack(chances[::-1])


def closing_at_once(depth: int, length: int) -> float:
    """The expected share of brackets that close right after they were opened."""
    opening = opening_chances(depth, length)
    depths = torch.eye(depth + 1, dtype=torch.float64)[0]
    expected = 0.0
    for now, then in pairwise(opening):
        opened = (depths * now)[:-1]
        expected += float(opened @ (1 - then[1:]))
        closed = (depths * (1 - now))[1:]
        depths = torch.zeros_like(depths)
        depths[1:] += opened
        depths[:-1] += closed
    return expected / (length / 2)
