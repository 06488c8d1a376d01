"""Images with labels in the idx format, in which MNIST and its relatives come."""

import gzip
import math
import zlib
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from recurbench.tasks.base import TaskError
from recurbench.tasks.common.files import MAX_STEPS

_BYTES = 8
"""The idx format's code for unsigned bytes."""

_GZIP = b"\x1f\x8b"
"""How a compressed file starts."""


class Image(NamedTuple):
    """An image with its label.

    Attributes:
        pixels: bytes `(H, W)`.
        label: its class.
        place: the file of its label and its number there, from 1.
    """

    pixels: Tensor
    label: int
    place: str


def read_images(path: Path) -> list[Image]:
    """Reads images of a file `...images-idx3-ubyte`, and the labels of `...labels-idx1-ubyte`.

    The name of the second follows from the first. Either may be compressed, and then ends with
    `.gz`.

    Raises:
        TaskError: a file is missing, damaged or of another kind, there are not as many labels as
            images, or an image has no pixel or more than `MAX_STEPS`.
    """
    if "images" not in path.name:
        raise TaskError(f"{path}: name it like train-images-idx3-ubyte, so that labels are found")
    labels_path = path.with_name(path.name.replace("images", "labels").replace("idx3", "idx1"))
    other = labels_path.with_suffix("") if path.suffix == ".gz" else Path(f"{labels_path}.gz")
    if other.exists() and not labels_path.exists():
        labels_path = other
    pixels, labels = read_idx(path, dimensions=3), read_idx(labels_path, dimensions=1)
    if len(pixels) != len(labels):
        raise TaskError(f"{labels_path}: {len(labels)} labels, but {path} has {len(pixels)} images")
    if not 1 <= math.prod(pixels.shape[1:]) <= MAX_STEPS:
        height, width = pixels.shape[1:]
        raise TaskError(
            f"{path}: images of {height} x {width}, but 1 to {MAX_STEPS} pixels can be read"
        )
    return [
        Image(image, label, f"{labels_path}, label {number}")
        for number, (image, label) in enumerate(zip(pixels, labels.tolist(), strict=True), 1)
    ]


def read_idx(path: Path, dimensions: int) -> Tensor:
    """Reads an array of bytes.

    The format: two zero bytes, the type of the numbers, the number of dimensions, the size of each
    as four bytes, the highest first, and the numbers.

    Raises:
        TaskError: the file is missing, empty or damaged, or holds other numbers than bytes or other
            dimensions.
    """
    try:
        content = path.read_bytes()
        if content[:2] == _GZIP:
            content = gzip.decompress(content)
    except (gzip.BadGzipFile, EOFError, zlib.error):
        raise TaskError(f"{path}: a damaged gzip file; copy it again") from None
    except OSError as error:
        raise TaskError(f"{path}: cannot read this file ({error.strerror})") from None
    magic = bytes([0, 0, _BYTES, dimensions])
    if content[:4] != magic:
        raise TaskError(
            f"{path}: starts with {content[:4].hex(' ') or 'nothing'}, but an idx file of bytes in "
            f"{dimensions} dimension{'s' * (dimensions > 1)} with {magic.hex(' ')}"
        )
    start = 4 + 4 * dimensions
    sizes = [int.from_bytes(content[i : i + 4], "big") for i in range(4, start, 4)]
    if len(content) - start != math.prod(sizes):
        raise TaskError(
            f"{path}: {max(len(content) - start, 0)} bytes after the header, which says "
            f"{' x '.join(map(str, sizes))}; copy the file again"
        )
    return torch.from_numpy(np.frombuffer(content, np.uint8, offset=start).copy()).view(sizes)


def write_idx(path: Path, values: Tensor) -> None:
    """Writes an array of bytes; a name that ends with `.gz` compresses it."""
    header = bytes([0, 0, _BYTES, values.dim()])
    header += b"".join(size.to_bytes(4, "big") for size in values.shape)
    content = header + values.numpy().astype(np.uint8).tobytes()
    path.write_bytes(gzip.compress(content, mtime=0) if path.suffix == ".gz" else content)
