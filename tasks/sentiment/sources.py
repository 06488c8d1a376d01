"""Where reviews come from: written by a grammar, read from a corpus, or from files."""

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from recurbench.tasks.base import Batch, Predictor, Task, TaskSpec, generator, one_hot_logits
from recurbench.tasks.common.baselines import naive_bayes
from recurbench.tasks.common.files import Splits, numbered_lines, split_of
from recurbench.tasks.common.sequences import Sequences
from recurbench.tasks.common.source import Drawn, Recorded
from recurbench.tasks.common.vocabulary import Vocabulary
from recurbench.tasks.sentiment.reviews import Reviews
from recurbench.tasks.sentiment.text import Review, labels_of, words

FITTED = 5000
"""Reviews of the grammar that naive Bayes learns from."""


class Written(Drawn):
    """Reviews that a grammar writes, so that the answer is known.

    Args:
        task: the task's name, from which all draws follow.
        reviews: the grammar.
        clauses: of a review that is trained on.
        eval_sequences: reviews in validation and in each test split.
    """

    def __init__(self, task: str, reviews: Reviews, *, clauses: int, eval_sequences: int) -> None:
        self.reviews, self.vocabulary = reviews, reviews.vocabulary
        self.labels = ["bad", "good"]
        super().__init__(
            task,
            _spec(self.vocabulary, len(self.labels)),
            lambda rows, size, source: reviews.draw(rows, size, source).pack(),
            knob="clauses",
            size=clauses,
            eval_sequences=eval_sequences,
        )

    def predictors(self, task: Task) -> dict[str, Predictor]:
        """One label for all, naive Bayes on words, and the right answers."""
        train = self.reviews.draw(FITTED, self.size, generator(self.task, "naive_bayes"))
        return {
            "chance": usual_label(train, task),
            "naive_bayes": naive_bayes(train, len(self.vocabulary)),
            "optimal": task.oracle,
        }


class Read(Recorded):
    """Reviews that people wrote; words and labels are learnt from training.

    Args:
        task: the task's name, from which the order of training follows.
        found: the reviews of each split.
        min_count: how often a word must occur in the train split to be known.
        max_vocabulary: how many of the most frequent words are known.

    Raises:
        TaskError: a label is not known from training.
    """

    def __init__(
        self, task: str, found: Splits[Review], *, min_count: int, max_vocabulary: int
    ) -> None:
        self.labels = labels_of(found)
        self.vocabulary = Vocabulary(
            (word for review in found.train for word in review.words),
            min_count=min_count,
            max_size=max_vocabulary,
        )

        def encode(reviews: Sequence[Review]) -> Sequences:
            return Sequences.of(
                [self.vocabulary.encode(review.words) for review in reviews],
                torch.tensor([self.labels.index(review.label) for review in reviews]),
            )

        super().__init__(
            task,
            _spec(self.vocabulary, len(self.labels)),
            encode(found.train),
            encode(found.val),
            encode(found.test),
            learnt=(self.vocabulary.symbols, self.labels),
        )

    def predictors(self, task: Task) -> dict[str, Predictor]:
        """One label for all, and naive Bayes on words."""
        return {
            "majority": usual_label(self.train, task),
            "naive_bayes": naive_bayes(self.train, len(self.vocabulary)),
        }


def usual_label(train: Sequences, task: Task) -> Predictor:
    """Says the most frequent label of training."""
    usual = train.targets.bincount().argmax()

    def say(batch: Batch) -> Tensor:
        return one_hot_logits(usual.expand(len(task.targets_of(batch))), task.spec.output_size)

    return say


def read_snippets(path: Path) -> Splits[Review]:
    """Reads lines of a number, a mean rating and a text; a hash of the text decides its split.

    Texts rated 0 are neither good nor bad, and are left out.
    """
    splits: Splits[Review] = Splits()
    for number, line in numbered_lines(path):
        _, rating, text = line.split("\t")
        if float(rating) == 0:
            continue
        label = "good" if float(rating) > 0 else "bad"
        review = Review(label, words(text), f"{path}, line {number}")
        getattr(splits, split_of(text)).append(review)
    return splits


def _spec(vocabulary: Vocabulary, labels: int) -> TaskSpec:
    """Word ids in, one label of the whole text out."""
    return TaskSpec(len(vocabulary), tokens=True, output_size=labels, scope="sequence")
