"""The word problem of a group: say after each element what the product so far is.

Legend: B batch, T time, G elements of the group.
"""

from itertools import accumulate, combinations, permutations
from typing import Annotated, Literal

import torch
from annotated_types import Ge
from torch import Tensor

from recurbench.tasks.base import Batch, Predictor, TaskSpec, dense, one_hot_logits
from recurbench.tasks.common.classification import Classification
from recurbench.tasks.common.counting import expected_overlap
from recurbench.tasks.common.synthetic import Synthetic

Group = Literal["S3", "S5", "A5", "Z60"]


class WordProblem(Classification, Synthetic):
    """Multiplies random elements of a finite group and says each product on the way.

    Merrill et al., "The Illusion of State in State-Space Models", 2024, after Liu et al.,
    "Transformers Learn Shortcuts to Automata", 2023: every element is a token, all are equally
    likely, and the target at a step is the product of all elements so far. So the answer is a state
    of |G| values that each step permutes: no input may be forgotten. With `group="S3"`:

        input    1 2 2 4
        target   1 3 1 5

        >>> task = WordProblem(group="S3")
        >>> inputs, targets, _ = task.layout(torch.tensor([[1, 2, 2, 4]]))
        >>> targets.tolist()
        [[1, 3, 1, 5]]

    `S3` and `S5` are all permutations of 3 and of 5 things, and `A5` the even ones of 5. They are
    numbered as `itertools.permutations` gives them: those of 3 are 012, 021, 102, 120, 201 and 210.
    A permutation p takes i to p[i]. A product permutes by its left side first: a b takes i to
    b[a[i]]. So 1 2 takes 0 to 0 and on to 1, 1 to 2 and on to 2, and 2 to 1 and on to 0: it is 120,
    which is 3. `Z60` adds modulo 60. In each group, 0 is the identity.

    The order of elements does not matter in `Z60`, and it does in the others. `A5` and `S5` are not
    solvable: their word problems are complete for NC1 (Barrington, "Bounded-Width Polynomial-Size
    Branching Programs Recognize Exactly Those Languages in NC1", 1989), while transformers, and
    linear recurrences with diagonal or constant matrices, stay within TC0 at any fixed depth
    (Merrill et al.), and so cannot follow all lengths unless TC0 is NC1. Grazzi et al., "Unlocking
    State-Tracking in Linear RNNs Through Negative Eigenvalues", 2024, say which other matrices can.
    The larger groups have a larger table to learn: a GRU of 64 units is right on all of `S3`
    (`length=20`) after 250 steps of training, and on 0.13 of `A5` (`length=10`) after 1,000 and
    0.30 after 4,000 (one seed).

    Further test splits, `length_<n>`, are two and four times as long.

    Args:
        group: whose elements are multiplied: 6 of `S3`, 120 of `S5`, 60 of `A5` and of `Z60`.
        length: steps of a sequence.
        eval_sequences: sequences in validation and in each test split; training's are endless.
    """

    name = "word_problem"
    measures = "a state that every input permutes, as in tracking who holds what"
    default_references = {"chance": 0.01667, "memoryless": 0.115, "optimal": 1.0}
    seconds = 3
    grows = "length"

    def __init__(
        self,
        *,
        group: Group = "A5",
        length: Annotated[int, Ge(2)] = 10,
        eval_sequences: Annotated[int, Ge(1)] = 1000,
    ) -> None:
        super().__init__()
        self.group, self.length, self.eval_sequences = group, length, eval_sequences
        self.products = products(group)
        self.order = len(self.products)

    def describe(self) -> TaskSpec:
        """Elements in, elements out at every step."""
        return TaskSpec(self.order, tokens=True, output_size=self.order, scope="step")

    def draw(self, rows: int, size: int, source: torch.Generator) -> Batch:
        """Sequences of a length."""
        return self.layout(torch.randint(self.order, (rows, size), generator=source))

    def layout(self, elements: Tensor) -> Batch:
        """The sequences of elements `(B, T)` with the product at each step, `(B, T)`."""
        so_far = accumulate(elements.unbind(1), lambda before, now: self.products[before, now])
        return Batch(elements, torch.stack(list(so_far), 1))

    def references_at(self, size: int) -> dict[str, float]:
        """Accuracy of a guess, of one who sees the present input alone, and of the rule.

        The first product is the input itself. Any later one is a uniform element times the input,
        and so is uniform whatever the input is. Of n steps, one who repeats the input has::

            memoryless = (1 + (n - 1) / |G|) / n
        """
        chance = 1 / self.order
        return {"chance": chance, "memoryless": (1 + (size - 1) * chance) / size, "optimal": 1.0}

    def overlap(self, sequences: int) -> float:
        """By the number of sequences."""
        return expected_overlap(sequences, [self.order**self.length])

    def predictors(self) -> dict[str, Predictor]:
        """Always the element that changes nothing; the present input; the targets."""
        return {
            "chance": lambda batch: self.always(batch, dense(batch.inputs)[:, 0] * 0),
            "memoryless": lambda batch: one_hot_logits(dense(batch.inputs).flatten(), self.order),
            "optimal": self.oracle,
        }


def products(group: Group) -> Tensor:
    """The number of each product `(G, G)`, of the row's element and the column's after it."""
    if group == "Z60":
        numbers = torch.arange(60)
        return (numbers[:, None] + numbers) % 60
    elements = list(permutations(range(int(group[1:]))))
    if group == "A5":
        elements = [element for element in elements if is_even(element)]
    numbers_of = {element: number for number, element in enumerate(elements)}
    return torch.tensor(
        [[numbers_of[tuple(then[i] for i in first)] for then in elements] for first in elements]
    )


def is_even(permutation: tuple[int, ...]) -> bool:
    """Whether an even number of pairs stand in the wrong order."""
    return sum(a > b for a, b in combinations(permutation, 2)) % 2 == 0
