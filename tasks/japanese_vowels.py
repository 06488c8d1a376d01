"""Reads the Japanese Vowels data: nine speakers saying two vowels, as sequences of 12 features.

Kudo, Toyama & Shimbo, "Multidimensional curve classification using passing-through regions", 1999,
in the `.ts` format of the UEA archive: after `@data` an utterance a line, its dimensions separated
by colons, the values of a dimension by commas, and the speaker, 1 to 9, at the end.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from tasks.base import TaskError, TaskSpec
from tasks.common.sequences import Sequences

FEATURES = 12
SPEAKERS = 9
VAL_EVERY = 5

SPEC = TaskSpec(input_size=FEATURES, tokens=False, output_size=SPEAKERS, scope="sequence")


class Splits(NamedTuple):
    """Utterances, standardised by the mean and the deviation of all training steps."""

    train: Sequences
    val: Sequences
    test: Sequences


def load(train_file: Path, test_file: Path) -> Splits:
    """Reads both files; every fifth utterance of each speaker in the first is for validation.

    Raises:
        TaskError: a file is damaged; the message names it and the line.
    """
    recorded, test = read(train_file), read(test_file)
    place = F.one_hot(recorded.targets, SPEAKERS).cumsum(0).gather(1, recorded.targets[:, None])
    held_out = (place[:, 0] % VAL_EVERY == 0).nonzero()[:, 0]
    kept = (place[:, 0] % VAL_EVERY != 0).nonzero()[:, 0]
    train, val = recorded.take(kept), recorded.take(held_out)
    steps = train.inputs[_valid(train)]
    mean, deviation = steps.mean(0), steps.std(0, correction=0)
    return Splits(
        *(
            part._replace(inputs=((part.inputs - mean) / deviation).float())
            for part in (train, val, test)
        )
    )


def read(path: Path) -> Sequences:
    """The utterances of one file, in float64; speakers are counted from 0.

    Raises:
        TaskError: the file is damaged; the message names it and the line.
    """
    utterances, speakers = [], []
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    for number, line in _data(lines):
        try:
            features, speaker = _parse(line)
        except ValueError as error:
            raise TaskError(f"{path}, line {number}: {error}; replace the damaged file") from None
        utterances.append(features)
        speakers.append(speaker)
    if not utterances:
        raise TaskError(
            f"{path}, line {len(lines)}: no utterance after a line @data; replace the damaged file"
        )
    lengths = torch.tensor([len(features) for features in utterances])
    return Sequences(pad_sequence(utterances, batch_first=True), lengths, torch.tensor(speakers))


def references(splits: Splits) -> dict[str, float]:
    """Test accuracy of guessing, of the commonest speaker and of the nearest speaker's mean.

    The commonest speaker of training is the first of those that tie; the means are of utterances
    averaged over time.
    """
    train, test = splits.train, splits.test
    utterances, speakers = _time_means(train), F.one_hot(train.targets, SPEAKERS).float()
    means = speakers.T @ utterances / speakers.sum(0)[:, None]
    nearest = torch.cdist(_time_means(test), means).argmin(1)
    return {
        "chance": 1 / SPEAKERS,
        "majority": (test.targets == speakers.sum(0).argmax()).double().mean().item(),
        "naive": (test.targets == nearest).double().mean().item(),
    }


def _data(lines: list[str]) -> Iterator[tuple[int, str]]:
    """The lines after `@data` that are not blank, with their numbers in the file."""
    numbered = iter(enumerate((line.strip() for line in lines), 1))
    for _, line in numbered:
        if line.lower() == "@data":
            break
    return ((number, line) for number, line in numbered if line)


def _parse(line: str) -> tuple[Tensor, int]:
    """Features `(T, F)` and speaker of one line; ValueError says what is wrong with it."""
    *dimensions, speaker = line.split(":")
    if len(dimensions) != FEATURES:
        raise ValueError(f"expected {FEATURES} dimensions and a speaker, got {len(dimensions)}")
    if speaker not in [str(number) for number in range(1, SPEAKERS + 1)]:
        raise ValueError(f"the speaker must be 1 to {SPEAKERS}, not {speaker!r}")
    values = [[float(value) for value in dimension.split(",")] for dimension in dimensions]
    lengths = {len(dimension) for dimension in values}
    if len(lengths) > 1:
        raise ValueError(f"the dimensions differ in length: {sorted(lengths)}")
    features = torch.tensor(values, dtype=torch.float64).T
    if not features.isfinite().all():
        raise ValueError("a value is not finite")
    return features, int(speaker) - 1


def _valid(sequences: Sequences) -> Tensor:
    """Which positions `(S, T)` come before a row's end."""
    return torch.arange(sequences.inputs.shape[1]) < sequences.lengths[:, None]


def _time_means(sequences: Sequences) -> Tensor:
    """Each sequence's mean over its own steps, `(S, F)`."""
    sums = (sequences.inputs * _valid(sequences)[..., None]).sum(1)
    return sums / sequences.lengths[:, None]
