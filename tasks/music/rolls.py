"""How piano rolls are read and become batches: frames predict the frames after them.

A piece is a roll `(frames, KEYS)` of bytes; only batches hold floats, four times as large.
"""

import io
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence, pad_sequence

from recurbench.tasks.base import Batch, Batches, TaskError
from recurbench.tasks.common.files import OwnFiles, Splits
from recurbench.tasks.common.sequences import Sequences
from recurbench.tasks.music.midi import read_midi
from recurbench.tasks.music.piano import KEYS, require_frames

SPLITS = {"train": "traindata", "val": "validdata", "test": "testdata"}
"""What the splits are called in a file."""

CALLED = {
    "train": "train(ing)?(data)?",
    "val": "(val(id|idation)?|dev)(data)?",
    "test": "test(data)?",
}
"""What else they may be called, and folders of MIDI files too."""

ARCHIVES, MIDI = (".mat", ".npz"), (".mid", ".midi")
"""How the names of files with splits in them end, and those of single pieces."""

NO_OTHERS = (
    "val_file and test_file are not taken: a music file has its own splits, "
    f"{', '.join(SPLITS.values())}"
)

_PICKLES = (".pickle", ".pkl", ".p")

EVAL_PIECES = 16
"""How many pieces an evaluation batch has: they are whole, of up to thousands of frames."""


def read_rolls(path: Path, notes: list[str] | None = None) -> Splits[Tensor]:
    """Reads rolls from a file of MATLAB or NumPy, laid out as Boulanger-Lewandowski, 2012, did.

    `traindata`, `validdata` and `testdata`, or `train`, `valid` and `test`, are each a cell array
    of (frames, 88) matrices of 0 and 1, which may be sparse, or one array (pieces, frames, 88). Or
    each piece is a matrix of its own: `train_0`, `train_1` and so on.

    Args:
        path: a `.mat` file of version 4 to 7.2, or an `.npz` file.
        notes: where to say what was left out.

    Raises:
        TaskError: the file is not laid out so, or a piece is damaged; the message says where.
    """
    arrays = _arrays(path)
    splits: Splits[Tensor] = Splits()
    used: set[str] = set()
    for split, name in SPLITS.items():
        pattern = re.compile(rf"(?P<name>{CALLED[split]})([_-]?(?P<number>\d+))?", re.IGNORECASE)
        found = [match for match in map(pattern.fullmatch, arrays) if match]
        if not found:
            raise TaskError(
                f"{path}: a music file without {name}; it needs {', '.join(SPLITS.values())}"
            )
        if len({(match["name"], match["number"] is None) for match in found}) > 1:
            names = ", ".join(match[0] for match in found)
            raise TaskError(f"{path}: {names} are one split by two names; keep one of them")
        used.update(match[0] for match in found)
        for match in sorted(found, key=lambda match: int(match["number"] or 0)):
            where, value = f"{path}, {match[0]}", arrays[match[0]]
            pieces = {where: value} if match["number"] else _pieces(path, match[0], value)
            getattr(splits, split).extend(_roll(*piece) for piece in pieces.items())
    if notes is not None and (others := sorted(arrays.keys() - used)):
        notes.append(f"{path}: left out: {', '.join(others)}")
    return splits


def read_own(files: OwnFiles, frame: float | None, notes: list[str]) -> Splits[Tensor]:
    """Reads rolls from a file with splits in it, or MIDI files from folders.

    Args:
        files: a file as `read_rolls` describes; a folder with one of MIDI files for each split in
            it; or a folder or MIDI file for each split, of which those that are not given are a
            tenth of the pieces in `file` each, by a hash of each.
        frame: quarter notes of a frame of MIDI files; None is an eighth note.
        notes: where to say what was left out.

    Raises:
        TaskError: a file or folder is missing or damaged.
    """
    folder = files.file
    if not folder.is_dir() and folder.suffix.lower() not in MIDI:
        if frame is not None:
            raise TaskError(f"frame={frame} goes with MIDI files, and {folder} is none")
        if files.val_file or files.test_file:
            raise TaskError(NO_OTHERS)
        return read_rolls(folder, notes)
    own = {
        split: part
        for split, called in CALLED.items()
        for part in (sorted(folder.iterdir()) if folder.is_dir() else ())
        if part.is_dir() and re.fullmatch(called, part.name, re.IGNORECASE)
    }
    if not own:
        return files.split(
            lambda path: _read_folder(path, frame, notes),
            lambda roll: roll.numpy().tobytes().hex(),
        )
    if files.val_file or files.test_file:
        raise TaskError(NO_OTHERS)
    if len(own) < len(SPLITS):
        names = ", ".join(part.name for part in own.values())
        raise TaskError(f"{folder}: holds {names}, but train, valid and test are all needed in it")
    outside = [path for path in _files(folder) if not any(map(path.is_relative_to, own.values()))]
    if outside:
        notes.append(f"{folder}: {len(outside)} files outside of its three folders are left out")
    return Splits(**{split: _read_folder(part, frame, notes) for split, part in own.items()})


def as_sequences(pieces: Sequence[Tensor] | Tensor) -> Sequences:
    """Each piece without its last frame; the targets are the piece without its first frame."""
    padded = pad_sequence(list(pieces), batch_first=True)
    lengths = torch.tensor([len(piece) - 1 for piece in pieces])
    return Sequences(padded[:, :-1], lengths, padded[:, 1:], per_step=True)


def as_batch(pieces: Sequence[Tensor] | Tensor) -> Batch:
    """One packed batch of pieces."""
    return _as_floats(as_sequences(pieces).pack())


