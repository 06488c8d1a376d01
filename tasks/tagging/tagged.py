"""Files of labelled steps: a token and its label a line, blank lines between sequences."""

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import torch

from recurbench.limits import did_you_mean
from recurbench.tasks.base import TaskError, generator
from recurbench.tasks.common.files import numbered_lines, require_steps
from recurbench.tasks.common.sequences import Sequences
from recurbench.tasks.common.tables import is_name
from recurbench.tasks.common.vocabulary import Vocabulary

WORD_NAMES = r"tokens?|words?|forms?|text"
LABEL_NAMES = r"labels?|tags?|u?pos|ner|chunks?|entity"
"""What a header calls the columns of a file; a name is made of these, such as `pos_tag`."""

RANGE, EMPTY_NODE = r"\d+-\d+", r"\d+\.\d+"
"""What stands before lines of CoNLL-U that are no token: of several tokens, and of none."""


class Tagged(NamedTuple):
    """A sequence of a file.

    Attributes:
        tokens: one a line.
        labels: as many.
        path: the file.
        lines: as many numbers of lines.
    """

    tokens: list[str]
    labels: list[str]
    path: Path
    lines: list[int]


class Line(NamedTuple):
    """A line of a file.

    Attributes:
        number: from 1.
        text: all of it.
        cells: its columns, none if it is blank.
    """

    number: int
    text: str
    cells: list[str]


class Layout(NamedTuple):
    """Where a file has its tokens and labels.

    Attributes:
        width: how many columns a line has.
        token: the column of the token.
        label: the column of the label.
        numbered: whether the first column numbers the tokens of a sentence, as in CoNLL-U.
    """

    width: int
    token: int
    label: int
    numbered: bool


def read_tagged(path: Path, notes: list[str], columns: Sequence[int] | None = None) -> list[Tagged]:
    """The sequences of a file.

    Tabs separate columns or, in a file without any, spaces. Left out are comments, a header,
    `-DOCSTART-` lines, and the ranges of tokens and empty nodes of CoNLL-U.

    Args:
        path: a text file.
        notes: where to say what was left out.
        columns: of token and label, from 0, or from the last as -1; None asks for these two alone.

    Raises:
        TaskError: the file cannot be read, or a line has not the columns that are needed.
    """
    lines = _lines(path, notes)
    layout = _layout(path, lines, columns)
    kinds = [_kind(line, layout) for line in lines]
    found: list[Tagged] = []
    within = False
    header = _header([line for line, kind in zip(lines, kinds, strict=True) if not kind], layout)
    for line, kind in zip(lines, kinds, strict=True):
        if line == header:
            notes.append(f"{path}, line {line.number}: left out, a header ({line.text})")
        elif kind:
            within = within and kind not in ("blank", "-DOCSTART-")
        else:
            if len(line.cells) != layout.width or not all(_pair(line, layout)):
                raise TaskError(_complaint(path, line, layout, columns))
            if not within:
                found.append(Tagged([], [], path, []))
            within = True
            for part, value in zip(found[-1][:2], _pair(line, layout), strict=True):
                part.append(value)
            found[-1].lines.append(line.number)
    left_out = Counter(kind for kind in kinds if kind not in (None, "blank"))
    if left_out:
        listed = ", ".join(f"{kind} ({count})" for kind, count in left_out.items())
        notes.append(f"{path}: lines left out: {listed}")
    if not found:
        raise TaskError(f"{path}: no line with a token and a label")
    for sequence in found:
        require_steps(path, sequence.lines[0], len(sequence.tokens))
    return found


def _lines(path: Path, notes: list[str]) -> list[Line]:
    """The lines, cut at tabs if there are any in the file and at spaces otherwise."""
    numbered = list(numbered_lines(path, notes))
    tabs = any("\t" in text.strip() for _, text in numbered)
    found = []
    for number, text in numbered:
        cells = text.split("\t") if tabs else text.split(" ")
        cells = [cell.strip(" \t") for cell in cells if tabs or cell]
        found.append(Line(number, text, cells if any(cells) else []))
    return found


def _layout(path: Path, lines: Sequence[Line], columns: Sequence[int] | None) -> Layout:
    """Where tokens and labels are, and whether tokens are numbered.

    Raises:
        TaskError: the file has fewer columns.
    """
    rows = [line for line in lines if line.cells and line.cells[0] != "-DOCSTART-"]
    rows = [line for line in rows if not line.text.startswith("#")] or rows
    if columns is None or not rows:
        return Layout(2, 0, 1, numbered=False)
    width = len(rows[0].cells)
    if not all(-width <= column < width for column in columns):
        raise TaskError(
            f"{path}, line {rows[0].number}: columns={list(columns)}, but there are {width} "
            f"columns: {', '.join(rows[0].cells)}"
        )
    token, label = (column % width for column in columns)
    if token == label:
        raise TaskError(f"{path}: columns={list(columns)} is one column of {width}, not two")
    number = re.compile(rf"\d+|{RANGE}|{EMPTY_NODE}")
    firsts = [line.cells[0] for line in rows]
    return Layout(
        width, token, label, 0 not in (token, label) and all(map(number.fullmatch, firsts))
    )


def _kind(line: Line, layout: Layout) -> str | None:
    """What a line is that is no token with a label; None for one that should be."""
    if not line.cells:
        return "blank"
    first = line.cells[0]
    if first == "-DOCSTART-":
        return first
    # A token may begin with #, or be it; then its line has all columns.
    if line.text.startswith("#") and (len(line.cells) != layout.width or first.startswith("# ")):
        return "comments"
    if layout.numbered and re.fullmatch(RANGE, first):
        return "ranges of tokens"
    if layout.numbered and re.fullmatch(EMPTY_NODE, first):
        return "empty nodes"
    return None


def _header(rows: Sequence[Line], layout: Layout) -> Line | None:
    """The first row if it names the columns, and no other row has its label."""
    if not rows or any(len(row.cells) != layout.width for row in rows):
        return None
    (token, label), *others = (_pair(row, layout) for row in rows)
    named = is_name(token, WORD_NAMES) and is_name(label, LABEL_NAMES)
    return rows[0] if named and label not in {other for _, other in others} else None


def _pair(line: Line, layout: Layout) -> tuple[str, str]:
    return line.cells[layout.token], line.cells[layout.label]


def _complaint(path: Path, line: Line, layout: Layout, columns: Sequence[int] | None) -> str:
    """What is wrong with a line."""
    place, shown = f"{path}, line {line.number}", repr(line.text[:40])
    if columns is not None:
        return f"{place}: {layout.width} columns with a token and a label are needed, not {shown}"
    hint = "; columns=[0,-1] reads the first and the last" if len(line.cells) > 2 else ""
    return f"{place}: a token, one tab and a label are needed, not {shown}{hint}"


def encode(tagged: Sequence[Tagged], vocabulary: Vocabulary, labels: Sequence[str]) -> Sequences:
    """Token ids, and the places of their labels among those of training.

    Raises:
        TaskError: a label is not among them; the message says where it stands.
    """
    places = {label: place for place, label in enumerate(labels)}
    for sequence in tagged:
        for line, label in zip(sequence.lines, sequence.labels, strict=True):
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
