"""A leaderboard says the same in every format, and nothing in a label can spoil it."""

import csv
import io
import json
import re
from dataclasses import replace

import pytest
from rich.text import Text

from recurbench.harness.results import report
from recurbench.harness.results.columns import COLUMNS
from recurbench.harness.results.tracks import Row, Track

HEADINGS = [column.heading for column in COLUMNS]

ODD_LABELS = [
    "gru [x]",
    "gru [/bold]",
    "gru a|b",
    'gru "a, b"',
    "gru :x:",
    "gru \\[x]",
    "grü",
]


def entry(label: str = "gru", rank: int | None = 1, **known) -> Row:
    """An entry that completed, unless its rank is None."""
    facts = {
        "label": label,
        "cell": label.partition(" ")[0],
        "trials": 1,
        "failed": 0,
        "rank": rank,
        "code": ["c0ffee0123"],
    }
    if rank is None:
        return Row(**facts | known)
    scored = {
        "val": 0.5, "test": 0.5, "spread": 0.1, "seeds": 3, "parameters": 12345, "state_size": 7,
        "train_seconds": 2.0, "tokens_per_second": 4321.0, "peak_memory_bytes": 1 << 20,
        "trial": {"name": "adam", "lr": 0.003},
    }  # fmt: skip
    return Row(**facts | scored | known)


def track(*entries: Row, **known) -> Track:
    """A track with the given entries."""
    settings = {
        "task": {"name": "copying", "delay": 5, "columns": ["a", "b"]},
        "data": "fingerprint",
        "model": {"depth": 1, "residual": False},
        "train": {"max_steps": 10, "max_seconds": None},
        "budget": {"parameters": None},
        "precision": "32",
    }
    facts = {
        "id": "ab12", "task": "copying", "settings": settings, "metric": "accuracy",
        "higher_is_better": True, "references": {}, "rows": list(entries),
        "machines": ["a processor, 1 threads, cpu"], "outdated": False,
    }  # fmt: skip
    return Track(**facts | known)


def labels(made: Track) -> list[str]:
    return [row.cells[1] for row in report.lines(made)]


def cell_of(made: Track, label: str, heading: str) -> str:
    """What stands in a row under a heading."""
    (row,) = [row for row in report.lines(made) if row.cells[1] == label]
    return row.cells[HEADINGS.index(heading)]


