"""Folders are joined and packed without losing a run, whatever its names are."""

import gzip
from pathlib import Path

import pytest
from making import make_record

from recurbench.harness.cli import main
from recurbench.harness.results.archive import read_all, read_archive, write_archive
from recurbench.harness.results.folder import ResultsFolder, safe_name
from recurbench.harness.results.record import Record, encode, read, write

ONE = make_record("gru", seed=1, study="mine", run_id="aaaa1111")
TWO = make_record("lstm", seed=2, run_id="bbbb2222")


def put(folder: str, *records: Record) -> None:
    for record in records:
        write(ResultsFolder(Path(folder)).record(record.task["name"], "gru", record.run_id), record)


def later(record: Record, **changes) -> Record:
    found = make_record("gru", seed=record.seed, run_id=record.run_id, study="mine", **changes)
    assert found.run_id == record.run_id
    return found


def contents(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def merged(workplace: Path, capsys: pytest.CaptureFixture):
    """Joins folders into `all`, and gives what was said; the folders must stay as they were."""

    def run(*folders: str) -> str:
        before = [contents(Path(folder)) for folder in folders]
        assert main(["merge", *folders, "--into", "all"]) == 0
        assert [contents(Path(folder)) for folder in folders] == before
        output = capsys.readouterr()
        return output.out + output.err

    return run


def test_files_and_archives_of_several_folders_are_joined(merged) -> None:
    put("a", ONE)
    write_archive(Path("b/some.jsonl.gz"), [ONE, TWO])
    assert "all: 2 added, 1 there already, 0 with other content" in merged("a", "b")
    assert sorted(r.run_id for r in read_all(Path("all/runs"))) == [ONE.run_id, TWO.run_id]
    assert "all: 0 added, 3 there already" in merged("a", "b")


def test_what_an_archive_of_the_folder_has_is_not_added(merged) -> None:
    write_archive(Path("all/runs/some.jsonl.gz"), [ONE])
    put("a", ONE, TWO)
    assert "1 added, 1 there already" in merged("a")
    assert len(list(read_all(Path("all/runs")))) == 2


@pytest.mark.parametrize(
    ("first", "second", "kept"),
    [
        ({"test": 0.1, "finished_at": "2026-01-02"}, {"test": 0.2, "finished_at": "2026-01-03"}, 1),
        ({"test": 0.1, "finished_at": "2026-01-03"}, {"test": 0.2, "finished_at": "2026-01-02"}, 0),
        ({"status": "failed", "finished_at": "2026-01-03"}, {"finished_at": "2026-01-02"}, 1),
        ({"finished_at": "2026-01-02"}, {"status": "failed", "finished_at": "2026-01-03"}, 0),
    ],
)
@pytest.mark.parametrize("packed", [False, True], ids=["file", "archive"])
def test_of_different_records_of_a_run_the_completed_and_then_the_later_one_is_kept(
    first: dict, second: dict, kept: int, packed: bool, merged
) -> None:
    records = [later(ONE, **changes) for changes in (first, second)]
    if packed:
        write_archive(Path("all/runs/some.jsonl.gz"), records[:1])
    else:
        put("all", records[0])
    put("b", records[1])
    said = merged("b")
    assert "0 added, 0 there already, 1 with other content" in said
    assert "aaaa1111 copying · gru · seed 1: differs in" in said
    assert "finished_at" in said
    assert ("took that of b" in said) == bool(kept)
    assert main(["show", "aaaa1111", "--results", "all"]) == 0
    shown = ResultsFolder(Path("all")).record("copying", "gru", "aaaa1111")
    if kept or not packed:
        assert read(shown) == records[kept]
    else:
        assert not shown.exists()


def test_a_damaged_record_is_named_and_the_others_are_joined(merged) -> None:
    put("a", ONE)
    Path("a/runs/bad.json").write_text("{}")
    Path("a/runs/bad.jsonl.gz").write_bytes(gzip.compress(encode(TWO) + b"\n{}\n"))
    said = merged("a")
    assert "2 added, 0 there already, 0 with other content, 2 damaged" in said
    assert "a/runs/bad.json: skipped: schema_version" in said
    assert "a/runs/bad.jsonl.gz: skipped: line 2" in said


@pytest.mark.parametrize("folders", [["all"], ["."], ["all/runs"], ["a", "all/runs/copying"]])
def test_a_folder_is_not_joined_with_itself(folders: list, workplace: Path, refused) -> None:
    put("all", ONE)
    put("a", TWO)
    assert "overlap" in refused("merge", *folders, "--into", "all")


def test_folders_without_records_and_without_room_are_refused(workplace: Path, refused) -> None:
    put("a", ONE)
    assert "nowhere: no records there" in refused("merge", "a", "nowhere", "--into", "all")
    Path("file").write_text("")
    assert "--into file: Not a directory" in refused("merge", "a", "--into", "file")


HOSTILE = ["../../up", "/etc/passwd", "..", "", "a/b", "con", "x\x00y", "ü" * 300, "a\nb", ".git"]


@pytest.mark.parametrize("name", HOSTILE, ids=ascii)
def test_no_name_of_a_record_leads_out_of_the_folder(name: str, workplace: Path) -> None:
    hostile = make_record("gru", run_id=name, study=name, task=name)
    hostile.cell["name"] = name
    write_archive(Path("home/a/some.jsonl.gz"), [hostile, TWO])
    assert main(["merge", "home/a", "--into", "home/all"]) == 0
    assert main(["archive", "--results", "home/all"]) == 0
    assert [path.name for path in workplace.iterdir()] == ["home"]
    assert len(list(read_all(Path("home/all/runs")))) == 2
    assert len(list(read_all(Path("home/all/archives")))) == 2
    assert len(list(Path("home/all/archives").iterdir())) == 2


def test_names_that_look_alike_stay_apart_and_plain_ones_stay_as_they_are() -> None:
    names = [safe_name(name) for name in (*HOSTILE, "a_b", "a b", "zoo", "x.y", "NUL.txt", "null")]
    assert len(set(names)) == len(names)
    assert names[-5:-2] == ["a b", "zoo", "x.y"]
    assert names[-1] == "null"
    assert all(len(name) < 120 and "/" not in name for name in names)


def test_records_are_packed_by_study_and_packing_again_changes_nothing(
    workplace: Path, capsys: pytest.CaptureFixture
) -> None:
    put("results", ONE, TWO)
    assert main(["archive"]) == 0
    assert capsys.readouterr().out.split() == [
        "results/archives/mine.jsonl.gz", "results/archives/no-study.jsonl.gz",
    ]  # fmt: skip
    assert list(read_archive(Path("results/archives/mine.jsonl.gz"))) == [ONE]
    assert list(read_archive(Path("results/archives/no-study.jsonl.gz"))) == [TWO]
    before = contents(Path("results"))
    assert main(["archive"]) == 0
    assert "all of it is there already" in capsys.readouterr().out
    assert contents(Path("results")) == before


def test_what_is_packed_stays_and_the_better_record_of_a_run_is_packed(workplace: Path) -> None:
    other = make_record("rnn", study="mine", run_id="cccc3333")
    old = later(ONE, test=0.1, finished_at="2025-01-01")
    write_archive(Path("out/mine.jsonl.gz"), [other, old])
    put("results", ONE)
    assert main(["archive", "--output", "out"]) == 0
    assert list(read_archive(Path("out/mine.jsonl.gz"))) == [ONE, other]
    put("results", old)
    assert main(["archive", "--output", "out"]) == 0
    assert list(read_archive(Path("out/mine.jsonl.gz"))) == [ONE, other]


@pytest.mark.parametrize("content", [b"no gzip", gzip.compress(b"{}\n", mtime=0)])
def test_a_file_that_is_no_whole_archive_is_not_replaced(
    content: bytes, workplace: Path, refused
) -> None:
    put("results", ONE)
    Path("out").mkdir()
    Path("out/mine.jsonl.gz").write_bytes(content)
    assert "out/mine.jsonl.gz: " in refused("archive", "--output", "out")


@pytest.mark.parametrize("arguments", [["runs"], ["leaderboard"], ["show", "aaaa"]], ids=" ".join)
def test_every_command_that_reads_records_reads_archives(
    arguments: list, workplace: Path, capsys: pytest.CaptureFixture
) -> None:
    write_archive(Path("results/runs/deep/er/some.jsonl.gz"), [ONE])
    assert main(arguments) == 0
    assert "gru" in capsys.readouterr().out
