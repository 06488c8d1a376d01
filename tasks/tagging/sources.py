"""Where tagged sequences come from: drawn from a hidden Markov model, or read from files."""

import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence

from recurbench.tasks.base import (
    Batch,
    Predictor,
    Task,
    TaskError,
    TaskSpec,
    one_hot_logits,
    valid_steps,
)
from recurbench.tasks.common.files import OwnFiles
from recurbench.tasks.common.sequences import Sequences
from recurbench.tasks.common.source import Drawn, Recorded
from recurbench.tasks.common.vocabulary import Vocabulary
from recurbench.tasks.tagging.hmm import HiddenMarkov
from recurbench.tasks.tagging.tagged import encode, read_tagged


class Hidden(Drawn):
    """Sequences of a hidden Markov model, of which everything is known.

    Args:
        task: the task's name, from which all draws follow.
        model: what draws symbols and states.
        min_length: steps of the shortest sequence.
        max_length: steps of the longest that is trained on.
        eval_sequences: sequences in validation and in each test split.
    """

    def __init__(
        self,
        task: str,
        model: HiddenMarkov,
        *,
        min_length: int,
        max_length: int,
        eval_sequences: int,
    ) -> None:
        states, emissions = model.emissions.shape
        self.model, self.min_length, self.max_length = model, min_length, max_length
        super().__init__(
            task,
            TaskSpec(emissions, tokens=True, output_size=states, scope="step"),
            self._sequences,
            knob="max_length",
            size=max_length,
            eval_sequences=eval_sequences,
        )

    def predictors(self, task: Task) -> dict[str, Predictor]:
        """Guesses, the likeliest state of a symbol, and the best from the past or the whole."""
        shares, by_symbol = self.model.initial, (self.model.initial * self.model.emissions.T).log()
        states = len(shares)
        return {
            "chance": lambda batch: one_hot_logits(torch.arange(count(batch)) % states, states),
            "majority": lambda batch: shares.log().expand(count(batch), -1),
            "emission": lambda batch: by_symbol[valid_steps(batch.inputs)],
            "optimal": lambda batch: self.model.filter(_packed(batch)).log(),
            "noncausal": lambda batch: self.model.smoother(_packed(batch)).log(),
        }

    def exact(self) -> dict[str, float]:
        """The references whose scores are known without playing them."""
        shares = self.model.initial
        return {"chance": 1 / len(shares), "majority": float(shares.max())}

    def _sequences(self, rows: int, size: int, source: torch.Generator) -> Batch:
        """Sequences of up to `size` steps; beyond training, of more than half."""
        shortest = size // 2 + 1 if size > self.max_length else self.min_length
        lengths = torch.randint(shortest, size + 1, (rows,), generator=source)
        symbols, states = self.model.draw(rows, int(lengths.max()), source)
        return Sequences(symbols, lengths, states, per_step=True).pack()


class Tagged(Recorded):
    """Tokens with their labels, from files; vocabulary and labels are those of training.

    Args:
        task: the task's name, from which the order of training follows.
        files: where to read.
        min_count: how often a token must occur in the train split to be known.
        columns: of token and label; None for files of these two alone.
        notes: where to say what was left out.

    Raises:
        TaskError: a file is missing or damaged, or a label is not known from training.
    """

    def __init__(
        self,
        task: str,
        files: OwnFiles,
        min_count: int,
        columns: list[int] | None,
        notes: list[str],
    ) -> None:
        found = files.split(
            lambda path: read_tagged(path, notes, columns),
            lambda sequence: "\n".join(sequence.tokens),
        )
        vocabulary = Vocabulary(
            (token for sequence in found.train for token in sequence.tokens), min_count=min_count
        )
        labels = sorted({label for sequence in found.train for label in sequence.labels})
        if len(labels) < 2:
            raise TaskError(
                f"{files.file}: {labels[0]} is the only label of training; at least 2 are needed"
            )
        train, val, test = (
            encode(part, vocabulary, labels) for part in (found.train, found.val, found.test)
        )
        spec = TaskSpec(len(vocabulary), tokens=True, output_size=len(labels), scope="step")
        learnt = (vocabulary.symbols, labels)
        super().__init__(task, spec, train, val, test, learnt=learnt)
        self.vocabulary, self.labels = vocabulary, labels

    def predictors(self, task: Task) -> dict[str, Predictor]:
        """The most frequent label, and that of each token.

        A token that training does not know gets the most frequent label of all.
        """
        steps = self.train.pack()
        counts = torch.zeros(self.spec.input_size, self.spec.output_size, dtype=torch.float64)
        pairs = valid_steps(steps.inputs), valid_steps(steps.targets)
        counts.index_put_(pairs, torch.ones((), dtype=torch.float64), accumulate=True)
        shares = counts.sum(0) / counts.sum()
        # Shares are below 1, and so decide only where counts are equal.
        by_token = one_hot_logits((counts + shares).argmax(1), len(shares))
        return {
            "majority": lambda batch: shares.log().expand(count(batch), -1),
            "most_frequent_tag": lambda batch: by_token[valid_steps(batch.inputs)],
        }

    def exact(self) -> dict[str, float]:
        """The references whose scores are known without playing them: none."""
        return {}


def count(batch: Batch) -> int:
    """Steps of a batch, of all its sequences."""
    return len(valid_steps(batch.targets))


def _packed(batch: Batch) -> PackedSequence:
    inputs: Tensor | PackedSequence = batch.inputs
    assert isinstance(inputs, PackedSequence)
    return inputs
