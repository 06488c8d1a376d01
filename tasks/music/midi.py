"""Writes piano rolls as Standard MIDI Files of format 0.

MIDI Manufacturers Association, "Standard MIDI Files 1.0", 1996.
"""

import struct
from pathlib import Path

from torch import Tensor

from recurbench.tasks.music.piano import LOWEST

TICKS = 480
"""Ticks of a quarter note."""

FRAME = TICKS // 2
"""Ticks of a frame: an eighth note."""

TEMPO = 500_000
"""Microseconds of a quarter note: 120 to the minute."""

VELOCITY = 80
"""How hard every key is struck, of 127."""

_NOTE_ON, _NOTE_OFF, _META, _SET_TEMPO, _END_OF_TRACK = 0x90, 0x80, 0xFF, 0x51, 0x2F


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
