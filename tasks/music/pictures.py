"""Draws piano rolls as PNG pictures."""

from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

from recurbench.tasks.music.piano import KEYS, LOWEST

PIXELS = 6
"""Width and height of a key in a frame."""

NOTE, WHITE_KEY, BLACK_KEY, LINE = 30, 255, 232, 190
"""Greys: 0 is black, 255 white."""

BLACK_KEYS = (1, 3, 6, 8, 10)
"""Semitones above C."""


def write_roll(roll: Tensor, path: Path) -> None:
    """Draws frames `(T, KEYS)` from left to right, the highest key on top, a line below each C.

    Raises:
        OSError: the file cannot be written.
    """
    Image.fromarray(picture(roll).numpy()).save(path, format="PNG")


def picture(roll: Tensor) -> Tensor:
    """Greys `(KEYS * PIXELS, T * PIXELS)` as bytes."""
    pitches = [(LOWEST + key) % 12 for key in range(KEYS)]
    rows = torch.tensor([BLACK_KEY if pitch in BLACK_KEYS else WHITE_KEY for pitch in pitches])
    greys = torch.where(roll.T > 0, NOTE, rows[:, None]).flip(0).to(torch.uint8)
    greys = greys.repeat_interleave(PIXELS, 0).repeat_interleave(PIXELS, 1)
    for key, pitch in enumerate(pitches):
        if pitch == 0:
            greys[(KEYS - key) * PIXELS - 1] = LINE
    return greys
