"""Digits: recognise an image that is read pixel by pixel."""

from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from recurbench.tasks.base import (
    EVAL_ROWS,
    Batch,
    Batches,
    Predictor,
    TaskError,
    TaskSpec,
    dense,
    generator,
    hash_data,
    one_hot_logits,
)
from recurbench.tasks.common.baselines import Linear, NearestMean
from recurbench.tasks.common.classification import Classification
from recurbench.tasks.common.files import Splits, own_files, split_of
from recurbench.tasks.common.rows import Rows
from recurbench.tasks.digits.idx_files import Image, read_images, write_idx

Dataset = Literal["digits", "file"]

RIDGE = 1.0
"""What the linear baseline adds to the sums of the pixels' squares."""


class Digits(Classification):
    """Reads an image one pixel a step, row after row, and names its class at the end.

    Le, Jaitly & Hinton, "A Simple Way to Initialize Recurrent Networks of Rectified Linear Units",
    2015, do so with MNIST, and with its pixels in one random order for all images, which puts near
    pixels far apart (`permute`). `dataset=digits` has the 1,797 images of 8 x 8 pixels that
    scikit-learn ships (Alpaydin & Kaynak, 1998), so 64 steps; `dataset=file` reads MNIST itself.
    Pixels are scaled to [0, 1]. An image of 2 x 3 pixels with values 0 to 16, and its class:

         0 16  8
         4  0  0

        input    0 1 0.5 0.25 0 0
        target                  7

        >>> image = torch.tensor([[0, 16, 8], [4, 0, 0]])
        >>> Digits().layout(image[None], brightest=16).flatten().tolist()
        [0.0, 1.0, 0.5, 0.25, 0.0, 0.0]

    A hash of each image puts 80 % into training, 10 % into validation and 10 % into test. The
    split is ours: scikit-learn has no official one.

    Args:
        dataset: where the images come from.
        permute: whether the pixels come in a random order, which is the same in every run.
        file: images in the idx format, such as `train-images-idx3-ubyte` or `.gz`, with
            `train-labels-idx1-ubyte` beside it, for `dataset=file`.
        val_file: images for validation; otherwise a tenth of those in `file`.
        test_file: images for test, such as `t10k-images-idx3-ubyte`; otherwise a tenth of `file`.
    """

    name = "digits"
    measures = "memory for many small pieces of evidence that come one by one"
    default_references = {"chance": 0.1, "nearest_mean": 0.9011, "linear": 0.9505}
    seconds = 34.0

    def __init__(
        self,
        *,
        dataset: Dataset = "digits",
        permute: bool = False,
        file: str | None = None,
        val_file: str | None = None,
        test_file: str | None = None,
    ) -> None:
        super().__init__()
        self.dataset, self.permute = dataset, permute
        self.files = own_files(dataset, file, val_file, test_file)

    def load(self) -> TaskSpec:
        """Reads the images and splits them.

        Raises:
            TaskError: a file is missing or damaged, images differ in size, or a label is not known
                from training.
        """
        if self.files:
            found, brightest = self.files.split(read_images, content_of), 255
        else:
            found, brightest = bundled_digits(), 16
        self.labels = labels_of(found)
        self._train, self._val, self._test = (
            Rows(
                self.layout(torch.stack([image.pixels for image in images]), brightest),
                torch.tensor([self.labels.index(image.label) for image in images]),
            )
            for images in (found.train, found.val, found.test)
        )
        return TaskSpec(1, tokens=False, output_size=len(self.labels), scope="sequence")

    def layout(self, images: Tensor, brightest: int) -> Tensor:
        """Images `(S, H, W)` as sequences `(S, H W, 1)` of values from 0 to 1."""
        pixels = images.flatten(1)
        if self.permute:
            source = generator(self.name, "permutation")
            pixels = pixels[:, torch.randperm(pixels.shape[1], generator=source)]
        return pixels[..., None].float() / brightest

    def fingerprint(self) -> str:
        """A hash of all labels and images, their pixels in the order in which they are read."""
        return hash_data(self.labels, self._train, self._val, self._test)

    def train_dataloader(self) -> Batches:
        """Epochs in random order, without end."""
        return self._train.epochs(self.batch_size, self.name, "train", self.seed)

    def val_dataloader(self) -> Batches:
        """The validation split."""
        return self._val.once(EVAL_ROWS)

    def test_dataloader(self) -> Batches:
        """The test split."""
        return self._test.once(EVAL_ROWS)

    def references(self) -> dict[str, float]:
        """Accuracy of guessing, and of two baselines that see all pixels at once."""
        return super().references() | {"chance": 1 / len(self.labels)}

    def references_of(self, split: str) -> dict[str, float]:
        """The same on validation, the only other split."""
        return self.play_all(self.val_dataloader()) | {"chance": 1 / len(self.labels)}

    def predictors(self) -> dict[str, Predictor]:
        """A random class; that of the nearest class mean; ridge regression on the classes."""
        classes, train = len(self.labels), self._train
        pixels = train.inputs[..., 0].double()
        nearest = NearestMean(pixels, train.targets)
        linear = Linear(pixels, one_hot_logits(train.targets, classes).sign().double(), RIDGE)

        def pixels_of(batch: Batch) -> Tensor:
            return dense(batch.inputs)[..., 0].double()

        def chance(batch: Batch) -> Tensor:
            source = generator(self.name, "chance", hash_data(batch.inputs))
            return torch.rand(len(dense(batch.inputs)), classes, generator=source)

        return {
            "chance": chance,
            "nearest_mean": lambda batch: nearest(pixels_of(batch)),
            "linear": lambda batch: linear(pixels_of(batch)),
        }

    @classmethod
    def example_file(cls, folder: Path, seed: int) -> Path:
        """Images of 5 x 3 pixels, whose class is the row that is lit, with noise."""
        source = generator(cls.name, "example", seed)
        labels = torch.randint(5, (300,), generator=source)
        images = torch.randint(100, (300, 5, 3), generator=source)
        images[torch.arange(300), labels] += 150
        path = folder / f"example-{seed}-images-idx3-ubyte"
        write_idx(path, images)
        write_idx(folder / f"example-{seed}-labels-idx1-ubyte", labels)
        return path


