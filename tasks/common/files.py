"""The user's own files: `dataset=file file=... val_file=... test_file=...`, alike in all tasks."""

import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, NamedTuple, TypeVar

from recurbench.tasks.base import TaskError
from recurbench.tasks.common.corpora import read_text

T = TypeVar("T")

MAX_STEPS = 20_000
"""The longest sequence of a file that is taken in one piece."""


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
    if dataset != "file":
        for knob, value in given.items():
            if value is not None:
                raise TaskError(f"{knob}={value} goes with dataset=file, not dataset={dataset}")
        return None
    if file is None:
        raise TaskError("dataset=file needs file=PATH")
    own_val, own_test = (
        Path(value).expanduser() if value else None for value in (val_file, test_file)
    )
    return OwnFiles(Path(file).expanduser(), own_val, own_test)


def numbered_lines(path: Path) -> Iterator[tuple[int, str]]:
    """The lines of a UTF-8 file with their numbers from 1; line ends are dropped.

    Raises:
        TaskError: the file is missing, cannot be read, is empty or is not UTF-8.
    """
    return enumerate(read_text(path).splitlines(), 1)


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
