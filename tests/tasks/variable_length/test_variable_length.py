"""Sequences of really different lengths reach the model packed, labelled and in tight batches."""

import os
from itertools import islice
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch.nn.utils.rnn import pad_packed_sequence, unpack_sequence

from recurbench.tasks.base import Batch, TaskError
from recurbench.tasks.common.corpora import FOLDER_VARIABLE
from recurbench.tasks.common.sequences import POOL, Sequences, bucket
from recurbench.tasks.variable_length.rules import TemporalOrder
from recurbench.tasks.variable_length.task import VariableLength

needs_the_data = pytest.mark.skipif(
    FOLDER_VARIABLE not in os.environ,
    reason="Japanese Vowels is not tested: "
    f"set {FOLDER_VARIABLE} to a folder with japanese_vowels/JapaneseVowels_TRAIN.ts and _TEST.ts",
)
SHORT_AND_LONG = [(2, 3), (5, 50), (17, 17)]


def first_symbol(sequence: list[int]) -> int:
    return sequence[0]


def temporal_order(sequence: list[int]) -> int:
    """X and Y are 4 and 5; they stand in the second and the sixth tenth of the sequence."""
    steps = len(sequence)
    (first, x_or_y), (second, x_or_y_again) = [
        (place, token) for place, token in enumerate(sequence) if token >= 4
    ]
    assert steps // 10 <= first < max(steps // 5, steps // 10 + 1)
    assert steps // 2 <= second < max(steps * 6 // 10, steps // 2 + 1)
    return 2 * (x_or_y - 4) + (x_or_y_again - 4)


def parity(sequence: list[int]) -> int:
    return sum(sequence) % 2


RULES = {rule.__name__: rule for rule in (first_symbol, temporal_order, parity)}


def ready(*, batch_size: int = 7, seed: int = 0, **knobs) -> VariableLength:
    task = VariableLength(**{"eval_sequences": 300, **knobs})
    task.bind(batch_size=batch_size, seed=seed)
    task.setup()
    return task


def lengths(batch: Batch) -> torch.Tensor:
    return pad_packed_sequence(batch.inputs)[1]


@pytest.mark.parametrize(("min_length", "max_length"), SHORT_AND_LONG)
@pytest.mark.parametrize("rule", RULES)
def test_each_target_follows_from_its_own_sequence(rule, min_length, max_length):
    task = ready(rule=rule, min_length=min_length, max_length=max_length)
    for batch in [*task.val_dataloader(), *islice(task.train_dataloader(), 20)]:
        sequences = [sequence.tolist() for sequence in unpack_sequence(batch.inputs)]
        assert [RULES[rule](sequence) for sequence in sequences] == batch.targets.tolist()


@pytest.mark.parametrize("rule", RULES)
def test_the_example_in_the_docstring_holds(rule):
    lines = [line.split() for line in VariableLength.__doc__.splitlines()]
    _, *example, answer = next(line for line in lines if line[:1] == [rule])
    tokens = ["abcdXY".index(symbol) if symbol in "abcdXY" else int(symbol) for symbol in example]
    answers = {"XY": 1, "odd": 1, "3": 3}
    assert RULES[rule](tokens) == answers[answer]
    labels = VariableLength(rule=rule).rule.label(torch.tensor([tokens]))
    assert labels.tolist() == [answers[answer]]


@pytest.mark.parametrize("rule", RULES)
def test_knowing_the_rule_scores_the_optimum_and_guessing_scores_chance(rule):
    task = ready(rule=rule, eval_sequences=5000)

    def knowing(batch: Batch) -> torch.Tensor:
        answers = [RULES[rule](x.tolist()) for x in unpack_sequence(batch.inputs)]
        return 1e3 * F.one_hot(torch.tensor(answers), task.spec.output_size).float()

    references, predictors = task.references(), task.predictors()
    assert list(references) == list(predictors) == ["chance", "optimal"]
    assert task.play(knowing) == task.play(predictors["optimal"]) == references["optimal"] == 1
    assert task.play(predictors["chance"]) == pytest.approx(references["chance"], abs=0.03)
    assert references["chance"] == 1 / task.spec.output_size


def test_the_default_references_are_what_is_found():
    assert ready().references() == pytest.approx(VariableLength.default_references, abs=5e-5)


@pytest.mark.parametrize("rule", RULES)
def test_further_test_splits_are_longer_than_any_training_sequence(rule):
    task = ready(rule=rule, min_length=3, max_length=11, eval_sequences=2000)
    splits = task.extra_test_dataloaders()
    assert list(splits) == ["max_length_22", "max_length_44"]
    for (shortest, longest), batches in zip([(12, 22), (23, 44)], splits.values(), strict=True):
        found = torch.cat([lengths(batch) for batch in batches])
        assert len(found) == 2000
        assert set(found.tolist()) == set(range(shortest, longest + 1))
        batch = batches.make(0)
        answers = [RULES[rule](x.tolist()) for x in unpack_sequence(batch.inputs)]
        assert answers == batch.targets.tolist()


