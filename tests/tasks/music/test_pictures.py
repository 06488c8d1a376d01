"""A picture of a roll has its notes where they belong."""

import numpy as np
import torch
from PIL import Image

from recurbench.tasks.music.piano import KEYS
from recurbench.tasks.music.pictures import NOTE, PIXELS, write_roll


def test_a_note_is_a_square_with_high_keys_on_top(tmp_path):
    roll = torch.zeros(9, KEYS)
    roll[3, KEYS - 2] = roll[4, 1] = 1
    write_roll(roll, tmp_path / "roll.png")
    with Image.open(tmp_path / "roll.png") as image:
        assert (image.format, image.mode) == ("PNG", "L")
        greys = torch.from_numpy(np.array(image))
    assert greys.shape == (KEYS * PIXELS, 9 * PIXELS)
    expected = torch.zeros(KEYS, PIXELS, 9, PIXELS, dtype=torch.bool)
    expected[1, :, 3] = expected[KEYS - 2, :, 4] = True
    assert torch.equal(greys == NOTE, expected.view_as(greys))
