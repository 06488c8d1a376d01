"""Writes the table of docs/reproductions.md from the records in results/reference.

    python benchmarks/published_rows.py

Each cell's trial is the one that was best on validation, as in the leaderboard. What stands behind
± is half of the 95 % interval of the mean over seeds (Student's t), in a test's units.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from recurbench.harness.results.index import read_runs
from recurbench.harness.results.rows import Row as Ranked
from recurbench.harness.results.runs import Run
from recurbench.harness.results.tracks import Track, build_tracks

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "reproductions.md"
BEGIN, END = "<!-- written by benchmarks/published_rows.py -->", "<!-- end -->"

BAI = "Bai et al. 2018, Table 1"


@dataclass(frozen=True)
class Row:
    """A row of a published table, or a reference that is to be beaten.

    Attributes:
        title: what the page calls it.
        experiment: the command's `experiment=`, and overrides.
        task: the task's name.
        knobs: knobs of the task that tell its track from others of the experiment.
        published: the score that each cell is to be read against.
        source: of these scores; empty if there are none.
    """

    title: str
    experiment: str
    task: str
    knobs: dict[str, Any]
    published: dict[str, float] = field(default_factory=dict)
    source: str = ""


def of_torch(gru: float, lstm: float, rnn: float) -> dict[str, float]:
    """Published scores of the three classical cells, by the names of torch's layers here."""
    return {"torch_gru": gru, "torch_lstm": lstm, "torch_rnn": rnn}


ROWS = [
    Row(
        "JSB chorales",
        "bai2018_jsb",
        "music",
        {"dataset": "jsb"},
        of_torch(8.43, 8.45, 8.91),
        BAI,
    ),
    Row(
        "Nottingham",
        "bai2018_nottingham",
        "music",
        {"dataset": "nottingham"},
        of_torch(3.46, 3.29, 4.05),
        BAI,
    ),
    Row(
        "adding, T = 600, markers anywhere",
        "bai2018_adding",
        "adding",
        {"length": 600, "markers": "anywhere"},
        of_torch(5.3e-5, 0.164, 0.177),
        BAI,
    ),
    Row("adding, T = 200", "long_adding task.length=200", "adding", {"length": 200}),
    Row("adding, T = 600", "long_adding", "adding", {"length": 600}),
    Row(
        "copying, T = 1000, their layout",
        "bai2018_copying",
        "copying",
        {"delay": 1000, "score": "every", "layout": "bai"},
        of_torch(0.0197, 0.0204, 0.0202),
        BAI,
    ),
    Row(
        "copying, T = 1000, one marker, every step scored",
        "long_copying",
        "copying",
        {"delay": 1000, "score": "every"},
    ),
    Row("ETTh1, 96 to 96", "etth1", "forecasting", {"dataset": "etth1", "horizon": 96}),
    Row("JapaneseVowels", "japanese_vowels", "variable_length", {"dataset": "japanese_vowels"}),
    Row("Shakespeare, characters", "shakespeare", "language", {"dataset": "shakespeare"}),
    Row("film reviews", "movie_snippets", "sentiment", {"dataset": "movie_snippets"}),
]


def table(tracks: list[Track]) -> Iterator[str]:
    """The lines of the page's table; a row without records says so."""
    yield "| row, `experiment=` | measure | references | cell | published | ours | chosen | time |"
    yield "| --- | --- | --- | --- | --: | --: | --: | --: |"
    for row in ROWS:
        name = f"{row.title}, `{row.experiment}`"
        source = f" ({row.source})" if row.source else ""
        found = [track for track in tracks if _is_of(track, row)]
        if not found:
            for cell, score in row.published.items() or [("", None)]:
                label = f"`{cell}`" if cell else ""
                yield f"| {name}{source} | | | {label} | {_figure(score)} | to be measured | | |"
                name, source = "", ""
        for track in found:
            references = ", ".join(f"{k} {v:.4g}" for k, v in track.references.items())
            for entry in track.entries:
                yield (
                    f"| {name}{source} | {track.metric} | {references} | `{entry.label}` "
                    f"| {_figure(row.published.get(entry.cell))} | {_ours(entry)} "
                    f"| {_chosen(entry)} | {entry.train_seconds:.0f} s |"
                )
                name, source, references = "", "", ""


def _is_of(track: Track, row: Row) -> bool:
    """Whether its runs are those of the experiment, whose name their study has."""
    study, *_ = row.experiment.split()
    return study in track.studies and row.knobs.items() <= track.settings["task"].items()


def _ours(entry: Ranked) -> str:
    if entry.interval is None:
        return f"{_figure(entry.test)} ({entry.seeds} seed)"
    low, high = entry.interval
    return f"{_figure(entry.test)} ± {(high - low) / 2:.1g}"


def _chosen(entry: Ranked) -> str:
    decay = entry.trial["weight_decay"]
    rate = f"{entry.trial['lr']:g}" + (f", decay {decay:g}" if decay else "")
    return f"{rate}; of {entry.trials}"


def _figure(score: float | None) -> str:
    return "" if score is None else f"{score:.4g}"


def write(page: str, tracks: list[Track]) -> str:
    """The page with its table renewed."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return "\n".join([before + BEGIN, "", *table(tracks), "", END + after])


def main() -> None:
    """Renews the page."""
    found = read_runs(ROOT / "results" / "reference")
    tracks = build_tracks(run for run in found if isinstance(run, Run))
    PAGE.write_text(write(PAGE.read_text("utf-8"), tracks), encoding="utf-8")


if __name__ == "__main__":
    main()