def test_markers_reach_every_place_of_their_tenths():
    source = torch.Generator().manual_seed(0)
    tokens = TemporalOrder().draw(torch.full((2000,), 100), source)
    places = (tokens >= 4).nonzero()[:, 1].unique().tolist()
    assert places == [*range(10, 20), *range(50, 60)]


def test_lengths_are_within_bounds_and_really_different():
    task = ready(min_length=5, max_length=50)
    for batches in (task.val_dataloader(), islice(task.train_dataloader(), 200)):
        found = torch.cat([lengths(batch) for batch in batches])
        assert set(found.tolist()) == set(range(5, 51))


def test_packing_keeps_the_callers_order():
    rows = [[1, 2, 3], [4], [5, 6, 7, 8], [9, 10]]
    padded = torch.tensor([row + [0] * (4 - len(row)) for row in rows])
    sequences = Sequences(padded, torch.tensor([3, 1, 4, 2]), torch.tensor([0, 1, 2, 3]))
    batch = sequences.pack()
    assert [x.tolist() for x in unpack_sequence(batch.inputs)] == rows
    assert batch.targets.tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize(("sequences", "batch_size"), [(1, 5), (5, 5), (216, 7), (1001, 3)])
def test_buckets_hold_every_row_once_in_full_batches(sequences, batch_size):
    source = torch.Generator().manual_seed(0)
    batches = bucket(torch.randint(1, 99, (sequences,)), batch_size, source)
    assert sorted(torch.cat(batches).tolist()) == list(range(sequences))
    short = [rows for rows in batches if len(rows) != batch_size]
    assert [len(rows) for rows in short] == [sequences % batch_size] * len(short)
    assert len(short) <= 1


def test_lengths_are_nearly_equal_within_a_batch_and_in_no_order_across():
    task = ready(batch_size=16)
    batches = [lengths(batch).float() for batch in islice(task.train_dataloader(), 4 * POOL)]
    within = torch.stack([batch.std() for batch in batches]).mean()
    assert within < torch.cat(batches).std() / 8
    means = torch.stack([batch.mean() for batch in batches])
    assert (means.diff() > 0).sum() in range(POOL, 3 * POOL)


def test_synthetic_batches_are_full_and_fresh_beyond_a_pool():
    batches = list(islice(ready().train_dataloader(), 2 * POOL + 3))
    assert {len(batch.targets) for batch in batches} == {7}
    assert len({str(batch.inputs.data.tolist()) for batch in batches}) == len(batches)


def test_training_can_continue_from_any_position():
    batches = ready().train_dataloader()
    position = 2 * POOL + 5
    expected = list(islice(batches, position + 1))[-1]
    batches.make(0)
    assert torch.equal(batches.make(position).inputs.data, expected.inputs.data)


def test_evaluation_goes_from_short_to_long():
    task = ready(eval_sequences=600)
    batches = list(task.test_dataloader())
    assert [len(batch.targets) for batch in batches] == [256, 256, 88]
    found = torch.cat([lengths(batch) for batch in batches])
    assert torch.equal(found, found.sort().values)


@pytest.mark.parametrize(
    ("knobs", "message"),
    [
        ({"dataset": "vowels"}, "dataset must be one of synthetic, japanese_vowels, file, not"),
        (
            {"rule": "last_symbol"},
            "rule must be one of first_symbol, temporal_order, parity, not last_symbol",
        ),
        ({"alphabet": 1}, "alphabet must be at least 2, not 1"),
        ({"min_length": 0}, "min_length must be at least 1 for first_symbol, not 0"),
        (
            {"min_length": 1, "rule": "temporal_order"},
            "min_length must be at least 2 for temporal_order, not 1",
        ),
        ({"max_length": 4}, "max_length must be at least min_length=5, not 4"),
        ({"eval_sequences": 0}, "eval_sequences must be at least 1, not 0"),
        ({"dataset": "file"}, "dataset=file needs file=PATH"),
        ({"test_file": "x.ts"}, "test_file=x.ts goes with dataset=file, not dataset=synthetic"),
    ],
)
def test_a_bad_knob_is_named_with_what_would_be_right(knobs, message):
    with pytest.raises(TaskError) as error:
        VariableLength(**knobs)
    assert str(error.value).startswith(message)


def write(path: Path, *lines: str) -> str:
    path.write_text("\n".join(["@data", *lines]))
    return str(path)


