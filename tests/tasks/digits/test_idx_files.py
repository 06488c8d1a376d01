"""Images in the idx format are read as they were written, and damaged files are named."""

import gzip
from pathlib import Path

import pytest
import torch

from recurbench.tasks.base import TaskError
from recurbench.tasks.digits.idx_files import read_idx, read_images, write_idx

IMAGES = torch.arange(24).view(4, 3, 2) * 10
LABELS = torch.tensor([3, 0, 9, 3])


def written(folder: Path, images=IMAGES, labels=LABELS, ending: str = "") -> Path:
    path = folder / f"train-images-idx3-ubyte{ending}"
    write_idx(path, images)
    write_idx(folder / f"train-labels-idx1-ubyte{ending}", labels)
    return path


def test_the_format_byte_by_byte(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(bytes([0, 0, 8, 2, 0, 0, 0, 2, 0, 0, 0, 3, 5, 0, 255, 1, 2, 3]))
    found = read_idx(path, dimensions=2)
    assert found.dtype == torch.uint8
    assert found.tolist() == [[5, 0, 255], [1, 2, 3]]
    copy = tmp_path / "copy"
    write_idx(copy, found)
    assert copy.read_bytes() == path.read_bytes()


@pytest.mark.parametrize("ending", ["", ".gz"])
def test_images_come_with_their_labels(tmp_path, ending):
    found = read_images(written(tmp_path, ending=ending))
    assert [image.pixels.tolist() for image in found] == IMAGES.tolist()
    assert [image.label for image in found] == LABELS.tolist()
    assert found[2].place == f"{tmp_path / f'train-labels-idx1-ubyte{ending}'}, label 3"


@pytest.mark.parametrize("endings", [("", ".gz"), (".gz", "")])
def test_one_of_the_two_may_be_compressed(tmp_path, endings):
    path = tmp_path / f"train-images.idx3-ubyte{endings[0]}"
    write_idx(path, IMAGES)
    write_idx(tmp_path / f"train-labels.idx1-ubyte{endings[1]}", LABELS)
    assert [image.label for image in read_images(path)] == LABELS.tolist()


@pytest.mark.parametrize("name", ["t10k-images.idx3-ubyte", "images"])
def test_names_that_the_labels_file_follows_from(tmp_path, name):
    write_idx(tmp_path / name, IMAGES)
    write_idx(tmp_path / name.replace("images", "labels").replace("3", "1"), LABELS)
    assert len(read_images(tmp_path / name)) == 4


def test_a_name_without_images_is_refused(tmp_path):
    path = tmp_path / "train-idx3-ubyte"
    write_idx(path, IMAGES)
    with pytest.raises(TaskError, match="name it like train-images-idx3-ubyte"):
        read_images(path)


def test_missing_labels_are_named(tmp_path):
    path = tmp_path / "images"
    write_idx(path, IMAGES)
    with pytest.raises(TaskError) as error:
        read_images(path)
    assert str(error.value).startswith(f"{tmp_path / 'labels'}: cannot read this file")


HEADER = bytes([0, 0, 8, 1, 0, 0, 0, 3])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "starts with nothing, but an idx file of bytes in 1 dimension with 00 00 08 01"),
        (b"\x89PNG\r\n", "starts with 89 50 4e 47, but"),
        (bytes([0, 0, 8, 3, 0, 0, 0, 1]), "starts with 00 00 08 03, but"),
        (bytes([0, 0, 13, 1, 0, 0, 0, 1]), "starts with 00 00 0d 01, but"),
        (HEADER[:6], "0 bytes after the header"),
        (HEADER + b"ab", "2 bytes after the header, which says 3; copy the file again"),
        (HEADER + b"abcd", "4 bytes after the header, which says 3; copy the file again"),
        (gzip.compress(HEADER + b"abc", mtime=0)[:-9], "a damaged gzip file"),
        (b"\x1f\x8b\x08 no gzip file at all", "a damaged gzip file"),
    ],
)
def test_a_damaged_file_is_named(tmp_path, content, message):
    path = tmp_path / "file"
    path.write_bytes(content)
    with pytest.raises(TaskError) as error:
        read_idx(path, dimensions=1)
    assert str(error.value).startswith(f"{path}: {message}")


def test_as_many_labels_as_images_are_needed(tmp_path):
    path = written(tmp_path, labels=LABELS[:3])
    with pytest.raises(TaskError, match=r"labels-idx1-ubyte: 3 labels, but .* has 4 images"):
        read_images(path)


@pytest.mark.parametrize("size", [(0, 4), (1, 20_001)])
def test_images_without_pixels_or_with_too_many_are_refused(tmp_path, size):
    path = written(tmp_path, images=torch.zeros(4, *size))
    with pytest.raises(TaskError, match=f"images of {size[0]} x {size[1]}, but 1 to 20000 pixels"):
        read_images(path)
