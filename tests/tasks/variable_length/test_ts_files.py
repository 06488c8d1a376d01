"""`.ts` files are read exactly, encoded by the train split alone, and refused when damaged."""

import os
from pathlib import Path

import pytest
import torch

from recurbench.tasks.base import TaskError
from recurbench.tasks.common.corpora import FOLDER_VARIABLE, fetch
from recurbench.tasks.common.files import MAX_STEPS, Splits
from recurbench.tasks.variable_length.ts_files import (
    Series,
    Standardised,
    encode,
    read,
    write_example,
)

needs_the_data = pytest.mark.skipif(
    FOLDER_VARIABLE not in os.environ,
    reason="Japanese Vowels files are not tested: "
    f"set {FOLDER_VARIABLE} to a folder with japanese_vowels/JapaneseVowels_TRAIN.ts",
)
HEADER = ["# a comment", "@problemName Test", "@dimensions 2", "@classLabel true a b", "@data"]


def write(path: Path, *lines: str, header: list[str] = HEADER) -> Path:
    path.write_text("\n".join([*header, *lines]))
    return path


def series(label: str, *rows: list[float], place: str = "somewhere") -> Series:
    return Series(torch.tensor(rows, dtype=torch.float64).T, label, place)


def test_a_line_becomes_steps_of_dimensions_and_a_class(tmp_path):
    lines = "1.5,2,3:4,5,-6e-1:b", "", "  # between", " 7 , 8 : 9 , 10 : a "
    path = write(tmp_path / "a.ts", *lines)
    first, second = read(path)
    assert first.values.tolist() == [[1.5, 4.0], [2.0, 5.0], [3.0, -0.6]]
    assert (first.label, first.place) == ("b", f"{path}, line 6")
    assert second.values.tolist() == [[7.0, 9.0], [8.0, 10.0]]
    assert (second.label, second.place) == ("a", f"{path}, line 9")


@pytest.mark.parametrize(
    "header",
    [
        ["@data"],
        ["@UNIVARIATE TRUE", "@ClassLabel True up down", "@DATA"],
        ["@univariate true", "@classLabel true", "@missing false", "@equalLength true", "@data"],
        ["@timeStamps false", "@dimension 1", "@targetLabel false", "", "#", "@data"],
    ],
    ids=str,
)
def test_headers_of_one_dimension_are_read_in_any_case(tmp_path, header):
    found = read(write(tmp_path / "a.ts", "1,2,3:up", "4:down", header=header))
    assert [(s.values.flatten().tolist(), s.label) for s in found] == [
        ([1.0, 2.0, 3.0], "up"),
        ([4.0], "down"),
    ]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("1,2:a", "1 dimensions before the class, but the file has 2"),
        ("1,2:3,4:5,6:a", "3 dimensions before the class, but the file has 2"),
        ("1,2", "0 dimensions before the class, but the file has 2"),
        ("1,2:3,4:", "no class after the last colon"),
        ("1,2:3,4:c", "c is not a class that @classLabel names"),
        ("1,x:3,4:a", "'x' is not a finite number; a missing value is written ? or NaN"),
        ("1,2:3,-inf:a", "'-inf' is not a finite number; a missing value is written ? or NaN"),
        ("1,2:3,:a", "'' is not a finite number; a missing value is written ? or NaN"),
        (
            "1,2:?,4:a",
            "step 1 of dimension 2 is missing; missing=forward_fill takes the value before it",
        ),
        (
            "1,2:4,nan:a",
            "step 2 of dimension 2 is missing; missing=forward_fill takes the value before it",
        ),
        ("?,NaN:NAN,?:a", "a sequence of 0 steps, but at least 1 can be read"),
        ("1,2:3:a", "the dimensions differ in length: [1, 2]"),
        ("::a", "a sequence of 0 steps, but at least 1 can be read"),
        (
            ":".join(2 * [",".join(["1"] * (MAX_STEPS + 1))]) + ":a",
            f"a sequence of {MAX_STEPS + 1} steps, but at most {MAX_STEPS} can be read",
        ),
    ],
    ids=lambda text: text[:20],
)
def test_a_damaged_line_is_named(tmp_path, line, message):
    path = write(tmp_path / "damaged.ts", "1:2:a", line)
    with pytest.raises(TaskError) as error:
        read(path)
    assert str(error.value) == f"{path}, line 7: {message}"


