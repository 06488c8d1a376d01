"""Files of labelled steps: a token, a tab and its label a line, blank lines between sequences."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import torch

from recurbench.limits import did_you_mean
from recurbench.tasks.base import TaskError, generator
from recurbench.tasks.common.files import numbered_lines, require_steps
from recurbench.tasks.common.sequences import Sequences
from recurbench.tasks.common.vocabulary import Vocabulary


class Tagged(NamedTuple):
    """A sequence of a file.

    Attributes:
        tokens: one a line.
        labels: as many.
        path: the file.
        line: that of the first token.
    """

    tokens: list[str]
    labels: list[str]
    path: Path
    line: int


def read_tagged(path: Path) -> list[Tagged]:
    """The sequences of a file.

    Raises:
        TaskError: the file cannot be read, or a line is not a token, a tab and a label.
    """
    found: list[Tagged] = []
    within = False
    for line, text in numbered_lines(path):
        if not text.strip():
            within = False
            continue
        columns = [column.strip() for column in text.split("\t")]
        if len(columns) != 2 or not all(columns):
            raise TaskError(
                f"{path}, line {line}: a token, one tab and a label are needed, not {text[:40]!r}"
            )
        if not within:
            found.append(Tagged([], [], path, line))
        within = True
        found[-1].tokens.append(columns[0])
        found[-1].labels.append(columns[1])
    for sequence in found:
        require_steps(path, sequence.line, len(sequence.tokens))
    return found


def encode(tagged: Sequence[Tagged], vocabulary: Vocabulary, labels: Sequence[str]) -> Sequences:
    """Token ids, and the places of their labels among those of training.

    Raises:
        TaskError: a label is not among them; the message says where it stands.
    """
    places = {label: place for place, label in enumerate(labels)}
    for sequence in tagged:
        for line, label in enumerate(sequence.labels, sequence.line):
            if label not in places:
                raise TaskError(
                    f"{sequence.path}, line {line}: no sequence of training has the label "
                    f"{label}{did_you_mean(label, labels)}"
                )
    targets = [torch.tensor([places[label] for label in sequence.labels]) for sequence in tagged]
    return Sequences.of([vocabulary.encode(sequence.tokens) for sequence in tagged], targets)


def write_example(path: Path, seed: int, sequences: int = 200) -> Path:
    """Short sentences with names, some of which are of people and places alike."""
    source = generator("tagged", seed)
    patterns = "PER went to LOC", "PER saw PER in LOC", "from LOC to LOC PER flew with PER"
    names = {
        "PER": ("Ada", "Ben", "Cleo", "Paris", "Florence", "Chelsea"),
        "LOC": ("Lima", "Oslo", "Cairo", "Paris", "Florence", "Chelsea"),
    }

    def one_of(choices: Sequence[str]) -> str:
        return choices[int(torch.randint(len(choices), (), generator=source))]

    def tag(word: str) -> str:
        return f"{one_of(names[word])}\t{word}" if word in names else f"{word}\tO"

    blocks = ("\n".join(map(tag, one_of(patterns).split())) for _ in range(sequences))
    path.write_text("\n\n".join(blocks) + "\n", encoding="utf-8")
    return path
