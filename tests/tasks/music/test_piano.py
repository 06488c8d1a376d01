"""Rolls are read as they are or refused with one line, counted rightly and judged by frames."""

import math

import numpy as np
import pytest
import torch
from scipy.io import savemat
from scipy.sparse import coo_array, csc_array, csr_array, issparse

from recurbench.tasks.base import TaskError
from recurbench.tasks.common.files import MAX_STEPS, Splits
from recurbench.tasks.music.piano import (
    KEYS,
    FrameAccuracy,
    FrameNLL,
    count_keys,
    find_key,
    name_keys,
    to_logits,
)
from recurbench.tasks.music.rolls import SPLITS, apart, read_rolls, windows


def rolls(*lengths: int, seed: int = 0) -> list[torch.Tensor]:
    source = torch.Generator().manual_seed(seed)
    return [(torch.rand(n, KEYS, generator=source) < 0.1).to(torch.uint8) for n in lengths]


def cells(*pieces) -> np.ndarray:
    row = np.empty((1, len(pieces)), dtype=object)
    for place, piece in enumerate(pieces):
        row[0, place] = piece if issparse(piece) else np.asarray(piece)
    return row


def save(folder, **replaced):
    """A file of three pieces, of which a split may be replaced or, with None, left out."""
    names = zip(SPLITS.values(), rolls(5, 3, 2), strict=True)
    data = {name: cells(roll) for name, roll in names} | replaced
    path = folder / "rolls.mat"
    savemat(path, {name: value for name, value in data.items() if value is not None})
    return path


def test_a_file_gives_back_its_rolls(tmp_path):
    train = rolls(7, 2, 4)
    path = save(tmp_path, traindata=cells(*train), testdata=cells(rolls(3)[0].double()))
    splits = read_rolls(path)
    assert all(map(torch.equal, splits.train, train))
    assert [len(roll) for roll in splits.val] == [3]
    assert torch.equal(splits.test[0], rolls(3)[0])
    assert {roll.dtype for roll in splits.train + splits.test} == {torch.uint8}


@pytest.mark.parametrize("dtype", [np.float64, np.uint8, np.bool_])
@pytest.mark.parametrize("sparse", [csc_array, csr_array, coo_array])
def test_sparse_rolls_are_read(tmp_path, sparse, dtype):
    train = rolls(7, 2)
    path = save(tmp_path, traindata=cells(*(sparse(roll.numpy().astype(dtype)) for roll in train)))
    assert all(map(torch.equal, read_rolls(path).train, train))


def test_a_sparse_roll_too_long_is_refused_before_it_takes_memory(tmp_path):
    with pytest.raises(TaskError, match="piece 1: 100000000 frames, but a piece has at most"):
        read_rolls(save(tmp_path, traindata=cells(csc_array((10**8, KEYS)))))


@pytest.mark.parametrize(
    "names", [("traindata", "validdata", "testdata"), ("train", "val", "TEST")]
)
@pytest.mark.parametrize("layout", ["one by one", "stacked"])
def test_numpy_archives_are_read(tmp_path, names, layout):
    path, parts, notes = tmp_path / "rolls.npz", [rolls(5, 5, 5, seed=n) for n in range(3)], []
    arrays = {"tempo": np.ones(3)}
    for name, part in zip(names, parts, strict=True):
        if layout == "stacked":
            arrays[name] = torch.stack(part).numpy()
        else:  # 2 comes before 10
            arrays |= {
                f"{name}_{n}": roll.numpy() for n, roll in zip((10, 2, 1), part, strict=True)
            }
            part.reverse()
    np.savez_compressed(path, **arrays)
    splits = read_rolls(path, notes)
    for found, part in zip((splits.train, splits.val, splits.test), parts, strict=True):
        assert all(map(torch.equal, found, part))
        assert len(found) == 3
    assert notes == [f"{path}: left out: tempo"]


def test_matlab_files_of_version_4_have_a_matrix_for_each_piece(tmp_path):
    path, pieces = tmp_path / "rolls.mat", rolls(4, 6, 3, 2)
    names = "train1", "train2", "valid1", "test1"
    matrices = {name: roll.numpy() for name, roll in zip(names, pieces, strict=True)}
    savemat(path, matrices, format="4")
    splits = read_rolls(path)
    assert all(map(torch.equal, [*splits.train, *splits.val, *splits.test], pieces))


