"""Forecasts see only the past and are scaled by the train split; equations hold."""

from itertools import islice

import pytest
import torch
from forecasting_kit import ready, row_numbers, scores, windows  # noqa: F401

from recurbench.tasks.base import Batch
from recurbench.tasks.forecasting.sources import lorenz, mackey_glass
from recurbench.tasks.forecasting.task import Forecasting


def epoch(task: Forecasting, number: int) -> list[Batch]:
    """The batches of a pass over the train split."""
    batches = task.train_dataloader()
    return [batches.make(number * batches.epoch + index) for index in range(batches.epoch)]


def same(first, second) -> bool:
    return all(
        torch.equal(a.inputs, b.inputs) and torch.equal(a.targets, b.targets)
        for a, b in zip(first, second, strict=True)
    )


def test_targets_follow_their_window_and_stay_in_their_split(ready):
    task = ready()
    splits = {
        range(9, 142): epoch(task, 0),
        range(142, 162): task.val_dataloader(),
        range(162, 203): task.test_dataloader(),
    }
    for rows, batches in splits.items():
        for batch in batches:
            inputs, targets = (row_numbers(task, part) for part in batch[:2])
            both = torch.cat([inputs, targets], 1)
            assert (both.diff(dim=1) == 1).all()
            assert set(targets.unique().tolist()) <= set(rows)


def test_evaluation_has_every_window_once(ready):
    task = ready()
    for batches, begin, end in (
        (task.val_dataloader(), 142, 162),
        (task.test_dataloader(), 162, 203),
    ):
        firsts = torch.cat([row_numbers(task, batch.targets)[:, 0] for batch in batches])
        assert firsts.tolist() == list(range(begin, end - 5 + 1))


def test_evaluation_of_many_windows_comes_in_several_batches():
    task = Forecasting()
    task.setup()
    assert [len(batch.inputs) for batch in task.test_dataloader()] == [256, 256, 77]


def test_an_epoch_of_training_has_every_window_once_and_the_next_another_order(ready):
    task = ready(seed=1)
    epochs = [
        torch.cat([row_numbers(task, batch.inputs)[:, 0] for batch in epoch(task, number)])
        for number in (0, 1)
    ]
    for starts in epochs:
        assert sorted(starts.tolist()) == list(range(windows(task)))
    assert not torch.equal(*epochs)


def test_training_depends_on_the_seed_alone(ready):
    def first(seed):
        return list(islice(ready(seed=seed).train_dataloader(), 70))

    assert same(first(3), first(3))
    assert not same(first(3), first(4))


def test_evaluation_depends_on_neither_seed_nor_batch_size(ready):
    one, other = ready(seed=0, batch_size=4), ready(seed=1, batch_size=7)
    assert same(one.val_dataloader(), other.val_dataloader())
    assert same(one.test_dataloader(), other.test_dataloader())
    assert one.fingerprint() == other.fingerprint()


def test_the_scale_is_that_of_the_train_split(ready):
    task = ready()
    train = task.standardised["train"].double()
    assert train.mean(0).tolist() == pytest.approx([0, 0], abs=1e-6)
    assert train.std(0, correction=0).tolist() == pytest.approx([1, 1])
    assert task.mean[0] == sum(range(142)) / 142


def test_the_loss_is_the_mean_squared_error_that_is_reported(ready):
    task = ready()
    inputs, targets, _ = next(iter(task.test_dataloader()))
    outputs = torch.randn(len(inputs), task.spec.output_size)
    metrics = task.metrics()
    metrics.update(outputs[:3], targets[:3])
    metrics.update(outputs[3:], targets[3:])
    loss = task.loss(outputs, targets)
    assert metrics.compute()["mse"].item() == pytest.approx(loss.item(), rel=1e-6)


@pytest.mark.parametrize("method", ["direct", "recursive"])
def test_counting_from_the_windows_own_mean_moves_inputs_and_targets_alike(ready, method):
    plain, centred = (ready(season=7, method=method, zero=zero) for zero in ("train", "window"))
    before, after = (next(iter(task.test_dataloader())) for task in (plain, centred))
    zero = before.inputs[:, : plain.window].mean(1, keepdim=True)
    torch.testing.assert_close(after.inputs, before.inputs - zero)
    torch.testing.assert_close(after.targets, before.targets - zero)
    assert plain.fingerprint() != centred.fingerprint()


def test_errors_are_the_same_wherever_values_are_counted_from(ready):
    plain, centred = (ready(season=7, zero=zero).references() for zero in ("train", "window"))
    for name in ("repeat_last", "drift", "repeat_season"):
        assert centred[name] == pytest.approx(plain[name])
    assert set(centred) == {"window_mean", "repeat_last", "drift", "repeat_season", "ridge"}


def test_by_default_it_needs_no_file_and_has_the_references_that_it_says():
    task = Forecasting()
    task.setup()
    assert task.references() == pytest.approx(dict(Forecasting.default_references), abs=1e-4)


