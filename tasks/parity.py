"""The parity task: say whether the number of b's in a string is odd."""

from typing import Annotated

import torch
from annotated_types import Ge

from recurbench.tasks.common.formal import Automaton, FormalLanguage


class Parity(FormalLanguage):
    """Says of a string of a's and b's whether the number of b's is odd.

    Parity check of Delétang et al., "Neural Networks and the Chomsky Hierarchy", 2023: a regular
    language in which every symbol changes the answer. A cell needs one bit that it can flip, and
    one that adds up what it sees can only approximate it. Of a string, and its answer:

        input    a b b a b
        target           1

        >>> strings = torch.tensor([[0, 1, 1, 0, 1], [1, 1, 0, 0, 0]])
        >>> Parity().machine.classify(strings, lengths=torch.tensor([5, 3])).tolist()
        [1, 0]

    Training has strings of 1 to `length` symbols, all lengths alike, where the paper gives all
    strings of a batch one length. Further test splits, `length_<n>` for two and four times
    `length`, have strings of more than n / 2 and at most n symbols: longer than any before.
    Short strings are few: of those in test, 6 % are to be expected among the 32,000 of a default
    run, so that the longer splits tell a rule from a memory. A GRU finds the rule all at once or
    not at all, and the later the longer strings are.

    Args:
        length: symbols of the longest string that is trained on.
        eval_sequences: strings in validation and in each test split; training's are endless.
    """

    name = "parity"
    measures = "one bit that every symbol may flip, and strings longer than those trained on"
    default_references = {"chance": 0.5, "optimal": 1.0}
    seconds = 38
    tokens = 2

    def __init__(
        self, *, length: Annotated[int, Ge(1)] = 140, eval_sequences: Annotated[int, Ge(1)] = 1000
    ) -> None:
        super().__init__()
        self.length, self.eval_sequences = length, eval_sequences
        self.machine = Automaton(torch.tensor([[0, 1], [1, 0]]), torch.arange(2))
