"""The cycle navigation task: say where on a cycle a walk ends."""

import torch

from recurbench.tasks.base import TaskError, require_positive
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
    walks of more than n / 2 and at most n steps: longer than any before.

    Args:
        size: places on the cycle.
        length: steps of the longest walk that is trained on.
        eval_sequences: walks in validation and in each test split; training's are endless.
    """

    name = "cycle_navigation"
    measures = "counting round a cycle, and walks longer than those trained on"
    floors = {"chance": 0.2, "majority": 0.22, "optimal": 1.0}
    seconds = 15
    tokens = 3

    def __init__(self, *, size: int = 5, length: int = 20, eval_sequences: int = 1000) -> None:
        super().__init__()
        require_positive(length=length, eval_sequences=eval_sequences)
        if size < 2:
            raise TaskError(f"size must be at least 2, not {size}")
        self.size, self.length, self.eval_sequences = size, length, eval_sequences
        places = torch.arange(size)
        self.machine = Automaton((places[:, None] + torch.tensor([0, 1, -1])) % size, places)
