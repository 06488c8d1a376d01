"""Every job of a command line is composed before any runs; what is wrong is one line."""

from pathlib import Path

import pytest

from recurbench.harness.config.compose import compose_jobs
from recurbench.harness.config.overrides import readable
from recurbench.harness.config.resolve import resolve
from recurbench.harness.config.schema import register
from recurbench.harness.errors import UserError

EXPERIMENTS = sorted(p.stem for p in (Path(__file__).parents[3] / "conf/experiment").glob("*.yaml"))


@pytest.fixture(autouse=True)
def registered(config_store) -> None:
    register()


def refusal(*overrides: str, multirun: bool = False) -> str:
    """The one line that refuses a command line."""
    with pytest.raises(UserError) as caught:
        compose_jobs(list(overrides), multirun)
    line = str(caught.value)
    assert "\n" not in line
    return line


@pytest.mark.parametrize(
    ("override", "nearest"),
    [
        ("cell=lstmm", "lstm"),
        ("cell=GRU_cho", "gru_cho"),
        ("task=copyin", "copying"),
        ("model=defalt", "default"),
        ("optimizer=adma", "adam"),
        ("budget=non", "none"),
        ("logger=wandv", "wandb"),
        ("logger=[csv,wandv]", "wandb"),
        ("trainer=gpus", "gpu"),
        ("experiment=dmo", "demo"),
        ("hydra/launcher=basc", "basic"),
    ],
)
def test_an_unknown_choice_of_a_group_is_refused_with_the_nearest(override, nearest):
    group = override.partition("=")[0]
    line = refusal(override)
    assert line.startswith(f"{group}=")
    assert f"; did you mean {nearest}? (valid: " in line


@pytest.mark.parametrize(
    ("override", "section", "nearest"),
    [
        ("cell.hiden_size=3", "cell (gru)", "hidden_size"),
        ("task.dely=3", "task (copying)", "delay"),
        ("optimizer.lrr=3", "optimizer (adam)", "lr"),
        ("model.dept=3", "model", "depth"),
        ("+cell.hiden_size=3", "cell (gru)", "hidden_size"),
        ("++model.dept=3", "model", "depth"),
        ("modle.depth=3", "the configuration", "model"),
        ("sed=3", "the configuration", "seed"),
        ("+sed=3", "the configuration", "seed"),
        ("hydra.mod=MULTIRUN", "hydra", "mode"),
    ],
)
def test_an_unknown_option_is_refused_with_its_section_and_the_nearest(override, section, nearest):
    unknown = override.partition("=")[0].rpartition(".")[2].lstrip("+")
    unknown = "modle" if override.startswith("modle") else unknown
    line = refusal(override)
    assert line.startswith(
        f"{override}: {section} has no option {unknown}; did you mean {nearest}? (valid: "
    )


def test_the_options_offered_are_those_of_the_chosen_plugin():
    line = refusal("cell=attention_gru", "cell.windw=3")
    assert line.startswith("cell.windw=3: cell (attention_gru) has no option windw")
    assert "did you mean window?" in line
    assert "peepholes" not in line


@pytest.mark.parametrize(
    ("override", "option"),
    [
        ("cell.hidden_size=wide", "cell.hidden_size"),
        ("cell.hidden_size=1.5", "cell.hidden_size"),
        ("cell.hidden_size=null", "cell.hidden_size"),
        ("cell.hidden_size.x=1", "cell.hidden_size"),
        ("cell.hidden_size=[1]", "cell.hidden_size"),
        ("cell.bias=perhaps", "cell.bias"),
        ("model.depth=null", "model.depth"),
        ("optimizer.lr=fast", "optimizer.lr"),
        ("seed=true", "seed"),
        ("seed=", "seed"),
        ("rerun=maybe", "rerun"),
        ("hydra.mode=SWEEP", "hydra.mode"),
        ("~cell.bias", "cell.bias"),
    ],
)
def test_a_value_of_the_wrong_type_is_refused_by_its_option(override, option):
    assert refusal(override).startswith(f"{option}: ")


@pytest.mark.parametrize("override", ["cell={gru", "cell=[gru", "override cell=gru", "cell"])
def test_an_override_that_cannot_be_read_is_refused(override):
    assert refusal(override).startswith("cannot read the override: ")


def test_an_override_without_a_key_is_refused():
    assert refusal("=3").startswith("=3: ")


@pytest.mark.parametrize(
    "override", ["cell=null", "~cell", "model=null", "~task", "cell=[gru,lstm]", "cell@x=gru"]
)
def test_a_group_is_given_exactly_one_choice(override):
    group = override.lstrip("~").partition("=")[0].partition("@")[0]
    assert refusal(override) == f"{override}: choose one, as in {group}=NAME"


@pytest.mark.parametrize(
    "override", ["seed=0,1", "cell=gru,lstm", "optimizer.lr=0.1,0.2", "seed=range(0,3)"]
)
def test_several_values_need_the_flag(override):
    assert refusal(override) == f"{override}: several values need `run -m`"


def test_a_broken_plugin_that_is_chosen_says_why(discover):
    discover(fancy="raise RuntimeError('boom')\n")
    line = refusal("cell=fancy")
    assert line.startswith("cell=fancy")
    assert "fancy.py could not be used: " in line
    assert "fancy.py:1: RuntimeError: boom" in line


def test_one_job_is_not_a_sweep():
    (composed,), multirun = compose_jobs(["cell=lstm", "seed=3"], multirun=False)
    assert not multirun
    assert (composed.cell.name, composed.seed) == ("lstm", 3)


