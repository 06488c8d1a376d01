"""An option of a run changes what comes out, or is refused, or is no part of the run's identity."""

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from golden import COPYING, SMALLER_TASKS

from recurbench.harness.config.sections import ModelConfig, OptimizerConfig, TrainConfig
from recurbench.harness.errors import UserError
from recurbench.harness.results.archive import read_all
from recurbench.harness.results.folder import ResultsFolder
from recurbench.harness.results.record import Record
from recurbench.harness.run.execute import execute
from recurbench.harness.run.first_defaults import FIRST_DEFAULTS
from recurbench.harness.tuning.plan import jobs

SIZES = ["logger=none", "train.max_steps=6", "train.eval_every=1", "train.batch_size=3",
         "cell.hidden_size=8", "model.embedding_size=8"]  # fmt: skip
ROWS = ["task=variable_length", *SMALLER_TASKS["variable_length"], "task.eval_sequences=20"]

CONTEXTS = {
    "as it is": [*COPYING, *SIZES],
    "sgd on a plateau": [*COPYING, *SIZES, "optimizer=sgd", "optimizer.lr=2",
                         "optimizer.schedule=plateau", "optimizer.plateau_patience=0"],
    "a convolution and two layers": [*COPYING, *SIZES, "model.encoder=causal_conv",
                                     "model.depth=2"],
    "a sequence's features": ["task=adding", *SMALLER_TASKS["adding"], "task.eval_sequences=20",
                              *SIZES, "cell=lru", "model.readout=attention",
                              "model.bidirectional=true", "optimizer=adamw", "optimizer.lr=0.3"],
    "one layer of another width": [*ROWS, *SIZES, "model.embedding_size=5", "cell=rnn"],
}  # fmt: skip

OTHERS: dict[str, list[Any]] = {
    "model.encoder": ["none", "linear", "embedding", "causal_conv"],
    "model.kernel_size": [2],
    "model.embedding_size": [6],
    "model.depth": [2, 1],
    "model.dropout": [0.5],
    "model.residual": ["true"],
    "model.norm": ["layer"],
    "model.bidirectional": ["true", "false"],
    "model.readout": ["last", "mean", "attention"],
    "optimizer.name": ["sgd", "rmsprop"],
    "optimizer.lr": [0.1],
    "optimizer.weight_decay": [0.5],
    "optimizer.lr_factor": [0.1],
    "optimizer.momentum": [0.5],
    "optimizer.schedule": ["cosine", "constant", "plateau"],
    "optimizer.warmup_steps": [3],
    "optimizer.plateau_factor": [0.01],
    "optimizer.plateau_patience": [0, 5],
    "train.batch_size": [4],
    "train.max_steps": [4],
    "train.max_seconds": [1e-9],
    "train.max_tokens": [1],
    "train.eval_every": [2],
    "train.patience": [1],
    "train.gradient_clip": [0.001],
    "train.keep_checkpoint": ["true"],
    "train.save_every": ["null"],
}
"""Other values of each option, such that some have an effect where the option has one at all."""


def test_every_option_that_a_run_has_is_tried() -> None:
    sections = {"model": ModelConfig, "optimizer": OptimizerConfig, "train": TrainConfig}
    options = {f"{n}.{option}" for n, kind in sections.items() for option in kind.__annotations__}
    assert set(OTHERS) == options


@pytest.fixture(scope="module")
def known() -> dict[str, Record]:
    """The records of the contexts themselves."""
    return {}


@pytest.mark.parametrize(
    ("context", "option"),
    # How long and how often does not hang on what: one context is enough.
    [(c, o) for c in CONTEXTS for o in OTHERS if c == "as it is" or not o.startswith("train.")],
)
def test_an_option_has_an_effect_or_is_refused_or_left_out(
    context: str, option: str, configure: Callable, workplace: Path, known: dict
) -> None:
    if context not in known:
        known[context] = record_of(configure, CONTEXTS[context])
    usual = known[context]
    found = []
    for value in OTHERS[option]:
        try:
            found.append(record_of(configure, [*CONTEXTS[context], f"{option}={value}"]))
        except UserError:
            continue
    others = [record for record in found if record.run_id != usual.run_id]
    assert not others or any(outcome(record) != outcome(usual) for record in others)


