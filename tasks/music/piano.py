"""Piano rolls: how they are named, predicted by counting, and judged.

A roll is `(frames, KEYS)`, 1 where a key sounds. Legend: T frames of a piece, N frames.
"""

import re
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor
from torchmetrics import Metric

from recurbench.tasks.base import TaskError
from recurbench.tasks.common.files import MAX_STEPS

KEYS = 88
"""Keys of a piano, A0 to C8."""

LOWEST = 21
"""The MIDI number of the first key."""

CERTAIN = 100.0
"""The logit of what is sure."""

_PITCHES = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")


class FrameNLL(Metric):
    """The mean over all frames of the nats that their keys cost together."""

    higher_is_better = False
    full_state_update = False

    total: Tensor
    count: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.add_state("total", torch.zeros((), dtype=torch.float64), dist_reduce_fx="sum")
        self.add_state("count", torch.zeros((), dtype=torch.long), dist_reduce_fx="sum")

    def update(self, outputs: Tensor, targets: Tensor) -> None:
        """Adds logits and frames, both `(N, KEYS)`."""
        nats = F.binary_cross_entropy_with_logits(outputs.float(), targets, reduction="none")
        self.total += nats.sum(dtype=torch.float64)
        self.count += len(targets)

    def compute(self) -> Tensor:
        """Nats per frame so far; NaN when nothing was added."""
        return self.total / self.count


class FrameAccuracy(Metric):
    """Notes found over notes found, missed or made up, all frames together.

    Bay, Ehmann & Downie, "Evaluation of Multiple-F0 Estimation and Tracking Systems", 2009. A key
    is said to sound where its logit is above 0.
    """

    higher_is_better = True
    full_state_update = False

    found: Tensor
    wrong: Tensor

    def __init__(self) -> None:
        super().__init__()
        for counted in ("found", "wrong"):
            self.add_state(counted, torch.zeros((), dtype=torch.long), dist_reduce_fx="sum")

    def update(self, outputs: Tensor, targets: Tensor) -> None:
        """Adds logits and frames, both `(N, KEYS)`."""
        said, sounds = outputs > 0, targets > 0
        self.found += (said & sounds).sum()
        self.wrong += (said ^ sounds).sum()

    def compute(self) -> Tensor:
        """The share so far; 1 where silence alone was said of silence."""
        return 1 - self.wrong / (self.found + self.wrong).clamp(min=1)


def count_keys(rolls: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """How often each key sounds, as if one more frame with it and one without it had been seen.

    Returns:
        Shares of all frames `(KEYS,)`, and of the frames after those where the key was silent
        (row 0) or sounded (row 1) `(2, KEYS)`.
    """
    frames = torch.cat(list(rolls))
    before = torch.cat([roll[:-1] for roll in rolls])
    after = torch.cat([roll[1:] for roll in rolls])
    marginal = (_times(frames) + 1).double() / (len(frames) + 2)
    first, second, both = map(_times, (before, after, before & after))
    followed = torch.stack([second - both, both])
    seen = torch.stack([len(before) - first, first])
    return marginal, (followed + 1).double() / (seen + 2)


def to_logits(chances: Tensor) -> Tensor:
    """Log-odds, in float32, of chances of which some may be sure."""
    return chances.double().logit().clamp(-CERTAIN, CERTAIN).float()


def name_keys(roll: Tensor) -> list[str]:
    """The notes of each frame, lowest first: `C4 E4 G4`; `-` is a silent one."""
    notes = [f"{_PITCHES[key % 12]}{key // 12 - 1}" for key in range(LOWEST, LOWEST + KEYS)]
    return [
        " ".join(note for note, sounds in zip(notes, frame, strict=True) if sounds) or "-"
        for frame in roll.tolist()
    ]


def find_key(note: str) -> int:
    """The key of a note such as `C4`, `F#3` or `Bb2`.

    Raises:
        TaskError: there is no such note on a piano.
    """
    parts = re.fullmatch(r"([A-G])([#b]?)(\d)", note)
    if parts:
        letter, accidental, octave = parts.groups()
        shift = {"": 0, "#": 1, "b": -1}[accidental]
        key = _PITCHES.index(letter) + shift + 12 * (int(octave) + 1) - LOWEST
        if 0 <= key < KEYS:
            return key
    raise TaskError(f"{note!r} is no note of a piano, A0 to C8, such as C4, F#3 or Bb2")


def require_frames(where: str, frames: int) -> None:
    """Refuses a piece in which nothing follows, and one of more than `MAX_STEPS` frames.

    Raises:
        TaskError: says where and how many.
    """
    if not 2 <= frames <= MAX_STEPS:
        limit = "at least 2" if frames < 2 else f"at most {MAX_STEPS}"
        raise TaskError(f"{where}: {frames} frames, but a piece has {limit}")


def _times(frames: Tensor) -> Tensor:
    """How often each key sounds `(KEYS,)`; far faster than a sum of so many zeros."""
    return frames.nonzero()[:, 1].bincount(minlength=KEYS)
