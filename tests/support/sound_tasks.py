"""Tasks that are sound, from which broken ones derive, and the register of these."""

import random
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Literal

import torch
import torch.nn.functional as F
from annotated_types import Ge
from torch import Tensor

from recurbench.tasks.base import (
    EVAL_ROWS,
    IGNORE_INDEX,
    Batch,
    Batches,
    Task,
    TaskSpec,
    generator,
    hash_data,
    one_hot_logits,
)
from recurbench.tasks.common.classification import Classification
from recurbench.tasks.common.files import Splits, numbered_lines, own_files, split_of
from recurbench.tasks.common.sequences import Sequences
from recurbench.tasks.common.synthetic import Synthetic
from recurbench.tasks.common.vocabulary import Vocabulary

BROKEN: dict[type[Task], set[str]] = {}


class Sound(Classification):
    """Says which letter stood one step before.

        input    a b b
        target   . a b

        >>> Sound.before(torch.tensor([1, 2, 2])).tolist()
        [-100, 1, 2]

    Args:
        dataset: words made of four letters, or those of a file.
        file: words, one a line.
        val_file: the same for validation.
        test_file: the same for test.
        longest: letters of the longest word that is made.
        pessimist: whether one more reference is shown.
    """

    name = "sound"

    def __init__(
        self,
        *,
        dataset: Literal["made", "file"] = "made",
        file: str | None = None,
        val_file: str | None = None,
        test_file: str | None = None,
        longest: Annotated[int, Ge(5)] = 9,
        pessimist: bool = False,
    ) -> None:
        super().__init__()
        self.files = own_files(dataset, file, val_file, test_file)
        self.longest, self.pessimist = longest, pessimist

    def load(self) -> TaskSpec:
        words: Splits[str] = Splits()
        if self.files:
            words = self.files.split(read, str)
        else:
            source = random.Random(self.longest)
            for word in sorted({made(source, self.longest) for _ in range(200)}):
                getattr(words, split_of(word)).append(word)
        vocabulary = Vocabulary(self.vocabulary_of(words))
        self.splits = {
            split: self.sequences(getattr(words, split), vocabulary)
            for split in ("train", "val", "test")
        }
        return TaskSpec(len(vocabulary), True, len(vocabulary), scope="step")

    def vocabulary_of(self, words: Splits[str]) -> list[str]:
        return list("".join(words.train))

    def sequences(self, words: list[str], vocabulary: Vocabulary) -> Sequences:
        inputs = [vocabulary.encode(word) for word in words]
        return Sequences.of(inputs, [self.before(row) for row in inputs])

    @staticmethod
    def before(row: Tensor) -> Tensor:
        return F.pad(row[:-1], (1, 0), value=IGNORE_INDEX)

    def fingerprint(self) -> str:
        return hash_data(*map(list, self.splits.values()))

    def train_dataloader(self) -> Batches:
        return self.splits["train"].epochs(self.batch_size, self.name, "train", self.seed)

    def val_dataloader(self) -> Batches:
        return self.splits["val"].by_length(EVAL_ROWS)

    def test_dataloader(self) -> Batches:
        return self.splits["test"].by_length(EVAL_ROWS)

    def predictors(self):
        def constant(batch: Batch) -> Tensor:
            return one_hot_logits(self.targets_of(batch) * 0, self.spec.output_size)

        found = {"chance": constant, "optimal": self.solve}
        return found | ({"pessimist": constant} if self.pessimist else {})

    def solve(self, batch: Batch) -> Tensor:
        return super().oracle(batch)

    @classmethod
    def example_file(cls, folder: Path, seed: int) -> Path:
        source = random.Random(f"example {seed}")
        file = folder / "words.txt"
        # Other letters in each file: a vocabulary of all splits would show.
        letters = "abcd" + "efghi"[seed]
        file.write_text("".join(f"{made(source, 12, letters)}\n" for _ in range(80)))
        return file


def made(source: random.Random, longest: int, letters: str = "abcd") -> str:
    return "".join(source.choices(letters, k=source.randint(4, longest)))


def read(path: Path) -> list[str]:
    return [line for _, line in numbered_lines(path)]


class SoundStream(Classification):
    """Predicts the next of random letters, in one stream.

        >>> SoundStream().sizes
        [4000, 2000, 2000]

    Args:
        letters: of each split.
    """

    name = "sound_stream"

    def __init__(self, *, letters: int = 2000) -> None:
        super().__init__()
        self.sizes = [2 * letters, letters, letters]

    def load(self) -> TaskSpec:
        letters = torch.randint(5, (sum(self.sizes),), generator=generator("letters"))
        self.train, self.val, self.test = letters.split(self.sizes)
        return TaskSpec(5, True, 5, scope="step", predicts_next=True)

    def fingerprint(self) -> str:
        return hash_data(self.train, self.val, self.test)

    def train_dataloader(self) -> Batches:
        steps = (len(self.train) - 1) // (10 * self.batch_size)

        def make(position: int) -> Batch:
            epoch, step = divmod(position, steps)
            source = generator("train", self.seed, epoch)
            start = int(torch.randint(len(self.train), (), generator=source))
            return self.chunk(self.train.roll(start), self.batch_size, 10, step)

        return Batches(make, epoch=steps)

    def val_dataloader(self) -> Batches:
        return Batches(lambda i: self.chunk(self.val, 2, 111, i), 9)

    def test_dataloader(self) -> Batches:
        return Batches(lambda i: self.chunk(self.test, 2, 111, i), 9)

    def chunk(self, letters: Tensor, rows: int, length: int, step: int) -> Batch:
        steps = (len(letters) - 1) // (rows * length) * length
        inputs, targets = letters[: rows * steps], letters[1 : rows * steps + 1]
        part = slice(step * length, (step + 1) * length)
        return Batch(inputs.view(rows, -1)[:, part], targets.view(rows, -1)[:, part], step == 0)

    def predictors(self):
        return {
            "chance": lambda batch: one_hot_logits(self.targets_of(batch) * 0, 5),
            "noncausal": self.oracle,
        }


class SoundEndless(Classification, Synthetic):
    """Says at the end which of eight symbols came first; the sequences are drawn without end.

        >>> SoundEndless(length=3).length
        3

    Args:
        length: symbols of a sequence.
    """

    name = "sound_endless"
    grows = "length"
    eval_sequences = 300

    def __init__(self, *, length: int = 7) -> None:
        super().__init__()
        self.length = length

    def describe(self) -> TaskSpec:
        return TaskSpec(8, True, 8, scope="sequence")

    def draw(self, rows: int, size: int, source: torch.Generator) -> Batch:
        inputs = torch.randint(8, (rows, size), generator=source)
        return Batch(inputs, inputs[:, 0])

    def references(self) -> dict[str, float]:
        return {"chance": 1 / 8, "optimal": 1.0}

    def predictors(self):
        return {
            "chance": lambda batch: one_hot_logits(batch.inputs[:, 0] * 0, 8),
            "optimal": lambda batch: one_hot_logits(batch.inputs[:, 0], 8),
        }


def fails(*properties: str) -> Callable[[type], type]:
    """Registers a task, which has all that its documentation needs, with what it must fail."""

    def register(cls: type) -> type:
        if "documented" not in properties:
            cls.__doc__ = cls.__base__.__doc__
            cls.name = cls.__name__.lower()
        BROKEN[cls] = set(properties)
        return cls

    return register
