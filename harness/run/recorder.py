"""The curve of a run, its clock and its limits."""

from typing import Any

from pytorch_lightning import Callback, LightningModule, Trainer

from recurbench.harness.config.sections import TrainConfig
from recurbench.harness.plugins.logger import Point
from recurbench.harness.run.cost import Stopwatch
from recurbench.harness.run.loggers.together import Loggers
from recurbench.harness.run.module import SequenceModule

LARGEST_CURVE = 400


class DivergedError(Exception):
    """A loss or gradient is not finite."""


class Recorder(Callback):
    """Keeps the curve and the clock, ends training at its limits and when it diverges.

    Attributes:
        curve: points of step, seconds, mean training loss since the last point, validation metrics.
        used: the part of the nearest limit that is used up; training ends at 1.
    """

    def __init__(self, config: TrainConfig, watch: Stopwatch, loggers: Loggers) -> None:
        self.config = config
        self.watch = watch
        self.loggers = loggers
        self.curve: list[dict[str, float]] = []
        self.used = 0.0
        self._every = max(1, config.eval_every // 10)
        self._before = self._step = 0

    def step(self, trainer: Trainer) -> int:
        """Steps done so far, those before an interruption too."""
        return self._before + trainer.global_step

    def state(self) -> str:
        """Step, rate and newest scores in a few words."""
        if not self.curve:
            return "starts"
        point = self.curve[-1]
        total = f"/{self.config.max_steps}" if self.config.max_steps else ""
        rate = point["step"] / point["seconds"] if point["seconds"] else 0.0
        scores = [
            f"{name} {value:.4g}"
            for name, value in point.items()
            if name not in ("step", "seconds")
        ]
        return f"step {point['step']:.0f}{total}  {rate:.0f} steps/s  " + "  ".join(scores)

    def state_dict(self) -> dict[str, Any]:
        """What an interrupted training resumes with."""
        return {
            "step": self._step,
            "curve": self.curve,
            "every": self._every,
            "seconds": self.watch.seconds(),
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Goes on after the last point of a curve, which the loggers are shown first."""
        self._every = state_dict["every"]
        self.watch.add(state_dict["seconds"])
        self.curve = state_dict["curve"]
        for point in self.curve:
            values = {key: value for key, value in point.items() if key not in ("step", "seconds")}
            self.loggers.log(int(point["step"]), values)
        self._before = self._step = state_dict["step"]

    def on_train_batch_start(self, *_: Any) -> None:
        """Counts training time again after an evaluation."""
        self.watch.resume()

    def on_train_batch_end(self, trainer: Trainer, pl_module: LightningModule, *_: Any) -> None:
        """Adds a point now and then, and stops at the first limit that is reached."""
        assert isinstance(pl_module, SequenceModule)
        self._step = step = self.step(trainer)
        self.used = self._used(step, pl_module.tokens)
        if self.used >= 1:
            trainer.should_stop = True  # Lightning evaluates once more before it ends
        if step % self._every == 0 or trainer.should_stop:
            self.watch.pause()
            self._add(step, {"train/loss": pl_module.pop_mean_loss()})
            if not pl_module.finite:
                raise DivergedError(f"loss or gradient not finite by step {step}")
            self.watch.resume()  # at once, so that fetching the next batch counts at every step

    def on_validation_start(self, *_: Any) -> None:
        """Evaluation does not count as training time."""
        self.watch.pause()

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Adds the validation metrics to the curve."""
        metrics = {name: float(value) for name, value in trainer.callback_metrics.items()}
        self._add(self.step(trainer), metrics)

    def _used(self, step: int, tokens: int) -> float:
        limits = self.config
        parts = [0.0]
        if limits.max_steps is not None:
            parts.append(step / limits.max_steps)
        if limits.max_seconds is not None:
            parts.append(self.watch.seconds() / limits.max_seconds)
        if limits.max_tokens is not None:
            parts.append(tokens / limits.max_tokens)
        return max(parts)

    def _add(self, step: int, point: Point) -> None:
        self.loggers.log(step, point)
        if self.curve and self.curve[-1]["step"] == step:
            self.curve[-1] |= point
            return
        if len(self.curve) >= LARGEST_CURVE:
            self.curve = thinned(self.curve)
            self._every *= 2
        self.curve.append({"step": step, "seconds": self.watch.seconds(), **point})


def thinned(curve: list[Point]) -> list[Point]:
    """A curve without every second of the points that have no evaluation, the newest kept.

    Once these are few, less than a quarter, it is every second evaluation that goes.
    """
    plain: list[Point] = []
    evaluated: list[Point] = []
    for point in curve:
        scored = any(name.startswith("val/") for name in point)
        (evaluated if scored else plain).append(point)
    if 4 * len(plain) >= len(curve):
        plain = plain[::-2]
    else:
        evaluated = evaluated[::-2]
    return sorted(plain + evaluated, key=lambda point: point["step"])
