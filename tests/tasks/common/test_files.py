"""Texts are read as they are: nothing but a line's end ends a line, and no encoding is guessed."""

from pathlib import Path

import pytest

from recurbench.tasks.base import TaskError
from recurbench.tasks.common.files import lines_of, numbered_lines, read_text
from recurbench.tasks.common.tables import read_table
from recurbench.tasks.tagging.tagged import read_tagged
from recurbench.tasks.translation.translations import read_pairs

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
