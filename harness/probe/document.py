"""What a probe leaves: one JSON document with the cards of a cell and what they were made with."""

from pathlib import Path
from typing import Any

import msgspec

from recurbench.harness.probe.card import Card
from recurbench.harness.probe.settings import Settings
from recurbench.harness.results.record import Environment
from recurbench.harness.results.writing import write_whole

SCHEMA_VERSION = 1


class Document(msgspec.Struct, kw_only=True):
    """The cards of a cell.

    Attributes:
        name: of its file, without the ending.
        cell: the resolved section, with the cell's name and all knobs.
        code: the version of the cell.
        input_size: features of the cell's input.
        seed: of the initial weights.
        run_id: of the run that trained it; None without one.
        layer: which one of the run's stack, from 1.
        initial: at the initial weights.
        trained: at the weights that the run kept.
    """

    schema_version: int = SCHEMA_VERSION
    name: str
    cell: dict[str, Any]
    code: str
    input_size: int
    seed: int
    run_id: str | None
    layer: int
    settings: Settings
    environment: Environment
    initial: Card
    trained: Card | None

    @property
    def title(self) -> str:
        """Which cell it is about, in words."""
        run = f", layer {self.layer} of run {self.run_id}" if self.run_id else ""
        return (
            f"{self.cell['name']}, hidden size {self.cell['hidden_size']}, "
            f"{self.input_size} inputs, seed {self.seed}{run}"
        )


def write(document: Document, path: Path) -> None:
    """Writes a document so that a reader sees the old file or the whole new one."""
    write_whole(path, msgspec.json.format(msgspec.json.encode(document), indent=1) + b"\n")


def read(path: Path) -> Document:
    """The document that `write` wrote."""
    return msgspec.json.decode(path.read_bytes(), type=Document)
