"""The leaderboard's page is one file, shows what is recorded, and lets nothing in."""

import base64
import hashlib
import math
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest
from making import make_record
from msgspec.structs import replace
from page_kit import HOSTILE, board_of, curve, data_in, page_of, study

from recurbench.harness.cli import main
from recurbench.harness.results import archive
from recurbench.harness.results.archive import read_chosen, write_archive
from recurbench.harness.results.board import build_board
from recurbench.harness.results.index import read_runs
from recurbench.harness.results.page import as_html
from recurbench.harness.results.page.curves import FEWEST, POINTS, curve_of, points_for, thin
from recurbench.harness.results.page.data import clean, page_data
from recurbench.harness.results.page.render import HOME, LIBRARY, MODULES, STYLES, render
from recurbench.harness.results.record import Record, write
from recurbench.harness.results.report import View
from recurbench.harness.results.runs import Run

ROOT = Path(__file__).parents[3]


class Elements(HTMLParser):
    """The elements of a page with their attributes, and the texts of scripts and styles."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[tuple[str, str]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        if self.found and self.found[-1][0] in ("script", "style") and data.strip():
            self.texts.append((self.found[-1][0], data))


@pytest.fixture(scope="module")
def shipped() -> str:
    """The page of the shipped results."""
    runs = [run for run in read_runs(ROOT / "results/reference") if isinstance(run, Run)]
    return as_html(build_board(runs, studies=sorted({run.study or "" for run in runs})), View())


def test_a_page_of_many_runs_takes_at_most_a_kilobyte_for_each(shipped: str) -> None:
    runs = len(list(read_runs(ROOT / "results/reference")))
    assert len(shipped.encode()) <= 200_000 + 1000 * runs


def test_beside_a_split_stand_its_own_references_and_no_others(tmp_path: Path) -> None:
    known = {"val": {"chance": 0.1}, "test_delay_30": {"chance": 0.5, "bag": None}}
    records = [make_record("gru", split_references=known), make_record("lstm", train="long")]
    tracks = data_in(page_of(records, tmp_path / "records"))["tracks"]
    found = [track["references"] for track in tracks]
    of_test = {"test": {"chance": 0.125}}
    assert of_test in found
    assert of_test | {"val": {"chance": 0.1}, "test_delay_30": {"chance": 0.5}} in found


def test_every_track_and_study_of_the_shipped_results_is_in_it(shipped: str) -> None:
    data = data_in(shipped)
    assert len(data["studies"]) == 11
    assert all(row["curves"] for track in data["tracks"] for row in track["rows"])
    assert all(track["provenance"] for track in data["tracks"])


def test_a_page_names_no_address_and_loads_nothing(tmp_path: Path) -> None:
    for tag, attributes in Elements(page_of(study(), tmp_path)).found:
        for name in ("src", "href", "action", "srcset", "data"):
            value = attributes.get(name)
            assert value is None or value.startswith(("#", "data:,")), (tag, name, value)
        assert not [name for name in attributes if name.startswith("on") or name == "style"]


def test_the_policy_allows_what_is_in_the_page_and_nothing_else(tmp_path: Path) -> None:
    elements = Elements(page_of(study(), tmp_path))
    (policy,) = (
        a["content"] for _, a in elements.found if a.get("http-equiv") == "Content-Security-Policy"
    )
    assert policy
    rules = {rule.split()[0]: rule.split()[1:] for rule in policy.split("; ")}
    hashes = {
        kind: [
            f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
            for tag, text in elements.texts
            if tag == kind and not text.startswith("{")
        ]
        for kind in ("script", "style")
    }
    assert rules["script-src"] == hashes["script"]
    assert rules["style-src"] == hashes["style"]
    assert rules["default-src"] == rules["base-uri"] == rules["form-action"] == ["'none'"]
    assert "connect-src" not in rules
    assert "connect-src &#39;self&#39;" in render(page_data(build_board([])), live="1")


SOUND = make_record()
FAILED = make_record(status="failed", val=0.5)
HOSTILES: dict[str, Record] = {
    "entry": make_record(entry=replace(SOUND.entry, label=HOSTILE)),
    "study": make_record(study=HOSTILE),
    "message": make_record(status="failed", error=replace(FAILED.error, message=HOSTILE)),
    "reference": make_record(references={HOSTILE: 0.1}),
    "commit": make_record(environment=replace(SOUND.environment, git_commit=HOSTILE)),
    "hardware": make_record(hardware=HOSTILE),
    "metric": make_record(metric=HOSTILE),
    "option": make_record(optimizer={"name": "adam", "lr": 0.1, HOSTILE: HOSTILE}),
    "task": make_record(task=HOSTILE),
    "split": make_record(
        metrics={split: {"accuracy": 0.5} for split in ("val", "test", f"test_{HOSTILE}")}
    ),
}


@pytest.mark.parametrize("place", HOSTILES)
def test_a_hostile_text_ends_no_element_and_hides_no_sign(place: str, tmp_path: Path) -> None:
    page = page_of([HOSTILES[place]], tmp_path)
    assert "\u202e" not in page
    assert "\u2028" not in page
    tags = [tag for tag, _ in Elements(page).found]
    assert tags.count("script") == 3
    assert "img" not in tags
    assert "hacked" in page
    assert data_in(page)["tracks"]


@pytest.mark.parametrize("ground", [math.nan, math.inf, -math.inf])
def test_a_number_that_is_not_finite_is_null(ground: float) -> None:
    assert clean({"a": [ground, 1.0]}) == {"a": [None, 1.0]}


@pytest.mark.parametrize(
    "records",
    [
        [],
        [make_record(status="failed")],
        [make_record(val=None, test=None)],
        [make_record(curve=[])],
        [make_record(test=None, seed=1), make_record(seed=2)],
        [make_record(primary=None, cost=None, metrics={}, status="killed")],
        [make_record("gru " + "x" * 300)],
    ],
    ids=["none", "failed", "nan", "no curve", "one nan", "killed early", "long label"],
)
def test_a_page_of_little_is_still_a_page(records: list[Record], tmp_path: Path) -> None:
    data = data_in(page_of(records, tmp_path))
    assert len(data["tracks"]) == min(1, len(records))


def test_a_page_is_the_same_each_time(tmp_path: Path) -> None:
    assert page_of(study(), tmp_path) == page_of([], tmp_path)


def test_a_page_tells_a_records_file_but_not_its_folder(tmp_path: Path) -> None:
    page = page_of(study(), tmp_path)
    assert str(tmp_path) not in page
    (track, *_) = data_in(page)["tracks"]
    assert track["rows"][0]["runs"][0]["record"] == "packed.jsonl.gz"


def test_a_run_knows_what_only_its_record_says(tmp_path: Path) -> None:
    data = page_data(board_of([make_record(resumed_after=5)], tmp_path))
    run = data["tracks"][0]["rows"][0]["runs"][0]
    assert run["finished"] == "2026-01-01 00:00"
    assert run["resumed"] == 5
    assert run["speed"] == 200
    facts = dict(data["tracks"][0]["provenance"])
    assert facts["records"] == "1 in all; 1 behind the scores, 0 without a score"


def test_seeds_share_their_steps(tmp_path: Path) -> None:
    records = [make_record(seed=seed, curve=curve(0.5)) for seed in range(2)]
    first, second = page_data(board_of(records, tmp_path))["tracks"][0]["rows"][0]["curves"]
    assert first["step"][0] == 10
    assert second["step"] is None
    assert first["tokens"] == 20


def points(many: int, every: int) -> Iterator[dict[str, float]]:
    """Points of a curve, some of them with a score."""
    for step in range(many):
        yield {"step": step, "train/loss": 1.0} | ({"val/x": 0.5} if step % every == 0 else {})


@pytest.mark.parametrize(("many", "every"), [(5, 2), (60, 7), (61, 3), (1000, 10), (1000, 1)])
def test_a_thinned_curve_keeps_scores_and_ends(many: int, every: int) -> None:
    whole = list(points(many, every))
    kept = thin(whole, "val/x", POINTS)
    assert len(kept) == min(many, POINTS)
    assert kept == sorted(kept, key=lambda point: point["step"] or 0)
    assert kept[0] == whole[0]
    scored = [point for point in whole if "val/x" in point]
    if len(scored) <= POINTS:
        assert [point for point in kept if "val/x" in point] == scored
    if len(scored) < POINTS:
        assert kept[-1] == whole[-1]


def test_many_runs_have_fewer_points_each() -> None:
    assert points_for(1) == points_for(500) == POINTS
    assert POINTS > points_for(2000) > FEWEST
    assert points_for(10**6) == FEWEST


def test_a_record_without_a_curve_has_none() -> None:
    assert curve_of(make_record(curve=[]), POINTS) is None
    assert curve_of(make_record(curve=[{"train/loss": 1.0}]), POINTS) is None


def test_chosen_records_are_read_from_files_and_archives_each_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    packed = [make_record(seed=seed) for seed in range(4)]
    single = make_record(seed=9)
    write_archive(tmp_path / "a.jsonl.gz", packed)
    write(tmp_path / "one.json", single)
    opened = []
    monkeypatch.setattr(
        archive.gzip, "open", lambda path, o=archive.gzip.open: opened.append(path) or o(path)
    )
    chosen = {
        str(tmp_path / "a.jsonl.gz"): {packed[1].run_id, packed[3].run_id, "not there"},
        str(tmp_path / "one.json"): {single.run_id},
        str(tmp_path / "gone.json"): {"gone"},
        str(tmp_path / "gone.jsonl.gz"): {"gone"},
    }
    found = {record.run_id for record in read_chosen(chosen)}
    assert found == {packed[1].run_id, packed[3].run_id, single.run_id}
    assert len(opened) == 1  # the one that is there


def test_a_damaged_line_of_an_archive_costs_no_other(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl.gz"
    records = [make_record(seed=seed) for seed in range(2)]
    write_archive(path, records)
    with archive.gzip.open(path, "ab") as file:
        file.write(b'not JSON\n{"run_id": 3}\n{"run_id": "x"}\n')
    chosen = {str(path): {records[0].run_id, "x"}}
    assert [record.run_id for record in read_chosen(chosen)] == [records[0].run_id]


def test_a_page_is_ascii_so_that_no_terminal_can_spoil_it(tmp_path: Path) -> None:
    page = page_of([make_record("grü \U0001f600")], tmp_path)
    assert page.isascii()
    assert "\\U0" not in page
    assert data_in(page)["tracks"][0]["rows"][0]["label"] == "grü \U0001f600"


def test_the_command_writes_a_page(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    board_of(study(), tmp_path / "runs")
    records = ["--records", str(tmp_path / "runs")]
    assert main(["leaderboard", *records, "--output", str(tmp_path / "board.html")]) == 0
    page = (tmp_path / "board.html").read_text()
    assert [found["name"] for found in data_in(page)["studies"]] == ["small"]
    assert main(["leaderboard", *records, "--format", "html", "--task", "adding"]) == 0
    assert len(data_in(capsys.readouterr().out)["tracks"]) == 1


def test_all_scripts_and_styles_of_the_folder_are_in_the_page() -> None:
    assert {path.name for path in HOME.glob("*.js")} == {LIBRARY, *MODULES}
    assert {path.name for path in HOME.glob("*.css")} == set(STYLES)


def test_our_script_writes_no_markup() -> None:
    for name in MODULES:
        code = (HOME / name).read_text()
        assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(", code)


def test_the_library_is_the_one_that_the_documentation_names() -> None:
    documented = (ROOT / "docs/reference/page.md").read_text()
    for name in (LIBRARY, STYLES[0]):
        assert hashlib.sha256((HOME / name).read_bytes()).hexdigest() in documented
    version = re.search(r"\(v([\d.]+)\)", (HOME / LIBRARY).read_text()[:100])
    assert version
    assert f"uPlot {version[1]}" in documented


def test_a_study_names_entries_by_their_places(tmp_path: Path) -> None:
    (found,) = page_data(board_of(study(), tmp_path))["studies"]
    assert [track["name"] for track in found["tracks"]] == ["adding", "copying"]
    lacking = next(one for one in found["standings"] if one["label"] == "mgu")
    assert lacking["scores"][0] is None
    assert lacking["mean_rank"] is None
    for one, other, share, low, high in found["improvement"]:
        assert one != other
        assert low <= share <= high
