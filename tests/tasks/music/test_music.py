"""Music is predicted frame by frame, at the published references, and can be heard and seen."""

import doctest
import os
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.io import loadmat, savemat
from torch.nn.utils.rnn import unpack_sequence

import recurbench.tasks.music.task
from recurbench.tasks.base import Batch, TaskError, generator
from recurbench.tasks.common.corpora import FOLDER_VARIABLE
from recurbench.tasks.music import harmony
from recurbench.tasks.music.piano import KEYS, LOWEST, find_key
from recurbench.tasks.music.rolls import EVAL_PIECES, SPLITS, as_batch
from recurbench.tasks.music.task import FILES, Music

REFERENCES = {
    "jsb": {"marginal": 11.09, "markov": 10.49},
    "nottingham": {"marginal": 10.26, "markov": 5.15},
    "muse": {"marginal": 11.51, "markov": 8.56},
    "piano_midi": {"marginal": 11.05, "markov": 8.26},
}


MAJOR = {"I": (0, 4, 7), "ii": (2, 5, 9), "IV": (5, 9, 0), "V": (7, 11, 2), "vi": (9, 0, 4)}


def needs(dataset: str):
    return pytest.mark.skipif(
        FOLDER_VARIABLE not in os.environ,
        reason=f"{dataset} not tested: set {FOLDER_VARIABLE} to a folder with {FILES[dataset]}",
    )


def ready(*, batch_size: int = 3, seed: int = 0, **knobs) -> Music:
    small = {} if "dataset" in knobs else {"eval_sequences": 19, "length": 11}
    return Music(**(small | knobs)).ready(batch_size=batch_size, seed=seed)


@pytest.fixture
def example(tmp_path) -> Path:
    return Music.example_file(tmp_path, 0)


def pieces_of(batch: Batch) -> list[torch.Tensor]:
    """The whole pieces of a batch."""
    pairs = zip(unpack_sequence(batch.inputs), unpack_sequence(batch.targets), strict=True)
    return [torch.cat([inputs, targets[-1:]]) for inputs, targets in pairs]


