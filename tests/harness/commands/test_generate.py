"""`recurbench generate` goes on from a prompt with the model of a run, or says what is missing."""

import json
import re
import shlex
import shutil
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from making import make_record

from recurbench.harness.cli import main
from recurbench.harness.config.compose import compose_jobs
from recurbench.harness.config.resolve import resolve
from recurbench.harness.model.build import build_model, load_task
from recurbench.harness.results.archive import read_all
from recurbench.harness.results.folder import ResultsFolder
from recurbench.harness.run.execute import execute
from recurbench.harness.run.prepare import prepare
from recurbench.harness.run.restore import command_of, config_of
from recurbench.harness.run.training import load_weights

COUNTING = '''
"""A task whose models go on counting."""
import torch
import torch.nn.functional as F
from recurbench.tasks.base import Batch, Batches, Task, TaskError, TaskSpec, generator, hash_data
from recurbench.tasks.common.metrics import classification_metrics
from recurbench.tasks.generation import Generative


class Counting(Generative, Task):
    """Predicts the next digit of 0 1 2 3 4 0 1 2 and so on; `ends` puts a 5 after each 4."""

    name = "counting"
    primary = "accuracy"
    endings = (".txt", ".digits")

    def __init__(
        self, *, modulus: int = 5, ends: bool = False, label: str = "x y", words: list[str] = [],
        file: str | None = None,
    ):
        super().__init__()
        self.modulus, self.ends = modulus, ends
        self.stop = modulus if ends else None

    def load(self):
        size = self.modulus + self.ends
        return TaskSpec(size, tokens=True, output_size=size, scope="step", predicts_next=True)

    def draw(self, *stream):
        start = torch.randint(self.spec.input_size, (8, 1), generator=generator(*stream))
        whole = (start + torch.arange(9)) % self.spec.input_size
        return Batch(whole[:, :-1], whole[:, 1:])

    def loss(self, outputs, targets):
        return F.cross_entropy(outputs, targets)

    def metrics(self):
        return classification_metrics(self.spec.output_size)

    def references(self):
        return {"chance": 1 / self.modulus}

    def fingerprint(self):
        return hash_data(self.modulus, self.ends)

    def train_dataloader(self):
        return Batches(lambda i: self.draw("train", self.seed, i))

    def val_dataloader(self):
        return Batches(lambda i: self.draw("val", i), 1)

    def test_dataloader(self):
        return Batches(lambda i: self.draw("test", i), 1)

    def encode_prompt(self, prompt):
        if not all(char in "01234"[: self.modulus] for char in prompt):
            raise TaskError(f"prompt {prompt!r}: write digits below {self.modulus}")
        return torch.tensor([int(char) for char in prompt or "0"])

    def to_text(self, sequence):
        return "".join(map(str, sequence.tolist()))
'''

QUICK = [
    "task=counting", "logger=none", "train.max_steps=60", "train.eval_every=30",
    "optimizer.lr=0.02", "cell.hidden_size=16", "model.embedding_size=8",
]  # fmt: skip
KEPT = [*QUICK, "train.keep_checkpoint=true"]


