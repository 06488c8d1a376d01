"""Label files are read as people have them, or refused with one line; nothing is lost unsaid."""

import csv
import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recurbench.tasks.base import TaskError
from recurbench.tasks.common.files import MAX_STEPS
from recurbench.tasks.sentiment.labelled import LabelReader
from recurbench.tasks.sentiment.text import Review, words


def read_reviews(path, notes=None, *, label=None, text=None, header=None) -> list[Review]:
    return LabelReader([] if notes is None else notes, label, text, header)(path)


def test_lines_have_a_label_and_a_text_that_may_hold_tabs(tmp_path):
    path = tmp_path / "reviews.tsv"
    path.write_bytes("\ufeffgood\tI laughed\r\n\r\n very bad \tno\tfun\n".encode())
    assert read_reviews(path) == [
        Review("good", ["i", "laughed"], f"{path}, line 1"),
        Review("very bad", ["no", "fun"], f"{path}, line 3"),
    ]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("good", "no label, tab and text"),
        ("\tI laughed", "no label, tab and text"),
        ("good\t", "a sequence of 0 steps, but at least 1 can be read"),
        ("good\t---", "a sequence of 0 steps, but at least 1 can be read"),
        ("good\t" + "a " * (MAX_STEPS + 1), "a sequence of 20001 steps, but at most 20000"),
    ],
)
def test_a_line_that_is_no_review_is_named(tmp_path, line, message):
    path = tmp_path / "reviews.tsv"
    path.write_text(f"good\tfine\n\n{line}\n")
    with pytest.raises(TaskError) as error:
        read_reviews(path)
    assert str(error.value).startswith(f"{path}, line 3: {message}")


PLAIN = [("good", "a fine film"), ("bad", "it is dull"), ("good", "so witty"), ("bad", "no, no")]
LINES = "good\ta fine film\nbad\tit is dull\ngood\tso witty\nbad\tno, no\n"
TURNED = "a fine film\tgood\nit is dull\tbad\nso witty\tgood\nno, no\tbad\n"


@pytest.mark.parametrize(
    ("name", "text", "asked", "notes"),
    [
        ("a.tsv", LINES, {}, []),
        ("a.tsv", "\ufeff" + LINES.replace("\n", "\r\n"), {}, []),
        ("a.tsv", "label\ttext\n" + LINES, {}, [", line 1: left out, a header (label, text)"]),
        (
            "a.tsv",
            "\ufefftext\tlabel\n" + TURNED,
            {},
            [", line 1: left out, a header (text, label)"],
        ),
        (
            "a.txt",
            "Review Text\tStars\n" + TURNED.replace("good", "5").replace("bad", "1.0"),
            {},
            [", line 1: left out, a header (Review Text, Stars)"],
        ),
        (
            "a.tsv",
            "comment\ttoxic\n" + TURNED.replace("good", "1").replace("bad", "0"),
            {},
            [", line 1: left out, a header (comment, toxic)"],
        ),
        (
            "a.tsv",
            TURNED,
            {},
            [": the labels are in the second column, of 2 different values; label_column=0 takes"],
        ),
        ("a.tsv", TURNED, {"label": "1"}, []),
        ("a.tsv", TURNED, {"text": "0"}, []),
        ("a.tsv", TURNED, {"label": "-1", "header": False}, []),
        (
            "a.tsv",
            "Satz\tArt\n" + TURNED,
            {"label": "Art"},
            [", line 1: left out, a header "],
        ),
        (
            "a.tsv",
            "Art\tSatz\n" + LINES,
            {"header": True},
            [", line 1: left out, a header (Art,"],
        ),
        (
            "a.tsv",
            "Art\tSatz\n" + LINES,
            {},
            [", line 1: no other line has the label Art; if it is a header, set header=true"],
        ),
        (
            "a.tsv",
            "label\ttext\n" + LINES + "label\ttext\n",
            {},
            [", lines 1, 6: left out, a header (label, text)"],
        ),
        (
            "a.csv",
            'text,label\na fine film,good\nit is dull,bad\n"so\nwitty",good\n"no, ""no",bad\n',
            {},
            [", line 1: left out, a header (text, label)"],
        ),
        (
            "a.csv",
            "id;sentence;label;date\n1;a fine film;good;x\n2;it is dull;bad;x\n\n"
            "3;so witty;good;x\n4;no, no;bad;x\n",
            {},
            [
                ", line 1: left out, a header (id, sentence, label, date)",
                ": label label, text sentence; columns left out: id, date",
            ],
        ),
        ("a.csv", 'good,a fine film\nbad,it is dull\ngood,so witty\nbad,"no, no"\n', {}, []),
        (
            "a.tsv",
            "1\tgood\ta fine film\n2\tbad\tit is dull\n3\tgood\tso witty\n4\tbad\tno, no\n",
            {"label": "1", "text": "2"},
            [": label 1, text 2; columns left out: 0"],
        ),
        (
            "a.tsv",
            '"label"\t"text"\n' + LINES.replace("so witty", '"so\nwitty"'),
            {},
            [
                ": texts in quotes go over several lines",
                ", line 1: left out, a header (label, text)",
            ],
        ),
    ],
)
def test_texts_are_read_as_people_have_them(tmp_path, name, text, asked, notes):
    path, said = tmp_path / name, []
    path.write_bytes(text.encode())
    found = read_reviews(path, said, **asked)
    names = {"1": "good", "0": "bad", "5": "good", "1.0": "bad"} if "good" not in text else {}
    rows = [(names.get(review.label, review.label), review.words) for review in found]
    expected = [(label, words(text)) for label, text in PLAIN]
    assert rows[-4:] == expected
    assert len(rows) == 4 + any("set header" in note for note in notes)
    assert len(said) == len(notes)
    for line, note in zip(said, notes, strict=True):
        assert line.startswith(f"{path}{note}")


