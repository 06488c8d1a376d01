"""A long curve is thinned where it matters least."""

import pytest

from recurbench.harness.config.sections import TrainConfig
from recurbench.harness.run.cost import Stopwatch
from recurbench.harness.run.loggers.together import Loggers
from recurbench.harness.run.recorder import LARGEST_CURVE, Recorder, thinned


class Silent(Loggers):
    """No loggers."""

    def __init__(self) -> None:
        self.entries = []

    def log(self, step: int, point: dict) -> None:
        pass


def curve(steps: int, eval_every: int) -> list[dict[str, float]]:
    """What a recorder keeps of a run, a training loss at every step."""
    train = TrainConfig(
        batch_size=1, max_steps=steps, max_seconds=None, eval_every=eval_every, patience=None,
        gradient_clip=None,
    )  # fmt: skip
    recorder = Recorder(train, Stopwatch("cpu"), Silent())
    for step in range(1, steps + 1):
        recorder._add(step, {"train/loss": float(step)})
        if step % eval_every == 0:
            recorder._add(step, {"val/loss": float(step)})
    return recorder.curve


def evaluations(points: list[dict[str, float]]) -> list[float]:
    return [point["step"] for point in points if "val/loss" in point]


@pytest.mark.parametrize(("steps", "eval_every"), [(LARGEST_CURVE, 10), (1000, 10), (2900, 10)])
def test_evaluations_stay_while_points_without_one_are_thinned(steps, eval_every):
    kept = curve(steps, eval_every)
    assert len(kept) <= LARGEST_CURVE
    assert evaluations(kept) == list(range(eval_every, steps + 1, eval_every))


@pytest.mark.parametrize(("steps", "eval_every"), [(20_000, 10), (5000, 1), (9000, 7)])
def test_a_curve_stays_within_its_limit_in_order_with_its_newest_point(steps, eval_every):
    kept = curve(steps, eval_every)
    assert LARGEST_CURVE / 4 < len(kept) <= LARGEST_CURVE
    assert [point["step"] for point in kept] == sorted({point["step"] for point in kept})
    assert kept[-1]["step"] == steps
    assert evaluations(kept)[-1] == steps // eval_every * eval_every


@pytest.mark.parametrize("count", [400, 401])
def test_every_second_point_goes_and_the_newest_stays(count):
    points = [{"step": float(step), "train/loss": 0.0} for step in range(count)]
    assert thinned(points) == points[::-2][::-1]
