"""Polyphonic music: predict which of 88 keys sound in the next frame."""

import re
from pathlib import Path
from typing import Annotated, Literal

import torch
import torch.nn.functional as F
from annotated_types import Ge, Gt, Le
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence
from torchmetrics import MetricCollection

from recurbench.limits import GoesWith
from recurbench.tasks.base import Batch, Predictor, TaskError, generator
from recurbench.tasks.common.corpora import fetch
from recurbench.tasks.common.files import MAX_STEPS, only_with_files, own_files
from recurbench.tasks.common.source import FromSource
from recurbench.tasks.generation import Generative
from recurbench.tasks.music import harmony
from recurbench.tasks.music.midi import write_midi
from recurbench.tasks.music.piano import (
    CERTAIN,
    KEYS,
    FrameAccuracy,
    FrameNLL,
    count_keys,
    find_key,
    name_keys,
    to_logits,
)
from recurbench.tasks.music.pictures import write_roll
from recurbench.tasks.music.rolls import ARCHIVES, NO_OTHERS, SPLITS, read_own, read_rolls
from recurbench.tasks.music.sources import LONGER, Corpus, Harmonies, Pieces

Dataset = Literal["harmony", "jsb", "nottingham", "muse", "piano_midi", "file"]
RECORDED = "jsb", "nottingham", "muse", "piano_midi", "file"

FILES = {
    "jsb": "music/JSB_Chorales.mat",
    "nottingham": "music/Nottingham.mat",
    "muse": "music/MuseData.mat",
    "piano_midi": "music/Piano_midi.mat",
}