def heard(frame: torch.Tensor) -> tuple[int, set[int], int]:
    """The pitch classes of the bass, the chord and the tune of a frame of `harmony`."""
    keys = [LOWEST + key for key in frame.nonzero()[:, 0].tolist()]
    bass, *chord, tune = keys
    assert bass // 12 == 3
    assert {key // 12 for key in chord} == {4}
    assert tune // 12 == 6
    return bass % 12, {key % 12 for key in chord}, tune % 12


def test_the_example_in_the_docstring_holds():
    assert doctest.testmod(recurbench.tasks.music.task) == (0, 6)


def test_a_frame_is_predicted_from_those_before(example):
    for knobs in ({}, {"dataset": "file", "file": str(example)}):
        task = ready(**knobs)
        for batch in [next(iter(task.train_dataloader())), *task.test_dataloader()]:
            rows = unpack_sequence(batch.inputs), unpack_sequence(batch.targets)
            for inputs, targets in zip(*rows, strict=True):
                assert torch.equal(inputs[1:], targets[:-1])
                assert set(inputs.unique().tolist()) == {0.0, 1.0}


class TestHarmony:
    @pytest.mark.parametrize(("frames", "beat"), [(2, 5), (11, 1), (13, 4), (40, 3)])
    def test_chords_of_one_key_change_on_the_beat(self, frames, beat):
        for piece in harmony.draw(7, frames, beat, generator("test")):
            voices = [heard(frame) for frame in piece]
            tonic = voices[0][0]
            chords = [
                next(
                    name
                    for name, (root, *rest) in MAJOR.items()
                    if (bass - tonic) % 12 == root
                    and {(pitch - tonic) % 12 for pitch in chord} == {root, *rest}
                )
                for bass, chord, _ in voices
            ]
            assert all(tune in chord for _, chord, tune in voices)
            assert chords[0] == "I"
            for step in range(1, frames):
                assert (chords[step] == chords[step - 1]) == (step % beat != 0)

    def test_all_keys_and_chords_come(self):
        pieces = harmony.draw(300, 9, 2, generator("test"))
        assert {heard(piece[0])[0] for piece in pieces} == set(range(12))
        roots = {(heard(x[8])[0] - heard(x[0])[0]) % 12 for x in pieces}
        assert roots == {0, 2, 5, 7, 9}

    @pytest.mark.parametrize("beat", [1, 3])
    def test_the_next_frame_is_as_likely_as_it_is_often(self, beat):
        pieces = harmony.draw(20_000, 5, beat, generator("test"))
        batch = as_batch(pieces[pieces[:, 0, find_key("C2")] == 1])
        said = harmony.next_frame(batch.inputs, beat).view(4, -1, KEYS)
        frames, after = (x.data.view(4, -1, KEYS) for x in (batch.inputs, batch.targets))
        for step in range(4):
            states, state = frames[step].unique(dim=0, return_inverse=True)
            for number in range(len(states)):
                chances, came = (x[step, state == number] for x in (said, after))
                assert torch.equal(chances.amin(0), chances.amax(0))
                error = (chances[0] - came.mean(0)).abs()
                deviation = (chances[0] * (1 - chances[0]) / len(came)).clamp(min=0).sqrt()
                assert (error < 5 * deviation + 1e-6).all()

    def test_each_row_of_chances_is_one(self):
        assert torch.allclose(harmony.FOLLOWS.sum(1), torch.ones(5))

    def test_optimal_is_the_entropy_of_the_process(self):
        """All keys alike, by enumeration of the chords of a piece in C."""
        frames, beat = 9, 4
        task = ready(length=frames, beat=beat, eval_sequences=2000)

        def entropy(chances: list[float]) -> float:
            p = torch.tensor([x for x in chances if 0 < x < 1], dtype=torch.float64)
            return float(-(p * p.log() + (1 - p) * (1 - p).log()).sum())

        def after(chord: int) -> float:
            """Nats of the frame that comes after the last of a chord."""
            sounds = [0.0] * 36  # bass, chord and tune, by pitch class
            for following, triad in enumerate(MAJOR.values()):
                chance = float(harmony.FOLLOWS[chord, following])
                sounds[triad[0]] += chance
                for pitch in triad:
                    sounds[12 + pitch] += chance
                    sounds[24 + pitch] += chance / 3
            return entropy(sounds)

        held = entropy([harmony.UP, 1 - harmony.UP])
        second = sum(float(p) * after(chord) for chord, p in enumerate(harmony.FOLLOWS[0]))
        expected = (6 * held + after(0) + second) / (frames - 1)
        assert task.references()["optimal"] == pytest.approx(expected, rel=0.015)

    def test_longer_pieces_are_tested_too(self):
        splits = ready().extra_test_dataloaders()
        assert list(splits) == ["length_22", "length_44"]
        for length, split in zip((22, 44), splits.values(), strict=True):
            pieces = [piece for batch in split for piece in pieces_of(batch)]
            assert [len(piece) for piece in pieces] == [length] * 19

    def test_knowing_more_is_better(self):
        references = ready(length=48).references()
        assert references["optimal"] < references["markov"] < references["marginal"]

    def test_the_default_references_are_what_is_found(self):
        task = Music()
        task.setup()
        rounded = {name: round(value, 4) for name, value in task.references().items()}
        assert rounded == Music.default_references


class TestFile:
    def write(self, folder: Path, **splits: list[torch.Tensor]) -> Path:
        data = {}
        for split, pieces in splits.items():
            data[SPLITS[split]] = np.empty((1, len(pieces)), dtype=object)
            for place, piece in enumerate(pieces):
                data[SPLITS[split]][0, place] = piece.numpy()
        savemat(folder / "own.mat", data)
        return folder / "own.mat"

    def pieces(self, *lengths: int) -> list[torch.Tensor]:
        return [harmony.draw(1, n, 4, generator("test", n))[0] for n in lengths]

    def test_evaluation_reads_each_piece_once(self, example):
        task = ready(dataset="file", file=str(example))
        for split, batches in (("val", task.val_dataloader()), ("test", task.test_dataloader())):
            stored = [roll.tolist() for roll in loadmat(example)[SPLITS[split]][0]]
            found = [piece.tolist() for batch in batches for piece in pieces_of(batch)]
            assert sorted(found) == sorted(stored)

    def test_evaluation_takes_few_pieces_at_once(self, tmp_path):
        pieces = self.pieces(*range(2, EVAL_PIECES + 7))
        path = self.write(tmp_path, train=self.pieces(50), val=self.pieces(51), test=pieces)
        batches = ready(dataset="file", file=str(path)).test_dataloader()
        assert [len(pieces_of(batch)) for batch in batches] == [EVAL_PIECES, 5]

    def test_an_epoch_trains_on_each_window_once(self, tmp_path):
        train = self.pieces(8, 15, 16, 23, 41)
        path = self.write(tmp_path, train=train, val=self.pieces(7), test=self.pieces(6))
        batches = ready(dataset="file", file=str(path), window=7).train_dataloader()
        cut = [piece[at : at + 8].tolist() for piece in train for at in range(0, len(piece) - 1, 7)]
        assert batches.epoch == -(-len(cut) // 3)
        for epoch in range(2):
            part = islice(batches, epoch * batches.epoch, (epoch + 1) * batches.epoch)
            found = [piece.tolist() for batch in part for piece in pieces_of(batch)]
            assert sorted(found) == sorted(cut)

    def test_references_know_the_train_split_alone(self, tmp_path):
        train, probe = self.pieces(30, 31), as_batch(self.pieces(12))
        said = []
        for others in (self.pieces(7, 8), self.pieces(20, 21)):
            path = self.write(tmp_path, train=train, val=others[:1], test=others[1:])
            task = ready(dataset="file", file=str(path))
            said.append([play(probe) for play in task.predictors().values()])
        assert all(map(torch.equal, *said))

    def test_a_training_piece_that_is_tested_is_dropped(self, tmp_path):
        a, b, c = self.pieces(9, 10, 12)
        path = self.write(tmp_path, train=[a, b, c], val=[b], test=[a])
        task = ready(dataset="file", file=str(path))
        assert task.train_dataloader().epoch == 1
        (piece,) = pieces_of(task.train_dataloader().make(0))
        assert torch.equal(piece, c.float())

    def test_nothing_left_to_train_on_is_refused(self, tmp_path):
        a, b = self.pieces(9, 10)
        path = self.write(tmp_path, train=[a], val=[b], test=[a])
        with pytest.raises(TaskError) as error:
            ready(dataset="file", file=str(path))
        assert str(error.value) == f"{path}: all pieces of a split are in a later one too"


class TestPublished:
    @pytest.mark.parametrize(
        "dataset", [pytest.param(name, marks=needs(name)) for name in REFERENCES]
    )
    def test_references(self, dataset):
        references = ready(dataset=dataset).references()
        assert {name: round(value, 2) for name, value in references.items()} == REFERENCES[dataset]

    @needs("jsb")
    def test_a_window_longer_than_all_pieces_leaves_them_whole(self):
        whole, cut = ready(dataset="jsb", window=None), ready(dataset="jsb", window=160)
        assert whole.fingerprint() == cut.fingerprint()
        assert whole.fingerprint() != ready(dataset="jsb").fingerprint()


@pytest.mark.parametrize(
    ("knobs", "said"),
    [
        ({"dataset": "file", "file": "a.mat", "beat": 5}, "beat=5 has no effect with dataset=file"),
        ({"dataset": "jsb", "length": 30}, "it goes with dataset=harmony"),
        ({"window": 5}, "window=5 has no effect with dataset=harmony"),
    ],
)
def test_knobs_of_other_datasets_are_refused(knobs, said):
    with pytest.raises(TaskError, match=said):
        Music(**knobs)


def test_the_loss_is_a_sum_over_keys_and_a_mean_over_frames():
    task, zeros = ready(), torch.zeros(5, KEYS)
    assert task.loss(zeros, zeros).item() == pytest.approx(KEYS * np.log(2))
    batch = next(iter(task.test_dataloader()))
    outputs = torch.randn(batch.targets.data.shape, generator=generator("test"))
    loss = task.loss(outputs, batch.targets.data).item()
    metrics = task.metrics()
    assert loss == pytest.approx(metrics(outputs, batch.targets.data)["nll"].item(), rel=1e-5)


@pytest.mark.parametrize(
    ("knobs", "message"),
    [
        ({"dataset": "bach"}, "dataset must be one of harmony, jsb, nottingham, muse, piano_midi"),
        ({"window": 0}, "window must be at least 1, not 0"),
        ({"length": 1}, "length must be at least 2, not 1"),
        ({"length": 5001}, "length must be at most 5000, not 5001"),
        ({"beat": 0}, "beat must be at least 1, not 0"),
        ({"eval_sequences": 0}, "eval_sequences must be at least 1, not 0"),
        ({"dataset": "file"}, "dataset=file needs file=PATH"),
        ({"file": "a.mat"}, "file=a.mat goes with dataset=file, not dataset=harmony"),
        (
            {"dataset": "file", "file": "a.mat", "val_file": "b.mat"},
            "val_file and test_file are not taken: a music file has its own splits, traindata",
        ),
        (
            {"dataset": "file", "file": "a.mat", "test_file": "b.mat"},
            "val_file and test_file are not taken: a music file has its own splits, traindata",
        ),
    ],
)
def test_a_bad_knob_is_named_with_what_would_be_right(knobs, message):
    with pytest.raises(TaskError) as error:
        Music(**knobs)
    assert str(error.value).startswith(message)