@pytest.mark.parametrize(
    ("name", "arrays", "message"),
    [
        ("a.npz", {"train": cells(*rolls(3, 4))}, "arrays of objects can run any code when"),
        ("a.npz", {"train": np.zeros((2, 3, KEYS))}, "a music file without validdata; it needs"),
        (
            "a.npz",
            {"train_0": rolls(2)[0], "train": np.zeros(3)},
            "train_0, train are one split by",
        ),
        ("a.npz", {"train_0": np.full((2, KEYS), "x")}, "train_0: values of type <U1, but a key"),
        ("a.npz", b"PK\3\4 and more", "no .npz file, or a damaged one"),
        ("a.npz", b"", "no .npz file, or a damaged one"),
        ("a.pickle", b"\x80\x04.", "a pickle can run any code when it is read; store each piece"),
        ("a.pkl", b"", "a pickle can run any code when it is read; store each piece by numpy."),
    ],
)
def test_archives_that_cannot_be_read_safely_or_at_all_are_refused(tmp_path, name, arrays, message):
    path = tmp_path / name
    if isinstance(arrays, bytes):
        path.write_bytes(arrays)
    else:
        np.savez(path, **arrays)
    with pytest.raises(TaskError) as error:
        read_rolls(path)
    assert str(error.value).removeprefix(f"{path}: ").removeprefix(f"{path}, ").startswith(message)


def roll_with(value: float) -> torch.Tensor:
    roll = rolls(4)[0].double()
    roll[2, 6] = value
    return roll


@pytest.mark.parametrize(
    ("replaced", "message"),
    [
        (
            {"validdata": None},
            "a music file without validdata; it needs traindata, validdata, testdata",
        ),
        ({"traindata": np.zeros((4, KEYS))}, "traindata must be a cell array of at least one"),
        ({"testdata": np.empty((1, 0), object)}, "testdata must be a cell array of at least one"),
        (
            {"validdata": cells(rolls(3)[0], np.zeros((5, 87)))},
            "validdata piece 2: 5 x 87 values, but a piece is frames x 88 keys",
        ),
        ({"testdata": cells("la")}, "testdata piece 1: 1 values, but a piece is"),
        ({"traindata": cells(rolls(1)[0])}, "traindata piece 1: 1 frames, but a piece has at lea"),
        ({"traindata": cells(np.zeros((0, KEYS)))}, "traindata piece 1: 0 frames, but a piece has"),
        (
            {"traindata": cells(np.zeros((MAX_STEPS + 1, KEYS), np.uint8))},
            f"traindata piece 1: {MAX_STEPS + 1} frames, but a piece has at most {MAX_STEPS}",
        ),
        (
            {"testdata": cells(roll_with(2))},
            "testdata piece 1, frame 3, key 7: 2.0, but a key is 0 or 1",
        ),
        ({"testdata": cells(roll_with(math.nan))}, "testdata piece 1, frame 3, key 7: nan, but"),
        ({"testdata": cells(roll_with(0.5))}, "testdata piece 1, frame 3, key 7: 0.5, but"),
    ],
)
def test_a_file_of_another_form_is_refused_by_name(tmp_path, replaced, message):
    path = save(tmp_path, **replaced)
    with pytest.raises(TaskError) as error:
        read_rolls(path)
    assert str(error.value).removeprefix(f"{path}: ").removeprefix(f"{path}, ").startswith(message)


@pytest.mark.parametrize("content", [b"", b"C4 E4 G4", b"MATLAB 7.3 MAT-file" + b"\0" * 200])
def test_what_is_no_matlab_file_is_refused(tmp_path, content):
    path = tmp_path / "rolls.mat"
    path.write_bytes(content)
    with pytest.raises(TaskError) as error:
        read_rolls(path)
    assert str(error.value) == f"{path}: no MATLAB file of version 4 to 7.2, or a damaged one"


@pytest.mark.parametrize("kept", [4, 100, 150, 300, -40, -1])
def test_a_file_cut_short_is_refused(tmp_path, kept):
    path = save(tmp_path)
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(TaskError) as error:
        read_rolls(path)
    assert str(error.value) == f"{path}: no MATLAB file of version 4 to 7.2, or a damaged one"


def test_a_missing_file_is_named(tmp_path):
    path = tmp_path / "rolls.mat"
    with pytest.raises(TaskError) as error:
        read_rolls(path)
    assert str(error.value) == f"{path}: cannot read this file (No such file or directory)"


