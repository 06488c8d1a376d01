"""Digits are read pixel by pixel, split by content, and baselines see what is there."""

from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from sklearn.linear_model import Ridge

from recurbench.tasks.base import TaskError
from recurbench.tasks.digits.idx_files import write_idx
from recurbench.tasks.digits.task import RIDGE, Digits


def ready(*, batch_size: int = 7, seed: int = 0, **knobs) -> Digits:
    return Digits(**knobs).ready(batch_size=batch_size, seed=seed)


def splits(task: Digits) -> dict[str, tuple[torch.Tensor, torch.Tensor]]:
    """Pixels `(S, T)` and classes of each split."""
    train = task.train_dataloader()
    parts = {
        "train": islice(train, train.epoch),
        "val": task.val_dataloader(),
        "test": task.test_dataloader(),
    }
    found = {name: list(batches) for name, batches in parts.items()}
    return {
        name: (
            torch.cat([batch.inputs[..., 0] for batch in batches]),
            torch.cat([batch.targets for batch in batches]),
        )
        for name, batches in found.items()
    }


def write(folder: Path, part: str, images: torch.Tensor, labels: list[int]) -> str:
    path = folder / f"{part}-images-idx3-ubyte"
    write_idx(path, images)
    write_idx(folder / f"{part}-labels-idx1-ubyte", torch.tensor(labels))
    return str(path)


def of_files(folder: Path, labels: dict[str, list[int]], sizes: dict[str, tuple[int, int]]):
    source = torch.Generator().manual_seed(0)
    files = {
        knob: write(
            folder,
            knob,
            torch.randint(256, (len(labels[knob]), *size), generator=source),
            labels[knob],
        )
        for knob, size in sizes.items()
    }
    return Digits(dataset="file", **files)


def test_every_image_is_in_one_split_with_its_class():
    found = splits(ready())
    pixels, classes = (torch.cat(parts) for parts in zip(*found.values(), strict=True))
    data = load_digits()
    expected = sorted(zip((data.data / 16).tolist(), data.target.tolist(), strict=True))
    assert sorted(zip(pixels.tolist(), classes.tolist(), strict=True)) == expected
    assert len({tuple(row) for row in pixels.tolist()}) == len(expected) == 1797
    assert [len(part[1]) for part in found.values()] == [1409, 206, 182]


def test_every_class_is_in_every_split():
    for _, classes in splits(ready()).values():
        counts = classes.bincount(minlength=10)
        assert counts.min() > 0.6 * len(classes) / 10


def test_the_same_random_order_is_in_all_images_and_all_runs():
    plain, permuted = splits(ready()), splits(ready(permute=True))
    order = splits(ready(permute=True, seed=0))["val"][0]
    assert torch.equal(permuted["val"][0], order)
    assert not torch.equal(plain["val"][0], permuted["val"][0])
    columns = [tuple(column) for column in plain["test"][0].T.tolist()]
    assert sorted(columns) == sorted(tuple(x) for x in permuted["test"][0].T.tolist())
    for split in plain:
        assert torch.equal(plain[split][1], permuted[split][1])


def test_the_example_in_the_docstring_holds():
    lines = [line.split() for line in Digits.__doc__.splitlines()]
    shown = next(line[1:] for line in lines if line[:1] == ["input"])
    first, second = (
        [int(x) for x in line] for line in lines if [x.isdigit() for x in line] == [True] * 3
    )
    assert Digits().layout(torch.tensor([[first, second]]), 16).flatten().tolist() == [
        float(x) for x in shown
    ]


def test_the_default_references_are_what_is_found():
    assert {n: round(x, 4) for n, x in ready().references().items()} == Digits.default_references


@pytest.mark.parametrize("permute", [False, True])
def test_baselines_are_those_of_scikit_learn(permute):
    task = ready(permute=permute)
    found = splits(task)
    (x, y), (test_x, test_y) = (
        (pixels.double().numpy(), classes.numpy())
        for pixels, classes in (found["train"], found["test"])
    )
    means = np.stack([x[y == label].mean(0) for label in range(10)])
    nearest = np.linalg.norm(test_x[:, None] - means, axis=-1).argmin(1)
    linear = Ridge(alpha=RIDGE).fit(x, np.eye(10)[y]).predict(test_x).argmax(1)
    references = task.references()
    assert references["nearest_mean"] == pytest.approx((nearest == test_y).mean())
    assert references["linear"] == pytest.approx((linear == test_y).mean())


def test_an_own_file_keeps_its_bytes_and_its_classes(tmp_path):
    path = Digits.example_file(tmp_path, 0)
    task = ready(dataset="file", file=str(path))
    found = splits(task)
    assert task.spec.output_size == 5
    assert sum(len(classes) for _, classes in found.values()) == 300
    assert all(len(classes) > 10 for _, classes in found.values())
    for pixels, classes in found.values():
        rows = pixels.view(-1, 5, 3).sum(-1)
        assert torch.equal(rows.argmax(-1), classes)
        assert pixels.max() <= 1
        assert pixels.max() > 0.9
    assert task.references()["nearest_mean"] > 0.9


def test_equal_images_are_in_one_split(tmp_path):
    images = torch.randint(256, (60, 2, 3), generator=torch.Generator().manual_seed(0))
    path = write(tmp_path, "x", images.repeat(3, 1, 1), [0, 1] * 90)
    for pixels, _ in splits(ready(dataset="file", file=path)).values():
        assert len(pixels) == 3 * len({tuple(row) for row in pixels.tolist()})


def test_labels_need_not_count_from_zero(tmp_path):
    labels = {"file": [7, 3, 200, 7], "val_file": [3], "test_file": [200, 7]}
    task = of_files(tmp_path, labels, dict.fromkeys(labels, (2, 3)))
    task.setup()
    assert task.labels == [3, 7, 200]
    assert splits(task)["test"][1].tolist() == [2, 1]


@pytest.mark.parametrize(
    ("labels", "test_size", "message"),
    [
        (([0, 1, 0], [1], [1, 2]), (2, 3), "{test}, label 2: training has no label 2, only 0, 1"),
        (([0, 0, 0], [0], [0]), (2, 3), "{train}, label 1: all training images have the label 0"),
        (([0, 1, 0], [1], [1]), (3, 2), "{test}, label 1: its image has 3 x 2 pixels, not 2 x 3"),
        (([0, 1, 0], [1], []), (2, 3), "{images}: the test split has no sequence"),
    ],
)
def test_a_file_that_cannot_be_used_is_named(tmp_path, labels, test_size, message):
    knobs = ("file", "val_file", "test_file")
    sizes = {"file": (2, 3), "val_file": (2, 3), "test_file": test_size}
    task = of_files(tmp_path, dict(zip(knobs, labels, strict=True)), sizes)
    with pytest.raises(TaskError) as error:
        task.setup()
    places = {
        "train": tmp_path / "file-labels-idx1-ubyte",
        "test": tmp_path / "test_file-labels-idx1-ubyte",
        "images": tmp_path / "test_file-images-idx3-ubyte",
    }
    assert str(error.value).startswith(message.format(**places))


@pytest.mark.parametrize(
    ("knobs", "message"),
    [
        ({"dataset": "mnist"}, "dataset must be one of digits, file, not mnist"),
        ({"dataset": "file"}, "dataset=file needs file=PATH"),
        ({"test_file": "x"}, "test_file=x goes with dataset=file, not dataset=digits"),
    ],
)
def test_a_bad_knob_is_named_with_what_would_be_right(knobs, message):
    with pytest.raises(TaskError) as error:
        Digits(**knobs)
    assert str(error.value).startswith(message)
