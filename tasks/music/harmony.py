"""Random pieces of music whose next frame has a known distribution: chords of a key, and a tune.

Legend: B pieces, T frames, N frames of all pieces.
"""

import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence

from recurbench.tasks.music.piano import KEYS, LOWEST

BASS, CHORD, TUNE = (36 - LOWEST, 48 - LOWEST, 72 - LOWEST)
"""The lowest key of the octave in which each voice moves: C2, C3 and C5."""

TRIADS = torch.tensor([[0, 4, 7], [2, 5, 9], [5, 9, 0], [7, 11, 2], [9, 0, 4]])
"""Semitones above the tonic of the chords I, ii, IV, V and vi, root first."""

FOLLOWS = torch.tensor(
    [
        [0.00, 0.15, 0.30, 0.30, 0.25],
        [0.00, 0.00, 0.20, 0.80, 0.00],
        [0.35, 0.25, 0.00, 0.40, 0.00],
        [0.70, 0.00, 0.00, 0.00, 0.30],
        [0.00, 0.40, 0.40, 0.20, 0.00],
    ]
)
"""The chance of each chord (column) after each other (row)."""

UP = 0.75
"""How often the tune goes to the chord's next tone, and not to the one before."""


def draw(pieces: int, frames: int, beat: int, source: torch.Generator) -> Tensor:
    """New pieces `(B, T, KEYS)`, 1 where a key sounds.

    A piece is in one of the twelve major keys, all equally likely, and begins on its tonic chord.
    Every `beat` frames the chord changes, by `FOLLOWS`: its root is in the bass, its three tones
    above. The tune begins each chord on any of its tones and then goes up or down, round and round.
    """
    chords = torch.zeros(pieces, -(-frames // beat), dtype=torch.long)
    for place in range(1, chords.shape[1]):
        chances = FOLLOWS[chords[:, place - 1]]
        chords[:, place] = torch.multinomial(chances, 1, generator=source)[:, 0]
    tonics = torch.randint(12, (pieces, 1), generator=source)
    starts = torch.randint(3, chords.shape, generator=source)
    ups = torch.rand(*chords.shape, beat - 1, generator=source) < UP
    moves = torch.cat([starts[..., None], torch.where(ups, 1, 2)], -1)
    tones = (moves.cumsum(-1) % 3).flatten(1)[:, :frames]

    chords = chords.repeat_interleave(beat, 1)[:, :frames]
    pitches = (TRIADS[chords] + tonics[..., None]) % 12
    sounding = torch.cat(
        [
            BASS + pitches[..., :1],
            CHORD + pitches,
            TUNE + pitches.gather(-1, tones[..., None]),
        ],
        -1,
    )
    return torch.zeros(pieces, frames, KEYS, dtype=torch.uint8).scatter_(-1, sounding, 1)


def next_frame(pieces: PackedSequence, beat: int) -> Tensor:
    """How likely each key is to sound next `(N, KEYS)`, given the frames of its piece so far.

    The first frame tells in which major key the piece is, the last one the chord and the tone of
    the tune, and the number of frames the place in the beat.
    """
    frames = pieces.data
    steps = torch.arange(len(pieces.batch_sizes)).repeat_interleave(pieces.batch_sizes)
    rows = torch.cat([torch.arange(count) for count in pieces.batch_sizes.tolist()])

    tonics = frames[rows, BASS : BASS + 12].argmax(1)
    roots = (frames[:, BASS : BASS + 12].argmax(1) - tonics) % 12
    chords = (roots[:, None] == TRIADS[:, 0]).long().argmax(1)
    tunes = (frames[:, TUNE : TUNE + 12].argmax(1) - tonics) % 12
    tones = (tunes[:, None] == TRIADS[chords]).long().argmax(1)

    held = _sounds(chords, tonics)
    for move, chance in ((1, UP), (2, 1 - UP)):
        pitches = (TRIADS[chords, (tones + move) % 3] + tonics) % 12
        held[torch.arange(len(held)), TUNE + pitches] = chance
    changed = torch.zeros_like(held)
    for chord, triad in enumerate(TRIADS):
        sounds = _sounds(torch.full_like(chords, chord), tonics)
        sounds.scatter_(1, TUNE + (triad + tonics[:, None]) % 12, 1 / 3)
        changed += FOLLOWS[chords, chord, None] * sounds
    return torch.where(((steps + 1) % beat == 0)[:, None], changed, held)


def _sounds(chords: Tensor, tonics: Tensor) -> Tensor:
    """Frames `(N, KEYS)` of bass and chord, as floats."""
    pitches = (TRIADS[chords] + tonics[:, None]) % 12
    keys = torch.cat([BASS + pitches[:, :1], CHORD + pitches], 1)
    return torch.zeros(len(chords), KEYS).scatter_(1, keys, 1.0)