class Music(Generative, FromSource):
    """Predicts the keys of each next frame of a piano roll from all frames before it.

    Boulanger-Lewandowski et al., "Modeling Temporal Dependencies in High-Dimensional Sequences",
    2012, with the independent outputs and the score of Bai et al., "An Empirical Evaluation of
    Generic Convolutional and Recurrent Networks", 2018: the negative log-likelihood in nats of a
    frame, summed over its keys and averaged over all frames of a split but the first of each piece.
    A piece of three frames, C major with a tune above, gives:

        input    C2 C3 E3 G3 E5    C2 C3 E3 G3 G5
        target   C2 C3 E3 G3 G5    F2 F3 A3 C3 A5

        >>> task = Music()
        >>> piece = task.encode_prompt("C4 E4 G4 | C4 F4 A4 | D4 G4 B4")
        >>> from recurbench.tasks.music.rolls import as_batch
        >>> inputs, targets, _ = as_batch([piece])
        >>> task.to_text(inputs.data)
        'C4 E4 G4 | C4 F4 A4'
        >>> task.to_text(targets.data)
        'C4 F4 A4 | D4 G4 B4'

    `harmony` draws pieces at random from chords of a key (see `harmony.py`); the best possible
    score is known. `jsb`, `nottingham`, `muse` and `piano_midi` are the four published corpora,
    with their own splits. Evaluation reads whole pieces. Training reads corpora in windows, each
    from a fresh state, while the papers read whole pieces there too. A training piece that is also
    in val or test is dropped (two of Nottingham's 694 are).

    Args:
        dataset: where the pieces come from.
        file: for `dataset=file`, a `.mat` or `.npz` file with splits in it, as `read_rolls`
            describes; a folder with folders `train`, `valid` and `test` of MIDI files; or a folder
            of MIDI files.
        val_file: a folder or MIDI file for validation; otherwise a tenth of the pieces in a folder
            `file`. It is not taken where `file` has its own splits.
        test_file: a folder or MIDI file for test, likewise.
        frame: how many quarter notes a frame of MIDI files lasts; by default an eighth note, as in
            the files that this task writes. Notes begin and end at the nearest frames; drums and
            notes beyond the 88 keys are left out.
        window: frames to predict in one training sequence of a corpus; None reads whole pieces.
        length: frames of a piece of `harmony`; the further test splits have two and four times it.
        beat: frames that a chord of `harmony` lasts.
        eval_sequences: pieces of `harmony` in validation and in each test split.
    """

    source: Pieces
    name = "music"
    primary = "nll"
    measures = "many outputs at once: chords that follow from the key, the beat and the last chord"
    default_references = {"marginal": 13.6542, "markov": 8.2578, "optimal": 2.6248}
    seconds = 30
    endings = (".mid", ".png", ".txt")

    def __init__(
        self,
        *,
        dataset: Dataset = "harmony",
        file: str | None = None,
        val_file: str | None = None,
        test_file: str | None = None,
        frame: Annotated[float, Gt(0)] | None = None,
        window: Annotated[Annotated[int, Ge(1)] | None, GoesWith(dataset=RECORDED)] = 100,
        length: Annotated[
            int, Ge(2), Le(MAX_STEPS // max(LONGER)), GoesWith(dataset="harmony")
        ] = 48,
        beat: Annotated[int, Ge(1), GoesWith(dataset="harmony")] = 4,
        eval_sequences: Annotated[int, Ge(1), GoesWith(dataset="harmony")] = 200,
    ) -> None:
        super().__init__()
        self.files = own_files(dataset, file, val_file, test_file)
        only_with_files(dataset, frame=frame)
        if self.files and (val_file or test_file) and self.files.file.suffix.lower() in ARCHIVES:
            raise TaskError(NO_OTHERS)
        self.dataset, self.window, self.frame = dataset, window, frame
        self.length, self.beat, self.eval_sequences = length, beat, eval_sequences

    def open(self) -> Pieces:
        """Reads the pieces, or draws those of evaluation."""
        if self.dataset == "harmony":
            return Harmonies(
                self.name, length=self.length, beat=self.beat, eval_sequences=self.eval_sequences
            )
        if self.files:
            found = read_own(self.files, self.frame, self.notes)
            return Corpus(self.name, found, self.window, self.files.file, self.notes)
        path = fetch(FILES[self.dataset])
        return Corpus(self.name, read_rolls(path), self.window, path, notes=[])

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Mean over frames of the binary cross-entropy in nats, summed over keys."""
        summed = F.binary_cross_entropy_with_logits(outputs, targets, reduction="sum")
        return summed / len(targets)

    def metrics(self) -> MetricCollection:
        """`nll` in nats per frame, and the share of notes that are right."""
        return MetricCollection({"nll": FrameNLL(), "accuracy": FrameAccuracy()})

    def predictors(self) -> dict[str, Predictor]:
        """How often a key sounds, overall and after the frame before; and what the source knows."""
        marginal, markov = map(to_logits, count_keys(self.source.counted))
        return {
            "marginal": lambda batch: marginal.expand(len(frames(batch)), KEYS),
            "markov": lambda batch: torch.where(frames(batch) > 0, markov[1], markov[0]),
            **self.source.predictors(self),
        }

    def oracle(self, batch: Batch) -> Tensor:
        """Sure logits of the targets."""
        return (2 * self.targets_of(batch) - 1) * CERTAIN

    def encode_prompt(self, prompt: str) -> Tensor:
        """Frames of notes, divided by `|`: `C4 E4 G4 | D4 F4`; `-` or nothing is a silent one."""
        frames = re.split(r"[|\n]", prompt)
        roll = torch.zeros(len(frames), KEYS)
        for step, frame in enumerate(frames):
            roll[step, [find_key(note) for note in frame.split() if note != "-"]] = 1.0
        return roll

    def choose(
        self, outputs: Tensor, temperature: float, top_k: int | None, source: torch.Generator
    ) -> Tensor:
        """Draws the next frames `(B, KEYS)`, each key by itself, from logits of that shape.

        At a temperature of 0, the keys sound that are more likely to sound than not. With `top_k`,
        only the `top_k` likeliest keys can sound.
        """
        logits = outputs.float().cpu()
        chances = (logits > 0).float() if temperature == 0 else (logits / temperature).sigmoid()
        if top_k is not None:
            likeliest = logits.topk(min(top_k, KEYS)).indices
            chances = torch.zeros_like(chances).scatter(1, likeliest, chances.gather(1, likeliest))
        return torch.bernoulli(chances, generator=source).to(outputs.device)

    def to_text(self, sequence: Tensor) -> str:
        """The notes of the frames, in the form of a prompt."""
        return " | ".join(name_keys(sequence))

    def write(self, sequence: Tensor, path: Path) -> None:
        """Writes frames `(T, KEYS)` as MIDI, as a picture or as text."""
        writers = {".mid": write_midi, ".png": write_roll}
        writers.get(path.suffix, super().write)(sequence, path)

    @classmethod
    def example_file(cls, folder: Path, seed: int) -> Path:
        """Pieces of `harmony` of different lengths, as a `.mat` file."""
        import numpy as np
        from scipy.io import savemat

        source = generator(cls.name, "example", seed)
        data = {}
        for name, count in zip(SPLITS.values(), (16, 4, 4), strict=True):
            data[name] = np.empty((1, count), dtype=object)
            for place in range(count):
                data[name][0, place] = harmony.draw(1, 20 + place, 4, source)[0].numpy()
        savemat(folder / f"music_{seed}.mat", data)
        return folder / f"music_{seed}.mat"


def frames(batch: Batch) -> Tensor:
    """All input frames `(N, KEYS)` of a batch, which this task always packs."""
    assert isinstance(batch.inputs, PackedSequence)
    return batch.inputs.data
