"""Texts are read as they are: nothing but a line's end ends a line, and no encoding is guessed."""

from pathlib import Path

import pytest

from recurbench.tasks.base import TaskError
from recurbench.tasks.common.files import lines_of, numbered_lines, read_text
from recurbench.tasks.common.tables import read_table
from recurbench.tasks.tagging.tagged import read_tagged
from recurbench.tasks.translation.translations import Pair, read_pairs

WITHIN = ["\u2028", "\u2029", "\u0085", "\f", "\v", "\x1c", "\x1d", "\x1e", "\u00a0", "\u3000"]
"""Characters that `str.splitlines` or `str.strip` takes for ends, and that stand within a line."""


def write(path: Path, content: bytes | str) -> Path:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def test_a_text_is_read_as_it_is_but_for_its_byte_order_mark(tmp_path):
    path = write(tmp_path / "text.txt", b"\xef\xbb\xbfone\r\ntwo\n")
    notes: list[str] = []
    assert read_text(path, notes) == "one\r\ntwo\n"
    assert notes == []


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
def test_a_byte_order_mark_says_the_encoding_and_a_note_does(tmp_path, encoding):
    path = write(tmp_path / "text.txt", "\ufeffä हिन्दी\r\n🎼\n".encode(encoding))
    notes: list[str] = []
    assert read_text(path, notes) == "ä हिन्दी\r\n🎼\n"
    assert notes == [f"{path}: read as {encoding[:6].upper()}, as its byte order mark says"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, ": cannot read this file (No such file or directory)"),
        (b"", ": the file is empty"),
        (b"\xef\xbb\xbf", ": the file is empty"),
        (b" \n\n", ": the file is empty"),
        (
            b"one\r\ncaf\xe9",
            ", line 2: not UTF-8 text (byte 8 is 0xe9); if it is CP1252, convert it: "
            "iconv -f CP1252 -t UTF-8 OLD > NEW",
        ),
        (
            "one\ntwo".encode("utf-16-le"),
            ", line 1: a NUL character, which no text has; if it is UTF-16, convert it: "
            "iconv -f UTF-16 -t UTF-8 OLD > NEW",
        ),
        (b"one\ntwo\0", ", line 2: a NUL character, which no text has; if it is UTF-16, convert"),
        (b"\xff\xfea\0b", ": not UTF-16 text (byte 4 is 0x62); copy the file again"),
    ],
)
def test_a_text_that_cannot_be_read_is_named(tmp_path, content, message):
    path = tmp_path / "text.txt"
    if content is not None:
        write(path, content)
    with pytest.raises(TaskError) as error:
        read_text(path)
    assert str(error.value).startswith(f"{path}{message}")


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("within", WITHIN, ids=ascii)
def test_only_line_ends_end_lines(tmp_path, end, within):
    text = f"{within}one{within}two{within}{end}{end}three{end}"
    assert lines_of(text) == [f"{within}one{within}two{within}", "", "three"]
    numbered = list(numbered_lines(write(tmp_path / "text.txt", text)))
    assert numbered == [(1, f"{within}one{within}two{within}"), (2, ""), (3, "three")]


@pytest.mark.parametrize("within", WITHIN, ids=ascii)
def test_no_reader_of_lines_makes_two_of_one_or_drops_a_character(tmp_path, within):
    text = f"a{within}b\t{within}c{within}\nd\te\n"
    path = write(tmp_path / "two.tsv", text)
    rows = read_table(path, [], lambda cells: False).rows
    assert [row.cells for row in rows] == [[f"a{within}b", f"{within}c{within}"], ["d", "e"]]
    pairs = read_pairs(path, list, [])
    assert [tuple(pair) for pair in pairs] == [(f"a{within}b", f"{within}c{within}"), ("d", "e")]
    (tagged,) = read_tagged(path, [])
    assert (tagged.tokens, tagged.labels) == ([f"a{within}b", "d"], [f"{within}c{within}", "e"])