def content_of(image: Image) -> str:
    """What of an image decides its split."""
    return image.pixels.numpy().tobytes().hex()


def bundled_digits() -> Splits[Image]:
    """scikit-learn's images, pixels from 0 to 16, split by the hash of each."""
    from sklearn.datasets import load_digits  # takes a second to import

    data = load_digits()
    splits: Splits[Image] = Splits()
    pixels = torch.from_numpy(data.images.astype(np.uint8))
    for number, (image, label) in enumerate(zip(pixels, data.target.tolist(), strict=True), 1):
        found = Image(image, label, f"scikit-learn's digits, image {number}")
        getattr(splits, split_of(content_of(found))).append(found)
    return splits


def labels_of(splits: Splits[Image]) -> list[int]:
    """The labels of the train split, sorted; checks that all images have one of them and one size.

    Raises:
        TaskError: there is only one label, another split has one that is not among them, or images
            differ in size.
    """
    first = splits.train[0]
    labels = sorted({image.label for image in splits.train})
    if len(labels) < 2:
        raise TaskError(f"{first.place}: all training images have the label {labels[0]}")
    for image in [*splits.val, *splits.test]:
        if image.label not in labels:
            known = ", ".join(map(str, labels))
            raise TaskError(f"{image.place}: training has no label {image.label}, only {known}")
        if image.pixels.shape != first.pixels.shape:
            sizes = [" x ".join(map(str, x.pixels.shape)) for x in (image, first)]
            raise TaskError(f"{image.place}: its image has {sizes[0]} pixels, not {sizes[1]}")
    return labels
