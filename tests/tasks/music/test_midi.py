"""A MIDI file holds the notes of a roll, read back by a parser of its own."""

import struct

import pytest
import torch

from recurbench.tasks.music.midi import FRAME, TICKS, write_midi
from recurbench.tasks.music.piano import KEYS, LOWEST


def parse(content: bytes) -> tuple[list[tuple[int, int, int]], int, int]:
    """Notes as (start, end, MIDI number) in ticks, the tempo, and where the track ends."""
    magic, size, kind, tracks, division = struct.unpack(">4sIHHH", content[:14])
    assert (magic, size, kind, tracks, division) == (b"MThd", 6, 0, 1, TICKS)
    magic, size = struct.unpack(">4sI", content[14:22])
    assert (magic, size) == (b"MTrk", len(content) - 22)
    body = iter(content[22:])
    notes, since, now, tempo = [], {}, 0, 0
    while True:
        delta = 0
        while True:
            byte = next(body)
            delta = delta * 128 + byte % 128
            if byte < 128:
                break
        now += delta
        status = next(body)
        if status == 0xFF:
            meta, length = next(body), next(body)
            data = bytes(next(body) for _ in range(length))
            if meta == 0x2F:
                assert next(body, None) is None
                assert not since
                return sorted(notes), tempo, now
            assert meta == 0x51
            tempo = int.from_bytes(data, "big")
        else:
            number, velocity = next(body), next(body)
            assert status in (0x80, 0x90)
            assert 0 < velocity < 128
            if status == 0x90:
                assert number not in since
                since[number] = now
            else:
                notes.append((since.pop(number), now, number))


def notes_of(roll: torch.Tensor) -> list[tuple[int, int, int]]:
    notes = []
    for key in range(KEYS):
        line = [0, *roll[:, key].int().tolist(), 0]
        starts = [t for t in range(1, len(line)) if line[t] and not line[t - 1]]
        ends = [t for t in range(1, len(line)) if line[t - 1] and not line[t]]
        for start, end in zip(starts, ends, strict=True):
            notes.append(((start - 1) * FRAME, (end - 1) * FRAME, LOWEST + key))
    return sorted(notes)


@pytest.mark.parametrize("share", [0.0, 0.05, 0.6, 1.0])
@pytest.mark.parametrize("frames", [1, 2, 37])
def test_the_notes_come_back(tmp_path, frames, share):
    roll = (torch.rand(frames, KEYS, generator=torch.Generator().manual_seed(1)) < share).float()
    write_midi(roll, tmp_path / "piece.mid")
    notes, tempo, end = parse((tmp_path / "piece.mid").read_bytes())
    assert notes == notes_of(roll)
    assert tempo == 500_000
    assert end == frames * FRAME


def test_long_silence_takes_more_bytes_of_time(tmp_path):
    roll = torch.zeros(100, KEYS)
    roll[0, 0] = roll[99, 87] = 1
    write_midi(roll, tmp_path / "piece.mid")
    notes, _, _ = parse((tmp_path / "piece.mid").read_bytes())
    assert notes == [(0, FRAME, 21), (99 * FRAME, 100 * FRAME, 108)]


def test_a_frame_is_an_eighth_note():
    assert TICKS == 2 * FRAME
