"""Whoever wrote a record may mean no good: each text of it is shown as text, in every format."""

import csv
import io
import json
import re
import unicodedata
from collections import Counter
from functools import lru_cache
from html.parser import HTMLParser

import pytest
from making import make_record
from markdown_it import MarkdownIt
from page_kit import data_in
from rich.cells import cell_len
from rich.text import Text
from spoiling import runs_with, texts, with_texts

from recurbench.harness.cli import main
from recurbench.harness.commands.show import print_record
from recurbench.harness.results.board import Board, build_board
from recurbench.harness.results.columns import COLUMNS
from recurbench.harness.results.export import FORMATS
from recurbench.harness.results.folder import ResultsFolder
from recurbench.harness.results.plain import LONGEST, plain
from recurbench.harness.results.record import write
from recurbench.harness.results.report import WIDTH, View
from recurbench.harness.results.runs import run_of

PAYLOADS = {
    "script": "<script>alert(1)</script>",
    "attribute": "\"' onmouseover='alert(1)",
    "image": "![x](javascript:alert(1))",
    "link": "[x](https://evil.example/?a=b)",
    "reference": "[x]: https://evil.example 'x'",
    "address": "https://evil.example www.evil.example _http://evil.example",
    "autolink": "<https://evil.example> a@evil.example",
    "mention": "@everyone mailto:a@evil.example",
    "heading": "x\n\n# Heading\n\nHeading\n=====\n",
    "rule": "x\n---\n***\n",
    "fence": "x\n```\n~~~\n`code` ``",
    "list": "x\n- [ ] a\n1. b\n> c",
    "table": "a | b \\| c \\",
    "cells": "a & b \\\\ & c",
    "emphasis": "*a* **b** __c__ ~~d~~ _e",
    "entity": "&lt;b&gt; &#60; &copy;",
    "jinja": "{{ 7*7 }} {% raw %} {# #}",
    "markup": "[/] [bold]x[/bold] [/markup] [link=https://evil.example]x[/link] :boom:",
    "colours": "\x1b[31mred\x1b[0m \x9b31m",
    "title": "\x1b]0;owned\x07 \x1b]8;;https://evil.example\x07x\x1b]8;;\x07",
    "controls": "a\x00b\x08\x08c\x7fd\x85e\rf\tg\vh\fi",
    "directions": "a\u202eb\u2066c\u200fd\u061ce",
    "right_to_left": "שלום עולם",
    "surrogate": "a\ud800b\udfffc",
    "zero_width": "a\u200bb\ufeffc\u2060d\u3164e\u034ff",
    "separators": "a\u2028b\u2029c",
    "emoji": "👩\u200d💻 ⚑\ufe0f e\u0301",
    "formula": "=HYPERLINK(\"http://evil.example\")",
    "command": "@SUM(1+1)*cmd|' /C calc'!A0",
    "indented": "\t=1+1",
    "minus": "-1+1",
    "wide_equals": "\uff1d1+1",
    "input": "\\input{/etc/passwd} \\write18{x} ^^5cinput $x$ %",
    "option": "[2cm] *",
    "dashes": "--- `a' \"b\" #1 ~ ^ _ { }",
    "unbalanced": "}}{",
    "long": "x" * 100_000,
    "words": "a b " * 25_000,
    "empty": "",
    "blank": " \u00a0 ",
}  # fmt: skip

HIDDEN = {"Cc", "Cf", "Cs", "Zl", "Zp"}

LATEX = {
    "begin", "end", "caption", "toprule", "midrule", "bottomrule", "textbf", "emph", "pm",
    "textbackslash", "textasciitilde", "textasciicircum", "textless", "textgreater", "textbar",
    "textasciigrave", "textquotesingle", "symbol",
}  # fmt: skip