def training(sequences: Sequences, batch_size: int, *key: str | int) -> Batches:
    """Epoch after epoch, in an order that a key decides."""
    batches = sequences.epochs(batch_size, *key)
    return Batches(lambda position: _as_floats(batches.make(position)), epoch=batches.epoch)


def evaluation(sequences: Sequences) -> Batches:
    """All sequences once, from short to long."""
    batches = sequences.by_length(EVAL_PIECES)
    return Batches(lambda position: _as_floats(batches.make(position)), batches.count)


def windows(pieces: Sequence[Tensor], frames: int | None) -> list[Tensor]:
    """Cuts pieces so that a number of frames is predicted in each; None leaves them whole.

    A window's first frame is the last of the window before, so that each frame but a piece's first
    is predicted once.
    """
    if frames is None:
        return list(pieces)
    return [
        piece[start : start + frames + 1]
        for piece in pieces
        for start in range(0, len(piece) - 1, frames)
    ]


def apart(splits: Splits[Tensor]) -> Splits[Tensor]:
    """Drops from train what is in val or test too, and from val what is in test."""
    val, test = (
        {(len(piece), piece.numpy().tobytes()) for piece in part}
        for part in (splits.val, splits.test)
    )

    def rid(pieces: list[Tensor], of: set[tuple[int, bytes]]) -> list[Tensor]:
        return [piece for piece in pieces if (len(piece), piece.numpy().tobytes()) not in of]

    return Splits(rid(splits.train, val | test), rid(splits.val, test), splits.test)


def _as_floats(batch: Batch) -> Batch:
    inputs, targets = batch.inputs, batch.targets
    assert isinstance(inputs, PackedSequence)
    assert isinstance(targets, PackedSequence)
    return Batch(inputs.float(), targets.float())


def _arrays(path: Path) -> Mapping[str, Any]:
    """What a file of MATLAB or NumPy holds, by its names."""
    # SciPy takes a while to import, and no other dataset needs it.
    from scipy.io import loadmat

    try:
        content = path.read_bytes()
    except OSError as error:
        raise TaskError(f"{path}: cannot read this file ({error.strerror})") from None
    store = (
        "store each piece by numpy.savez as an array of its own: train_0, .., valid_0, .., test_0"
    )
    if path.suffix.lower() in _PICKLES:
        raise TaskError(f"{path}: a pickle can run any code when it is read; {store}")
    if path.suffix.lower() == ".npz" or content.startswith(b"PK"):
        try:
            with np.load(io.BytesIO(content), allow_pickle=False) as archive:
                return dict(archive.items())
        except Exception as error:  # whatever NumPy or zipfile stumbles over first
            if "allow_pickle" in str(error):
                raise TaskError(
                    f"{path}: arrays of objects can run any code when they are read; {store}"
                ) from None
            raise TaskError(f"{path}: no .npz file, or a damaged one") from None
    try:
        cells = loadmat(io.BytesIO(content))
    except Exception:  # whatever SciPy stumbles over first
        raise TaskError(f"{path}: no MATLAB file of version 4 to 7.2, or a damaged one") from None
    return {name: value for name, value in cells.items() if not name.startswith("__")}


def _pieces(path: Path, name: str, value: Any) -> dict[str, Any]:
    """The pieces of a split, by where they are."""
    several = value.dtype == object or value.ndim == 3
    pieces = value.ravel() if value.dtype == object else value
    if not several or not len(pieces):
        raise TaskError(
            f"{path}: {name} must be a cell array of at least one piece, or pieces x frames x keys"
        )
    return {f"{path}, {name} piece {number}": piece for number, piece in enumerate(pieces, 1)}


def _roll(where: str, piece: Any) -> Tensor:
    """One piece as a roll of bytes."""
    if piece.ndim != 2 or piece.shape[1] != KEYS:
        size = " x ".join(map(str, piece.shape))
        raise TaskError(f"{where}: {size} values, but a piece is frames x {KEYS} keys")
    require_frames(where, piece.shape[0])
    if piece.dtype.kind not in "biuf":
        raise TaskError(f"{where}: values of type {piece.dtype}, but a key is 0 or 1")
    values = np.asarray(piece.toarray() if hasattr(piece, "toarray") else piece)
    for frame, key in np.argwhere((values != 0) & (values != 1))[:1]:
        raise TaskError(
            f"{where}, frame {frame + 1}, key {key + 1}: {values[frame, key]}, but a key is 0 or 1"
        )
    return torch.from_numpy(values.astype(np.uint8))


def _files(folder: Path) -> Iterator[Path]:
    """The files in a folder and in those below, in the order of their names, but hidden ones."""
    yield from (path for path in sorted(folder.rglob("[!.]*")) if path.is_file())


def _read_folder(path: Path, frame: float | None, notes: list[str]) -> list[Tensor]:
    """The pieces of a folder of MIDI files, or of one file."""
    paths = list(_files(path)) if path.is_dir() else [path]
    pieces = [file for file in paths if file.suffix.lower() in MIDI]
    if not pieces:
        raise TaskError(f"{path}: no file of it ends with .mid")
    if len(pieces) < len(paths):
        notes.append(f"{path}: {len(paths) - len(pieces)} files that are not MIDI are left out")
    left_out = Counter[str]()
    rolls = [read_midi(piece, frame, left_out) for piece in pieces]
    silent = [piece for piece, roll in zip(pieces, rolls, strict=True) if not roll.any()]
    if silent:
        count = f"{len(silent)}, {silent[0]}"
        notes.append(f"{path}: files left out, as no key of a piano sounds in them: {count}")
    if left_out:
        counts = ", ".join(f"{count} {what}" for what, count in left_out.items())
        notes.append(f"{path}: notes left out: {counts}")
    return [roll for roll in rolls if roll.any()]
