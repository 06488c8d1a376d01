"""Properties of loss and metrics.

Legend: N positions that a loss or metric sees.
"""

import math
import re
from collections.abc import Callable, Iterator

import torch
from torch import Tensor
from torchmetrics import MetricCollection

from recurbench.harness.conformance.findings import NotApplicable, require
from recurbench.harness.conformance.task.subject import (
    Subject,
    counted,
    guesses,
    ignored,
    one_by_one,
    places,
    scores,
)
from recurbench.tasks.base import Batch, FreeRun, Task

POSITIONS = 600
"""Positions of the test split whose metrics are added up in several ways."""

UPDATES = 1000
"""Updates after which a sum in single precision has lost digits."""

TOLERANCE = 1e-5
"""Largest difference between scores or losses that should be equal, relative."""


def primary_ranks(subject: Subject) -> None:
    """The primary metric exists and says which direction is better; all can be logged."""
    task = subject.task
    metrics, free = task.metrics(), task.free_run_metrics()
    names = [str(name) for part in (metrics, free) for name in part.keys(keep_base=True)]
    require(
        task.primary in names and len(set(names)) == len(names),
        seen=f"primary={task.primary} with the metrics {', '.join(names)}",
        expected="one of them, each name once",
        cause="`primary` names a metric by its class",
    )
    require(
        task.ranking_metrics()[task.primary].higher_is_better is not None,
        seen=f"higher_is_better of {task.primary} is None",
        expected="True or False, or nothing can be ranked",
        cause="a metric class without that attribute",
    )
    unusual = [name for name in names if not re.fullmatch(r"\w+", name)]
    require(
        not unusual,
        seen=f"metrics named {', '.join(unusual)}",
        expected="letters, digits and _ alone, which every logger takes",
        cause="a name of a column or label as it stands in the data",
    )


def loss_is_a_finite_mean(subject: Subject) -> None:
    """Loss and gradient are finite, and the loss is a mean: repeating a batch changes nothing."""
    task = subject.task
    for batch in subject.training[:2]:
        targets = task.targets_of(batch)
        outputs = guesses(task, targets).requires_grad_()
        loss = task.loss(outputs, targets)
        require(
            loss.dim() == 0 and bool(loss.isfinite()),
            seen=f"a loss of shape {tuple(loss.shape)}: {loss.detach().flatten()[:3].tolist()}",
            expected="one finite number",
            cause="`reduction='none'`, or a batch in which nothing counts",
        )
        (gradient,) = torch.autograd.grad(loss, outputs)
        require(
            bool(gradient.isfinite().all()) and bool(gradient.any()),
            seen="a gradient of the loss that is zero or not finite",
            expected="a finite gradient that is not zero everywhere",
            cause="a logarithm of 0, a detach, or a loss of what argmax gives",
        )
        twice = task.loss(outputs.repeat(2, 1), torch.cat((targets, targets)))
        require(
            close(twice.item(), loss.item()),
            seen=f"a loss of {twice.item():.6g} for a batch and the same again, {loss.item():.6g}"
            " for it once",
            expected="equal: the learning rate would depend on the batch size",
            cause="`reduction='sum'`",
        )


def ignored_positions_do_not_matter(subject: Subject) -> None:
    """What is given at positions that do not count changes neither loss, gradient nor metrics."""
    task, found = subject.task, False
    for split, batch in subject.batches:
        targets = task.targets_of(batch)
        numbers = targets.is_floating_point()
        left_out = ignored(targets) if numbers else ~counted(targets)
        if not left_out.any():
            continue
        found = True
        outputs = guesses(task, targets)
        left_out = left_out.reshape(len(targets), -1).expand_as(outputs)
        other = torch.where(left_out, 30 * torch.randn_like(outputs), outputs)
        results = []
        for given in (outputs, other):
            leaf = given.clone().requires_grad_()
            loss = task.loss(leaf, targets)
            (gradient,) = torch.autograd.grad(loss, leaf)
            results.append({"loss": loss.item(), **_updated(task.metrics(), (given, targets))})
            require(
                not gradient[left_out].any(),
                seen=f"{split}: the loss has a gradient where targets are "
                + ("NaN" if numbers else "IGNORE_INDEX"),
                expected="none",
                cause="`ignore_index` is not passed to the loss, or NaN is not masked",
            )
        _require_same(
            results,
            "when outputs at ignored positions are others",
            "`ignore_index` is not passed to the loss or to a metric, or NaN is not masked",
        )
    if not found:
        raise NotApplicable("every position counts")


