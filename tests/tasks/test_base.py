"""What the base class does for every task: it gets ready, refuses bad knobs and ranks."""

from itertools import islice
from typing import Annotated

import pytest
import torch
from annotated_types import Ge
from sound_tasks import Sound, SoundEndless
from torchmetrics import MetricCollection

from recurbench.tasks.base import Batch, FreeRun, TaskError, hash_data
from recurbench.tasks.common.metrics import MeanSquaredError


class Limited(SoundEndless):
    """A task whose constructor has a limit."""

    def __init__(self, *, length: Annotated[int, Ge(3)] = 7) -> None:
        super().__init__(length=length)


class Longer(Limited):
    """A task without a constructor of its own."""

    name = "longer"


class Echo(Sound):
    """A task that is ranked by free runs, which are to repeat the prompt."""

    primary = "echo_mse"

    def free_run(self, batch: Batch) -> FreeRun:
        prompts = batch.targets.data.float()[:, None]
        return FreeRun(prompts, prompts, stop=None)

    def free_run_metrics(self) -> MetricCollection:
        return MetricCollection({"echo_mse": MeanSquaredError()})


def test_a_ready_task_is_the_task_itself_with_its_data():
    task = SoundEndless()
    assert task.ready(batch_size=3, seed=1) is task
    assert next(iter(task.train_dataloader())).inputs.shape == (3, 7)


def test_a_ready_task_has_the_order_of_its_seed():
    def order(seed: int) -> str:
        task = SoundEndless().ready(batch_size=3, seed=seed)
        return hash_data(*map(list, islice(task.train_dataloader(), 2)))

    assert order(0) == order(0) != order(1)


@pytest.mark.parametrize("cls", [Limited, Longer])
def test_a_knob_beyond_its_limit_is_refused_by_whoever_constructs(cls):
    assert cls(length=3).length == 3
    with pytest.raises(TaskError, match=r"^length must be at least 3, not 2$"):
        cls(length=2)


@pytest.mark.parametrize(("cls", "metrics"), [(Sound, ["accuracy", "loss"]), (Echo, ["echo_mse"])])
def test_the_metrics_that_rank_are_those_with_the_primary_one(cls, metrics):
    task = cls().ready(batch_size=3, seed=0)
    assert sorted(map(str, task.ranking_metrics())) == metrics
    assert task.primary in metrics
    assert task.free_runs_rank == (cls is Echo)


@pytest.mark.parametrize(("cls", "best"), [(Sound, 1.0), (Echo, 0.0)])
def test_the_oracle_plays_best_by_what_ranks(cls, best):
    task = cls().ready(batch_size=3, seed=0)
    assert task.play(task.oracle) == best


def test_references_are_the_scores_of_predictors_unless_a_task_says_better():
    task = Sound().ready(batch_size=3, seed=0)
    played = {name: task.play(predictor) for name, predictor in task.predictors().items()}
    assert task.references() == played
    endless = SoundEndless().ready(batch_size=3, seed=0)
    assert endless.references() == {"chance": 1 / 8, "optimal": 1.0}
    assert endless.play(endless.predictors()["chance"]) != 1 / 8


def test_references_of_test_say_nothing_of_other_splits():
    for cls in (Sound, SoundEndless):
        task = cls().ready(batch_size=3, seed=0)
        for split in ["val", *task.extra_test_dataloaders()]:
            assert task.references_of(split) == {}


def test_a_predictor_plays_on_other_batches_too():
    task = SoundEndless().ready(batch_size=3, seed=0)
    ones = Batch(torch.ones(2, 7, dtype=torch.long), torch.ones(2, dtype=torch.long))
    assert task.play(task.predictors()["chance"], [ones]) == 0
    assert task.play(task.predictors()["optimal"], [ones]) == 1


def test_a_task_without_a_run_to_rank_names_the_metric_that_is_missing():
    class Misnamed(Sound):
        primary = "acuracy"

    task = Misnamed().ready(batch_size=3, seed=0)
    with pytest.raises(AssertionError, match="sound: no metric acuracy"):
        task.play(task.oracle)
