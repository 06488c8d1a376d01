"""Sentiment: say of a review whether it is good or bad."""

from pathlib import Path
from typing import Annotated, Literal

from annotated_types import Ge, Le

from recurbench.limits import GoesWith
from recurbench.tasks.base import generator
from recurbench.tasks.common.classification import Classification
from recurbench.tasks.common.corpora import fetch
from recurbench.tasks.common.files import only_with_files, own_files
from recurbench.tasks.common.source import FromSource
from recurbench.tasks.sentiment.labelled import LabelReader
from recurbench.tasks.sentiment.reviews import Reviews
from recurbench.tasks.sentiment.sources import Read, Written, read_snippets

Dataset = Literal["grammar", "movie_snippets", "file"]
REAL = "movie_snippets", "file"


class Sentiment(Classification, FromSource):
    """Reads a review word by word and says at its end whether it praises or condemns.

    `dataset=grammar` writes reviews by the rules of `reviews.py`, so that the answer is certain and
    words alone do not give it away: *not* and its like turn an adjective round, *but* overturns the
    verdict so far, *although* adds a clause that leaves the verdict as it is, and what is said of
    the popcorn, or by others, does not count. With `clauses=3`:

        input    the plot is far from bad but the cast is silly although the crowd is great
        target                                                                         bad

        >>> import torch
        >>> reviews = Sentiment(clauses=2).reviews.draw(2, 2, torch.Generator().manual_seed(0))
        >>> reviews.targets.tolist()  # bad and good take turns
        [0, 1]

    `dataset=movie_snippets` has 10,605 sentences from film reviews, which 20 people rated (Hutto &
    Gilbert, "VADER: A Parsimonious Rule-based Model for Sentiment Analysis of Social Media Text",
    2014): good with a mean rating above 0, bad with one below; 37 of them have 0 and are left out.
    `dataset=file` has lines of a label, a tab and a text, with any labels. Both are split by a hash
    of each text into 80 % train, 10 % validation and 10 % test; words are lower-cased, and those
    that training does not know share one id.

    One's own files may also have the text first, more columns, and commas or semicolons with texts
    in quotes, as spreadsheets and pandas write them. A first line such as `label` and `text` says
    which column is which, and is left out. Without it the second column has the labels if it has
    fewer different values, and shorter ones. A run says what was recognised and left out.

    Further test splits of the grammar, `clauses_<n>`, are two and four times as long.

    Args:
        dataset: where the reviews come from.
        clauses: of a review of the grammar.
        negation: the share of the grammar's clauses that are negated.
        contrast: the share of its clauses joined by *but*, *although* and their like.
        distraction: the share of its clauses that are asides, or have one.
        min_count: how often a word of real texts must occur in training to be known.
        max_vocabulary: how many words of real texts are known, the most frequent ones.
        file: lines of one's own, for `dataset=file`.
        val_file: lines for validation; otherwise a tenth of those in `file`.
        test_file: lines for test; otherwise a tenth of those in `file`.
        label_column: the column of one's own files with the label: its number from 0, or its name
            in the header; by default it is found.
        text_column: the column with the text, likewise.
        header: whether the first line of one's own files is a header; by default it is found.
        eval_sequences: reviews of the grammar in validation and in each test split.
    """

    source: Written | Read
    name = "sentiment"
    measures = "putting the meaning of a text together: negation, contrast, what it is about"
    default_references = {"chance": 0.5, "naive_bayes": 0.5, "optimal": 1.0}
    seconds = 22.0

    def __init__(
        self,
        *,
        dataset: Dataset = "grammar",
        clauses: Annotated[int, Ge(1), GoesWith(dataset="grammar")] = 12,
        negation: Annotated[float, Ge(0), Le(1), GoesWith(dataset="grammar")] = 0.4,
        contrast: Annotated[float, Ge(0), Le(1), GoesWith(dataset="grammar")] = 0.6,
        distraction: Annotated[float, Ge(0), Le(1), GoesWith(dataset="grammar")] = 0.5,
        min_count: Annotated[int, Ge(1), GoesWith(dataset=REAL)] = 1,
        max_vocabulary: Annotated[int, Ge(1), GoesWith(dataset=REAL)] = 20_000,
        file: str | None = None,
        val_file: str | None = None,
        test_file: str | None = None,
        label_column: str | None = None,
        text_column: str | None = None,
        header: bool | None = None,
        eval_sequences: Annotated[int, Ge(2), GoesWith(dataset="grammar")] = 1000,
    ) -> None:
        super().__init__()
        self.dataset, self.clauses, self.eval_sequences = dataset, clauses, eval_sequences
        self.min_count, self.max_vocabulary = min_count, max_vocabulary
        self.files = own_files(dataset, file, val_file, test_file)
        self.label_column, self.text_column, self.header = label_column, text_column, header
        only_with_files(dataset, label_column=label_column, text_column=text_column, header=header)
        self.reviews = Reviews(negation=negation, contrast=contrast, distraction=distraction)

    def open(self) -> Written | Read:
        """Draws the evaluation splits, or reads real texts."""
        if self.dataset == "grammar":
            return Written(
                self.name,
                self.reviews,
                clauses=self.clauses,
                eval_sequences=self.eval_sequences,
            )
        if self.files:
            read = LabelReader(self.notes, self.label_column, self.text_column, self.header)
            found = self.files.split(read, lambda review: " ".join(review.words))
        else:
            found = read_snippets(fetch("sentiment/movieReviewSnippets_GroundTruth.txt"))
        return Read(self.name, found, min_count=self.min_count, max_vocabulary=self.max_vocabulary)

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
