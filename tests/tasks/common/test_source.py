"""A task opens its source once and says what the source says; sources give equal data to all."""

from itertools import islice

import pytest
import torch
from torch import Tensor

from recurbench.tasks.base import EVAL_ROWS, Batch, Batches, Predictor, Task, TaskSpec, hash_data
from recurbench.tasks.common.classification import Classification
from recurbench.tasks.common.sequences import Sequences
from recurbench.tasks.common.source import Drawn, FromSource, Recorded, Source

SPEC = TaskSpec(9, tokens=True, output_size=2, scope="sequence")


def numbered(first: int) -> Batches:
    """Three batches that say their number."""
    return Batches(lambda position: Batch(torch.tensor([first + position]), torch.tensor([0])), 3)


class Numbers(Source):
    """Batches of numbers: training from 100 times the size of a batch, plus the seed."""

    spec = SPEC

    def __init__(self) -> None:
        splits = ("val", "test", "longer", "longest")
        self.splits = {split: numbered(10 * place) for place, split in enumerate(splits)}

    def training(self, batch_size: int, seed: int) -> Batches:
        return numbered(100 * batch_size + seed)

    def fingerprint(self) -> str:
        return "of numbers"

    def predictors(self, task: Task) -> dict[str, Predictor]:
        return {"optimal": task.oracle}


class Choosy(Classification, FromSource):
    """Counts how often it opens a source."""

    name = "choosy"
    opened = 0

    def open(self) -> Source:
        self.opened += 1
        return Numbers()


def first(batches: Batches) -> int:
    return int(batches.make(0).inputs)


def test_a_source_is_opened_once_however_often_a_task_is_set_up():
    task = Choosy()
    assert task.opened == 0
    task.ready(batch_size=3, seed=4).setup()
    task.ready(batch_size=5, seed=6)
    assert task.opened == 1


def test_a_task_says_what_its_source_says():
    task = Choosy().ready(batch_size=3, seed=4)
    assert task.spec == SPEC
    assert task.fingerprint() == "of numbers"
    assert first(task.train_dataloader()) == 304
    assert (first(task.val_dataloader()), first(task.test_dataloader())) == (0, 10)
    assert task.predictors() == {"optimal": task.oracle}
    assert task.references() == {"optimal": 1.0}


def test_further_test_splits_are_all_but_val_and_test():
    further = Choosy().ready(batch_size=3, seed=4).extra_test_dataloaders()
    assert {split: first(batches) for split, batches in further.items()} == {
        "longer": 20,
        "longest": 30,
    }


def random_tokens(rows: int, size: int, source: torch.Generator) -> Batch:
    tokens = torch.randint(9, (rows, size), generator=source)
    return Batch(tokens, tokens[:, 0] % 2)


def drawn(
    task: str = "toy", *, size: int = 5, count: int = 3, train_sequences: int | None = None
) -> Drawn:
    return Drawn(
        task, SPEC, random_tokens, knob="length", size=size, eval_sequences=count,
        train_sequences=train_sequences,
    )  # fmt: skip


def inputs_of(batches: Batches, most: int = 4) -> list[list[list[int]]]:
    return [batch.inputs.tolist() for batch in islice(batches, most)]


@pytest.mark.parametrize(
    ("count", "rows"),
    [(1, [1]), (EVAL_ROWS, [EVAL_ROWS]), (EVAL_ROWS + 1, [EVAL_ROWS, 1])],
)
def test_evaluation_has_as_many_drawn_sequences_as_asked_for(count, rows):
    for batches in drawn(count=count).splits.values():
        assert [len(batch.targets) for batch in batches] == rows


def test_further_splits_are_drawn_two_and_four_times_as_large():
    sizes = {split: b.make(0).inputs.shape[1] for split, b in drawn(size=5).splits.items()}
    assert sizes == {"val": 5, "test": 5, "length_10": 10, "length_20": 20}


def test_no_two_splits_have_the_same_draws():
    source = drawn(count=7)
    parts = [source.splits["val"], source.splits["test"], source.training(7, 0)]
    assert len({str(part.make(0).inputs.tolist()) for part in parts}) == 3


