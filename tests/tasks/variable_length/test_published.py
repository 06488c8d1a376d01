"""Sets of the UCR and UEA archives are read from the package aeon, which is never imported."""

import subprocess
import sys
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from typing import get_args

import pytest
import torch
from torch.nn.utils.rnn import unpack_sequence
from variable_length_kit import ready

from recurbench.tasks.base import TaskError
from recurbench.tasks.variable_length import published as module
from recurbench.tasks.variable_length.published import PACKAGED, published
from recurbench.tasks.variable_length.task import Dataset, VariableLength

needs_aeon = pytest.mark.skipif(
    find_spec("aeon") is None,
    reason="the sets that aeon brings along are not tested: pip install --no-deps aeon==1.6.0",
)

SIZES = {
    "acsf1": (80, 20, 100, 1, 10),
    "arrow_head": (30, 6, 175, 1, 3),
    "basic_motions": (32, 8, 40, 6, 4),
    "gun_point": (41, 9, 150, 1, 2),
    "italy_power_demand": (55, 12, 1029, 1, 2),
    "osu_leaf": (163, 37, 242, 1, 6),
    "pickup_gesture_wiimote_z": (40, 10, 50, 1, 10),
}
"""Series in train, validation and test, dimensions and classes, as counted in the files."""


def lines(count: int, start: int = 0) -> list[str]:
    """Series whose values tell where each stood; classes a and b take turns."""
    return [f"{start + n},{start + n}.5:{'ab'[n % 2]}" for n in range(count)]


@pytest.fixture
def aeon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of data of a package aeon that cannot be imported."""
    data = tmp_path / "aeon" / "datasets" / "data"
    data.mkdir(parents=True)
    (tmp_path / "aeon" / "__init__.py").write_text("raise ImportError('no numba')")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "aeon", raising=False)
    return data


def add(data: Path, name: str, *, train: list[str], test: list[str]) -> None:
    (data / name).mkdir()
    for part, series in (("TRAIN", train), ("TEST", test)):
        path = data / name / f"{name}_{part}.ts"
        path.write_text("\n".join(["@classLabel true a b", "@data", *series]))


def first_values(series: list) -> list[float]:
    return [float(one.values[0, 0]) for one in series]


def test_every_fifth_series_of_each_class_is_for_validation_and_test_has_its_own_file(aeon):
    add(aeon, "GunPoint", train=lines(22), test=lines(3, start=100))
    found = published("gun_point")
    assert first_values(found.val) == [8, 9, 18, 19]
    assert first_values(found.train) == [n for n in range(22) if n not in (8, 9, 18, 19)]
    assert first_values(found.test) == [100, 101, 102]


def test_they_reach_the_model_standardised_by_training_alone(aeon):
    add(aeon, "GunPoint", train=lines(10), test=["7.5,7.5:b", "0:a"])
    task = ready(dataset="gun_point")
    assert (task.spec.input_size, task.spec.tokens, task.spec.output_size) == (1, False, 2)
    steps = torch.tensor([n + half for n in range(8) for half in (0, 0.5)])
    (batch,) = task.test_dataloader()
    assert batch.targets.tolist() == [0, 1]  # from short to long
    _, long = unpack_sequence(batch.inputs)
    torch.testing.assert_close(long[0, 0], (7.5 - steps.mean()) / steps.std(correction=0))


@pytest.mark.parametrize(("dataset", "name"), PACKAGED.items())
def test_each_set_is_read_from_its_own_files(aeon, dataset, name):
    for other in PACKAGED.values():
        own = [f"{5 if other == name else -5}:{label}" for label in "aabb" * 5]
        add(aeon, other, train=own, test=own)
    found = published(dataset)
    assert {*first_values(found.train), *first_values(found.val), *first_values(found.test)} == {5}


def test_all_of_them_can_be_chosen():
    others = {"synthetic", "japanese_vowels", "file"}
    assert set(get_args(Dataset)) == set(PACKAGED) | others
    assert set(SIZES) == set(PACKAGED)


def test_other_content_is_another_fingerprint(aeon):
    add(aeon, "GunPoint", train=lines(10), test=lines(4))
    add(aeon, "OSULeaf", train=lines(10), test=lines(5))
    prints = [ready(dataset=name).fingerprint() for name in ("gun_point", "osu_leaf", "gun_point")]
    assert prints[0] == prints[2] != prints[1]


def test_without_aeon_the_message_says_what_to_install(monkeypatch):
    monkeypatch.setattr(module, "find_spec", lambda name: None)
    with pytest.raises(TaskError) as error:
        VariableLength(dataset="gun_point").setup()
    assert str(error.value) == (
        "dataset=gun_point is read from the package aeon, which is not installed: "
        "pip install --no-deps aeon==1.6.0"
    )


def test_a_module_that_happens_to_have_the_name_is_not_the_package(tmp_path, monkeypatch):
    (tmp_path / "aeon.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(TaskError, match="which is not installed"):
        published("osu_leaf")


def test_an_aeon_without_the_file_is_named(aeon):
    with pytest.raises(TaskError) as error:
        published("acsf1")
    assert str(error.value) == (
        f"dataset=acsf1: this aeon has no {aeon / 'ACSF1' / 'ACSF1_TRAIN.ts'}; another one has: "
        "pip install --no-deps aeon==1.6.0"
    )


@needs_aeon
@pytest.mark.parametrize(("dataset", "sizes"), SIZES.items())
def test_the_real_sets_are_as_large_as_counted(dataset, sizes):
    task = ready(dataset=dataset)
    training = task.train_dataloader()
    splits = islice(training, training.epoch), task.val_dataloader(), task.test_dataloader()
    counts = [sum(len(batch.targets) for batch in split) for split in splits]
    assert (*counts, task.spec.input_size, task.spec.output_size) == sizes


@needs_aeon
def test_neither_aeon_nor_numba_is_imported():
    program = (
        "import sys; from recurbench.tasks.variable_length.task import VariableLength; "
        "VariableLength(dataset='gun_point').setup(); "
        "assert not {'aeon', 'numba'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
