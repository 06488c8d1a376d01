"""Pairs of a text and its translation: how they are read, continued and judged.

Legend: B batch, L longest continuation, T longest sequence.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence, pad_packed_sequence, pad_sequence
from torchmetrics import Metric

from recurbench.tasks.base import IGNORE_INDEX, Batch, FreeRun, TaskError
from recurbench.tasks.common.files import require_steps
from recurbench.tasks.common.sequences import pack
from recurbench.tasks.common.tables import is_name, note_header, read_table

SEPARATOR, STOP = "<sep>", "<stop>"
"""What stands between source and target, and what ends a target."""

SOURCE_NAMES = r"sources?|src|inputs?|questions?|originals?|sentences?|texts?"
TARGET_NAMES = r"targets?|tgt|trg|outputs?|answers?|translations?"
"""What a header calls the two columns; a name is made of these, such as `original_text`."""


class Pair(NamedTuple):
    """A text and its translation.

    Attributes:
        source: what is read.
        target: what is to be said.
    """

    source: str
    target: str


class ExactMatch(Metric):
    """The share of continuations that are right from the first symbol through the stop.

    Args:
        unknown: a symbol that is never right, since it stands for several.
    """

    higher_is_better = True
    full_state_update = False

    right: Tensor
    count: Tensor

    def __init__(self, unknown: int) -> None:
        super().__init__()
        self.unknown = unknown
        for name in ("right", "count"):
            self.add_state(name, torch.zeros((), dtype=torch.long), dist_reduce_fx="sum")

    def update(self, decoded: Tensor, answers: Tensor) -> None:
        """Adds continuations and answers, both `(B, L)`."""
        self.right += ((decoded == answers) & (answers != self.unknown)).all(1).sum()
        self.count += len(answers)

    def compute(self) -> Tensor:
        """The share so far; NaN when nothing was added."""
        return self.right.double() / self.count


def read_pairs(
    path: Path,
    symbols: Callable[[str], Sequence[str]],
    notes: list[str],
    header: bool | None = None,
) -> list[Pair]:
    """Reads lines of a source, a tab and a target; blank lines are skipped.

    A first line such as `source` and `target` is a header, which is left out and may also name them
    the other way round. With one, commas or semicolons may stand for the tabs.

    Args:
        path: a text file.
        symbols: cuts a text into the steps of a sequence.
        notes: where to say what was recognised and left out.
        header: whether the first line is a header; None finds it.

    Raises:
        TaskError: the file cannot be read, or a line is no pair or too long; says which.
    """
    table = read_table(path, notes, lambda cells: _order(cells) is not None)
    first = table.rows[0].cells
    order = None if header is False else _order(first)
    rows = table.rows
    if header or order:
        note_header(table, notes)
        rows = [row for row in rows if row.cells != first]
    if not rows:
        raise TaskError(f"{path}: no pair after the header")
    pairs = []
    for row in rows:
        place = f"{path}, line {row.line}"
        texts = [text.strip(" ") for text in row.cells]
        if len(texts) != 2:
            raise TaskError(
                f"{place}: {len(texts) - 1} tabs, but one is needed, between source and target"
                if table.loose
                else f"{place}: {len(texts)} columns, but two are needed, source and target"
            )
        pair = Pair(*(texts[place] for place in order or (0, 1)))
        for what, text in pair._asdict().items():
            if not text:
                raise TaskError(f"{place}: the {what} is empty")
            for reserved in (SEPARATOR, STOP):
                if reserved in symbols(text):
                    raise TaskError(f"{place}: {reserved} cannot be a word, as it has a meaning")
        require_steps(path, row.line, sum(map(len, map(symbols, pair))) + 1)
        pairs.append(pair)
    return pairs


def _order(cells: Sequence[str]) -> tuple[int, int] | None:
    """Where a header's source and target stand; None if its cells are no such names."""
    for source, target in ((0, 1), (1, 0)):
        if (
            len(cells) == 2
            and is_name(cells[source], SOURCE_NAMES)
            and is_name(cells[target], TARGET_NAMES)
        ):
            return source, target
    return None


def continuations(batch: Batch, stop: int) -> FreeRun:
    """The free runs of packed sequences: prompts up to the first target that counts.

    Args:
        batch: whose targets do not count at first and count from then on, through `stop`.
        stop: the token that ends a sequence's targets.
    """
    inputs, targets = batch.inputs, batch.targets
    assert isinstance(inputs, PackedSequence)
    assert isinstance(targets, PackedSequence)
    read, lengths = pad_packed_sequence(inputs, batch_first=True)  # (B, T)
    said, _ = pad_packed_sequence(targets, batch_first=True, padding_value=stop)
    sources = (said == IGNORE_INDEX).sum(1)
    longest = int((lengths - sources.cpu()).max())
    places = sources[:, None] + torch.arange(longest, device=said.device)
    answers = F.pad(said, (0, longest), value=stop).gather(1, places)
    return FreeRun(pack(read, sources.cpu() + 1), answers, stop)


def usual_symbols(targets: Sequence[Tensor], stop: int) -> Tensor:
    """The ids that most targets `(T,)` have at each place, until most targets have ended."""
    places = pad_sequence(list(targets), batch_first=True, padding_value=stop).T
    usual = torch.stack([place.bincount().argmax() for place in places])
    return usual[(usual == stop).cumsum(0) == 0]
