"""The cycle navigation task: say where on a cycle a walk ends."""

from typing import Annotated

import torch
from annotated_types import Ge

from recurbench.tasks.common.formal import Automaton, FormalLanguage


class CycleNavigation(FormalLanguage):
    """Follows steps on a cycle and says at which place they end.

    Delétang et al., "Neural Networks and the Chomsky Hierarchy", 2023: a walk begins at place 0;
    each symbol stays (0), goes one place on (+) or one place back (-). With `size=5`:

        input    + + 0 + + + -
        target               4

        >>> walk = torch.tensor([[1, 1, 0, 1, 1, 1, 2]])
        >>> CycleNavigation(size=5).machine.classify(walk, lengths=torch.tensor([7])).tolist()
        [4]

    Training has walks of 1 to `length` steps, all lengths alike, where the paper gives all walks of
    a batch one length. Further test splits, `length_<n>` for two and four times `length`, have
    walks of more than n / 2 and at most n steps: longer than any before. Short walks are few: of
    those in test, 10 % are to be expected among the 32,000 of a default run.

    Args:
        size: places on the cycle.
        length: steps of the longest walk that is trained on.
        eval_sequences: walks in validation and in each test split; training's are endless.
    """

    name = "cycle_navigation"
    measures = "counting round a cycle, and walks longer than those trained on"
    default_references = {"chance": 0.0833, "majority": 0.1176, "optimal": 1.0}
    seconds = 24
    tokens = 3

    def __init__(
        self,
        *,
        size: Annotated[int, Ge(2)] = 12,
        length: Annotated[int, Ge(1)] = 60,
        eval_sequences: Annotated[int, Ge(1)] = 1000,
    ) -> None:
        super().__init__()
        self.size, self.length, self.eval_sequences = size, length, eval_sequences
        places = torch.arange(size)
        self.machine = Automaton((places[:, None] + torch.tensor([0, 1, -1])) % size, places)