@pytest.mark.parametrize(
    ("name", "text", "knob", "note"),
    [
        ("a.tsv", "source\ttarget\nja\tyes\n", None, "line 1: left out, a header (source, target)"),
        ("a.tsv", "Target\tSource\nyes\tja\n", None, "line 1: left out, a header (Target, Source)"),
        ("a.txt", "de\ten\nja\tyes\n", True, "line 1: left out, a header (de, en)"),
        ("a.csv", 'src,tgt\n"ja",yes\n', None, "line 1: left out, a header (src, tgt)"),
        ("a.csv", "ja;yes\n", None, None),
    ],
)
def test_a_header_is_no_pair(tmp_path, name, text, knob, note):
    path, notes = tmp_path / name, []
    path.write_text(text, encoding="utf-8-sig")
    assert read_pairs(path, list, notes, knob) == [Pair("ja", "yes")]
    assert notes == ([f"{path}, {note}"] if note else [])


def test_a_header_can_be_told_to_be_a_pair(tmp_path):
    path = tmp_path / "pairs.tsv"
    path.write_text("source\ttarget\nja\tyes\n")
    assert read_pairs(path, list, [], header=False)[0] == Pair("source", "target")


CONLL_2003 = """-DOCSTART- -X- -X- O

# NN B-NP O
EU NNP B-NP B-ORG
rejects VBZ B-VP O

-DOCSTART- -X- -X- O
Peter  NNP B-NP B-PER
"""
CONLL_U = """# sent_id = 1
# text = vámonos
1-2\tvámonos\t_\t_
1\tvamos\tir\tVERB
2\tnos\tnosotros\tPRON
2.1\t_\t_\t_
3\t#\t#\tSYM

# text = 4-5
1\t4-5\t4-5\tNUM
"""


@pytest.mark.parametrize(
    ("text", "columns", "pairs", "lines", "note"),
    [
        (
            CONLL_2003.replace("# NN B-NP O\n", "# a comment\n"),
            [0, 3],
            ["EU/B-ORG rejects/O", "Peter/B-PER"],
            [[4, 5], [8]],
            "lines left out: -DOCSTART- (2), comments (1)",
        ),
        (CONLL_2003.replace("-DOC", "DOC"), [0, -2], ["DOCSTART-/-X-"], None, None),
        (
            CONLL_2003,
            [0, 1],
            ["#/NN EU/NNP rejects/VBZ", "Peter/NNP"],
            [[3, 4, 5], [8]],
            "lines left out: -DOCSTART- (2)",
        ),
        (
            CONLL_U,
            [1, 3],
            ["vamos/VERB nos/PRON #/SYM", "4-5/NUM"],
            [[4, 5, 7], [10]],
            "lines left out: comments (3), ranges of tokens (1), empty nodes (1)",
        ),
        ("1-2\tX\n1.5\tY\n3\tX\n", None, ["1-2/X 1.5/Y 3/X"], [[1, 2, 3]], None),
        ("1-2\tX\n1.5\tY\n3\tX\n", [1, 0], ["X/1-2 Y/1.5 X/3"], [[1, 2, 3]], None),
        (
            "#\tX\n#tag\tY\n# no\tX\n",
            None,
            ["#/X #tag/Y"],
            [[1, 2]],
            "lines left out: comments (1)",
        ),
        ("a X\n\u00a0 Y\n \t \nb X\n".replace("\t", ""), None, ["a/X \u00a0/Y", "b/X"], None, None),
        ("New York\tX\nb\tY\n", None, ["New York/X b/Y"], [[1, 2]], None),
    ],
)
def test_conll_files_are_read_by_their_columns(tmp_path, text, columns, pairs, lines, note):
    path, notes = write(tmp_path / "x.conll", text), []
    found = read_tagged(path, notes, columns)
    said = [" ".join(map("/".join, zip(s.tokens, s.labels, strict=True))) for s in found]
    assert said[: len(pairs)] == pairs
    assert lines in (None, [sequence.lines for sequence in found])
    assert notes == ([f"{path}: {note}"] if note else [])


@pytest.mark.parametrize("header", ["token\tlabel", "Word\tPOS tag", "FORM\tUPOS"])
def test_a_header_is_no_step(tmp_path, header):
    path, notes = write(tmp_path / "x.tsv", f"\ufeff{header}\na\tX\nb\tY\n\nc\tX\n"), []
    assert [len(sequence.tokens) for sequence in read_tagged(path, notes)] == [2, 1]
    assert notes == [f"{path}, line 1: left out, a header ({header})"]


def test_a_token_called_like_a_header_is_none(tmp_path):
    path, notes = write(tmp_path / "x.tsv", "Word\tTAG\nis\tO\nname\tTAG\n"), []
    assert [len(sequence.tokens) for sequence in read_tagged(path, notes)] == [3]
    assert notes == []
