"""The weights that are tested: the best score, then the lower loss, then the later step."""

import math
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from generate_kit import COUNTING

from recurbench.harness.cli import main
from recurbench.harness.run.best import rank_of
from recurbench.harness.run.execute import execute
from recurbench.harness.run.module import SequenceModule
from recurbench.harness.run.prepare import prepare
from recurbench.harness.run.recorder import Recorder

NAN = math.nan
QUICK = ["logger=none", "task.eval_sequences=20", "train.batch_size=3", "cell.hidden_size=4"]
Judged = list[tuple[float, float]]


def judged_as(monkeypatch: pytest.MonkeyPatch, judged: Judged) -> None:
    """Lets the evaluation after each step come to a score and a loss."""

    def say(self: SequenceModule) -> None:
        self._compute("val")
        (recorder,) = (c for c in self.trainer.callbacks if isinstance(c, Recorder))
        self.judged = judged[recorder.step(self.trainer) - 1]

    monkeypatch.setattr(SequenceModule, "on_validation_epoch_end", say)


CHOICES = {
    "the best score": ([(0.5, 1), (0.9, 3), (0.7, 0)], 2),
    "of equal scores the lower loss": ([(0.9, 3), (0.9, 1), (0.9, 2), (0.1, 0)], 2),
    "of equal scores and losses the later step": ([(0.9, 1), (0.9, 1), (0.5, 1)], 2),
    "a number before none": ([(NAN, 0), (0.1, 5), (NAN, 0)], 2),
    "the latest if there is no number at all": ([(NAN, 1), (NAN, 1), (NAN, 2)], 2),
    "a known loss before an unknown one": ([(0.9, NAN), (0.9, 7), (0.9, NAN)], 2),
    "an infinite score before none": ([(-math.inf, 1), (NAN, 0)], 1),
}


@pytest.mark.parametrize(("judged", "kept"), CHOICES.values(), ids=CHOICES)
def test_what_is_kept(
    judged: Judged, kept: int, monkeypatch: pytest.MonkeyPatch, configure: Callable,
    workplace: Path, read_records: Callable,
) -> None:  # fmt: skip
    judged_as(monkeypatch, judged)
    assert execute(configure(*QUICK, "train.eval_every=1", f"train.max_steps={len(judged)}")).ok
    (record,) = read_records()
    assert record["best_step"] == kept


def test_a_score_that_is_to_be_low_is_best_at_its_lowest() -> None:
    assert rank_of(0.1, 9.0, higher=False) > rank_of(0.2, 1.0, higher=False)
    assert rank_of(0.2, 1.0, higher=False) > rank_of(0.2, 2.0, higher=False)


@pytest.mark.parametrize("cut", [2, 3, 4])
def test_ties_are_broken_alike_when_a_run_is_resumed(
    cut: int, monkeypatch: pytest.MonkeyPatch, configure: Callable, cut_off: Callable,
    workplace: Path, read_records: Callable,
) -> None:  # fmt: skip
    judged_as(monkeypatch, [(0.9, 3), (0.9, 1), (0.9, 2), (0.9, 1.5), (0.5, 0)])
    config = configure(*QUICK, "train.eval_every=1", "train.max_steps=5", "train.save_every=0")
    assert execute(config).ok
    (undisturbed,) = read_records()
    next((workplace / "results/runs").rglob("*.json")).unlink()
    cut_off(lambda: execute(config), cut)
    assert execute(config).ok
    (record,) = read_records()
    assert record["resumed_after"]
    assert undisturbed["best_step"] == record["best_step"] == 2
    assert undisturbed["metrics"] == record["metrics"]


def test_an_accuracy_that_is_perfect_early_is_tested_where_the_loss_is_lowest(
    configure: Callable, workplace: Path, read_records: Callable, capsys: pytest.CaptureFixture
) -> None:
    options = ["task=variable_length", "task.alphabet=2", "task.max_length=6", "logger=none",
               "task.eval_sequences=20", "cell.hidden_size=8", "optimizer.lr=0.02",
               "train.max_steps=120", "train.eval_every=20"]  # fmt: skip
    assert execute(configure(*options)).ok
    (record,) = read_records()
    evaluated = {p["step"]: p for p in record["curve"] if "val/loss" in p}
    perfect = [step for step, p in evaluated.items() if p["val/accuracy"] == 1]
    assert len(perfect) > 2
    best = min(perfect, key=lambda step: evaluated[step]["val/loss"])
    assert perfect[0] < best == record["best_step"]
    assert record["metrics"]["val"]["loss"] == pytest.approx(evaluated[best]["val/loss"])
    capsys.readouterr()
    assert main(["show", record["run_id"]]) == 0
    assert f"tested with the weights of step {best} of 120" in capsys.readouterr().out


def test_a_task_whose_metrics_have_no_loss_is_judged_by_the_loss_that_it_trains_on(
    plugin_folder: Path, configure: Callable
) -> None:
    alone = "MetricCollection({'accuracy': classification_metrics(9)['accuracy']})"
    source = COUNTING.replace("classification_metrics(self.spec.output_size)", alone)
    source = source.replace('Batches(lambda i: self.draw("val", i), 1)', "Batches(self.uneven, 2)")
    (plugin_folder / "counting.py").write_text(
        "from torchmetrics import MetricCollection\n" + source + UNEVEN
    )
    prepared = prepare(configure("task=counting", "cell.hidden_size=4"))
    config, task = prepared.config, prepared.task
    module = SequenceModule(prepared.model, task, config.optimizer, config.train)
    module.log_dict = lambda scores: None  # type: ignore[method-assign] # there is no trainer
    batches = list(task.val_dataloader())
    with torch.no_grad():
        for batch in batches:
            module.validation_step(batch, 0)
        module.on_validation_epoch_end()
        outputs = torch.cat([module.predict(batch, "val")[0] for batch in batches])
    targets = torch.cat([task.targets_of(batch) for batch in batches])
    assert module.judged[1] == pytest.approx(float(task.loss(outputs, targets)))


UNEVEN = '''
    def uneven(self, i):
        """Batches of 8 rows and of 3."""
        batch = self.draw("val", i)
        return batch if i else Batch(batch.inputs[:3], batch.targets[:3])
'''