@pytest.mark.parametrize("gap", ["?", "NaN", "nan", " ? "])
def test_padding_is_cut_off_and_gaps_are_filled_from_before(tmp_path, gap):
    line = f"1,{gap},3,{gap},{gap},{gap}:4,{gap},{gap},6,{gap},{gap}:a"
    path, notes = write(tmp_path / "a.ts", "1:2:a", line, "1,2:3,4:b"), []
    found = read(path, notes, "forward_fill")
    assert found[1].values.tolist() == [[1.0, 4.0], [1.0, 4.0], [3.0, 4.0], [3.0, 6.0]]
    assert notes == [
        f"{path}: 1 series without the missing steps at their end",
        f"{path}: 4 missing values filled with the one before",
    ]


def test_padding_alone_needs_no_filling(tmp_path):
    path, notes = write(tmp_path / "a.ts", "1,2,?:3,4,?:a", "NaN,?,1:1,2,3:b"), []
    with pytest.raises(TaskError, match="line 7: step 1 of dimension 1 is missing; missing=forw"):
        read(path, notes)
    with pytest.raises(TaskError, match="line 7: step 1 of dimension 1 is missing, and so is all"):
        read(path, notes, "forward_fill")
    path = write(tmp_path / "a.ts", "1,2,?:3,4,?:a", "1,2,3:1,2,3:b")
    assert [len(series.values) for series in read(path, notes)] == [2, 3]
    assert notes == [f"{path}: 1 series without the missing steps at their end"]


@pytest.mark.parametrize(
    ("lengths", "line", "note"),
    [
        (["@equalLength true", "@seriesLength 3"], "1,2:a", "2 steps, not 3"),
        (["@seriesLength\t3", "@EQUALLENGTH TRUE"], "1,2,3,4:a", "4 steps, not 3"),
        (["@equalLength true"], "1,2:a", "2 steps, not 3"),
        (["@equalLength false", "@seriesLength 3"], "1,2:a", None),
        (["@seriesLength 3"], "1,2:a", None),
        (["@equalLength true"], "1,2,3:a", None),
    ],
)
def test_a_lost_value_is_noticed_where_all_series_should_be_of_one_length(
    tmp_path, lengths, line, note
):
    header = ["@univariate true", *lengths, "@data"]
    path, notes = write(tmp_path / "a.ts", "1,2,3:b", line, line, header=header), []
    assert len(read(path, notes)) == 3
    place = f"{path}, line {len(header) + 2}"
    said = f"{place}: {note}, and 1 more, though the header says @equalLength true"
    assert notes == ([said] if note else [])


def test_classes_are_spelled_as_the_header_does_and_spaces_may_separate_values(tmp_path):
    header = ["@dimensions\t2", "@classLabel\ttrue Up\tDOWN  a A", "@data\t"]
    path, notes = write(tmp_path / "a.ts", "1 2\t3:4  5 6:up", "1:2:Down\t", header=header), []
    first, second = read(path, notes)
    assert first.values.tolist() == [[1.0, 4.0], [2.0, 5.0], [3.0, 6.0]]
    assert (first.label, second.label) == ("Up", "DOWN")
    assert notes == [f"{path}: 2 classes spelled as @classLabel does"]
    path = write(tmp_path / "a.ts", "1:2:a", "1:2:A", header=header)
    assert [series.label for series in read(path)] == ["a", "A"]


def test_without_a_header_the_first_line_says_how_wide_a_file_is(tmp_path):
    path = write(tmp_path / "a.ts", "1:2:3:x", "1:2:y", header=["@data"])
    with pytest.raises(TaskError, match=r"line 3: 2 dimensions before the class, but .* has 3"):
        read(path)


