"""Reads `.ts` files: series with classes, in the format of the UEA archive and of aeon.

After a header, whose lines begin with @, and a line `@data` comes a series a line: its dimensions,
separated by colons, then its class; the values of a dimension are separated by commas. Lines that
begin with # are comments, and ? or NaN is a missing value. Bagnall et al., "The UEA multivariate
time series classification archive", 2018.
"""

import math
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from recurbench.limits import did_you_mean
from recurbench.tasks.base import TaskError, generator
from recurbench.tasks.common.files import Splits, numbered_lines, require_steps
from recurbench.tasks.common.sequences import Sequences

Missing = Literal["forward_fill"]


class Series(NamedTuple):
    """A series of a file.

    Attributes:
        values: `(T, F)` in float64.
        label: its class.
        place: the file and the line that it stands in.
    """

    values: Tensor
    label: str
    place: str

    @property
    def content(self) -> str:
        """What makes two series equal: their values."""
        return str(self.values.tolist())


class Header(NamedTuple):
    """What a header says of the lines that follow it.

    Attributes:
        dimensions: of each series; None if it does not say.
        labels: all classes; None if it does not say.
        equal: whether all series have one length.
        steps: that length; None if it does not say.
    """

    dimensions: int | None = None
    labels: tuple[str, ...] | None = None
    equal: bool = False
    steps: int | None = None


class Standardised(NamedTuple):
    """Splits of series; each dimension has mean 0 and deviation 1 over all training steps.

    Attributes:
        train: what is trained on.
        val: what selects.
        test: what is reported.
        labels: the classes of the train split, by which targets are numbered.
    """

    train: Sequences
    val: Sequences
    test: Sequences
    labels: tuple[str, ...]


def read(
    path: Path, notes: list[str] | None = None, missing: Missing | None = None
) -> list[Series]:
    """The series of a file.

    Steps at the end that are missing in all dimensions are padding, and are cut off.

    Args:
        path: a text file.
        notes: where to say what was cut off or filled.
        missing: `forward_fill` gives a missing value the one before it; None refuses it.

    Raises:
        TaskError: the file is missing, empty or damaged, or has missing values, no classes or
            times of its own; the message names it and the line.
    """
    notes = [] if notes is None else notes
    lines = ((number, line.strip(" \t")) for number, line in numbered_lines(path, notes))
    meaningful = ((number, line) for number, line in lines if line and not line.startswith("#"))
    header = _read_header(path, meaningful)
    found: list[Series] = []
    odd: list[str] = []
    changed = Counter[str]()
    for number, line in meaningful:
        place = f"{path}, line {number}"
        try:
            written, label = _parse(line, header)
            values = _without_padding(written)
            whole = values if missing is None else _forward_filled(values)
            _require_whole(whole, missing)
        except ValueError as error:
            raise TaskError(f"{place}: {error}") from None
        require_steps(path, number, len(values))
        # Where the header does not say how wide or long series are, the first of them does.
        header = header._replace(dimensions=written.shape[1], steps=header.steps or len(written))
        if header.equal and len(written) != header.steps:
            odd.append(f"{place}: {len(written)} steps, not {header.steps}")
        spelled = _spelled(label, header)
        changed["series without the missing steps at their end"] += len(values) < len(written)
        changed["missing values filled with the one before"] += int(values.isnan().sum())
        changed["classes spelled as @classLabel does"] += spelled != label
        found.append(Series(whole, spelled, place))
    if not found:
        raise TaskError(f"{path}: no series after a line @data")
    if odd:
        more = f", and {len(odd) - 1} more" * (len(odd) > 1)
        notes.append(f"{odd[0]}{more}, though the header says @equalLength true")
    notes.extend(f"{path}: {count} {what}" for what, count in changed.items() if count)
    return found


def encode(splits: Splits[Series]) -> Standardised:
    """Standardises values and numbers classes, both by the train split alone.

    Raises:
        TaskError: series differ in width, training has one class only, or another split has a
            class that training has not.
    """
    first = splits.train[0]
    labels = tuple(sorted({series.label for series in splits.train}))
    if len(labels) < 2:
        raise TaskError(f"{first.place}: all of the train split is {labels[0]}; give two classes")
    for series in (*splits.train, *splits.val, *splits.test):
        width, expected = series.values.shape[1], first.values.shape[1]
        if width != expected:
            raise TaskError(
                f"{series.place}: a .ts file of other width: {width} dimensions, but {expected} "
                f"in {first.place}"
            )
        if series.label not in labels:
            raise TaskError(
                f"{series.place}: no series of the train split is {series.label}, so that nothing "
                f"can learn it{did_you_mean(series.label, labels)}"
            )
    steps = torch.cat([series.values for series in splits.train])
    mean, deviation = steps.mean(0), steps.std(0, correction=0)
    deviation[deviation == 0] = 1.0  # what never changes stays 0

    def numbered(part: list[Series]) -> Sequences:
        values = [((series.values - mean) / deviation).float() for series in part]
        return Sequences.of(values, torch.tensor([labels.index(series.label) for series in part]))

    return Standardised(numbered(splits.train), numbered(splits.val), numbered(splits.test), labels)


