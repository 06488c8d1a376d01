"""Writes piano rolls as Standard MIDI Files of format 0, and reads those of formats 0 and 1.

MIDI Manufacturers Association, "Standard MIDI Files 1.0", 1996.
"""

import io
import struct
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from recurbench.tasks.base import TaskError
from recurbench.tasks.music.piano import KEYS, LOWEST, require_frames

TICKS = 480
"""Ticks of a quarter note."""

FRAME = TICKS // 2
"""Ticks of a frame: an eighth note."""

TEMPO = 500_000
"""Microseconds of a quarter note: 120 to the minute."""

VELOCITY = 80
"""How hard every key is struck, of 127."""

_NOTE_ON, _NOTE_OFF, _META, _SET_TEMPO, _END_OF_TRACK = 0x90, 0x80, 0xFF, 0x51, 0x2F


DRUMS = 9
"""The channel, from 0, whose numbers are drums and not keys (General MIDI)."""


def read_midi(path: Path, frame: float | None, left_out: Counter[str]) -> Tensor:
    """Reads a roll `(T, KEYS)` of bytes, in which notes begin and end at the nearest frames.

    A note sounds for a frame at least. Tempo, velocity and pedals do not count: frames are parts of
    a quarter note, however fast it is.

    Args:
        path: a MIDI file.
        frame: quarter notes of a frame; None is an eighth note.
        left_out: where to count the notes that no key of a piano plays.

    Raises:
        TaskError: the file cannot be read, measures time in seconds, or is too short or long.
    """
    import mido  # no other dataset needs it

    try:
        content = path.read_bytes()
    except OSError as error:
        raise TaskError(f"{path}: cannot read this file ({error.strerror})") from None
    try:
        song = mido.MidiFile(file=io.BytesIO(content))
    except Exception:  # whatever mido stumbles over first
        raise TaskError(f"{path}: no MIDI file, or a damaged one") from None
    if song.type == 2 or song.ticks_per_beat <= 0:
        what = "of format 2" if song.type == 2 else "in seconds and not in quarter notes"
        raise TaskError(f"{path}: a MIDI file {what}; save it in format 0 or 1 with quarter notes")
    ticks = song.ticks_per_beat * (FRAME / TICKS if frame is None else frame)
    notes, end = _notes(mido.merge_tracks(song.tracks))
    spans = []
    for channel, number, start, stop in notes:
        if channel == DRUMS or not 0 <= number - LOWEST < KEYS:
            left_out["of drums" if channel == DRUMS else f"beyond the {KEYS} keys"] += 1
            continue
        first, after = (int(tick / ticks + 0.5) for tick in (start, stop))
        spans.append((number - LOWEST, first, max(after, first + 1)))
    frames = max([int(end / ticks + 0.5), *(after for _, _, after in spans)])
    require_frames(str(path), frames)
    roll = torch.zeros(frames, KEYS, dtype=torch.uint8)
    for key, first, after in spans:
        roll[first:after, key] = 1
    return roll


def _notes(messages: Iterable[Any]) -> tuple[list[tuple[int, int, int, int]], int]:
    """Channel, number, first and last tick of all notes, and the last tick of all."""
    notes, now = [], 0
    sounding: dict[tuple[int, int], list[int]] = {}
    for message in messages:
        now += message.time
        if message.type not in ("note_on", "note_off"):
            continue
        starts = sounding.setdefault((message.channel, message.note), [])
        if message.type == "note_on" and message.velocity:
            starts.append(now)
        elif starts:
            notes.append((message.channel, message.note, starts.pop(0), now))
    # What is never let go sounds to the end.
    notes += [(*key, start, now) for key, starts in sounding.items() for start in starts]
    return notes, now


def write_midi(roll: Tensor, path: Path) -> None:
    """Writes frames `(T, KEYS)`; a key that goes on sounding is held, not struck again.

    Raises:
        OSError: the file cannot be written.
    """
    path.write_bytes(midi(roll))


def midi(roll: Tensor) -> bytes:
    """The file's content."""
    events = bytearray(_event(0, _META, _SET_TEMPO, 3, *TEMPO.to_bytes(3, "big")))
    sounding: list[int] = []
    ticks = 0  # since the last event
    for frame in [*roll.tolist(), []]:
        keys = [key for key, sounds in enumerate(frame) if sounds]
        ended = [(_NOTE_OFF, key) for key in sounding if key not in keys]
        begun = [(_NOTE_ON, key) for key in keys if key not in sounding]
        for status, key in ended + begun:
            events += _event(ticks, status, LOWEST + key, VELOCITY)
            ticks = 0
        sounding = keys
        ticks += FRAME
    # Silence at the end counts too; the frame after the last has no length.
    events += _event(ticks - FRAME, _META, _END_OF_TRACK, 0)
    header = struct.pack(">4sIHHH", b"MThd", 6, 0, 1, TICKS)
    return header + struct.pack(">4sI", b"MTrk", len(events)) + events


def _event(ticks: int, *content: int) -> bytes:
    """An event, some ticks after the one before."""
    return _variable_length(ticks) + bytes(content)


def _variable_length(number: int) -> bytes:
    """Seven bits a byte, highest first; all bytes but the last have the top bit set."""
    parts = [number & 0x7F]
    while number := number >> 7:
        parts.append(number & 0x7F | 0x80)
    return bytes(reversed(parts))
