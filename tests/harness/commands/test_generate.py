"""`recurbench generate` goes on from a prompt with the model of a run, or says what is missing."""

import re
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest
from generate_kit import COUNTING, KEPT, QUICK, checkpoints, counting, refused, run_id, shelf  # noqa: F401

from recurbench.harness.cli import main
from recurbench.harness.results.folder import ResultsFolder


@pytest.fixture
def said(capsys: pytest.CaptureFixture) -> Callable[..., str]:
    """What `generate` says, without a complaint."""

    def run(*arguments: str) -> str:
        assert main(["generate", *arguments]) == 0
        output = capsys.readouterr()
        assert output.err == ""
        return output.out.removesuffix("\n")

    return run


def test_a_prompt_is_continued_as_far_as_asked(run_id: str, said: Callable) -> None:
    greedy = ["--temperature", "0"]
    assert said(run_id, "--prompt", "34", "--length", "6", *greedy) == "34012340"
    assert said(run_id[:6], "--length", "3", *greedy) == "0123", "the task knows an empty prompt"
    assert len(said(run_id, *greedy)) == 201


def test_the_same_seed_draws_the_same_and_another_seed_other_things(
    run_id: str, said: Callable
) -> None:
    hot = [run_id, "--temperature", "9", "--length", "50"]
    assert said(*hot) == said(*hot, "--seed", "0")
    assert said(*hot) != said(*hot, "--seed", "1")


def test_the_likeliest_alone_are_drawn_from(run_id: str, said: Callable) -> None:
    assert said(run_id, "--temperature", "9", "--top-k", "1", "--length", "7") == "01234012"


def test_what_is_generated_ends_before_the_stop(
    counting: Path, said: Callable, capsys: pytest.CaptureFixture
) -> None:
    assert main(["run", *KEPT, "task.ends=true"]) == 0
    capsys.readouterr()
    (run,) = checkpoints(counting)
    assert said(run, "--prompt", "2", "--temperature", "0") == "234"


def test_what_is_generated_goes_to_a_file_in_a_format_of_the_task(
    run_id: str, said: Callable, refused: Callable, counting: Path
) -> None:
    short = [run_id, "--length", "3", "--temperature", "0"]
    assert said(*short, "--output", "out.digits") == ""
    assert (counting / "out.digits").read_text() == "0123"
    assert "--output out.mid: end it with .txt or .digits" in refused(*short, "--output", "out.mid")
    assert "--output no/out.txt: no such folder" in refused(*short, "--output", "no/out.txt")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--length", "0"], "--length 0: must be an integer of at least 1"),
        (["--length", "1.5"], "--length 1.5: must be an integer of at least 1"),
        (["--temperature", "-1"], "--temperature -1: must be a number of at least 0"),
        (["--temperature", "nan"], "--temperature nan: must be"),
        (["--temperature", "inf"], "--temperature inf: must be"),
        (["--top-k", "0"], "--top-k 0: must be an integer of at least 1"),
        (["--seed", "x"], "--seed x: must be an integer of at least 0"),
        (["--prompt", "7"], "task=counting: prompt '7': write digits below 5"),
        (["--results", "elsewhere"], "no such run in elsewhere/runs"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_wrong_options_are_refused_in_one_line(
    options: list, words: str, run_id: str, refused: Callable
) -> None:
    assert words in refused(run_id, *options)


def test_an_unknown_run_is_refused_with_those_there_are(run_id: str, refused: Callable) -> None:
    assert f"run id nothing: no such run in results/runs (valid: {run_id})" in refused("nothing")


def test_a_run_of_a_task_that_does_not_generate_is_refused(
    counting: Path, refused: Callable, small: list, capsys: pytest.CaptureFixture
) -> None:
    assert main(["run", *small]) == 0
    capsys.readouterr()
    (path,) = (counting / "results/runs").rglob("*.json")
    line = refused(path.stem)
    assert f"run {path.stem}: task=copying does not generate; those that do:" in line
    assert "counting" in line


def test_a_run_without_its_checkpoint_is_refused_with_the_command_that_keeps_it(
    counting: Path, said: Callable, refused: Callable, capsys: pytest.CaptureFixture
) -> None:
    assert main(["run", *QUICK, "seed=3"]) == 0
    capsys.readouterr()
    (path,) = (counting / "results/runs").rglob("*.json")
    assert checkpoints(counting) == []
    line = refused(path.stem)
    command = line.partition("train.keep_checkpoint=true: recurbench ")[2]
    assert command, line
    assert main([*shlex.split(command), "logger=none"]) == 0
    assert "its checkpoint was not kept; runs again" in capsys.readouterr().out
    assert checkpoints(counting) == [path.stem]
    assert said(path.stem, "--length", "4", "--temperature", "0") == "01234"


def test_a_damaged_checkpoint_is_refused(run_id: str, refused: Callable) -> None:
    path = ResultsFolder(Path("results")).kept(run_id)
    path.write_bytes(path.read_bytes()[:999])
    assert f"{path}: does not fit the model of run {run_id}" in refused(run_id)


DOCS = (Path(__file__).parents[3] / "docs/generate.md").read_text()


COMMANDS = [
    shlex.split(line)[1:]
    for block in re.findall(r"```\n(.*?)```", DOCS, re.DOTALL)
    for line in block.splitlines()
]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_the_commands_of_the_documentation_are_valid(
    command: list, counting: Path, configure: Callable, refused: Callable
) -> None:
    if command[0] == "run":
        assert configure(*command[1:]).train.keep_checkpoint
    else:
        assert "no such run" in refused(*command[1:])