class TestOwnFiles:
    """Series of one dimension; each class is written as it is read."""

    TRAIN = ("0,0:low", "1,1,1:low", "9,9:high", "10:high", "8:high")

    def of(self, folder: Path, *, test: tuple[str, ...], **knobs) -> VariableLength:
        files = {
            "file": write(folder / "train.ts", *self.TRAIN),
            "val_file": write(folder / "val.ts", "2:low"),
            "test_file": write(folder / "test.ts", *test),
        }
        return ready(dataset="file", **files, **knobs)

    def test_series_reach_the_model_packed_and_standardised(self, tmp_path):
        task = self.of(tmp_path, test=("0,10:low", "5:high"))
        assert (task.spec.input_size, task.spec.tokens, task.spec.output_size) == (1, False, 2)
        (batch,) = task.test_dataloader()
        assert batch.targets.tolist() == [0, 1]  # from short to long: high, low
        steps = torch.tensor([0, 0, 1, 1, 1, 9, 9, 10, 8.0])
        short, long = (x[:, 0] for x in unpack_sequence(batch.inputs))
        mean, deviation = steps.mean(), steps.std(correction=0)
        torch.testing.assert_close(short, (torch.tensor([5.0]) - mean) / deviation)
        torch.testing.assert_close(long, (torch.tensor([0.0, 10.0]) - mean) / deviation)

    def test_references_that_are_easy_to_count(self, tmp_path):
        # The means of the classes are 0.5 and 9, so that 4 is low and 6 high; most are high.
        task = self.of(tmp_path, test=("4:low", "6:low", "9:high", "3,0:low", "1,5:low"))
        assert task.references() == pytest.approx({"chance": 0.5, "majority": 0.2, "naive": 0.8})
        assert list(task.predictors()) == list(task.references())
        assert task.extra_test_dataloaders() == {}

    def test_no_series_is_in_two_splits_and_more_lines_move_none(self, tmp_path):
        path = VariableLength.example_file(tmp_path, seed=0)
        splits = self.contents(ready(dataset="file", file=str(path)))
        assert sum(map(len, splits)) == 120
        assert len(set().union(*splits)) == 120
        lines = path.read_text().splitlines()
        path.write_text("\n".join([*lines, "1.5:2.5:rising"]))
        more = self.contents(ready(dataset="file", file=str(path)))
        # Standardisation has changed, so that lengths and counts are what can be compared.
        assert [len(part) for part in more] in (
            [len(part) + (place == i) for place, part in enumerate(splits)] for i in range(3)
        )

    def contents(self, task: VariableLength) -> list[set[str]]:
        training = task.train_dataloader()
        parts = (
            islice(training, training.epoch),
            task.val_dataloader(),
            task.test_dataloader(),
        )
        return [
            {str(x.tolist()) for batch in part for x in unpack_sequence(batch.inputs)}
            for part in parts
        ]

    def test_only_content_changes_the_fingerprint(self, tmp_path):
        prints = []
        for folder, first in (("a", "0,0:low"), ("b", "0,0:low"), ("c", "0,0:high")):
            (tmp_path / folder).mkdir()
            train = write(tmp_path / folder / "train.ts", first, *self.TRAIN[1:])
            test = write(tmp_path / "test.ts", "1:low", "9:high")
            knobs = {"file": train, "val_file": test, "test_file": test}
            prints.append(ready(dataset="file", **knobs).fingerprint())
        assert prints[0] == prints[1] != prints[2]

    @pytest.mark.parametrize(
        ("test", "message"),
        [
            (("1:low", "2:middle"), "test.ts, line 3: no series of the train split is middle"),
            (("1:2:low",), "test.ts, line 2: a .ts file of other width: 2 dimensions, but 1 in"),
            (("1,?:low",), "test.ts, line 2: '?' is not a finite number"),
        ],
    )
    def test_a_test_file_that_does_not_fit_is_refused(self, tmp_path, test, message):
        with pytest.raises(TaskError) as error:
            self.of(tmp_path, test=test)
        assert message in str(error.value)


@needs_the_data
class TestJapaneseVowels:
    def epochs(self, count: int, **binding) -> list[list[Batch]]:
        batches = iter(ready(dataset="japanese_vowels", **binding).train_dataloader())
        return [list(islice(batches, -(-216 // 7))) for _ in range(count)]

    def test_each_sequence_is_seen_once_an_epoch(self):
        epochs = [
            sorted(str(x.tolist()) for batch in epoch for x in unpack_sequence(batch.inputs))
            for epoch in self.epochs(2)
        ]
        assert len(set(epochs[0])) == 216
        assert epochs[0] == epochs[1]

    def test_epochs_differ_in_order(self):
        first, second = (
            [batch.inputs.data.sum().item() for batch in epoch] for epoch in self.epochs(2)
        )
        assert first != second

    def test_batches_are_tight(self):
        (epoch,) = self.epochs(1)
        spreads = torch.stack([lengths(batch).float().std() for batch in epoch[:-1]])
        assert spreads.mean() < torch.cat([lengths(batch) for batch in epoch]).float().std() / 4

    def test_every_fifth_utterance_of_each_speaker_is_for_validation(self):
        task = ready(dataset="japanese_vowels")
        targets = [
            torch.cat([batch.targets for batch in split]).bincount().tolist()
            for split in (task.val_dataloader(), task.test_dataloader())
        ]
        assert targets == [[6] * 9, [31, 35, 88, 44, 29, 24, 40, 50, 29]]
        assert task.spec.input_size == 12
        assert task.train_dataloader().epoch == -(-216 // 7)

    def test_references(self):
        references = ready(dataset="japanese_vowels").references()
        counted = {"chance": 1 / 9, "majority": 31 / 370, "naive": 343 / 370}
        assert references == pytest.approx(counted)
