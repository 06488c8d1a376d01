"""Published series with classes: Japanese vowels, and the sets that the package aeon brings along.

Importing aeon takes numba and seconds, and its versions of other packages are not ours. Only its
files are read, so that `pip install --no-deps` is enough.
"""

from importlib.util import find_spec
from pathlib import Path

from recurbench.tasks.base import TaskError
from recurbench.tasks.common.corpora import fetch
from recurbench.tasks.common.files import Splits
from recurbench.tasks.variable_length import ts_files

VAL_EVERY = 5
"""Of each class's series for training, every fifth is for validation."""

INSTALL = "pip install --no-deps aeon==1.6.0"
"""Brings the files of `PACKAGED`."""

PACKAGED = {
    "acsf1": "ACSF1",
    "arrow_head": "ArrowHead",
    "basic_motions": "BasicMotions",
    "gun_point": "GunPoint",
    "italy_power_demand": "ItalyPowerDemand",
    "osu_leaf": "OSULeaf",
    "pickup_gesture_wiimote_z": "PickupGestureWiimoteZ",
}
"""Sets of the UCR and UEA archives by their names here, with those that their files have."""


def published(dataset: str) -> Splits[ts_files.Series]:
    """The two published files; every fifth series of each class in the first is for validation.

    Args:
        dataset: `japanese_vowels` or a key of `PACKAGED`.

    Raises:
        TaskError: as `fetch`, or the package aeon has no such files or is not installed.
    """
    recorded, test = (ts_files.read(_find(dataset, part)) for part in ("TRAIN", "TEST"))
    splits, seen = Splits(test=test), dict.fromkeys((series.label for series in recorded), 0)
    for series in recorded:
        seen[series.label] += 1
        held_out = seen[series.label] % VAL_EVERY == 0
        (splits.val if held_out else splits.train).append(series)
    return splits


def _find(dataset: str, part: str) -> Path:
    """The file of a part, `TRAIN` or `TEST`."""
    if dataset not in PACKAGED:
        return fetch(f"japanese_vowels/JapaneseVowels_{part}.ts")
    package = find_spec("aeon")  # finds it without importing it
    folders = package.submodule_search_locations if package else None
    if not folders:
        raise TaskError(
            f"dataset={dataset} is read from the package aeon, which is not installed: {INSTALL}"
        )
    name = PACKAGED[dataset]
    path = Path(folders[0], "datasets", "data", name, f"{name}_{part}.ts")
    if not path.is_file():
        raise TaskError(f"dataset={dataset}: this aeon has no {path}; another one has: {INSTALL}")
    return path
