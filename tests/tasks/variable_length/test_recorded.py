"""Recorded series: files of one's own, and Japanese vowels."""

import os
from itertools import islice
from pathlib import Path

import pytest
import torch
from torch.nn.utils.rnn import unpack_sequence
from variable_length_kit import lengths, ready

from recurbench.tasks.base import Batch, TaskError
from recurbench.tasks.common.corpora import FOLDER_VARIABLE
from recurbench.tasks.variable_length.task import VariableLength

needs_the_data = pytest.mark.skipif(
    FOLDER_VARIABLE not in os.environ,
    reason="Japanese Vowels is not tested: "
    f"set {FOLDER_VARIABLE} to a folder with japanese_vowels/JapaneseVowels_TRAIN.ts and _TEST.ts",
)


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
            (("?,1:low",), "test.ts, line 2: step 1 of dimension 1 is missing"),
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