def test_a_sweep_may_have_one_job():
    jobs, multirun = compose_jobs(["seed=3"], multirun=True)
    assert multirun
    assert [job.seed for job in jobs] == [3]


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        (
            ["cell=gru,lstm", "seed=0,1,2"],
            [("gru", 0), ("gru", 1), ("gru", 2), ("lstm", 0), ("lstm", 1), ("lstm", 2)],
        ),
        (["seed=1,0", "cell=lstm,gru"], [("lstm", 1), ("gru", 1), ("lstm", 0), ("gru", 0)]),
        (["cell=rnn", "seed=range(0,3)"], [("rnn", 0), ("rnn", 1), ("rnn", 2)]),
        (["cell=choice(rnn,gru)"], [("rnn", 0), ("gru", 0)]),
        (["cell=glob(torch_*)"], [("torch_gru", 0), ("torch_lstm", 0), ("torch_rnn", 0)]),
    ],
)
def test_a_sweep_is_the_cross_product_in_the_order_written(overrides, expected):
    jobs, multirun = compose_jobs(overrides, multirun=True)
    assert multirun
    assert [(job.cell.name, job.seed) for job in jobs] == expected


def test_the_demo_is_a_sweep_of_forty_without_the_flag():
    jobs, multirun = compose_jobs(["experiment=demo"], multirun=False)
    assert multirun
    runs = {(job.task.name, job.cell.name, job.seed) for job in jobs}
    assert len(jobs) == len(runs) == 40
    assert [len(set(column)) for column in zip(*runs, strict=True)] == [4, 5, 2]


@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_an_experiment_gives_its_name_to_the_study(experiment):
    jobs, _ = compose_jobs([f"experiment={experiment}", "cell=gru", "seed=0"], multirun=False)
    whole = "study" if experiment.startswith("study_") else experiment
    assert {job.study for job in jobs} == {whole}
    named, _ = compose_jobs([f"experiment={experiment}", "seed=0", "study=mine"], multirun=False)
    assert {job.study for job in named} == {"mine"}


def test_an_override_narrows_an_experiment():
    jobs, _ = compose_jobs(["experiment=demo", "cell=gru", "task=copying"], multirun=False)
    assert [(job.task.name, job.cell.name, job.seed) for job in jobs] == [
        ("copying", "gru", 0),
        ("copying", "gru", 1),
    ]


@pytest.mark.parametrize(
    ("overrides", "beginning"),
    [
        (["cell=gru,lsm,rnn"], "cell=lsm; did you mean lstm?"),
        (["cell.hidden_size=3,wide,5"], "cell.hidden_size: Value 'wide'"),
        (["cell=lstm,gru,rnn", "cell.peepholes=true"], "cell.peepholes=True: cell (gru) has no"),
        (["cell=gru", "task.dely=1,2"], "task.dely=1: task (copying) has no option dely"),
    ],
)
def test_a_bad_job_in_the_middle_refuses_the_sweep_by_its_override(overrides, beginning):
    assert refusal(*overrides, multirun=True).startswith(beginning)


def test_a_kind_of_sweep_that_the_sweeper_does_not_know_is_refused():
    assert "INTERVAL_SWEEP" in refusal("optimizer.lr=interval(0.1,1)", multirun=True)


@pytest.mark.parametrize(
    "text",
    [
        *(
            "größe (1).csv",
            "a=b.csv",
            "a#b",
            "don't",
            'a"b',
            "(1)",
            "!&*;<>?^`|\\",
            "x y",
            "$x",
            "a:b",
        ),
        *(
            "1e3",
            "true",
            ".5",
            "007",
            "1_000",
        ),  # numbers to Hydra, which would write them otherwise
    ],
)
def test_a_text_is_taken_as_it_is_typed(text):
    ((composed,), _) = compose_jobs(readable([f"study={text}"], multirun=False), multirun=False)
    assert resolve(composed).study == text


@pytest.mark.parametrize("override", ["optimizer.lr=1e-3", "optimizer.lr=.001"])
def test_a_number_may_be_written_in_any_way(override):
    ((composed,), _) = compose_jobs(readable([override], multirun=False), multirun=False)
    assert resolve(composed).optimizer.lr == 0.001


@pytest.mark.parametrize("name", ["a, (b).csv", "a,b.csv", "[1].csv", "choice(1).csv", "it's,.csv"])
def test_a_file_that_exists_is_meant_by_its_name(name, workplace):
    (workplace / name).touch()
    ((composed,), _) = compose_jobs(readable([f"study={name}"], multirun=False), multirun=False)
    assert composed.study == name


def test_files_that_exist_are_swept_over(workplace):
    for name in ("a (1).csv", "b (2).csv"):
        (workplace / name).touch()
    jobs, _ = compose_jobs(readable(["study=a (1).csv,b (2).csv"], multirun=True), multirun=True)
    assert [job.study for job in jobs] == ["a (1).csv", "b (2).csv"]


@pytest.mark.parametrize(
    ("override", "remedy"),
    [
        ("study=a,(b)", "\"study='a,(b)'\""),
        ("study='open", "\"study='open'\""),
        ("study=[open", "\"study='[open'\""),
        ("study=${open", "\"study='${open'\""),
        ("seed=range(0,", "not ended"),
        ("cell=gru seed=3", "two overrides in one"),
        ("study=a\nb", "no line break"),
        ("study=gr\udcf6", "PYTHONUTF8=1"),
    ],
)
def test_what_can_be_read_in_two_ways_is_refused_with_the_remedy(override, remedy):
    with pytest.raises(UserError) as caught:
        readable([override], multirun=False)
    line = str(caught.value)
    assert line.startswith("cannot read the override: ")
    assert remedy in line
    assert "\n" not in line


def test_the_folder_of_jobs_stays_the_one_that_the_command_starts_in():
    assert refusal("hydra.job.chdir=true", multirun=True).startswith("hydra.job.chdir=true: ")
