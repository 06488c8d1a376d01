"""Tagging: give each step of a sequence its label."""

from pathlib import Path
from typing import Annotated, Literal

import torch
from annotated_types import Ge, Lt
from torch.nn.utils.rnn import PackedSequence

from recurbench.tasks.base import (
    EVAL_ROWS,
    Batch,
    Batches,
    Predictor,
    TaskError,
    TaskSpec,
    generator,
    hash_data,
    one_hot_logits,
    valid_steps,
)
from recurbench.tasks.common.classification import Classification
from recurbench.tasks.common.files import own_files
from recurbench.tasks.common.sequences import Sequences
from recurbench.tasks.common.synthetic import Synthetic
from recurbench.tasks.common.vocabulary import Vocabulary
from recurbench.tasks.tagging.hmm import random_model
from recurbench.tasks.tagging.tagged import encode, read_tagged, write_example

Dataset = Literal["hmm", "file"]


class Tagging(Classification, Synthetic):
    """Labels each step of a sequence from what came up to it, or from all if bidirectional.

    `dataset=hmm` asks for the states of a hidden Markov model, which stays in a state for a while
    and emits symbols that several states share; what is best is known. The model depends on the
    knobs alone. Its sequences and those of `dataset=file`, with any tokens and labels:

        input    4 7 7 0 9 9 2 4      input    Ada  went  to  Lima
        target   1 1 1 1 3 3 3 3      target   PER  O     O   LOC

        >>> task = Tagging(states=5, emissions=12, min_length=4, max_length=4)
        >>> symbols, states, _ = task.draw(3, 4, torch.Generator().manual_seed(0))
        >>> symbols.batch_sizes.tolist()  # sequences that go on at each step
        [3, 3, 3, 3]
        >>> task.model.filter(symbols).shape  # chances of 5 states at 12 steps
        torch.Size([12, 5])

    A file has a line for each step, a token and its label with a tab between, and a blank line
    between sequences. It is split by a hash of each sequence's tokens. Tokens that training does
    not know share one id; labels must all be known from training. A batch of an epoch of a file may
    be smaller than the others.

    Further test splits of the model, `max_length_<n>` for two and four times `max_length`, have
    sequences of more than n / 2 and at most n steps: longer than any before.

    Args:
        dataset: where the sequences come from.
        states: labels of the model.
        emissions: different symbols of the model.
        stay: how likely a state of the model follows on itself.
        noise: how often a symbol of the model is any one, whatever the state.
        min_length: steps of the model's shortest sequence.
        max_length: steps of the model's longest sequence; all lengths are equally likely.
        min_count: how often training must have a token of a file for it to be known.
        file: tagged lines of one's own, for `dataset=file`.
        val_file: lines for validation; otherwise a tenth of the sequences in `file`.
        test_file: lines for test; otherwise a tenth of the sequences in `file`.
        eval_sequences: the model's sequences in validation and in each test split.
    """

    name = "tagging"
    measures = "a hidden state tracked through noise; labels from context"
    default_references = {
        "chance": 0.2,
        "majority": 0.2721,
        "emission": 0.4676,
        "optimal": 0.6721,
        "noncausal": 0.7728,
    }
    seconds = 28
    grows = "max_length"

    def __init__(
        self,
        *,
        dataset: Dataset = "hmm",
        states: Annotated[int, Ge(2)] = 5,
        emissions: Annotated[int, Ge(2)] = 12,
        stay: Annotated[float, Ge(0), Lt(1)] = 0.9,
        noise: Annotated[float, Ge(0), Lt(1)] = 0.1,
        min_length: Annotated[int, Ge(1)] = 10,
        max_length: int = 40,
        min_count: Annotated[int, Ge(1)] = 1,
        file: str | None = None,
        val_file: str | None = None,
        test_file: str | None = None,
        eval_sequences: Annotated[int, Ge(1)] = 1000,
    ) -> None:
        super().__init__()
        if max_length < min_length:
            raise TaskError(
                f"max_length must be at least min_length={min_length}, not {max_length}"
            )
        self.dataset, self.min_count = dataset, min_count
        self.min_length, self.max_length = min_length, max_length
        self.eval_sequences = eval_sequences
        self.files = own_files(dataset, file, val_file, test_file)
        source = generator(self.name, "model", states, emissions)
        self.model = random_model(states, emissions, stay=stay, noise=noise, source=source)

    def load(self) -> TaskSpec:
        """Draws the evaluation splits, or reads files and learns tokens and labels of training.

        Raises:
            TaskError: a file is missing or damaged, or a label is not known from training.
        """
        if not self.files:
            return super().load()
        found = self.files.split(read_tagged, lambda sequence: "\n".join(sequence.tokens))
        self.vocabulary = Vocabulary(
            (token for sequence in found.train for token in sequence.tokens),
            min_count=self.min_count,
        )
        self.labels = sorted({label for sequence in found.train for label in sequence.labels})
        if len(self.labels) < 2:
            raise TaskError(
                f"{self.files.file}: {self.labels[0]} is the only label of training; "
                "at least 2 are needed"
            )
        self._train, val, test = (
            encode(part, self.vocabulary, self.labels)
            for part in (found.train, found.val, found.test)
        )
        self._splits = {"val": val.by_length(EVAL_ROWS), "test": test.by_length(EVAL_ROWS)}
        return self.describe()

    def describe(self) -> TaskSpec:
        """Tokens in, a label of each out."""
        if self.files:
            return TaskSpec(len(self.vocabulary), True, len(self.labels), scope="step")
        states, emissions = self.model.emissions.shape
        return TaskSpec(emissions, tokens=True, output_size=states, scope="step")

    def draw(self, rows: int, size: int, source: torch.Generator) -> Batch:
        """Sequences of the model of up to `size` steps; beyond training, of more than half."""
        shortest = size // 2 + 1 if size > self.max_length else self.min_length
        lengths = torch.randint(shortest, size + 1, (rows,), generator=source)
        symbols, states = self.model.draw(rows, int(lengths.max()), source)
        return Sequences(symbols, lengths, states, per_step=True).pack()

    def train_dataloader(self) -> Batches:
        """Batches without end: fresh sequences of the model, or reshuffled epochs of a file."""
        if not self.files:
            return super().train_dataloader()
        return self._train.epochs(self.batch_size, self.name, "train", self.seed)

    def fingerprint(self) -> str:
        """Of the splits, and of what ids stand for in a file."""
        if not self.files:
            return super().fingerprint()
        learnt = self.vocabulary.symbols, self.labels
        return hash_data(learnt, list(self._train.pack()), *map(list, self._splits.values()))

    def references(self) -> dict[str, float]:
        """Accuracy of simple predictors, for a file as learnt from training.

        `majority` and `chance` are exact for the model; `optimal` is the best from what came up to
        a step, `noncausal` from the whole sequence.
        """
        played = super().references()
        if self.files:
            return played
        shares = self.model.initial
        return played | {"chance": 1 / len(shares), "majority": float(shares.max())}

    def predictors(self) -> dict[str, Predictor]:
        """The most frequent label, and that of each token; for the model, the likeliest state.

        A token that training does not know gets the most frequent label of all.
        """
        if self.files:
            steps = self._train.pack()
            counts = torch.zeros(self.spec.input_size, self.spec.output_size, dtype=torch.float64)
            pairs = valid_steps(steps.inputs), valid_steps(steps.targets)
            counts.index_put_(pairs, torch.ones((), dtype=torch.float64), accumulate=True)
            shares = counts.sum(0) / counts.sum()
            # Shares are below 1, and so decide only where counts are equal.
            by_token = one_hot_logits((counts + shares).argmax(1), len(shares))
            return {
                "majority": lambda batch: shares.log().expand(_count(batch), -1),
                "most_frequent_tag": lambda batch: by_token[valid_steps(batch.inputs)],
            }
        shares, by_symbol = self.model.initial, (self.model.initial * self.model.emissions.T).log()
        return {
            "chance": lambda batch: one_hot_logits(
                torch.arange(_count(batch)) % len(shares), len(shares)
            ),
            "majority": lambda batch: shares.log().expand(_count(batch), -1),
            "emission": lambda batch: by_symbol[valid_steps(batch.inputs)],
            "optimal": lambda batch: self.model.filter(_packed(batch)).log(),
            "noncausal": lambda batch: self.model.smoother(_packed(batch)).log(),
        }

    @classmethod
    def example_file(cls, folder: Path, seed: int) -> Path:
        """Writes 200 short sentences with the names of people and places in them."""
        return write_example(folder / "tagged.tsv", seed)


def _count(batch: Batch) -> int:
    """Steps of a batch, of all its sequences."""
    return len(valid_steps(batch.targets))


def _packed(batch: Batch) -> PackedSequence:
    assert isinstance(batch.inputs, PackedSequence)
    return batch.inputs
