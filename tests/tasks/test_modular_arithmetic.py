"""Modular arithmetic asks what Python's own evaluation of the formula gives."""

import operator
from itertools import islice, product

import pytest
import torch
from torch.nn.utils.rnn import unpack_sequence

from recurbench.tasks.base import TaskError
from recurbench.tasks.modular_arithmetic import ModularArithmetic

OPERATORS = {"+": operator.add, "-": operator.sub, "*": operator.mul}


def ready(**knobs) -> ModularArithmetic:
    return ModularArithmetic(**{"eval_sequences": 300, **knobs}).ready(batch_size=7, seed=0)


def formula(tokens: list[int], modulus: int) -> str:
    names = [*map(str, range(modulus)), "+", "-", "*"]
    return " ".join(names[token] for token in tokens)


def from_left_to_right(text: str) -> int:
    value, *rest = text.split()
    result = int(value)
    for sign, digit in zip(rest[::2], rest[1::2], strict=True):
        result = OPERATORS[sign](result, int(digit))
    return result


@pytest.mark.parametrize(("modulus", "length"), [(2, 3), (5, 12), (10, 7)])
def test_the_target_is_the_value_of_the_formula(modulus, length):
    task = ready(modulus=modulus, length=length)
    splits = task.val_dataloader(), *task.extra_test_dataloaders().values()
    for batch in [*islice(task.train_dataloader(), 20), *(x for split in splits for x in split)]:
        texts = [formula(x.tolist(), modulus) for x in unpack_sequence(batch.inputs)]
        assert [eval(text) % modulus for text in texts] == batch.targets.tolist()


def test_left_to_right_forgets_that_products_bind_tighter():
    task = ready(modulus=5, length=12)
    for batch in task.test_dataloader():
        said = task.predictors()["left_to_right"](batch).argmax(1).tolist()
        texts = [formula(x.tolist(), 5) for x in unpack_sequence(batch.inputs)]
        assert said == [from_left_to_right(text) % 5 for text in texts]


def test_the_references_are_those_of_all_formulas():
    values: dict[int, list[tuple[int, int]]] = {}
    for operators in range(3):
        for digits in product("012", repeat=operators + 1):
            for signs in product("+-*", repeat=operators):
                text = digits[0] + "".join(
                    f" {sign} {digit}" for sign, digit in zip(signs, digits[1:], strict=True)
                )
                values.setdefault(operators, []).append(
                    (eval(text) % 3, from_left_to_right(text) % 3)
                )
    shares = [
        [sum(right == value for right, _ in found) / len(found) for found in values.values()]
        for value in range(3)
    ]
    agree = [sum(a == b for a, b in found) / len(found) for found in values.values()]
    assert ModularArithmetic(modulus=3, length=5).references() == pytest.approx(
        {
            "chance": 1 / 3,
            "majority": max(sum(share) / 3 for share in shares),
            "left_to_right": sum(agree) / 3,
            "optimal": 1,
        }
    )


def test_reading_a_formula_undoes_spelling_it():
    task = ModularArithmetic(modulus=5)
    symbols = torch.randint(15, (9, 4), generator=torch.Generator().manual_seed(0))
    read = task.read(task.spell(symbols))
    assert torch.equal(read[:, 1:], symbols[:, 1:])
    assert torch.equal(read[:, 0], symbols[:, 0] % 5)


@pytest.mark.parametrize(
    ("knobs", "message"),
    [
        ({"modulus": 1}, "modulus must be at least 2, not 1"),
        ({"length": 2}, "length must be at least 3, not 2"),
        ({"eval_sequences": 0}, "eval_sequences must be at least 1, not 0"),
    ],
)
def test_a_bad_knob_is_named_with_what_would_be_right(knobs, message):
    with pytest.raises(TaskError) as error:
        ModularArithmetic(**knobs)
    assert str(error.value) == message