@pytest.fixture
def counting(plugin_folder: Path, workplace: Path) -> Path:
    """The current folder, where the task `counting` is a plugin."""
    (plugin_folder / "counting.py").write_text(COUNTING)
    return workplace


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the results of the run below wait for the next test."""
    return tmp_path_factory.mktemp("shelf") / "results"


@pytest.fixture
def run_id(counting: Path, shelf: Path, capsys: pytest.CaptureFixture) -> str:
    """A run that kept its checkpoint."""
    if shelf.exists():
        shutil.copytree(shelf, counting / "results")
    else:
        assert main(["run", *KEPT]) == 0
        capsys.readouterr()
        shutil.copytree(counting / "results", shelf)
    (path,) = (counting / "results/runs").rglob("*.json")
    return path.stem


@pytest.fixture
def said(capsys: pytest.CaptureFixture) -> Callable[..., str]:
    """What `generate` says, without a complaint."""

    def run(*arguments: str) -> str:
        assert main(["generate", *arguments]) == 0
        output = capsys.readouterr()
        assert output.err == ""
        return output.out.removesuffix("\n")

    return run


@pytest.fixture
def refused(capsys: pytest.CaptureFixture) -> Callable[..., str]:
    """The one line in which `generate` refuses."""

    def run(*arguments: str) -> str:
        assert main(["generate", *arguments]) == 2
        output = capsys.readouterr()
        assert output.out == ""
        (line,) = output.err.splitlines()
        return line

    return run


def checkpoints(workplace: Path) -> list[str]:
    return sorted(path.parent.name for path in workplace.rglob("*.ckpt"))


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
    assert "--output no/out.txt: No such" in refused(*short, "--output", "no/out.txt")


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


@pytest.mark.parametrize(
    "overrides",
    [
        [],
        [
            "seed=2",
            "optimizer=sgd",
            "optimizer.lr=1e-05",
            "task.label='null'",
            "task.file=/a/b.txt",
        ],
        [
            "cell=lstm",
            "model.encoder=causal_conv",
            "budget.parameters=20000",
            "train.gradient_clip=null",
            "trainer.precision=bf16",
            "task.label='it\\'s, here'",
            "task.words=[a,'b c','1']",
            "task.ends=true",
        ],
    ],
    ids=" ".join,
)
def test_the_command_to_run_again_makes_the_same_run(
    overrides: list, counting: Path, configure: Callable, capsys: pytest.CaptureFixture
) -> None:
    prepared = prepare(configure("task=counting", *overrides))
    record = msgspec.structs.replace(
        make_record(),
        **prepared.identity.sections,
        seed=prepared.config.seed,
        track=prepared.identity.track,
    )
    command = shlex.split(command_of(record, Path("some where")))
    assert command[:2] == ["recurbench", "run"]
    (composed,), _ = compose_jobs(command[2:], multirun=False)
    again = resolve(composed)
    assert prepare(again).identity == prepared.identity
    assert again.train.keep_checkpoint
    assert again.results_dir == "some where"


def test_a_checkpoint_stays_only_when_it_is_asked_for(
    counting: Path, configure: Callable, read_records: Callable
) -> None:
    assert execute(configure(*KEPT)).status == "completed"
    (record,) = read_records()
    assert checkpoints(counting) == [record["run_id"]]
    for overrides in (KEPT, QUICK):
        assert execute(configure(*overrides)).status == "skipped"
        assert checkpoints(counting) == [record["run_id"]]
    assert execute(configure(*QUICK, "rerun=true")).status == "completed"
    assert checkpoints(counting) == []
    assert execute(configure(*QUICK)).status == "skipped"
    assert execute(configure(*KEPT)).status == "completed"
    assert checkpoints(counting) == [record["run_id"]]
    (again,) = read_records()
    assert (again["run_id"], again["metrics"]) == (record["run_id"], record["metrics"])


def test_a_run_that_fails_keeps_no_checkpoint(
    counting: Path, configure: Callable, refused: Callable, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture,
) -> None:  # fmt: skip
    def broken(*_: object) -> None:
        raise RuntimeError("a wheel came off")

    monkeypatch.setattr("recurbench.harness.run.training.Training.test", broken)
    assert execute(configure(*KEPT)).status == "failed"
    capsys.readouterr()
    assert checkpoints(counting) == []
    (path,) = (counting / "results/runs").rglob("*.json")
    assert f"run {path.stem}: failed, so there is no model of it" in refused(path.stem)


def test_the_model_is_the_one_that_was_tested(run_id: str, counting: Path) -> None:
    (record,) = read_all(ResultsFolder(Path("results")).runs)
    config = config_of(record)
    task = load_task(config)
    _, model = build_model(config, task)
    load_weights(model.eval(), ResultsFolder(Path("results")).kept(run_id))
    metrics = task.metrics()
    for batch in task.test_dataloader():
        metrics.update(model(batch.inputs)[0], task.targets_of(batch))
    scores = {name: float(value) for name, value in metrics.compute().items()}
    assert scores == pytest.approx(record.metrics["test"])


@pytest.mark.parametrize(
    ("section", "change", "words"),
    [
        ("code", {"cell": "0" * 12}, "the code of cell=gru has changed"),
        ("track", {"data": "other"}, "the data of task=counting has changed"),
        ("code", {"task": "0" * 12}, "the code of task=counting has changed"),
        ("code", {"protocol": 0}, "the harness has changed"),
    ],
)
def test_changes_since_the_run_are_said_and_do_no_harm(
    section: str, change: dict, words: str, run_id: str, counting: Path,
    capsys: pytest.CaptureFixture,
) -> None:  # fmt: skip
    (path,) = (counting / "results/runs").rglob("*.json")
    record = json.loads(path.read_text())
    record[section] |= change
    path.write_text(json.dumps(record))
    assert main(["generate", record["run_id"], "--length", "4", "--temperature", "0"]) == 0
    output = capsys.readouterr()
    assert output.out == "01234\n"
    (line,) = output.err.splitlines()
    assert line.startswith("recurbench: warning: ")
    assert words in line


@pytest.mark.parametrize(
    ("section", "change", "words"),
    [
        ("task", {"colour": "red"}, "its task has colour, which is no longer there"),
        ("model", {"width": 3}, "its model has width, which is no longer there"),
        ("cell", {"hidden_size": 17}, "does not fit the model of run"),
        ("cell", {"name": "gone"}, "cell.name=gone: no such cell"),
    ],
)
def test_a_run_that_cannot_be_rebuilt_is_refused(
    section: str, change: dict, words: str, run_id: str, counting: Path,
    capsys: pytest.CaptureFixture,
) -> None:  # fmt: skip
    (path,) = (counting / "results/runs").rglob("*.json")
    record = json.loads(path.read_text())
    record[section] |= change
    path.write_text(json.dumps(record))
    assert main(["generate", run_id]) == 2
    assert words in capsys.readouterr().err.splitlines()[-1]


def test_a_damaged_checkpoint_is_refused(run_id: str, refused: Callable) -> None:
    path = ResultsFolder(Path("results")).kept(run_id)
    path.write_bytes(path.read_bytes()[:999])
    assert f"{path}: does not fit the model of run {run_id}" in refused(run_id)


def test_a_record_without_a_knob_that_came_later_takes_its_default(
    run_id: str, counting: Path, capsys: pytest.CaptureFixture
) -> None:
    (path,) = (counting / "results/runs").rglob("*.json")
    record = json.loads(path.read_text())
    del record["task"]["label"]
    path.write_text(json.dumps(record))
    assert main(["generate", run_id, "--length", "4", "--temperature", "0"]) == 0
    assert capsys.readouterr().out == "01234\n"


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