def markdown_table(text: str) -> list[list[str]]:
    """The cells of a Markdown table, as a renderer splits its lines."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]


def plain(text: str) -> str:
    """What a terminal shows."""
    return Text.from_ansi(text).plain


@pytest.mark.parametrize("higher_is_better", [True, False])
def test_references_stand_where_their_score_would(higher_is_better):
    scored = [("best", 0.9), ("middle", 0.5), ("worst", 0.1)]
    if not higher_is_better:
        scored.reverse()
    entries = [entry(label, rank, test=test) for rank, (label, test) in enumerate(scored, 1)]
    references = {"optimal": 1.0, "naive": 0.3, "chance": 0.0}
    made = track(*entries, references=references, higher_is_better=higher_is_better)
    order = ["optimal", "best", "middle", "naive", "worst", "chance"]
    assert labels(made) == (order if higher_is_better else order[::-1])


def test_entries_without_a_score_stand_below_every_reference():
    made = track(entry("gru"), entry("lost", None, failed=2), references={"chance": -1e9})
    assert labels(made) == ["gru", "chance", "lost"]
    assert [cell_of(made, "lost", heading) for heading in ("rank", "test", "failed")] == [
        "-", "-", "2",
    ]  # fmt: skip


def test_a_reference_without_a_finite_score_stands_last():
    made = track(entry("gru"), references={"chance": None, "optimal": 1.0})
    assert labels(made) == ["optimal", "gru", "chance"]
    for form in report.FORMATS.values():
        assert "chance" in form([made])


def test_a_table_may_have_no_completed_run():
    made = track(entry("lost", None, failed=2), metric=None)
    assert report.title(made) == "copying: no completed run, higher is better"
    for form in report.FORMATS.values():
        assert "lost" in form([made])


@pytest.mark.parametrize(
    ("known", "heading", "text"),
    [
        ({"test": 0.123456, "spread": 0.01}, "test", "0.1235 ± 0.0100"),
        ({"test": 0.123456, "spread": None}, "test", "0.1235"),
        ({"parameters": 1234567}, "parameters", "1,234,567"),
        ({"seeds": 5}, "seeds", "5"),
        ({"trials": 4}, "trials", "4"),
        ({"train_seconds": 12.34}, "train time", "12.3 s"),
        ({"tokens_per_second": 98765.4}, "tokens/s", "98,765"),
        ({"failed": 3}, "failed", "3"),
        ({"rank": 2}, "rank", "2"),
    ],
)
def test_a_row_shows_an_entrys(known, heading, text):
    assert cell_of(track(replace(entry(), **known)), "gru", heading) == text


def test_only_the_entries_with_the_first_rank_are_best():
    made = track(entry("a", 1), entry("b", 1), entry("c", 3), references={"optimal": 1.0})
    best = {row.cells[1]: (row.best, row.reference) for row in report.lines(made)}
    assert best == {
        "a": (True, False), "b": (True, False), "c": (False, False), "optimal": (False, True),
    }  # fmt: skip


def test_an_entry_that_was_tuned_more_is_marked_and_the_mark_explained():
    made = track(entry("gru", trials=3), entry("lstm", 2, trials=1), entry("rnn", 3, trials=2))
    marks = [cell_of(made, label, "trials") for label in ("gru", "lstm", "rnn")]
    assert marks == ["3*", "1", "2*"]
    assert "* tuned with more trials than other entries of this track" in report.captions(made)


def test_entries_that_were_tuned_alike_are_not_marked():
    made = track(entry("gru", trials=3), entry("lstm", 2, trials=3))
    assert [cell_of(made, label, "trials") for label in ("gru", "lstm")] == ["3", "3"]
    assert "tuned" not in " ".join(report.captions(made))


@pytest.mark.parametrize(("machines", "warned"), [(["one"], False), (["one", "two"], True)])
def test_times_of_several_machines_are_said_not_to_compare(machines, warned):
    captions = report.captions(track(entry(), machines=machines))
    assert any("do not compare" in line for line in captions) is warned
    assert any(line.endswith(f"times on {'; '.join(machines)}") for line in captions)


def test_captions_show_what_runs_share_as_it_is_written_on_the_command_line():
    captions = report.captions(track(entry()))
    assert captions[0] == "track ab12: delay=5 columns=[a,b]"
    assert captions[1] == "max_steps=10; depth=1 residual=false; precision=32"


@pytest.mark.parametrize(("higher_is_better", "word"), [(True, "higher"), (False, "lower")])
@pytest.mark.parametrize("form", ["terminal", "markdown"])
def test_the_title_says_task_metric_and_direction(form, higher_is_better, word):
    text = report.FORMATS[form]([track(entry(), higher_is_better=higher_is_better)])
    assert f"copying: accuracy, {word} is better" in text


@pytest.mark.parametrize("label", ODD_LABELS)
def test_markdown_is_one_valid_table_per_track(label):
    made = track(entry(label), entry("lost", None), references={"chance": 0.1})
    text = report.as_markdown([made, track(entry("rnn"))])
    tables = re.split(r"^## ", text, flags=re.MULTILINE)[1:]
    assert len(tables) == 2
    for table in tables:
        header, rule, *body = markdown_table(table)
        assert header == HEADINGS
        assert all(re.fullmatch(r"-+:?", cell) for cell in rule)
        assert body
        assert {len(row) for row in (header, rule, *body)} == {len(HEADINGS)}


@pytest.mark.parametrize("label", ODD_LABELS)
def test_markdown_keeps_the_label(label):
    _, _, row = markdown_table(report.as_markdown([track(entry(label, rank=2))]))
    assert row[1].replace("\\|", "|") == label


def test_markdown_sets_the_best_in_bold_and_references_in_italics():
    made = track(entry("gru"), entry("rnn", 2, test=0.2), references={"chance": 0.1})
    _, _, best, other, reference = markdown_table(report.as_markdown([made]))
    assert (best[1], other[1], reference[1]) == ("**gru**", "rnn", "*chance*")
    assert reference[0] == ""


@pytest.mark.parametrize("label", ODD_LABELS)
def test_csv_gives_back_every_label_and_every_digit(label):
    third, tiny = 1 / 3, 1.2345678901234567e-8
    made = track(
        entry(label, test=third, spread=tiny),
        entry("lost", None, failed=2),
        references={"chance": 0.1 + 0.2},
    )
    found, lost, chance = csv.DictReader(io.StringIO(report.as_csv([made])))
    assert (found["kind"], found["label"], found["rank"]) == ("entry", label, "1")
    assert (float(found["test"]), float(found["spread"])) == (third, tiny)
    assert (found["track"], found["task"], found["metric"]) == ("ab12", "copying", "accuracy")
    assert (found["parameters"], found["seeds"], found["peak_memory_bytes"]) == (
        "12345", "3", str(1 << 20),
    )  # fmt: skip
    assert (lost["rank"], lost["test"], lost["failed"]) == ("", "", "2")
    assert (chance["kind"], chance["label"]) == ("reference", "chance")
    assert float(chance["test"]) == 0.1 + 0.2


def test_csv_has_one_header_however_many_tracks():
    lines = list(csv.reader(io.StringIO(report.as_csv([track(entry()), track(entry())]))))
    assert len(lines) == 3
    assert len({len(line) for line in lines}) == 1


def test_json_holds_all_that_is_known():
    made = track(entry(ODD_LABELS[0], test=1 / 3), entry("lost", None), references={"chance": 0.1})
    (found,) = json.loads(report.as_json([made]))
    assert found["references"] == {"chance": 0.1}
    assert found["settings"] == made.settings
    first, lost = found["rows"]
    assert (first["label"], first["test"]) == (ODD_LABELS[0], 1 / 3)
    assert first["trial"] == {"name": "adam", "lr": 0.003}
    assert lost["test"] is None


@pytest.fixture
def terminal(monkeypatch):
    """`terminal(True)`: pretends that the output is a terminal."""

    def pretend(is_terminal: bool, width: int = 120) -> None:
        monkeypatch.setattr("sys.stdout.isatty", lambda: is_terminal, raising=False)
        monkeypatch.setenv("COLUMNS", str(width))
        monkeypatch.setenv("TERM", "xterm-256color")
        monkeypatch.delenv("NO_COLOR", raising=False)

    return pretend


@pytest.mark.parametrize("is_terminal", [True, False])
def test_the_best_is_bold_on_a_terminal_alone(terminal, is_terminal):
    terminal(is_terminal)
    text = report.as_terminal([track(entry("gru"), entry("rnn", 2, test=0.2))])
    assert ("\x1b[1m" in text) is is_terminal
    assert ("\x1b" in text) is is_terminal
    assert "0.5000 ± 0.1000" in plain(text)


def test_colour_asked_for_elsewhere_does_not_reach_a_file(terminal, monkeypatch):
    terminal(is_terminal=False)
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert "\x1b" not in report.as_terminal([track(entry())])


@pytest.mark.parametrize("is_terminal", [True, False])
@pytest.mark.parametrize("label", ODD_LABELS)
def test_the_terminal_shows_a_label_as_it_is(terminal, label, is_terminal):
    terminal(is_terminal)
    made = track(entry(label), references={"naive [y]": 0.1}, machines=["a [z] processor"])
    shown = plain(report.as_terminal([made]))
    assert label in shown
    assert "naive [y]" in shown
    assert "a [z] processor" in shown
    assert "columns=[a,b]" in shown


@pytest.mark.parametrize("width", [60, 80, 120])
@pytest.mark.parametrize("label", ["gru " + "knob=value " * 9 + "last", "gru " + "x" * 70 + "last"])
def test_a_long_label_is_wrapped_and_not_cut(terminal, label, width):
    terminal(is_terminal=True, width=width)
    shown = plain(report.as_terminal([track(entry(label))]))
    lines = [line.split("│") for line in shown.splitlines() if line.startswith("│")]
    assert "".join(line[2] for line in lines).replace(" ", "") == label.replace(" ", "")
    assert "…" not in shown


def test_every_track_has_its_table(terminal):
    terminal(is_terminal=False)
    text = report.as_terminal([track(entry("gru")), track(entry("rnn"), task="language")])
    assert text.index("copying:") < text.index("gru") < text.index("language:") < text.index("rnn")
    assert text.endswith("\n")