def packed_is_one_by_one(subject: Subject) -> None:
    """A batch has the loss and metrics of its sequences taken one by one, packed or not."""
    task = subject.task
    seen = [("train", subject.training[-1])]
    seen += [(name, batches[0]) for name, batches in subject.evaluation.items()]
    for split, batch in seen:
        targets = task.targets_of(batch)
        alone = [task.targets_of(row) for row in one_by_one(batch)]
        outputs, indices = guesses(task, targets), places(task, batch)
        together = outputs, targets
        apart = torch.cat([outputs[index] for index in indices]), torch.cat(alone)
        results = [
            {"loss": task.loss(*given).item(), **_updated(task.metrics(), given)}
            for given in (together, apart)
        ]
        _require_same(
            results,
            f"for the sequences of a {split} batch one by one",
            "targets in sorted order, or something that looks beyond a sequence's end",
        )
        run = None if split == "train" else task.free_run(batch)
        if run is not None:
            _check_free_runs(split, task, batch, run)


def _check_free_runs(split: str, task: Task, batch: Batch, run: FreeRun) -> None:
    for number, row in enumerate(one_by_one(batch)):
        alone = task.free_run(row)
        assert alone is not None
        answer, rest = alone.answers[0], run.answers[number, alone.answers.shape[1] :]
        filled = not len(rest) or (run.stop is not None and bool((rest == run.stop).all()))
        require(
            torch.equal(answer, run.answers[number, : len(answer)]) and filled,
            seen=f"{split}: row {number} has another answer in a batch than alone",
            expected="the same, filled up with `stop`",
            cause="answers in sorted order",
        )


def metrics_add_up(subject: Subject) -> None:
    """Metrics over batches equal those over the whole split, however it is cut; no digit is lost.

    Outputs are random, but the same for a position whichever batch it is in.
    """
    for make, outputs, targets in _material(subject):
        expected = _updated(make(), (outputs, targets))
        for size in (7, 64):
            metrics = make()
            for part in zip(outputs.split(size), targets.split(size), strict=True):
                metrics.update(*part)
            _require_same(
                [expected, scores(metrics)],
                f"in batches of {size}",
                "a mean of batch means; keep a sum and a count",
            )
        counting = counted(targets).nonzero()[:, 0]
        for few in counting[:3], counting[3:6]:  # in one of them rounding may cancel out
            again, once = make(), _updated(make(), (outputs[few], targets[few]))
            for _ in range(UPDATES):
                again.update(outputs[few], targets[few])
            _require_same(
                [once, scores(again)],
                f"after {UPDATES} equal batches",
                "a sum in float32; keep it in float64",
                tolerance=1e-6,
            )


def _material(subject: Subject) -> Iterator[tuple[Callable[[], MetricCollection], Tensor, Tensor]]:
    """How metrics are made, and what to update them with: once, and again for free runs."""
    task = subject.task
    targets = task.targets_of(subject.evaluation["test"][0])
    targets = targets[torch.randperm(len(targets))[:POSITIONS]]
    yield task.metrics, guesses(task, targets), targets
    run = task.free_run(subject.evaluation["test"][0])
    if run is not None:
        decoded = run.answers.clone()
        decoded[::2] = decoded[::2].roll(1, 0)
        yield task.free_run_metrics, decoded, run.answers


def _require_same(
    results: list[dict[str, float]], when: str, cause: str, tolerance: float = TOLERANCE
) -> None:
    for name, value in results[0].items():
        require(
            close(results[1][name], value, tolerance),
            seen=f"{name} {results[1][name]:.8g} {when}",
            expected=f"{value:.8g}, as otherwise",
            cause=cause,
        )


def close(a: float, b: float, tolerance: float = TOLERANCE) -> bool:
    """Whether two scores are equal; those of nothing are."""
    return math.isclose(a, b, rel_tol=tolerance, abs_tol=1e-7) or (math.isnan(a) and math.isnan(b))


def _updated(metrics: MetricCollection, given: tuple[Tensor, Tensor]) -> dict[str, float]:
    metrics.update(*given)
    return scores(metrics)
