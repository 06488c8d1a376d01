"""What the tests of generate share."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from recurbench.harness.cli import main

COUNTING = '''
"""A task whose models go on counting."""
import torch
import torch.nn.functional as F
from recurbench.tasks.base import Batch, Batches, Task, TaskError, TaskSpec, generator, hash_data
from recurbench.tasks.common.metrics import classification_metrics
from recurbench.tasks.generation import Generative


class Counting(Generative, Task):
    """Predicts the next digit of 0 1 2 3 4 0 1 2 and so on; `ends` puts a 5 after each 4."""

    name = "counting"
    primary = "accuracy"
    endings = (".txt", ".digits")

    def __init__(
        self, *, modulus: int = 5, ends: bool = False, label: str = "x y", words: list[str] = [],
        file: str | None = None,
    ):
        super().__init__()
        self.modulus, self.ends = modulus, ends
        self.stop = modulus if ends else None

    def load(self):
        size = self.modulus + self.ends
        return TaskSpec(size, tokens=True, output_size=size, scope="step", predicts_next=True)

    def draw(self, *stream):
        start = torch.randint(self.spec.input_size, (8, 1), generator=generator(*stream))
        whole = (start + torch.arange(9)) % self.spec.input_size
        return Batch(whole[:, :-1], whole[:, 1:])

    def loss(self, outputs, targets):
        return F.cross_entropy(outputs, targets)

    def metrics(self):
        return classification_metrics(self.spec.output_size)

    def references(self):
        return {"chance": 1 / self.modulus}

    def fingerprint(self):
        return hash_data(self.modulus, self.ends)

    def train_dataloader(self):
        return Batches(lambda i: self.draw("train", self.seed, i))

    def val_dataloader(self):
        return Batches(lambda i: self.draw("val", i), 1)

    def test_dataloader(self):
        return Batches(lambda i: self.draw("test", i), 1)

    def encode_prompt(self, prompt):
        if not all(char in "01234"[: self.modulus] for char in prompt):
            raise TaskError(f"prompt {prompt!r}: write digits below {self.modulus}")
        return torch.tensor([int(char) for char in prompt or "0"])

    def to_text(self, sequence):
        return "".join(map(str, sequence.tolist()))
'''


QUICK = [
    "task=counting", "logger=none", "train.max_steps=60", "train.eval_every=30",
    "optimizer.lr=0.02", "cell.hidden_size=16", "model.embedding_size=8",
]  # fmt: skip


KEPT = [*QUICK, "train.keep_checkpoint=true"]


@pytest.fixture
def counting(plugin_folder: Path, workplace: Path) -> Path:
    """The current folder, where the task `counting` is a plugin."""
    (plugin_folder / "counting.py").write_text(COUNTING)
    return workplace


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the results of the run below wait for the next test."""
    return tmp_path_factory.mktemp("shelf") / "results"


@pytest.fixture
def run_id(counting: Path, shelf: Path, capsys: pytest.CaptureFixture) -> str:
    """A run that kept its checkpoint."""
    if shelf.exists():
        shutil.copytree(shelf, counting / "results")
    else:
        assert main(["run", *KEPT]) == 0
        capsys.readouterr()
        shutil.copytree(counting / "results", shelf)
    (path,) = (counting / "results/runs").rglob("*.json")
    return path.stem


@pytest.fixture
def refused(capsys: pytest.CaptureFixture) -> Callable[..., str]:
    """The one line in which `generate` refuses."""

    def run(*arguments: str) -> str:
        assert main(["generate", *arguments]) == 2
        output = capsys.readouterr()
        assert output.out == ""
        (line,) = output.err.splitlines()
        return line

    return run


def checkpoints(workplace: Path) -> list[str]:
    return sorted(path.parent.name for path in workplace.rglob("*.ckpt"))
