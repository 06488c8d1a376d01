"""Tagging asks for hidden states whose best guesses are known, or for the labels of files."""

from itertools import islice
from pathlib import Path

import pytest
import torch
from torch.nn.utils.rnn import pad_packed_sequence, unpack_sequence

from recurbench.tasks.base import TaskError
from recurbench.tasks.tagging.tagged import read_tagged
from recurbench.tasks.tagging.task import Tagging

TAGGED = "Ada\tPER\nsees\tO\nLima\tLOC\n\nBen\tPER\nsees\tO\nAda\tPER\n"


def ready(*, batch_size: int = 7, seed: int = 0, **knobs) -> Tagging:
    small = {} if "dataset" in knobs else {"eval_sequences": 300}
    return Tagging(**(small | knobs)).ready(batch_size=batch_size, seed=seed)


def lengths(batches) -> set[int]:
    return {n for batch in batches for n in pad_packed_sequence(batch.inputs)[1].tolist()}


def write(path: Path, text: str | bytes) -> str:
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return str(path)


@pytest.fixture
def files(tmp_path: Path) -> dict[str, str]:
    """A file for each split; training knows Ada, Ben, Lima and sees."""
    return {
        "dataset": "file",
        "file": write(tmp_path / "train.tsv", TAGGED * 9),
        "val_file": write(tmp_path / "val.tsv", "Ben\tPER\nhears\tO\nLima\tLOC\n"),
        "test_file": write(tmp_path / "test.tsv", "Lima\tPER\nsees\tO\n\nOslo\tLOC\n"),
    }


@pytest.mark.parametrize("knobs", [{}, {"states": 2, "emissions": 3, "stay": 0.6, "noise": 0.0}])
def test_more_knowledge_of_the_model_scores_better(knobs):
    task = ready(eval_sequences=1000, **knobs)
    found = task.references()
    ranked = [found[name] for name in ("majority", "emission", "optimal", "noncausal")]
    assert ranked == sorted(ranked)
    assert found["chance"] == 1 / task.spec.output_size <= found["majority"]
    assert found["noncausal"] < task.play(task.oracle) == 1


def test_references_are_played_within_sampling_error():
    task = ready(eval_sequences=2000)
    references, predictors = task.references(), task.predictors()
    assert set(references) == set(predictors)
    for name, value in references.items():
        assert task.play(predictors[name]) == pytest.approx(value, abs=0.02)


def test_the_filter_sees_nothing_of_what_is_to_come():
    task = ready()
    (batch, *_) = task.test_dataloader()
    optimal = task.predictors()["optimal"](batch)
    padded, sizes = pad_packed_sequence(batch.inputs, batch_first=True)
    first = padded[:1, : int(sizes[0])]
    cut = torch.nn.utils.rnn.pack_padded_sequence(first[:, :5], [5], batch_first=True)
    alone = task.predictors()["optimal"](batch._replace(inputs=cut))
    whole = unpack_sequence(batch.inputs._replace(data=optimal))[0]
    torch.testing.assert_close(alone, whole[:5])


def test_the_model_depends_on_the_knobs_and_not_on_the_seed():
    one, other = Tagging(), Tagging()
    other.bind(batch_size=3, seed=5)
    assert all(map(torch.equal, one.model, other.model))
    assert not torch.equal(one.model.moves, Tagging(stay=0.8).model.moves)


def test_lengths_are_within_bounds_and_every_further_split_is_longer():
    task = ready(min_length=3, max_length=9)
    assert lengths(islice(task.train_dataloader(), 40)) == set(range(3, 10))
    assert lengths(task.test_dataloader()) == set(range(3, 10))
    longer = {name: lengths(split) for name, split in task.extra_test_dataloaders().items()}
    assert longer == {"max_length_18": set(range(10, 19)), "max_length_36": set(range(19, 37))}


def test_files_are_read_as_they_are_written(files):
    task = ready(**files)
    assert task.source.labels == ["LOC", "O", "PER"]
    (batch,) = task.test_dataloader()
    tokens = [task.source.vocabulary.decode(row) for row in unpack_sequence(batch.inputs)]
    labels = [[task.source.labels[i] for i in row] for row in unpack_sequence(batch.targets)]
    assert sorted(tokens) == [["<unk>"], ["Lima", "sees"]]
    assert sorted(labels) == [["LOC"], ["PER", "O"]]


def test_the_simple_taggers_know_what_training_says(files):
    # Of Lima PER, sees O, Oslo LOC: training has PER most often, Lima always as LOC.
    assert ready(**files).references() == pytest.approx(
        {"majority": 1 / 3, "most_frequent_tag": 1 / 3}
    )


def test_a_rare_token_is_not_known(files, tmp_path):
    files["file"] = write(tmp_path / "train.tsv", TAGGED * 9 + "\nOslo\tLOC\nsees\tO\n")
    assert "Oslo" in ready(**files).source.vocabulary
    assert "Oslo" not in ready(**files, min_count=2).source.vocabulary


def test_training_passes_over_a_file_again_and_again(tmp_path):
    file = str(Tagging.example_file(tmp_path, 0))
    task = ready(dataset="file", file=file)
    batches = task.train_dataloader()
    passes = [
        sorted(
            str(row.tolist())
            for position in range(number * batches.epoch, (number + 1) * batches.epoch)
            for row in unpack_sequence(batches.make(position).inputs)
        )
        for number in range(2)
    ]
    assert passes[0] == passes[1]
    found = read_tagged(Path(file), [])
    val, test = (
        sum(len(batch.inputs.sorted_indices) for batch in split)
        for split in (task.val_dataloader(), task.test_dataloader())
    )
    assert len(passes[0]) + val + test == len(found) == 200


