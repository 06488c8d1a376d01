"""Sentiment: say of a review whether it is good or bad."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

import torch
from annotated_types import Ge, Le
from torch import Tensor

from recurbench.tasks.base import (
    EVAL_ROWS,
    Batch,
    Batches,
    Predictor,
    TaskSpec,
    generator,
    hash_data,
    one_hot_logits,
)
from recurbench.tasks.common.classification import Classification
from recurbench.tasks.common.corpora import fetch
from recurbench.tasks.common.files import Splits, numbered_lines, own_files, split_of
from recurbench.tasks.common.sequences import Sequences
from recurbench.tasks.common.synthetic import Synthetic
from recurbench.tasks.common.vocabulary import Vocabulary
from recurbench.tasks.sentiment.naive_bayes import NaiveBayes
from recurbench.tasks.sentiment.reviews import Reviews
from recurbench.tasks.sentiment.text import Review, labels_of, read_reviews, words

Dataset = Literal["grammar", "movie_snippets", "file"]

FITTED = 5000
"""Reviews of the grammar that naive Bayes is fitted on."""


class Sentiment(Classification, Synthetic):
    """Reads a review word by word and says at its end whether it praises or condemns.

    `dataset=grammar` writes reviews by the rules of `common/reviews.py`, so that the answer is
    certain and words alone do not give it away: *not* and its like turn an adjective round, *but*
    overturns the verdict so far, *although* concedes what leaves it as it is, and what is said of
    the popcorn, or by others, does not count. With `clauses=3`:

        input    the plot is far from bad but the cast is silly although the crowd is great
        target                                                                         bad

        >>> reviews = Sentiment(clauses=2).draw(2, 2, torch.Generator().manual_seed(0))
        >>> reviews.targets.tolist()  # bad and good take turns
        [0, 1]

    `dataset=movie_snippets` has 10,605 sentences from film reviews, which 20 people rated (Hutto &
    Gilbert, "VADER: A Parsimonious Rule-based Model for Sentiment Analysis of Social Media Text",
    2014): good with a mean rating above 0, bad with one below; 37 of them have 0 and are left out.
    `dataset=file` has lines of a label, a tab and a text, with any labels. Both are split by a hash
    of each text into 80 % train, 10 % validation and 10 % test; words are lower-cased, and those
    that training does not know share one id.

    Further test splits of the grammar, `clauses_<n>`, are two and four times as long.

    Args:
        dataset: where the reviews come from.
        clauses: of a review of the grammar.
        negation: the share of the grammar's clauses that are negated.
        contrast: the share of its clauses joined by *but*, *although* and their like.
        distraction: the share of its clauses that are asides, or have one.
        min_count: how often training must have a word of a real text for it to be known.
        max_vocabulary: how many words of real texts are known, the most frequent ones.
        file: lines of one's own, for `dataset=file`.
        val_file: lines for validation; otherwise a tenth of those in `file`.
        test_file: lines for test; otherwise a tenth of those in `file`.
        eval_sequences: reviews of the grammar in validation and in each test split.
    """

    name = "sentiment"
    measures = "putting the meaning of a text together: negation, contrast, what it is about"
    default_references = {"chance": 0.5, "naive_bayes": 0.624, "optimal": 1.0}
    seconds = 25.0
    grows = "clauses"

    def __init__(
        self,
        *,
        dataset: Dataset = "grammar",
        clauses: Annotated[int, Ge(1)] = 4,
        negation: Annotated[float, Ge(0), Le(1)] = 0.2,
        contrast: Annotated[float, Ge(0), Le(1)] = 0.4,
        distraction: Annotated[float, Ge(0), Le(1)] = 0.3,
        min_count: Annotated[int, Ge(1)] = 1,
        max_vocabulary: Annotated[int, Ge(1)] = 20_000,
        file: str | None = None,
        val_file: str | None = None,
        test_file: str | None = None,
        eval_sequences: Annotated[int, Ge(2)] = 1000,
    ) -> None:
        super().__init__()
        self.dataset, self.clauses, self.eval_sequences = dataset, clauses, eval_sequences
        self.min_count, self.max_vocabulary = min_count, max_vocabulary
        self.files = own_files(dataset, file, val_file, test_file)
        self.reviews = Reviews(negation=negation, contrast=contrast, distraction=distraction)

    def load(self) -> TaskSpec:
        """Draws the evaluation splits, or reads real texts and counts words on the train split.

        Raises:
            TaskError: a file is missing or damaged, or a label is not known from training.
        """
        if self.dataset == "grammar":
            self.vocabulary, self.labels = self.reviews.vocabulary, ["bad", "good"]
            return super().load()
        if self.files:
            found = self.files.split(read_reviews, lambda review: " ".join(review.words))
        else:
            found = read_snippets(fetch("sentiment/movieReviewSnippets_GroundTruth.txt"))
        self.labels = labels_of(found)
        self.vocabulary = Vocabulary(
            (word for review in found.train for word in review.words),
            min_count=self.min_count,
            max_size=self.max_vocabulary,
        )
        self._train = self._encode(found.train)
        self._splits = {
            "val": self._encode(found.val).by_length(EVAL_ROWS),
            "test": self._encode(found.test).by_length(EVAL_ROWS),
        }
        return self.describe()

    def describe(self) -> TaskSpec:
        """Word ids in, one label of the whole text out."""
        return TaskSpec(len(self.vocabulary), True, len(self.labels), scope="sequence")

    def draw(self, rows: int, size: int, source: torch.Generator) -> Batch:
        """Reviews of the grammar, with a number of clauses."""
        return self.reviews.draw(rows, size, source).pack()

    def fingerprint(self) -> str:
        """Of the evaluation splits, and of training's first batch or of all that is read for it."""
        if self.dataset == "grammar":
            return super().fingerprint()
        splits = [list(split) for split in self._splits.values()]
        return hash_data(self.vocabulary.symbols, self.labels, self._train, splits)

    def train_dataloader(self) -> Batches:
        """Fresh reviews of the grammar without end, or reshuffled epochs of real ones."""
        if self.dataset == "grammar":
            return super().train_dataloader()
        return self._train.epochs(self.batch_size, self.name, "train", self.seed)

    def predictors(self) -> dict[str, Predictor]:
        """One label for all, word counts of training, and, for the grammar, the targets."""
        classes = len(self.labels)
        if self.dataset == "grammar":
            source = generator(self.name, "naive_bayes")
            train = self.reviews.draw(FITTED, self.clauses, source)
        else:
            train = self._train
        usual = train.targets.bincount().argmax()

        def majority(batch: Batch) -> Tensor:
            return one_hot_logits(usual.expand(len(self.targets_of(batch))), classes)

        naive_bayes = NaiveBayes(train, len(self.vocabulary), classes)
        if self.dataset == "grammar":
            return {"chance": majority, "naive_bayes": naive_bayes, "optimal": self.oracle}
        return {"majority": majority, "naive_bayes": naive_bayes}

    @classmethod
    def example_file(cls, folder: Path, seed: int) -> Path:
        """Reviews of the grammar."""
        task, path = cls(), folder / f"reviews-{seed}.tsv"
        rows = task.reviews.draw(300, task.clauses, generator(cls.name, "example", seed))
        texts = [
            " ".join(task.reviews.vocabulary.decode(row[:length]))
            for row, length in zip(rows.inputs, rows.lengths, strict=True)
        ]
        lines = [
            f"{'good' if good else 'bad'}\t{text}.\n"
            for good, text in zip(rows.targets.tolist(), texts, strict=True)
        ]
        path.write_text("".join(lines), encoding="utf-8")
        return path

    def _encode(self, reviews: Sequence[Review]) -> Sequences:
        return Sequences.of(
            [self.vocabulary.encode(review.words) for review in reviews],
            torch.tensor([self.labels.index(review.label) for review in reviews]),
        )


def read_snippets(path: Path) -> Splits[Review]:
    """Reads lines of a number, a mean rating and a text; the text's hash splits them.

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