def write_example(path: Path, seed: int) -> None:
    """Writes 120 short series of two dimensions, of which the first rises or falls."""
    source = generator("ts example", seed)
    lines = ["@problemName example", "@dimensions 2", "@classLabel true falling rising", "@data"]
    for number in range(120):
        steps = int(torch.randint(3, 9, (), generator=source))
        slope, label = ((-1.0, "falling"), (1.0, "rising"))[number % 2]
        noise = torch.randn(2, steps, generator=source)
        noise[0] += slope * torch.arange(steps)
        dimensions = [",".join(f"{value:.3f}" for value in row) for row in noise.tolist()]
        lines.append(":".join([*dimensions, label]))
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _read_header(path: Path, lines: Iterator[tuple[int, str]]) -> Header:
    """Reads up to the line `@data`."""
    header = Header()
    for number, line in lines:
        key, *words = line.split()
        match key.lower(), [word.lower() for word in words]:
            case "@data", _:
                return header
            case "@univariate", ["true"]:
                header = header._replace(dimensions=1)
            case "@dimension" | "@dimensions", [count] if count.isdecimal():
                header = header._replace(dimensions=int(count))
            case "@equallength", [answer]:
                header = header._replace(equal=answer == "true")
            case "@serieslength", [count] if count.isdecimal():
                header = header._replace(steps=int(count))
            case "@classlabel", ["true", *_]:
                header = header._replace(labels=tuple(words[1:]) or None)
            case ("@classlabel", ["false", *_]) | ("@targetlabel", ["true", *_]):
                raise TaskError(f"{path}, line {number}: {line}: series without classes")
            case "@timestamps", ["true"]:
                raise TaskError(
                    f"{path}, line {number}: {line}: only series without times can be read"
                )
            case _ if not key.startswith("@"):
                raise TaskError(
                    f"{path}, line {number}: a line of the header must begin with @; series come "
                    "after a line @data"
                )
    raise TaskError(f"{path}: no line @data, after which series would come")


def _parse(line: str, header: Header) -> tuple[Tensor, str]:
    """Values `(T, F)` and class of one line; ValueError says what is wrong with it."""
    *dimensions, label = (part.strip() for part in line.split(":"))
    expected = header.dimensions or max(len(dimensions), 1)
    if len(dimensions) != expected:
        raise ValueError(
            f"{len(dimensions)} dimensions before the class, but the file has {expected}"
        )
    if not label:
        raise ValueError("no class after the last colon")
    if header.labels is not None and _spelled(label, header) not in header.labels:
        raise ValueError(
            f"{label} is not a class that @classLabel names{did_you_mean(label, header.labels)}"
        )
    values = [[_number(x) for x in _cut(row)] for row in dimensions]
    lengths = sorted({len(row) for row in values})
    if len(lengths) > 1:
        raise ValueError(f"the dimensions differ in length: {lengths}")
    return torch.tensor(values, dtype=torch.float64).T, label


def _spelled(label: str, header: Header) -> str:
    """A class as the header spells it, if it does so but for capitals."""
    same = [name for name in header.labels or () if name.casefold() == label.casefold()]
    return same[0] if len(same) == 1 else label


def _cut(row: str) -> list[str]:
    """The values of a dimension, which commas separate, or spaces and tabs where none does."""
    return row.split(",") if "," in row else row.split()


def _number(text: str) -> float:
    """A value, NaN if it is missing; ValueError says what is wrong with it."""
    if text.strip().lower() in ("?", "nan"):
        return math.nan
    try:
        value = float(text)
    except ValueError:
        value = math.inf
    if not math.isfinite(value):
        raise ValueError(
            f"{text.strip()!r} is not a finite number; a missing value is written ? or NaN"
        )
    return value


def _without_padding(values: Tensor) -> Tensor:
    """Without the last steps that are missing in all dimensions."""
    present = (~values.isnan()).any(1).nonzero()
    return values[: int(present[-1]) + 1] if len(present) else values[:0]


def _forward_filled(values: Tensor) -> Tensor:
    """With the value before in place of each missing one; none is before the first."""
    steps = torch.arange(len(values))[:, None].expand_as(values)
    last = steps.masked_fill(values.isnan(), 0).cummax(0).values
    return values.gather(0, last)


def _require_whole(values: Tensor, missing: Missing | None) -> None:
    """Refuses a missing value; ValueError says where it is."""
    for step, dimension in values.isnan().nonzero()[:1].tolist():
        place = f"step {step + 1} of dimension {dimension + 1} is missing"
        if missing is None:
            raise ValueError(f"{place}; missing=forward_fill takes the value before it")
        raise ValueError(f"{place}, and so is all before it, from which it could be filled")