@pytest.mark.parametrize(
    ("header", "message"),
    [
        (["@dimensions 2"], ": no line @data, after which series would come"),
        (["@data"], ": no series after a line @data"),
        (
            ["1,2:a", "@data"],
            ", line 1: a line of the header must begin with @; series come after a line @data",
        ),
        (
            ["@timeStamps true", "@data"],
            ", line 1: @timeStamps true: only series without times can be read",
        ),
        (["@classLabel false", "@data"], ", line 1: @classLabel false: series without classes"),
        (["@targetLabel true", "@data"], ", line 1: @targetLabel true: series without classes"),
        ([" "], ": the file is empty"),
    ],
    ids=str,
)
def test_a_file_without_series_of_classes_is_refused(tmp_path, header, message):
    path = write(tmp_path / "a.ts", header=header)
    with pytest.raises(TaskError) as error:
        read(path)
    assert str(error.value) == f"{path}{message}"


def test_a_file_that_is_not_utf_8_is_refused(tmp_path):
    path = tmp_path / "a.ts"
    path.write_bytes(b"@data\n1:\xff\n")
    with pytest.raises(TaskError, match="not UTF-8"):
        read(path)


def test_classes_are_numbered_by_their_names_in_training():
    train = [series("b", [1.0, 2.0]), series("a", [3.0]), series("b", [4.0])]
    recorded = encode(Splits(train, [series("a", [5.0])], [series("b", [6.0])]))
    assert recorded.labels == ("a", "b")
    targets = [recorded.train.targets, recorded.val.targets, recorded.test.targets]
    assert [part.tolist() for part in targets] == [[1, 0, 1], [0], [1]]
    assert recorded.train.lengths.tolist() == [2, 1, 1]


def standardised(test: Series) -> Standardised:
    train = [
        series("a", [1.0, 5.0, 9.0], [7.0, 7.0, 7.0]),
        series("b", [100.0], [7.0]),
    ]
    return encode(Splits(train, [series("a", [2.0], [7.0])], [test]))


def test_only_valid_training_steps_set_the_standardisation():
    near, far = (standardised(series("a", [x, x], [x, x])) for x in (0.0, 1e6))
    steps = torch.cat([near.train.inputs[0, :3, 0], near.train.inputs[1, :1, 0]])
    assert steps.mean().item() == pytest.approx(0, abs=1e-6)
    assert steps.std(correction=0).item() == pytest.approx(1)
    for split in ("train", "val"):
        assert torch.equal(getattr(near, split).inputs, getattr(far, split).inputs)
    assert near.train.inputs.dtype == torch.float32


def test_a_dimension_that_never_changes_in_training_stays_finite():
    recorded = standardised(series("a", [2.0], [9.0]))
    assert recorded.train.inputs[0, :, 1].tolist() == [0.0, 0.0, 0.0]
    assert recorded.test.inputs[0, 0, 1].item() == 2


@pytest.mark.parametrize(
    ("splits", "message"),
    [
        (
            Splits([series("a", [1.0], place="t, line 3"), series("a", [2.0])], [], []),
            "t, line 3: all of the train split is a; give two classes",
        ),
        (
            Splits(
                [series("up", [1.0]), series("down", [1.0])],
                [],
                [series("left", [2.0], place="x, line 9")],
            ),
            "x, line 9: no series of the train split is left, so that nothing can learn it",
        ),
        (
            Splits(
                [series("a", [1.0], place="t, line 3"), series("b", [1.0])],
                [series("a", [2.0], [2.0], place="x, line 9")],
                [],
            ),
            "x, line 9: a .ts file of other width: 2 dimensions, but 1 in t, line 3",
        ),
    ],
)
def test_splits_that_do_not_go_together_are_refused(splits, message):
    with pytest.raises(TaskError) as error:
        encode(splits)
    assert str(error.value) == message


def test_examples_can_be_read_and_differ_by_seed(tmp_path):
    found = []
    for seed in range(3):
        write_example(tmp_path / "a.ts", seed)
        found.append(read(tmp_path / "a.ts"))
    assert [len(part) for part in found] == [120, 120, 120]
    assert len({s.content for part in found for s in part}) == 360


@needs_the_data
def test_the_published_file_is_read_exactly():
    recorded = read(fetch("japanese_vowels/JapaneseVowels_TRAIN.ts"))
    assert len(recorded) == 270
    assert sorted({s.label for s in recorded}) == list("123456789")
    assert recorded[0].values.shape == (20, 12)
    assert recorded[0].values[0, 0].item() == 1.860936