class Tags(HTMLParser):
    """The tags of a page, each with its attributes' names; what is inside a script is no tag."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: Counter[str] = Counter()
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found[" ".join([tag, *sorted(name for name, _ in attrs)])] += 1

    def handle_data(self, data: str) -> None:
        self.text += data


@lru_cache(maxsize=2)
def board_with(payload: str) -> Board:
    return build_board(runs_with(payload))


@pytest.fixture(autouse=True)
def no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(WIDTH))


def check_terminal(text: str, board: Board) -> None:
    assert "\x1b" not in text
    lines = text.split("\n")
    assert max(map(cell_len, lines)) <= WIDTH
    assert sum(line.startswith("└") for line in lines) == len(board.tracks)


def check_markdown(text: str, board: Board) -> None:
    tokens = MarkdownIt("gfm-like", {"linkify": False}).parse(text)
    flat = [inner for token in tokens for inner in [token, *(token.children or [])]]
    kinds = Counter(token.type for token in flat)
    allowed = {
        "heading_open", "heading_close", "inline", "text", "text_special", "hardbreak",
        "softbreak", "paragraph_open", "paragraph_close", "em_open", "em_close", "strong_open",
        "strong_close", *(f"{part}_{end}" for part in ("table", "thead", "tbody", "tr", "th", "td")
                          for end in ("open", "close")),
    }  # fmt: skip
    assert kinds.keys() <= allowed
    assert kinds["heading_open"] == kinds["table_open"] == len(board.tracks)
    assert kinds["th_open"] == len(View().columns) * len(board.tracks)
    rows = kinds["tr_open"] - len(board.tracks)
    assert rows == sum(len(track.entries) + len(track.references) for track in board.tracks)
    assert kinds["td_open"] == len(View().columns) * rows
    shown = "".join(token.content for token in flat if token.type == "text")
    assert not re.search(r"(?i)(https?|ftp|mailto|xmpp):[^\s\u2060]|www\.\w|\w@\w|@\w", shown)


def check_cells(text: str, board: Board) -> None:
    header, *rows = csv.reader(io.StringIO(text))
    assert {len(row) for row in rows} == {len(header)}
    for cell in (cell for row in rows for cell in row):
        first = unicodedata.normalize("NFKC", cell.strip()[:1])
        assert first not in ("=", "+", "-", "@") or re.fullmatch(r"-[\d.e+-]+", cell)
    assert len(rows) >= len(board.tracks)


def check_json(text: str, board: Board) -> None:
    assert text.isascii()
    assert len(json.loads(text)["tracks"]) == len(board.tracks)


def check_latex(text: str, board: Board) -> None:
    assert set(re.findall(r"\\([A-Za-z]+)", text)) <= LATEX
    assert text.count(r"\begin{table}") == text.count(r"\end{table}") == len(board.tracks)
    bare = re.sub(r"\\\\|\\[&%$#_{}]", "", text.replace(r"$\pm$", ""))
    assert bare.count("{") == bare.count("}")
    assert not re.search(r"[%$#_^~`\"']|--", bare)
    rows = [line for line in text.splitlines() if line.endswith(r" \\")]
    ampersands = {len(re.findall(r"(?<!\\)&", row)) for row in rows}
    assert ampersands == {len(View().columns) - 1}
    assert not re.search(r"(\\\\|rule)\s*[\[*]", text)


def check_html(text: str, board: Board) -> None:
    harmless = build_board(runs_with("x"))
    assert Tags(text).found == Tags(FORMATS["html"](harmless, View())).found


CHECKS = {
    "terminal": check_terminal, "markdown": check_markdown, "csv": check_cells,
    "runs": check_cells, "json": check_json, "latex": check_latex, "html": check_html,
}  # fmt: skip
"""What holds in each format whatever the texts are; another format needs another one."""


@pytest.mark.parametrize("name", PAYLOADS)
@pytest.mark.parametrize("form", FORMATS)
def test_no_text_of_a_record_spoils_a_format(form: str, name: str) -> None:
    board = board_with(PAYLOADS[name])
    text = FORMATS[form](board, View())
    assert not {unicodedata.category(sign) for sign in set(text) - {"\n"}} & HIDDEN
    CHECKS[form](text, board)


def test_every_part_of_a_record_that_takes_a_text_is_tried() -> None:
    found = {".".join(map(str, path)) for path in texts()}
    assert {
        "run_id", "study", "entry.label", "cell.name", "task.name", "primary.name",
        "track.machine.hardware", "environment.git_commit", "error.message", "logger.0.name",
        "references.<a new key>", "optimizer.<a new key>", "metrics.val.<a new key>",
    } <= found  # fmt: skip


def seen(form: str, text: str) -> str:
    """What a reader sees of a board that has the column of cells alone, without blanks."""
    if form == "terminal":
        text = re.sub(r"[│┃]", "", text)
    elif form == "markdown":
        tokens = MarkdownIt("gfm-like", {"linkify": False}).parse(text)
        inner = (inner for token in tokens for inner in token.children or [])
        text = "".join(token.content for token in inner).replace("\u2060", "")
    elif form in ("csv", "runs"):
        text = "".join(cell for row in csv.reader(io.StringIO(text)) for cell in row)
    elif form == "json":
        text = plain("".join(entry["label"] for entry in json.loads(text)["tracks"][0]["entries"]))
    elif form == "html":
        entries = data_in(text)["tracks"][0]["rows"]
        text = "".join(entry["label"] for entry in entries)
    elif form == "latex":
        for code, sign in {
            "textbackslash{}": "\x00", "textasciitilde{}": "~", "textasciicircum{}": "^",
            "textless{}": "<", "textgreater{}": ">", "textbar{}": "|", "symbol{34}": '"',
            "textasciigrave{}": "`", "textquotesingle{}": "'",
        }.items():  # fmt: skip
            text = text.replace(f"\\{code}", sign)
        text = re.sub(r"\{([]\[*])\}", r"\1", text.replace("-{}-", "--").replace("-{}-", "--"))
        text = re.sub(r"\\([&%$#_{}])", r"\1", text).replace("\x00", "\\")
    else:
        text = Tags(text).text
    return "".join(text.split())


@pytest.mark.parametrize("name", PAYLOADS)
@pytest.mark.parametrize("form", FORMATS)
def test_a_label_is_seen_as_it_is_written_with_codes_for_what_is_hidden(
    form: str, name: str
) -> None:
    payload = PAYLOADS[name]
    board = build_board([run_of(with_texts([("entry", "label")], payload), "run.json")])
    cells = next(column for column in COLUMNS if column.heading == "cell")
    text = FORMATS[form](board, View(columns=(cells,)))
    assert "".join(plain(payload).removesuffix("...").split()) in seen(form, text)


@pytest.mark.parametrize("status", ["completed", "failed"])
@pytest.mark.parametrize("name", PAYLOADS)
def test_show_prints_all_texts_of_a_record_as_text(
    name: str, status: str, capsys: pytest.CaptureFixture
) -> None:
    replaced = {("started_at",), ("finished_at",), ("cell", "gains")}  # times, and a whole list
    paths = [path for path in texts() if path not in replaced]
    print_record(with_texts(paths, PAYLOADS[name], status=status))
    shown = capsys.readouterr().out
    assert not {unicodedata.category(sign) for sign in set(shown) - {"\n"}} & HIDDEN
    visible = "".join(shown.split())
    assert "".join(plain(PAYLOADS[name]).removesuffix("...").split()) in visible


@pytest.mark.parametrize("name", PAYLOADS)
def test_a_complaint_about_a_file_is_one_line_of_text(
    name: str, workplace: object, capsys: pytest.CaptureFixture
) -> None:
    payload = PAYLOADS[name].encode(errors="replace").decode()
    folder = ResultsFolder(workplace / "results").runs
    write(folder / "whole.json", make_record())
    for number, field in enumerate(("status", "started_at", "seed")):
        record = json.loads((folder / "whole.json").read_text()) | {field: payload or "x"}
        (folder / f"{number}.json").write_text(json.dumps(record))
    assert main(["leaderboard", "--format", "json"]) == 0
    lines = capsys.readouterr().err.split("\n")
    assert len(lines) == 4
    assert max(map(len, lines)) < 3 * LONGEST
    assert not {unicodedata.category(sign) for line in lines for sign in line} & HIDDEN


def test_a_name_of_a_file_is_text_too(workplace: object, capsys: pytest.CaptureFixture) -> None:
    folder = ResultsFolder(workplace / "results").runs
    write(folder / "whole.json", make_record())
    (folder / "a\x1b[31m\nb\udcff.json").write_text("{}")
    assert main(["leaderboard"]) == 0
    (line,) = capsys.readouterr().err.splitlines()
    assert r"a\x1b[31m b\udcff.json: skipped" in line


def test_a_colour_of_ours_is_the_only_escape_on_a_terminal(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    text = FORMATS["terminal"](board_with(PAYLOADS["title"]), View())
    assert "\x1b" not in re.sub(r"\x1b\[[\d;]*m", "", text)
    assert r"\x1b]0;owned\x07" in Text.from_ansi(text).plain
