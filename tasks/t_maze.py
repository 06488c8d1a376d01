"""The T-maze: remember a cue at the start of a corridor until its junction asks for it.

Legend: B batch, T time.
"""

from typing import Annotated

import torch
from annotated_types import Ge
from torch import Tensor

from recurbench.tasks.base import Batch, Predictor, TaskSpec, dense, one_hot_logits
from recurbench.tasks.common.classification import Classification
from recurbench.tasks.common.synthetic import Synthetic

UP, DOWN, JUNCTION = (0.0, 1.0, 1.0), (1.0, 1.0, 0.0), (0.0, 1.0, 0.0)
"""What is seen at the start, where the goal lies up or down, and at the junction."""


class TMaze(Classification, Synthetic):
    """Says at the junction whether to turn up or down, which was seen at the start only.

    Bakker, "Reinforcement Learning with Long Short-Term Memory", 2001, with the noise of its second
    experiment: the start shows 0 1 1 where the goal lies up and 1 1 0 where it lies down, each step
    of the corridor shows a 0 b with a and b uniform from 0 to 1, and the junction 0 1 0. There an
    agent walks and is rewarded at the goal. Here the way to the junction is given, and its turn is
    the one target: 0 is up, 1 down. With `corridor=3`:

        left     1  .3  .8  .1   0
        wall     1   0   0   0   1
        right    0  .6  .2  .9   0
        target                   1

        >>> task = TMaze(corridor=3)
        >>> noise = torch.tensor([[[0.25, 0.5], [0.75, 0.25], [0.0, 1.0]]])
        >>> inputs, targets, _ = task.layout(torch.tensor([1]), noise)
        >>> inputs[0].T.tolist()
        [[1.0, 0.25, 0.75, 0.0, 0.0], [1.0, 0.0, 0.0, 0.0, 1.0], [0.0, 0.5, 0.25, 1.0, 0.0]]
        >>> targets.tolist()
        [1]

    One bit is kept. What makes that hard is to find it: all that a cell is told is one answer, so
    many steps later. A GRU of 64 units is right on all with `corridor=10` after 1,000 steps of
    training, and on half with 20, as are a GRU and an LSTM by default, where an LRU is right on all
    (one seed). Bakker's corridors have up to 70 steps.

    Further test splits, `corridor_<n>`, have corridors two and four times as long.

    Args:
        corridor: steps from the start to the junction.
        eval_sequences: sequences in validation and in each test split; training's are endless.
    """

    name = "t_maze"
    measures = "one bit from the first step to the last, through noise"
    default_references = {"chance": 0.5, "optimal": 1.0}
    seconds = 5
    grows = "corridor"

    def __init__(
        self, *, corridor: Annotated[int, Ge(1)] = 50, eval_sequences: Annotated[int, Ge(1)] = 1000
    ) -> None:
        super().__init__()
        self.corridor, self.eval_sequences = corridor, eval_sequences

    def describe(self) -> TaskSpec:
        """Three features in, one of two turns out at the end."""
        return TaskSpec(input_size=3, tokens=False, output_size=2, scope="sequence")

    def draw(self, rows: int, size: int, source: torch.Generator) -> Batch:
        """Sequences with a corridor; both turns are equally likely."""
        turns = torch.randint(2, (rows,), generator=source)
        return self.layout(turns, torch.rand(rows, size, 2, generator=source))

    def layout(self, turns: Tensor, noise: Tensor) -> Batch:
        """The sequences that end with turns `(B,)` after corridors of noise `(B, T - 2, 2)`.

        Returns:
            Inputs `(B, T, 3)` and targets `(B,)`.
        """
        start = torch.tensor([UP, DOWN])[turns][:, None]
        left, right = noise.split(1, -1)
        way = torch.cat([left, torch.zeros_like(left), right], -1)
        end = torch.tensor(JUNCTION).expand_as(start)
        return Batch(torch.cat([start, way, end], 1), turns)

    def references_at(self, size: int) -> dict[str, float]:
        """Accuracy of a guess and of one who remembers; nothing but the start says anything."""
        return {"chance": 0.5, "optimal": 1.0}

    def predictors(self) -> dict[str, Predictor]:
        """Each turn in turn; the targets."""
        return {
            "chance": lambda batch: one_hot_logits(torch.arange(len(dense(batch.inputs))) % 2, 2),
            "optimal": self.oracle,
        }