def test_the_example_file_has_names_that_only_their_context_tells(tmp_path):
    task = ready(dataset="file", file=str(Tagging.example_file(tmp_path, 0)))
    found = task.references()
    assert found["majority"] < found["most_frequent_tag"] < 1


def test_blank_lines_of_any_number_separate_sequences(tmp_path):
    path = Path(write(tmp_path / "x.tsv", "\n\na\tX\r\n \n\nb \tY\nc\tX"))
    found = [
        (sequence.tokens, sequence.labels, sequence.lines) for sequence in read_tagged(path, [])
    ]
    assert found == [(["a"], ["X"], [3]), (["b", "c"], ["Y", "X"], [6, 7])]


@pytest.mark.parametrize("row", ["Ada", "Ada\tNNP\tPER", "Ada\t", "\tPER", "Ada PER"])
def test_a_line_that_is_no_token_and_label_is_named(tmp_path, row):
    path = write(tmp_path / "x.tsv", f"{TAGGED}{row}\n")
    with pytest.raises(TaskError) as error:
        ready(dataset="file", file=path)
    expected = f"{path}, line 8: a token, one tab and a label are needed, not {row!r}"
    hint = "; columns=[0,-1] reads the first and the last" if row.count("\t") > 1 else ""
    assert str(error.value) == expected + hint


@pytest.mark.parametrize(
    ("text", "columns", "message"),
    [
        ("a X Y\n", [0, -3], ": columns=[0, -3] is one column of 3, not two"),
        ("a X Y\n", [0, 3], ", line 1: columns=[0, 3], but there are 3 columns: a, X, Y"),
        (
            "a X Y\nb X\n",
            [0, 2],
            ", line 2: 3 columns with a token and a label are needed, not 'b X'",
        ),
        (
            "a\tX\tY\nb\tX\t\n",
            [0, 2],
            ", line 2: 3 columns with a token and a label are needed, not",
        ),
    ],
)
def test_columns_that_a_file_has_not_are_refused(tmp_path, text, columns, message):
    path = write(tmp_path / "x.conll", text)
    with pytest.raises(TaskError) as error:
        ready(dataset="file", file=path, columns=columns)
    assert str(error.value).startswith(f"{path}{message}")


def test_what_was_left_out_is_noted_by_the_task(files):
    files["file"] = write(Path(files["file"]), "# one\n" + TAGGED * 9)
    assert ready(**files).notes == [f"{files['file']}: lines left out: comments (1)"]


def test_a_label_that_training_does_not_know_is_named_with_its_place(files):
    write(Path(files["val_file"]), "Ben\tPER\n\nLima\tLOC\nAda\tPERS\n")
    with pytest.raises(TaskError) as error:
        ready(**files)
    assert str(error.value) == (
        f"{files['val_file']}, line 4: no sequence of training has the label PERS; "
        "did you mean PER?"
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", ": the file is empty"),
        (b"Ada\tPER\n\xff\tO\n", ", line 2: not UTF-8 text (byte 8 is 0xff); if it is CP1252"),
        ("Ada\tPER\n", ": PER is the only label of training; at least 2 are needed"),
        ("a\tX\n" * 20_001, ", line 1: a sequence of 20001 steps, but at most 20000 can be read"),
    ],
)
def test_a_file_that_cannot_be_learnt_from_is_refused(files, text, message):
    write(Path(files["file"]), text)
    with pytest.raises(TaskError) as error:
        ready(**files)
    assert str(error.value).startswith(files["file"] + message)


def test_other_tokens_or_labels_have_another_fingerprint(files):
    before = ready(**files).fingerprint()
    for old, new in (("Ben", "Bob"), ("LOC", "PLACE")):
        for knob in ("file", "val_file", "test_file"):
            path = Path(files[knob])
            path.write_text(path.read_text().replace(old, new))
        after = ready(**files).fingerprint()
        assert after != before
        before = after


@pytest.mark.parametrize(
    ("knobs", "message"),
    [
        ({"dataset": "ner"}, "dataset must be one of hmm, file, not ner"),
        ({"dataset": "file"}, "dataset=file needs file=PATH"),
        ({"file": "x"}, "file=x goes with dataset=file, not dataset=hmm"),
        ({"columns": [0, 1]}, "columns=[0, 1] goes with dataset=file, not dataset=hmm"),
        (
            {"dataset": "file", "file": "x", "columns": [1, 1]},
            "columns must be two numbers, of token and label, not [1, 1]",
        ),
        ({"states": 1}, "states must be at least 2, not 1"),
        ({"emissions": 1}, "emissions must be at least 2, not 1"),
        ({"stay": 1.0}, "stay must be below 1, not 1.0"),
        ({"noise": -0.1}, "noise must be at least 0, not -0.1"),
        ({"min_length": 0}, "min_length must be at least 1, not 0"),
        ({"max_length": 9}, "max_length must be at least min_length=10, not 9"),
        ({"min_count": 0}, "min_count must be at least 1, not 0"),
        ({"eval_sequences": 0}, "eval_sequences must be at least 1, not 0"),
    ],
)
def test_a_bad_knob_is_named_with_what_would_be_right(knobs, message):
    with pytest.raises(TaskError) as error:
        Tagging(**knobs)
    assert str(error.value).startswith(message)
