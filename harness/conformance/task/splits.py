"""Properties of the splits: what is tested was not trained on, and nothing was learnt from it.

Legend: T steps of a stream.
"""

import inspect
import tempfile
from collections.abc import Iterable
from itertools import combinations
from pathlib import Path
from typing import Any, get_type_hints

import torch
from torch import Tensor

from recurbench.harness.conformance.findings import NotApplicable, require
from recurbench.harness.conformance.task.subject import (
    ROWS,
    Subject,
    digest,
    first,
    prepared,
    unpacked,
)
from recurbench.limits import misplaced
from recurbench.tasks.base import EVAL_ROWS, Batch, Task, TaskError

WINDOW = 64
"""Steps that two texts rarely share unless one was copied from the other."""

COMMON = 0.25
"""The share of such windows of a text that may stand in another split: passages said again."""

OWN_FILES = "file", "val_file", "test_file"


def splits_do_not_overlap(subject: Subject) -> None:
    """No sequence is in two splits."""
    streams = any(not batch.fresh for _, batch in subject.batches)
    loader = subject.prepare(batch_size=ROWS if streams else EVAL_ROWS).train_dataloader()
    finite = loader.epoch is not None
    splits = {} if loader.epoch is None else {"train": first(loader, loader.epoch)}
    splits |= subject.evaluation
    cause = "validation is the test set, or rows are split before equal ones are put together"
    if streams:
        _check_streams({name: _streams(batches) for name, batches in splits.items()}, cause)
        return
    rows = {name: _rows(batches) for name, batches in splits.items()}
    for a, b in combinations(rows, 2):
        shared = len(rows[a] & rows[b])
        # A sequence that is drawn at random may well be drawn again, but not a whole split.
        require(
            not shared if finite else rows[a] != rows[b],
            seen=f"{shared} of {len(rows[b])} different sequences of {b} are in {a}"
            + ("" if finite else ", which are all"),
            expected="none" if finite else "sequences drawn apart",
            cause=cause,
        )
    if not finite:
        (batch,) = first(loader, 1)
        for name, batches in subject.evaluation.items():
            require(
                _rows([batch]) != _rows(batches[:1]),
                seen=f"training begins with the sequences of {name}",
                expected="sequences drawn apart",
                cause="one generator for all splits; name the split in it",
            )


def _rows(batches: Iterable[Batch]) -> set[bytes]:
    """The content of each sequence: its inputs and targets."""
    return {
        x.numpy().tobytes() + y.numpy().tobytes()
        for batch in batches
        for x, y in zip(unpacked(batch.inputs), unpacked(batch.targets), strict=True)
    }


def _streams(batches: list[Batch]) -> list[Tensor]:
    """The inputs of batches that carry their state over, put together again: `(T, ...)` each."""
    streams: list[list[Tensor]] = []
    current: list[list[Tensor]] = []
    for batch in batches:
        rows = unpacked(batch.inputs)
        if batch.fresh:
            current = [[] for _ in rows]
            streams += current
        for stream, row in zip(current, rows, strict=True):
            stream.append(row)
    return [torch.cat(stream) for stream in streams]


def _check_streams(splits: dict[str, list[Tensor]], cause: str) -> None:
    """Compares windows: all of one split with every `WINDOW`th of the other."""
    weights = torch.randint(2**62, (WINDOW,), generator=torch.Generator().manual_seed(0)).tolist()

    def hashes(streams: list[Tensor]) -> Tensor:
        """Of every window of each stream; sums of products modulo 2^64."""
        found = [torch.empty(0, dtype=torch.long)]
        for stream in streams:
            ids = stream.flatten(1).sum(1).long() if stream.dim() > 1 else stream
            windows = max(len(ids) - WINDOW + 1, 0)
            terms = (weight * ids[k : k + windows] for k, weight in enumerate(weights))
            found.append(sum(terms, torch.zeros(windows, dtype=torch.long)))
        return torch.cat(found)

    kept = {name: hashes(streams) for name, streams in splits.items()}
    for a, b in combinations(splits, 2):
        windows = kept[b][::WINDOW]
        share = int(torch.isin(windows, kept[a]).sum()) / max(len(windows), 1)
        require(
            share <= COMMON,
            seen=f"{share:.0%} of {b}, taken {WINDOW} steps at a time, stand in {a}",
            expected=f"{COMMON:.0%} at most",
            cause=cause,
        )


def learnt_from_train_alone(subject: Subject) -> None:
    """Vocabulary, scaling and classes come from the train split, whatever the others hold."""
    parameters = inspect.signature(subject.cls).parameters
    with tempfile.TemporaryDirectory() as folder:
        own = example_files(subject.cls, Path(folder))
        if not set(OWN_FILES) <= set(parameters):
            raise NotApplicable("validation and test have no files of their own")
        tasks = []
        for files in (own[:3], [own[0], *own[3:]]):
            knobs = own_file_knobs(subject) | dict(zip(OWN_FILES, map(str, files), strict=True))
            try:
                subject.cls(**knobs)
            except TaskError as refusal:
                raise NotApplicable(str(refusal)) from None
            tasks.append(prepared(subject.cls, knobs, batch_size=ROWS, seed=0))
        specs = [task.spec for task in tasks]
        training = [digest(first(task.train_dataloader())) for task in tasks]
    cause = "a vocabulary, mean or list of classes that is taken from all splits"
    require(
        specs[0] == specs[1],
        seen=f"{specs[1]} with one val_file and test_file, {specs[0]} with others",
        expected="the same, because the train split is",
        cause=cause,
    )
    require(
        training[0] == training[1],
        seen="other training batches with another val_file and test_file",
        expected="the same, because the train split is",
        cause=cause,
    )


def example_files(cls: type[Task], folder: Path) -> list[Path]:
    """Five example files of a task, each with other content.

    Raises:
        NotApplicable: the task reads no files.
    """
    files = []
    for seed in range(5):
        (folder / str(seed)).mkdir()
        file = cls.example_file(folder / str(seed), seed)
        if file is None:
            raise NotApplicable("it reads no files of one's own, or does not say how they look")
        files.append(file)
    return files


def own_file_knobs(subject: Subject) -> dict[str, Any]:
    """The knobs to read a file with: those of the subject that are not of another dataset."""
    parameters = inspect.signature(subject.cls).parameters
    if "dataset" not in parameters:
        return subject.knobs
    knobs = ({} if "dataset" in subject.knobs else subject.knobs) | {"dataset": "file"}
    hints = get_type_hints(inspect.getattr_static(subject.cls, "__init__"), include_extras=True)
    idle = misplaced(knobs, hints, {name: known.default for name, known in parameters.items()})
    return {name: value for name, value in knobs.items() if name not in idle}