def record_of(configure: Callable, overrides: list[str]) -> Record:
    """The record of a run in a folder of its own."""
    place = Path(f"results-{len(list(Path().iterdir()))}")
    execute(configure(*overrides, f"results_dir={place}"))
    (record,) = read_all(ResultsFolder(place).runs)
    assert record.status in ("completed", "diverged")
    return record


def outcome(record: Record) -> Any:
    """What a run came to, but for its times."""
    curve = [{k: v for k, v in point.items() if k != "seconds"} for point in record.curve]
    return curve, record.metrics, record.cost and record.cost.parameters


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (["model.kernel_size=2"],
         "model.kernel_size=2 has no effect with model.encoder=auto; it goes with "
         "encoder=causal_conv"),
        (["optimizer.momentum=0.5"],
         "optimizer.momentum=0.5 has no effect with optimizer.name=adam; it goes with "
         "name=sgd or rmsprop"),
        (["optimizer.plateau_patience=1"], "it goes with schedule=plateau"),
        (["optimizer=sgd", "optimizer.plateau_factor=0.1"], "it goes with schedule=plateau"),
        (["optimizer.lr_factor=0.5"],
         "cell=gru, which names no parameters for it; it goes with lru, orthogonal_rnn, s5"),
        (["tuning.trials=4"], "tuning.trials=4 has no effect with tuning.name=none"),
        (["tuning.lr=[0.1]"], "it goes with name=grid or random"),
        (["tuning=grid", "tuning.seed=1"], "it goes with name=random"),
    ],
)  # fmt: skip
def test_an_option_without_effect_is_refused_and_says_what_it_needs(
    overrides: list[str], said: str, configure: Callable
) -> None:
    with pytest.raises(UserError) as error:
        configure(*overrides)
    assert said in str(error.value)


@pytest.mark.parametrize(
    "overrides",
    [
        ["model.kernel_size=4"],
        ["model.encoder=causal_conv", "model.kernel_size=2"],
        ["optimizer=sgd", "optimizer.momentum=0"],
        ["optimizer.momentum=0"],
        ["cell=lru", "optimizer.lr_factor=0.5"],
        ["tuning=random", "tuning.trials=4", "tuning.lr_factor=[0.1,1]"],
    ],
)
def test_an_option_that_has_one_or_is_at_its_default_passes(
    overrides: list[str], configure: Callable
) -> None:
    configure(*overrides)


def test_residual_connections_that_fit_no_layer_are_refused(
    configure: Callable, workplace: Path
) -> None:
    with pytest.raises(UserError, match=r"takes 32 features and gives 64; .*embedding_size=64"):
        execute(configure("model.residual=true", "logger=none"))
    for fitting in (["model.embedding_size=64"], ["model.depth=2"]):
        config = configure("model.residual=true", *fitting, "logger=none", "train.max_steps=1")
        assert execute(config).ok


def test_tuning_tries_what_makes_a_difference_once(configure: Callable) -> None:
    tuned = ["tuning=grid", "tuning.lr=[0.1]", "tuning.schedule=[constant,plateau]",
             "tuning.plateau_patience=[1,2]", "tuning.lr_factor=[0.5,1]"]  # fmt: skip
    settings = [(job.optimizer.schedule, job.optimizer.plateau_patience, job.optimizer.lr_factor)
                for job in jobs([configure(*tuned)])]  # fmt: skip
    assert settings == [("constant", 3, 1.0), ("plateau", 1, 1.0), ("plateau", 2, 1.0)]
    assert len(jobs([configure(*tuned, "cell=lru")])) == 6


def test_a_section_has_the_defaults_of_identities(configure: Callable) -> None:
    """What is compared with a default is compared with the one that identities leave out."""
    assert asdict(configure().model)["kernel_size"] == FIRST_DEFAULTS["model"]["kernel_size"] == 4
    assert asdict(OptimizerConfig(name="adam", lr=0.005)) == FIRST_DEFAULTS["optimizer"]