class TestRecursive:
    def test_the_next_row_is_predicted_at_every_step(self, ready):
        task = ready(method="recursive")
        assert (task.spec.scope, task.spec.predicts_next, task.spec.output_size) == (
            "step",
            True,
            2,
        )
        for batch in [*epoch(task, 0), *task.test_dataloader()]:
            assert batch.inputs.shape[1:] == batch.targets.shape[1:] == (9 + 5 - 1, 2)
            assert torch.equal(batch.inputs[:, 1:], batch.targets[:, :-1])

    def test_free_runs_are_the_windows_and_answers_of_direct_forecasts(self, ready):
        direct, recursive = ready(), ready(method="recursive")
        for one, other in zip(direct.test_dataloader(), recursive.test_dataloader(), strict=True):
            run = recursive.free_run(other)
            assert torch.equal(run.prompts, one.inputs)
            assert torch.equal(run.answers, one.targets)
            assert run.stop is None
            assert direct.free_run(one) is None

    def test_the_same_figures_judge_both_methods(self, ready):
        direct, recursive = ready(), ready(method="recursive")
        assert scores(direct, "drift") == scores(recursive, "drift")
        assert direct.references() == recursive.references()
        assert set(recursive.metrics()) == {"step_mse"}

    def test_the_truth_has_no_error(self, ready):
        task = ready(method="recursive")
        assert task.play(task.oracle) == 0.0


def test_lorenz_has_three_columns():
    task = Forecasting(dataset="lorenz")
    task.setup()
    assert task.names == ["x", "y", "z"]
    assert task.spec.output_size == 3 * 12
    assert task.references()["ridge"] < task.references()["mean"]


def test_mackey_glass_obeys_its_equation():
    x = mackey_glass(400).values[:, 0]
    slope = (x[2:] - x[:-2]) / 2
    delayed = x[:-18]  # of the points from the 18th on, 17 units before
    equation = 0.2 * delayed / (1 + delayed**10) - 0.1 * x[17:-1]
    assert (slope[16:] - equation).abs().mean() < 0.03 * slope.abs().mean()


def test_mackey_glass_repeats_about_every_50_points():
    x = mackey_glass(3000).values[:, 0]
    x = x - x.mean()
    similarity = torch.tensor([(x[lag:] * x[:-lag]).sum() / (x * x).sum() for lag in range(1, 130)])
    assert 45 < int(similarity[20:70].argmax()) + 21 < 55
    assert 95 < int(similarity[70:].argmax()) + 71 < 105


def test_mackey_glass_is_the_same_every_time():
    assert mackey_glass(300).values.equal(mackey_glass(400).values[:300])


def test_lorenz_obeys_its_equations():
    x, y, z = lorenz(400).values.T
    slopes = torch.stack([10 * (y - x), x * (28 - z) - y, x * y - 8 / 3 * z])
    steps = torch.stack([x, y, z]).diff()
    # Hermite's rule: exact for a path of the third degree between two points.
    bends = torch.stack(
        [
            10 * (slopes[1] - slopes[0]),
            slopes[0] * (28 - z) - x * slopes[2] - slopes[1],
            slopes[0] * y + x * slopes[1] - 8 / 3 * slopes[2],
        ]
    )
    found = 0.05 * (slopes[:, 1:] + slopes[:, :-1]) / 2 - 0.05**2 * bends.diff() / 12
    assert (steps - found).abs().mean() < 0.003 * steps.abs().mean()


def test_the_height_of_lorenz_repeats_about_every_15_points():
    z = lorenz(3000).values[:, 2]
    z = z - z.mean()
    similarity = torch.tensor([(z[lag:] * z[:-lag]).sum() / (z * z).sum() for lag in range(1, 30)])
    assert int(similarity[9:].argmax()) + 10 == 15


def test_lorenz_is_the_same_every_time():
    assert lorenz(300).values.equal(lorenz(400).values[:300])


def test_the_docstring_shows_windows_that_follow_each_other(tmp_path):
    lines = [line.split()[1:] for line in Forecasting.__doc__.splitlines() if ". ." in line]
    shown = [[int(cell) for cell in line if cell != "."] for line in lines]
    path = tmp_path / "table.csv"
    path.write_text("\n".join(["x", *map(str, range(1, 101))]))
    task = Forecasting(dataset="file", file=str(path), columns=["x"], window=3, horizon=2).ready(
        batch_size=4, seed=0
    )
    inputs = torch.cat([row_numbers(task, batch.inputs) for batch in epoch(task, 0)]).tolist()
    targets = torch.cat([row_numbers(task, batch.targets) for batch in epoch(task, 0)]).tolist()
    pairs = list(zip(inputs, targets, strict=True))
    assert (shown[0][:3], shown[1][:2]) in pairs
    assert (shown[0][3:], shown[1][2:]) in pairs
