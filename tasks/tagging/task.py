"""Tagging: give each step of a sequence its label."""

from pathlib import Path
from typing import Annotated, Literal

from annotated_types import Ge, Lt

from recurbench.limits import GoesWith
from recurbench.tasks.base import TaskError, generator
from recurbench.tasks.common.classification import Classification
from recurbench.tasks.common.files import only_with_files, own_files
from recurbench.tasks.common.source import FromSource
from recurbench.tasks.tagging.hmm import random_model
from recurbench.tasks.tagging.sources import Hidden, Tagged
from recurbench.tasks.tagging.tagged import write_example

Dataset = Literal["hmm", "file"]


class Tagging(Classification, FromSource):
    """Labels each step of a sequence from what came up to it, or from all if bidirectional.

    `dataset=hmm` asks for the states of a hidden Markov model, which stays in a state for a while
    and emits symbols that several states share; what is best is known. The model depends on the
    knobs alone. Its sequences and those of `dataset=file`, with any tokens and labels:

        input    4 7 7 0 9 9 2 4      input    Ada  went  to  Lima
        target   1 1 1 1 3 3 3 3      target   PER  O     O   LOC

        >>> task = Tagging(states=5, emissions=12, min_length=4, max_length=4)
        >>> import torch
        >>> symbols, states, _ = task.open().draw(3, 4, torch.Generator().manual_seed(0))
        >>> symbols.batch_sizes.tolist()  # sequences that go on at each step
        [3, 3, 3, 3]
        >>> task.model.filter(symbols).shape  # chances of 5 states at 12 steps
        torch.Size([12, 5])

    A file has a line for each step, a token and its label with a tab between, and a blank line
    between sequences. Files with spaces for tabs and those of CoNLL-2003 and CoNLL-U are read too,
    these with `columns`; their comments, `-DOCSTART-` lines, ranges of tokens and empty nodes are
    left out. A file is split by a hash of each sequence's tokens. Tokens that training does
    not know share one id; labels must all be known from training. A batch of an epoch of a file may
    be smaller than the others.

    Further test splits of the model, `max_length_<n>` for two and four times `max_length`, have
    sequences of more than n / 2 and at most n steps: longer than any before.

    Args:
        dataset: where the sequences come from.
        states: labels of the model.
        emissions: different symbols of the model.
        stay: how likely the model stays in its state.
        noise: how often a symbol of the model is any one, whatever the state.
        min_length: steps of the model's shortest sequence.
        max_length: steps of the model's longest sequence; all lengths are equally likely.
        min_count: how often a token of a file must occur in training to be known.
        file: tagged lines of one's own, for `dataset=file`.
        val_file: lines for validation; otherwise a tenth of the sequences in `file`.
        test_file: lines for test; otherwise a tenth of the sequences in `file`.
        columns: the columns of token and label in files of more than two, such as [0,3]; they count
            from 0, or from the last as -1.
        eval_sequences: the model's sequences in validation and in each test split.
    """

    source: Hidden | Tagged
    name = "tagging"
    measures = "a hidden state tracked through noise; labels from context"
    default_references = {
        "chance": 0.0625,
        "majority": 0.0872,
        "emission": 0.2037,
        "optimal": 0.4793,
        "noncausal": 0.6345,
    }
    seconds = 35

    def __init__(
        self,
        *,
        dataset: Dataset = "hmm",
        states: Annotated[int, Ge(2), GoesWith(dataset="hmm")] = 16,
        emissions: Annotated[int, Ge(2), GoesWith(dataset="hmm")] = 24,
        stay: Annotated[float, Ge(0), Lt(1), GoesWith(dataset="hmm")] = 0.9,
        noise: Annotated[float, Ge(0), Lt(1), GoesWith(dataset="hmm")] = 0.1,
        min_length: Annotated[int, Ge(1), GoesWith(dataset="hmm")] = 10,
        max_length: Annotated[int, GoesWith(dataset="hmm")] = 60,
        min_count: Annotated[int, Ge(1), GoesWith(dataset="file")] = 1,
        file: str | None = None,
        val_file: str | None = None,
        test_file: str | None = None,
        columns: list[int] | None = None,
        eval_sequences: Annotated[int, Ge(1), GoesWith(dataset="hmm")] = 1000,
    ) -> None:
        super().__init__()
        if max_length < min_length:
            raise TaskError(
                f"max_length must be at least min_length={min_length}, not {max_length}"
            )
        only_with_files(dataset, columns=columns)
        if columns is not None and not len(columns) == len(set(columns)) == 2:
            raise TaskError(f"columns must be two numbers, of token and label, not {columns}")
        self.dataset, self.min_count, self.columns = dataset, min_count, columns
        self.min_length, self.max_length = min_length, max_length
        self.eval_sequences = eval_sequences
        self.files = own_files(dataset, file, val_file, test_file)
        source = generator(self.name, "model", states, emissions)
        self.model = random_model(states, emissions, stay=stay, noise=noise, source=source)

    def open(self) -> Hidden | Tagged:
        """Draws the evaluation splits, or reads files."""
        if self.files:
            return Tagged(self.name, self.files, self.min_count, self.columns, self.notes)
        return Hidden(
            self.name,
            self.model,
            min_length=self.min_length,
            max_length=self.max_length,
            eval_sequences=self.eval_sequences,
        )

    def references_of(self, split: str) -> dict[str, float]:
        """Accuracy of the source's predictors, played unless the source knows it exactly.

        For the model, `optimal` is the best from all symbols up to a step, `noncausal` the best
        from the whole sequence.
        """
        return super().references_of(split) | self.source.exact()

    @classmethod
    def example_file(cls, folder: Path, seed: int) -> Path:
        """Writes 200 short sentences with the names of people and places in them."""
        return write_example(folder / "tagged.tsv", seed)
