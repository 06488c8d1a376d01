"""The modular arithmetic task: evaluate a formula of digits without brackets."""

from typing import Annotated

import torch
from annotated_types import Ge
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence, pad_packed_sequence

from recurbench.tasks.base import Batch, Predictor, one_hot_logits
from recurbench.tasks.common.formal import Automaton, FormalLanguage


class ModularArithmetic(FormalLanguage):
    """Evaluates sums, differences and products of digits, modulo a number.

    Modular arithmetic (simple) of Delétang et al., "Neural Networks and the Chomsky Hierarchy",
    2023: a regular language, as the sum so far and the product under way are all that must be kept.
    Products bind tighter, as usual. With `modulus=5`, 1 + 2 - 4 * 3 = -9, which is 1:

        input    1 + 2 - 4 * 3
        target               1

        >>> task = ModularArithmetic(modulus=5)
        >>> formula = task.spell(torch.tensor([[1, 0 + 2, 5 + 4, 10 + 3]]))
        >>> formula.tolist()  # 5, 6 and 7 are +, - and *
        [[1, 5, 2, 6, 4, 7, 3]]
        >>> task.machine.classify(task.read(formula), lengths=torch.tensor([4])).tolist()
        [1]

    All digits and all operators are equally likely. Training has formulas of 1 to `length` tokens,
    all odd lengths alike, where the paper gives all formulas of a batch one length and ends them
    with an equals sign. Further test splits, `length_<n>` for two and four times `length`, have
    formulas of more than n / 2 and at most n tokens: longer than any before. Short formulas are
    few: of those in test, 55 % are to be expected among the 32,000 of a default run.

    Args:
        modulus: the number of digits, which are 0 to `modulus - 1`.
        length: tokens of the longest formula that is trained on; one less if even.
        eval_sequences: formulas in validation and in each test split; training's are endless.
    """

    name = "modular_arithmetic"
    measures = "a sum and a product under way, and formulas longer than those trained on"
    default_references = {
        "chance": 0.2,
        "majority": 0.2192,
        "left_to_right": 0.7842,
        "optimal": 1.0,
    }
    seconds = 12
    width = 2

    def __init__(
        self,
        *,
        modulus: Annotated[int, Ge(2)] = 5,
        length: Annotated[int, Ge(3)] = 11,
        eval_sequences: Annotated[int, Ge(1)] = 1000,
    ) -> None:
        super().__init__()
        self.modulus, self.length, self.eval_sequences = modulus, length, eval_sequences
        self.tokens = modulus + 3
        self.machine = evaluator(modulus)
        self.left_to_right = left_to_right(modulus)

    def spell(self, symbols: Tensor) -> Tensor:
        """The tokens `(B, T)` of operators with a digit each; the first operator is left out."""
        operators, digits = symbols // self.modulus + self.modulus, symbols % self.modulus
        return torch.stack([operators, digits], -1).flatten(1)[:, 1:]

    def read(self, tokens: Tensor) -> Tensor:
        """Operators with a digit each of tokens `(B, T)`; the first operator is +."""
        symbols = tokens[:, ::2].clone()
        symbols[:, 1:] += (tokens[:, 1::2] - self.modulus) * self.modulus
        return symbols

    def strings(self, symbols: int) -> int:
        """Formulas of so many digits; the first has no operator."""
        return int(self.modulus * (3 * self.modulus) ** (symbols - 1))

    def references_at(self, size: int) -> dict[str, float]:
        """As in all formal languages, and of one who forgets that products bind tighter."""
        agreement = self.machine.agreement(self.left_to_right)
        right = float(agreement.shares(*self._range(size))[1])
        return super().references_at(size) | {"left_to_right": right}

    def predictors(self) -> dict[str, Predictor]:
        """As in all formal languages, and the formula evaluated from left to right."""
        return super().predictors() | {"left_to_right": self._play_left_to_right}

    def _play_left_to_right(self, batch: Batch) -> Tensor:
        assert isinstance(batch.inputs, PackedSequence)
        tokens, lengths = pad_packed_sequence(
            batch.inputs, batch_first=True, padding_value=self.modulus
        )
        answers = self.left_to_right.classify(self.read(tokens), (lengths + 1) // 2)
        return one_hot_logits(answers, self.modulus)


def evaluator(modulus: int) -> Automaton:
    """Evaluates as usual: a state is the sum so far and the product under way."""
    states, digits = torch.arange(modulus**2)[:, None], torch.arange(modulus)
    sums, product = states // modulus, states % modulus
    values = (sums + product) % modulus
    plus, minus = values * modulus + digits, values * modulus + -digits % modulus
    times = sums * modulus + product * digits % modulus
    return _from_first_digit(torch.cat([plus, minus, times], 1), values[:, 0])


def left_to_right(modulus: int) -> Automaton:
    """Evaluates as if products did not bind tighter: a state is the value so far."""
    values, digits = torch.arange(modulus)[:, None], torch.arange(modulus)
    moves = torch.cat([values + digits, values - digits, values * digits], 1) % modulus
    return _from_first_digit(moves, values[:, 0])


def _from_first_digit(moves: Tensor, classes: Tensor) -> Automaton:
    """Begins in a state of its own, in which every operator adds to 0: the first has no effect."""
    first = moves[0, : moves.shape[1] // 3].repeat(3)
    return Automaton(torch.cat([first[None], moves]) + 1, torch.cat([classes[:1], classes]))
