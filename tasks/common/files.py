"""The user's own files: `dataset=file file=... val_file=... test_file=...`, alike in all tasks."""

import codecs
import io
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, NamedTuple, TypeVar

from recurbench.tasks.base import TaskError

T = TypeVar("T")

MAX_STEPS = 20_000
"""The longest sequence of a file that is taken in one piece."""

_MARKS = {
    codecs.BOM_UTF32_LE: "UTF-32",  # before UTF-16, whose mark it begins with
    codecs.BOM_UTF32_BE: "UTF-32",
    codecs.BOM_UTF16_LE: "UTF-16",
    codecs.BOM_UTF16_BE: "UTF-16",
}
"""Encodings by the byte order mark that a file starts with."""

_CONVERT = "if it is {0}, convert it: iconv -f {0} -t UTF-8 OLD > NEW"


@dataclass
class Splits(Generic[T]):
    """Items of the three splits.

    Attributes:
        train: what is trained on.
        val: what selects.
        test: what is reported.
    """

    train: list[T] = field(default_factory=list)
    val: list[T] = field(default_factory=list)
    test: list[T] = field(default_factory=list)


class OwnFiles(NamedTuple):
    """Files of the user's own.

    Attributes:
        file: for training, and for the splits that have no file of their own.
        val_file: for validation, or None.
        test_file: for test, or None.
    """

    file: Path
    val_file: Path | None
    test_file: Path | None

    def split(self, read: Callable[[Path], Sequence[T]], content: Callable[[T], str]) -> Splits[T]:
        """Reads the splits.

        A split without a file takes a tenth of the sequences of `file`, by a hash of each, so that
        equal sequences are in one split and more lines later move none.

        Args:
            read: gives the sequences of a file.
            content: what of a sequence is hashed.

        Raises:
            TaskError: as `read`, or a split has no sequence.
        """
        splits: Splits[T] = Splits()
        for item in read(self.file):
            split = split_of(content(item))
            own = (split == "val" and self.val_file) or (split == "test" and self.test_file)
            getattr(splits, "train" if own else split).append(item)
        for split, path in (("val", self.val_file), ("test", self.test_file)):
            if path:
                getattr(splits, split).extend(read(path))
        for split, path in zip(("train", "val", "test"), self, strict=True):
            if not getattr(splits, split):
                raise TaskError(
                    f"{path or self.file}: the {split} split has no sequence; give more of them"
                    + ("" if path else f", or a {split}_file")
                )
        return splits


def split_of(content: str) -> str:
    """The split of a sequence by crc32 of its content modulo 10: 8 is val, 9 test, the rest train.

    It is the same on every machine and does not depend on what else is in a file.
    """
    return {8: "val", 9: "test"}.get(zlib.crc32(content.encode()) % 10, "train")


def own_files(
    dataset: str, file: str | None, val_file: str | None, test_file: str | None
) -> OwnFiles | None:
    """The user's files, if `dataset=file`.

    Raises:
        TaskError: `dataset` and the files do not go together.
    """
    given = {"file": file, "val_file": val_file, "test_file": test_file}
    only_with_files(dataset, **given)
    if dataset != "file":
        return None
    if file is None:
        raise TaskError("dataset=file needs file=PATH")
    own_val, own_test = (
        Path(value).expanduser() if value else None for value in (val_file, test_file)
    )
    return OwnFiles(Path(file).expanduser(), own_val, own_test)


def only_with_files(dataset: str, **knobs: object) -> None:
    """Refuses knobs that say how to read one's own files, and are set, for other data sets.

    Raises:
        TaskError: one is not None although `dataset` is not `file`.
    """
    for knob, value in knobs.items():
        if value is not None and dataset != "file":
            raise TaskError(f"{knob}={value} goes with dataset=file, not dataset={dataset}")


def read_text(path: Path, notes: list[str] | None = None) -> str:
    """Reads a text as it is, line endings included; only a byte order mark is dropped.

    It is UTF-8, or UTF-16 or UTF-32 with a byte order mark. No other encoding is tried, because
    nothing in a file tells them apart.

    Args:
        path: the file.
        notes: where to say that a file of one's own is not UTF-8.

    Raises:
        TaskError: the file is missing, cannot be read, is empty or has another encoding.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise TaskError(f"{path}: cannot read this file ({error.strerror})") from None
    encoding = next((name for mark, name in _MARKS.items() if content.startswith(mark)), "UTF-8")
    try:
        text = content.decode(encoding).removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        raise TaskError(_undecoded(path, content, encoding, error.start)) from None
    if not text.strip():
        raise TaskError(f"{path}: the file is empty")
    if "\0" in text:
        line = _line(text[: text.index("\0")])
        raise TaskError(
            f"{path}, line {line}: a NUL character, which no text has; {_CONVERT.format('UTF-16')}"
        )
    if encoding != "UTF-8" and notes is not None:
        notes.append(f"{path}: read as {encoding}, as its byte order mark says")
    return text


def lines_of(text: str) -> list[str]:
    r"""The lines of a text without their ends, which are `\n`, `\r\n` and `\r` alone.

    `str.splitlines` also splits at form feeds, U+2028 and other characters that stand within a
    line of a file, and so makes two examples out of one.

        >>> lines_of("one\u2028 and the same\r\ntwo\n")
        ['one\u2028 and the same', 'two']
    """
    return io.StringIO(text, newline=None).read().removesuffix("\n").split("\n")


def numbered_lines(path: Path, notes: list[str] | None = None) -> Iterator[tuple[int, str]]:
    """The lines of a text file with their numbers from 1; line ends are dropped.

    Args:
        path: the file.
        notes: as for `read_text`.

    Raises:
        TaskError: as `read_text`.
    """
    return enumerate(lines_of(read_text(path, notes)), 1)


def require_steps(path: Path, line: int, steps: int) -> None:
    """Refuses a sequence of no step, or of more than `MAX_STEPS`.

    Raises:
        TaskError: names the file, the line and the length.
    """
    if not 1 <= steps <= MAX_STEPS:
        limit = f"at most {MAX_STEPS}" if steps else "at least 1"
        raise TaskError(
            f"{path}, line {line}: a sequence of {steps} steps, but {limit} can be read"
        )


def _undecoded(path: Path, content: bytes, encoding: str, place: int) -> str:
    """Says which byte is not of an encoding, and how to get a file that is."""
    # Some line ends of UTF-16 and UTF-32 are no such bytes, so that a line is not counted there.
    where = f", line {_line(content[:place].decode())}" if encoding == "UTF-8" else ""
    return (
        f"{path}{where}: not {encoding} text (byte {place} is 0x{content[place]:02x}); "
        f"{_CONVERT.format('CP1252') if encoding == 'UTF-8' else 'copy the file again'}"
    )


def _line(before: str) -> int:
    """The number of the line that a text ends in."""
    return len(lines_of(f"{before}."))
