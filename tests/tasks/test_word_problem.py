"""The word problem asks for each product so far, in groups that are what they are called."""

import doctest
from itertools import islice, permutations

import pytest
import torch

import recurbench.tasks.word_problem
from recurbench.tasks.base import Batch, TaskError
from recurbench.tasks.word_problem import WordProblem, products

ORDERS = {"S3": 6, "S5": 120, "A5": 60, "Z60": 60}
WORDS = ["input"], ["target"]


def ready(**knobs) -> WordProblem:
    return WordProblem(**{"eval_sequences": 300, **knobs}).ready(batch_size=7, seed=0)


def every_batch(task: WordProblem) -> list[Batch]:
    splits = task.val_dataloader(), task.test_dataloader(), *task.extra_test_dataloaders().values()
    return [*islice(task.train_dataloader(), 9), *(batch for split in splits for batch in split)]


def matrices(size: int, *, even: bool) -> torch.Tensor:
    """Permutations as matrices with a 1 in row i and column p[i]: a product is one of matrices."""
    found = torch.stack([torch.eye(size)[list(p)] for p in permutations(range(size))])
    return found[torch.linalg.det(found) > 0] if even else found


def test_the_example_in_the_docstring_holds():
    assert doctest.testmod(recurbench.tasks.word_problem) == (0, 3)
    lines = [line.split() for line in WordProblem.__doc__.splitlines()]
    rows = {line[0]: [[int(x) for x in line[1:]]] for line in lines if line[:1] in WORDS}
    batch = WordProblem(group="S3").layout(torch.tensor(rows["input"]))
    assert batch.targets.tolist() == rows["target"]


@pytest.mark.parametrize(("group", "size"), [("S3", 3), ("S5", 5), ("A5", 5)])
@pytest.mark.parametrize("length", [2, 7])
def test_each_target_is_the_product_of_all_matrices_so_far(group, size, length):
    elements = matrices(size, even=group == "A5")
    for inputs, targets, _ in every_batch(ready(group=group, length=length)):
        product = torch.eye(size).expand(len(inputs), size, size)
        for now, target in zip(inputs.T, targets.T, strict=True):
            product = product @ elements[now]
            assert torch.equal(product, elements[target])


def test_z60_adds_modulo_60():
    for inputs, targets, _ in every_batch(ready(group="Z60", length=9)):
        assert torch.equal(targets, inputs.cumsum(1) % 60)


@pytest.mark.parametrize("group", ORDERS)
def test_tables_are_those_of_groups(group):
    table = products(group)
    numbers = torch.arange(ORDERS[group])
    assert torch.equal(table[0], numbers)
    assert torch.equal(table[:, 0], numbers)
    assert torch.equal(table.sort(1).values, numbers.expand_as(table))
    assert torch.equal(table.sort(0).values, numbers[:, None].expand_as(table))
    assert torch.equal(table[table], table[:, table])  # (a b) c = a (b c)


def commutators(table: torch.Tensor) -> int:
    """How many elements there are among the products of a b / a / b, for all pairs."""
    inverse = (table == 0).long().argmax(1)
    pairs = table[table, table[inverse][:, inverse]]
    found = torch.zeros(len(table), dtype=torch.bool)
    found[pairs.flatten()] = True
    while True:
        members = found.nonzero()[:, 0]
        wider = found.clone()
        wider[table[members][:, members].flatten()] = True
        if torch.equal(wider, found):
            return int(found.sum())
        found = wider


@pytest.mark.parametrize(("group", "size"), [("S3", 3), ("S5", 60), ("A5", 60), ("Z60", 1)])
def test_a5_is_perfect_and_z60_is_commutative(group, size):
    assert commutators(products(group)) == size


@pytest.mark.parametrize("length", [2, 5])
def test_references_are_those_of_all_sequences_of_s3(length):
    task = WordProblem(group="S3", length=length)
    task.setup()
    every = task.layout(torch.cartesian_prod(*[torch.arange(6)] * length))
    guesses = {"memoryless": every.inputs, "chance": every.inputs * 0, "optimal": every.targets}
    exact = {
        name: (guess == every.targets).double().mean().item() for name, guess in guesses.items()
    }
    assert exact == pytest.approx(task.references(), abs=1e-12)
    played = {name: task.play(predictor, [every]) for name, predictor in task.predictors().items()}
    assert played == pytest.approx(exact, abs=1e-6)


def test_at_no_step_but_the_first_the_present_input_says_anything():
    inputs, targets, _ = WordProblem(group="S3").layout(
        torch.cartesian_prod(*[torch.arange(6)] * 3)
    )
    for step in (1, 2):
        pairs = (6 * inputs[:, step] + targets[:, step]).bincount(minlength=36)
        assert pairs.unique().tolist() == [6]


@pytest.mark.parametrize("group", ORDERS)
def test_all_elements_are_tokens_and_answers(group):
    task = ready(group=group, length=20)
    assert (task.spec.input_size, task.spec.output_size) == (ORDERS[group], ORDERS[group])
    batches = list(task.test_dataloader())
    for part in ("inputs", "targets"):
        found = torch.cat([getattr(batch, part) for batch in batches]).unique()
        assert found.tolist() == list(range(ORDERS[group]))


def test_longer_sequences_are_further_test_splits_with_references_of_their_own():
    task = ready(group="S3", length=5)
    splits = task.extra_test_dataloaders()
    shapes = {name: next(iter(split)).inputs.shape for name, split in splits.items()}
    assert shapes == {"length_10": (256, 10), "length_20": (256, 20)}
    memoryless = [task.references_of(split)["memoryless"] for split in ("test", *splits)]
    assert memoryless == pytest.approx([(1 + (n - 1) / 6) / n for n in (5, 10, 20)])


@pytest.mark.parametrize(
    ("knobs", "message"),
    [
        ({"length": 1}, "length must be at least 2, not 1"),
        ({"eval_sequences": 0}, "eval_sequences must be at least 1, not 0"),
        ({"group": "D4"}, "group must be one of S3, S5, A5, Z60, not D4"),
    ],
)
def test_a_bad_knob_is_named_with_what_would_be_right(knobs, message):
    with pytest.raises(TaskError) as error:
        WordProblem(**knobs)
    assert str(error.value) == message