@pytest.mark.parametrize("within", ["\u2028", "\u2029", "\f", "\v", "\x1e", "\x85"], ids=ascii)
def test_no_character_within_a_text_begins_another(tmp_path, within):
    path = tmp_path / "a.tsv"
    path.write_text(f"{LINES}good\tI liked it{within}(bad\tsaid nobody\n", encoding="utf-8")
    found = read_reviews(path)
    assert [review.label for review in found] == ["good", "bad", "good", "bad", "good"]
    assert found[-1].words == ["i", "liked", "it", "bad", "said", "nobody"]


def test_a_class_called_like_a_header_stays_one(tmp_path):
    path, notes = tmp_path / "a.tsv", []
    path.write_text("label\ttext\nlabel\tmore of it\nother\tand this\n")
    assert [review.label for review in read_reviews(path, notes)] == ["label", "label", "other"]
    assert notes == []


def test_other_files_have_the_columns_of_the_first(tmp_path):
    paths = [tmp_path / f"{name}.tsv" for name in ("train", "val", "test")]
    for path, text in zip(paths, (TURNED, "one\tgood\n", "label\ttext\nbad\ttwo\n"), strict=True):
        path.write_text(text)
    notes: list[str] = []
    read = LabelReader(notes, None, None, None)
    assert [[review.label for review in read(path)][:1] for path in paths] == [
        ["good"],
        ["good"],
        ["bad"],
    ]
    assert len(notes) == 2


@pytest.mark.parametrize(
    ("name", "text", "asked", "message"),
    [
        (
            "a.csv",
            "text,label\nno, no,bad\n",
            {},
            ", line 2: 3 cells, but 2 are needed; texts",
        ),
        (
            "a.csv",
            'bad,"no" or yes\n',
            {},
            ": its quotes are not those of a csv file (',' exp",
        ),
        (
            "a.csv",
            "good;no, no\nbad;yes, yes\n",
            {},
            ": both , and ; could separate its cells;",
        ),
        ("a.csv", "good\nbad\n", {}, ", line 1: 1 cells, but 2 are needed"),
        (
            "a.csv",
            "1,good,x\n2,bad,y\n",
            {},
            ", line 1: 3 columns, none of them named label and",
        ),
        (
            "a.tsv",
            "id\ttext\tlabel\n1\tx\n",
            {},
            ", line 2: 2 cells, but 3 columns with a label",
        ),
        ("a.tsv", "label\ttext\n", {}, ": no text after the header"),
        ("a.tsv", "good\tx\n", {"label": "2"}, ", line 1: label_column=2, but there are 2"),
        (
            "a.tsv",
            "good\tx\n",
            {"label": "Text"},
            ", line 1: label_column=Text, but the columns",
        ),
        (
            "a.tsv",
            "a\tb\tc\nd\te\tf\n",
            {"label": "2"},
            ", line 1: label_column=2, but there are 2",
        ),
        (
            "a.tsv",
            "good\tx\n",
            {"label": "1", "text": "1"},
            ", line 1: set label_column and",
        ),
        ("a.tsv", 'a\t"b\nc\td"\n', {}, ": its quotes make 1 texts, its lines 2; drop the quotes"),
    ],
)
def test_a_file_of_unclear_columns_is_refused(tmp_path, name, text, asked, message):
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(TaskError) as error:
        read_reviews(path, **asked)
    assert str(error.value).startswith(f"{path}{message}")


LETTERS = st.sampled_from(["a", "É", "e\u0301", "फि", "ல்", "שָׁ", "ดี", "中", "😀", "7", "x y", "."])
TEXTS = st.lists(LETTERS, min_size=1, max_size=6).map("".join).filter(words)
WITHIN = st.sampled_from(["", " ", "\u2028", "\f", "\x85", "\x1d", "\u00a0", '"', ",", ";"])


@settings(deadline=None, max_examples=300)
@given(
    rows=st.lists(
        st.tuples(st.sampled_from(["good", "bad", "छ", "3"]), TEXTS, WITHIN, TEXTS), min_size=1
    ),
    header=st.sampled_from([None, ("label", "text"), ("Sentiment", "Review"), ("stars", "tweet")]),
    turned=st.booleans(),
    mark=st.sampled_from(["\t", ",", ";"]),
    end=st.sampled_from(["\n", "\r\n", "\r"]),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-32"]),
    blank=st.booleans(),
)
def test_rows_are_read_as_they_were_written_or_a_line_says_why_not(
    tmp_path_factory, rows, header, turned, mark, end, encoding, blank
):
    path = tmp_path_factory.mktemp("fuzz") / ("a.tsv" if mark == "\t" else "a.csv")
    pairs = [(label, before + within + after) for label, before, within, after in rows]
    lines = io.StringIO()
    writer = csv.writer(lines, delimiter=mark, lineterminator=end)
    for row in [*([header] if header else []), *pairs]:
        cells = row[::-1] if turned else row
        if mark == "\t":  # as people write it, without quotes
            lines.write("\t".join(cells) + end)
        else:
            writer.writerow(cells)
        lines.write(end * blank)
    path.write_bytes(lines.getvalue().encode(encoding))
    notes: list[str] = []
    try:
        found = read_reviews(path, notes, label="1" if turned and not header else None)
    except TaskError as error:
        refusal = str(error)
    else:
        refusal = ""
    if refusal:
        assert refusal.startswith(str(path))
        assert "\n" not in refusal
        return
    assert [(review.label, review.words) for review in found] == [
        (label, words(text)) for label, text in pairs
    ]
    assert any("left out, a header" in note for note in notes) == bool(header)