def test_drawn_training_follows_from_the_task_the_seed_and_the_position_alone():
    batches = inputs_of(drawn().training(4, 0))
    assert batches == inputs_of(drawn(count=8).training(4, 0))
    assert inputs_of(drawn().training(4, 0).since(2), 1) == batches[2:3]
    assert batches != inputs_of(drawn().training(4, 1))
    assert batches != inputs_of(drawn("other").training(4, 0))
    assert len({str(batch) for batch in batches}) == len(batches)


def test_a_drawn_fingerprint_is_of_the_data_and_not_of_what_was_asked_for_before():
    source, other = drawn(), drawn()
    list(islice(other.training(11, 3), 2))
    assert source.fingerprint() == other.fingerprint()
    assert source.fingerprint() != drawn(size=6).fingerprint()
    assert source.fingerprint() != drawn(count=4).fingerprint()


def test_a_fixed_training_set_comes_again_in_the_same_order():
    fixed, endless = drawn(train_sequences=7).training(3, 0), drawn().training(3, 0)
    assert fixed.epoch == 3
    first_pass = inputs_of(fixed, 3)
    assert [len(rows) for rows in first_pass] == [3, 3, 1]
    assert first_pass[:2] == inputs_of(endless, 2)
    assert inputs_of(fixed.since(3), 3) == first_pass
    assert first_pass != inputs_of(drawn(train_sequences=7).training(3, 1), 3)


def test_how_many_are_trained_on_is_part_of_a_fingerprint():
    found = {drawn(train_sequences=count).fingerprint() for count in (None, 32, 64)}
    assert len(found) == 3


def sequences(*rows: list[int]) -> Sequences:
    targets = torch.tensor([row[0] % 2 for row in rows])
    return Sequences.of([torch.tensor(row) for row in rows], targets)


TRAIN = sequences([1, 2], [2], [3, 4, 5], [4, 4], [5])
VAL = sequences([6, 7, 8], [7])
TEST = sequences([8])


def recorded(
    train: Sequences = TRAIN,
    val: Sequences = VAL,
    test: Sequences = TEST,
    learnt: tuple[object, ...] = ("a", "b"),
) -> Recorded:
    return Recorded("toy", SPEC, train, val, test, learnt=learnt)


def steps(batch: Batch) -> Tensor:
    return batch.inputs.data


def test_an_epoch_has_every_recorded_sequence_once():
    batches = recorded().training(2, 0)
    assert batches.epoch == 3
    for start in (0, batches.epoch):
        epoch = list(islice(batches.since(start), batches.epoch))
        assert torch.cat([*map(steps, epoch)]).sort()[0].tolist() == [1, 2, 2, 3, 4, 4, 4, 5, 5]


def test_recorded_evaluation_reads_each_split_once_and_no_other():
    splits = recorded().splits
    assert list(splits) == ["val", "test"]
    assert [sorted(steps(batch).tolist()) for batch in splits["val"]] == [[6, 7, 7, 8]]
    assert [steps(batch).tolist() for batch in splits["test"]] == [[8]]


@pytest.mark.parametrize(
    "changed",
    [
        {"train": sequences([1, 2], [2], [3, 4, 5], [4, 4], [6])},
        {"val": sequences([6, 7, 8], [6])},
        {"test": sequences([8, 8])},
        {"learnt": ("b", "a")},
    ],
    ids=lambda changed: next(iter(changed)),
)
def test_a_recorded_fingerprint_changes_with_any_part_of_the_data(changed):
    assert recorded(**changed).fingerprint() != recorded().fingerprint()


def test_a_recorded_fingerprint_is_the_same_for_every_order_of_training():
    source = recorded()
    before = source.fingerprint()
    seen = [hash_data(list(islice(source.training(2, seed), 3))) for seed in (0, 1)]
    assert seen[0] != seen[1]
    assert source.fingerprint() == before == recorded().fingerprint()