def test_keys_are_counted_one_by_one():
    pieces = rolls(9, 2, 5)
    marginal, markov = count_keys(pieces)
    frames = [frame for piece in pieces for frame in piece.tolist()]
    pairs = [pair for p in pieces for pair in zip(p[:-1].tolist(), p[1:].tolist(), strict=True)]
    for key in range(KEYS):
        sounding = sum(frame[key] for frame in frames)
        assert marginal[key] == pytest.approx((sounding + 1) / (len(frames) + 2))
        for now in (0, 1):
            followers = [after[key] for before, after in pairs if before[key] == now]
            expected = (sum(followers) + 1) / (len(followers) + 2)
            assert markov[now, key] == pytest.approx(expected)


def test_logits_of_chances_give_them_back():
    chances = torch.tensor([0.0, 1e-6, 0.25, 0.5, 1.0])
    assert to_logits(chances).sigmoid().tolist() == pytest.approx(chances.tolist(), abs=1e-12)


def test_nats_are_summed_over_keys_and_averaged_over_frames():
    outputs = torch.randn(7, KEYS, generator=torch.Generator().manual_seed(0))
    (targets,) = (roll.float() for roll in rolls(7))
    nll = FrameNLL()
    for part in (slice(0, 4), slice(4, 7)):
        nll.update(outputs[part], targets[part])
    right = torch.where(targets > 0, outputs.sigmoid(), 1 - outputs.sigmoid()).double()
    assert nll.compute().item() == pytest.approx(-right.log().sum().item() / 7, rel=1e-6)


def test_accuracy_is_that_of_all_notes_together():
    targets, outputs = torch.zeros(2, KEYS), torch.full((2, KEYS), -1.0)
    targets[0, :3], targets[1, :1] = 1.0, 1.0
    outputs[0, 1:5], outputs[1, :1] = 1.0, 1.0  # two found, one missed, two made up; one found
    accuracy = FrameAccuracy()
    for row in (0, 1):
        accuracy.update(outputs[row : row + 1], targets[row : row + 1])
    assert accuracy.compute().item() == pytest.approx(3 / 6)


def test_silence_foretold_is_right():
    accuracy = FrameAccuracy()
    accuracy.update(torch.full((3, KEYS), -1.0), torch.zeros(3, KEYS))
    assert accuracy.compute() == 1


@pytest.mark.parametrize(
    ("note", "midi"),
    [("A0", 21), ("C4", 60), ("F#3", 54), ("Gb3", 54), ("Bb2", 46), ("B#3", 60), ("C8", 108)],
)
def test_notes_have_the_keys_of_midi(note, midi):
    assert find_key(note) == midi - 21


@pytest.mark.parametrize("note", ["H4", "c4", "C", "C44", "G#0", "Gb0", "C#8", "60", "C##4"])
def test_what_is_no_note_is_refused(note):
    with pytest.raises(TaskError, match=rf"{note!r} is no note of a piano"):
        find_key(note)


def test_frames_are_named_from_low_to_high():
    roll = torch.zeros(3, KEYS)
    roll[0, [find_key(note) for note in ("G4", "C4", "Eb4")]] = 1
    roll[2, KEYS - 1] = 1
    assert name_keys(roll) == ["C4 D#4 G4", "-", "C8"]


@pytest.mark.parametrize("frames", [1, 3, 4, 9])
def test_windows_predict_each_frame_but_a_pieces_first_once(frames):
    pieces = rolls(2, 5, 9, 10, 11)
    cut = windows(pieces, frames)
    assert {len(window) - 1 for window in cut} <= set(range(1, frames + 1))
    whole, parts = (torch.cat([x[1:] for x in some]) for some in (pieces, cut))
    assert torch.equal(whole, parts)
    whole, parts = (torch.cat([x[:-1] for x in some]) for some in (pieces, cut))
    assert torch.equal(whole, parts)


def test_without_a_window_pieces_stay_whole():
    pieces = rolls(2, 500)
    assert all(map(torch.equal, windows(pieces, None), pieces))


def test_a_piece_stays_in_the_last_split_that_has_it():
    a, b, c, d = rolls(4, 4, 5, 6)
    splits = apart(Splits([a, b, c, a], [b, d, c], [d, b]))
    found = [[id(piece) for piece in part] for part in (splits.train, splits.val, splits.test)]
    assert found == [[id(a), id(a)], [id(c)], [id(d), id(b)]]
