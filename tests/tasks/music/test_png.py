"""A picture of a roll has its notes where they belong, in a file that decodes."""

import struct
import zlib

import torch

from recurbench.tasks.music.piano import KEYS
from recurbench.tasks.music.png import NOTE, PIXELS, png, write_roll


def decode(content: bytes) -> torch.Tensor:
    """The greys of an uninterlaced, unfiltered PNG; checks every chunk's checksum."""
    assert content[:8] == b"\x89PNG\r\n\x1a\n"
    chunks, place = {}, 8
    while place < len(content):
        (size,) = struct.unpack(">I", content[place : place + 4])
        kind, data = content[place + 4 : place + 8], content[place + 8 : place + 8 + size]
        (checksum,) = struct.unpack(">I", content[place + 8 + size : place + 12 + size])
        assert checksum == zlib.crc32(kind + data)
        chunks[kind] = data
        place += 12 + size
    assert list(chunks) == [b"IHDR", b"IDAT", b"IEND"]
    width, height, *form = struct.unpack(">IIBBBBB", chunks[b"IHDR"])
    assert form == [8, 0, 0, 0, 0]
    lines = torch.tensor(list(zlib.decompress(chunks[b"IDAT"]))).view(height, width + 1)
    assert not lines[:, 0].any()
    return lines[:, 1:]


def test_greys_come_back():
    greys = torch.arange(35, dtype=torch.uint8).view(5, 7)
    assert torch.equal(decode(png(greys)), greys.long())


def test_a_note_is_a_square_with_high_keys_on_top(tmp_path):
    roll = torch.zeros(9, KEYS)
    roll[3, KEYS - 2] = roll[4, 1] = 1
    write_roll(roll, tmp_path / "roll.png")
    greys = decode((tmp_path / "roll.png").read_bytes())
    assert greys.shape == (KEYS * PIXELS, 9 * PIXELS)
    expected = torch.zeros(KEYS, PIXELS, 9, PIXELS, dtype=torch.bool)
    expected[1, :, 3] = expected[KEYS - 2, :, 4] = True
    assert torch.equal(greys == NOTE, expected.view_as(greys))
