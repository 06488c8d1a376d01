"""Japanese Vowels files are read exactly, split by a fixed rule, and refused when damaged."""

import os
from pathlib import Path

import pytest
import torch

from tasks import japanese_vowels
from tasks.base import TaskError
from tasks.corpora import FOLDER_VARIABLE, fetch
from tasks.japanese_vowels import FEATURES, SPEAKERS, load, read

needs_the_data = pytest.mark.skipif(
    FOLDER_VARIABLE not in os.environ, reason=f"set {FOLDER_VARIABLE} to a folder with the data"
)


def utterance(speaker: int, first: float = 0.0, steps: int = 3) -> str:
    """A line whose values are all different: feature f at step t is first + f + t / 8."""
    dimensions = [
        ",".join(str(first + feature + step / 8) for step in range(steps))
        for feature in range(FEATURES)
    ]
    return ":".join([*dimensions, str(speaker)])


def write(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(["# a comment", "@problemName JapaneseVowels", "@data", *lines]))
    return path


def test_a_line_becomes_steps_of_features_and_a_speaker_from_0(tmp_path):
    sequences = read(write(tmp_path / "a.ts", utterance(4, 0.5), "", utterance(9, steps=2)))
    assert sequences.lengths.tolist() == [3, 2]
    assert sequences.targets.tolist() == [3, 8]
    assert sequences.inputs[0, 2, 7].item() == 0.5 + 7 + 2 / 8


def test_every_fifth_utterance_of_each_speaker_is_for_validation(tmp_path):
    # Speakers take turns, so that the fifth of each is not the fifth of the file.
    lines = [utterance(1 + i % SPEAKERS, first=i) for i in range(11 * SPEAKERS)]
    train_file = write(tmp_path / "train.ts", *lines)
    train, val, test = load(train_file, write(tmp_path / "test.ts", utterance(2)))
    assert val.targets.tolist() == 2 * list(range(SPEAKERS))
    assert train.targets.bincount().tolist() == [9] * SPEAKERS
    assert len(test.targets) == 1


def test_only_training_steps_set_the_standardisation(tmp_path):
    lines = [utterance(1 + i % SPEAKERS, first=i * i, steps=2 + i % 4) for i in range(6 * SPEAKERS)]
    train_file = write(tmp_path / "train.ts", *lines)
    near, far = (write(tmp_path / f"{x}.ts", utterance(1, first=x)) for x in (0.0, 1e6))
    splits, others = load(train_file, near), load(train_file, far)
    steps = splits.train.inputs[torch.arange(5) < splits.train.lengths[:, None]]
    torch.testing.assert_close(steps.mean(0), torch.zeros(FEATURES), atol=1e-5, rtol=0)
    torch.testing.assert_close(steps.std(0, correction=0), torch.ones(FEATURES))
    assert torch.equal(splits.train.inputs, others.train.inputs)
    assert torch.equal(splits.val.inputs, others.val.inputs)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("1.0,2.0:3", "expected 12 dimensions and a speaker, got 1"),
        (utterance(3)[:-2], "expected 12 dimensions and a speaker, got 11"),
        (utterance(10), "the speaker must be 1 to 9, not '10'"),
        (utterance(1).replace("0.125", "x", 1), "could not convert string to float: 'x'"),
        (utterance(1).replace("0.125", "nan", 1), "a value is not finite"),
        (utterance(1).replace("0.125,", "", 1), "the dimensions differ in length: [2, 3]"),
    ],
)
def test_a_damaged_line_is_named(tmp_path, line, message):
    path = write(tmp_path / "damaged.ts", utterance(1), line)
    with pytest.raises(TaskError) as error:
        read(path)
    assert str(error.value) == f"{path}, line 5: {message}; replace the damaged file"


@pytest.mark.parametrize("text", ["", "@data\n", utterance(1)])
def test_a_file_without_utterances_is_refused(tmp_path, text):
    path = tmp_path / "empty.ts"
    path.write_text(text)
    with pytest.raises(TaskError, match=r"empty\.ts, line \d: no utterance after a line @data"):
        read(path)


def test_references_of_a_test_set_that_is_easy_to_count(tmp_path):
    lines = [utterance(1 + i % SPEAKERS, first=100.0 * (i % SPEAKERS)) for i in range(5 * SPEAKERS)]
    train_file = write(tmp_path / "train.ts", *lines)
    tested = [utterance(1, 10.0), utterance(1, 700.0), utterance(5, 390.0), utterance(9, 900.0)]
    splits = load(train_file, write(tmp_path / "test.ts", *tested))
    assert japanese_vowels.references(splits) == {"chance": 1 / 9, "majority": 0.5, "naive": 0.75}


@needs_the_data
def test_the_published_files_have_the_published_sizes():
    files = [fetch(f"japanese_vowels/JapaneseVowels_{part}.ts") for part in ("TRAIN", "TEST")]
    splits = load(*files)
    assert [len(split.lengths) for split in splits] == [216, 54, 370]
    assert splits.test.targets.bincount().tolist() == [31, 35, 88, 44, 29, 24, 40, 50, 29]
    lengths = torch.cat([split.lengths for split in splits])
    assert (lengths.min(), lengths.max()) == (7, 29)
    assert splits.train.inputs[0, 0, 0].dtype == torch.float32
    assert read(files[0]).inputs[0, 0, 0].item() == 1.860936
