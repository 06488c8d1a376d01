"""Properties of reference scores: what chance, naive baselines and the truth score."""

import math

import torch

from recurbench.harness.conformance.findings import require
from recurbench.harness.conformance.task.scores import close
from recurbench.harness.conformance.task.subject import (
    Subject,
    better,
    evaluation_of,
    places,
    scores,
)
from recurbench.tasks.base import Batches, Predictor, Task

PARTS = 10
"""Parts of the test split, whose scores tell the sampling error of the whole."""

ERRORS = 5
"""Standard errors that a predictor may be off a reference that is known by a formula."""

BEYOND_OPTIMAL = {"noncausal"}
"""References that may be better than the optimum, because they see what no model may."""


def references_are_played(subject: Subject) -> None:
    """Each reference is what its predictor scores on its split; on test, chance is the worst."""
    references = subject.references
    require(
        bool(references),
        seen="no references",
        expected="chance, naive ones, the optimum if known: a score means nothing without them",
        cause="`predictors` is not overridden",
    )
    allowed = _check_played(subject.task, "test", references)
    _check_order(references, better(subject.task), allowed.get("chance", 0))
    for split in evaluation_of(subject.task):
        if split != "test":
            _check_played(subject.task, split, subject.task.references_of(split))
    if not subject.knobs and subject.cls.default_references:
        _check_default_references(references, dict(subject.cls.default_references))


def _check_played(task: Task, split: str, references: dict[str, float]) -> dict[str, float]:
    """Plays the references of a split; returns how far off each may be, for sampling's sake."""
    predictors, batches = task.predictors(), evaluation_of(task)[split]
    allowed: dict[str, float] = {}
    for name, value in references.items():
        require(
            isinstance(value, float) and math.isfinite(value),
            seen=f"{name}: {value!r}",
            expected="a finite float",
            cause="a mean over nothing, or a tensor",
        )
        require(
            name in predictors,
            seen=f"nothing plays {name}; there are {', '.join(predictors) or 'none'}",
            expected="a predictor of the same name for each reference",
            cause="a formula that nothing proves",
        )
        played, error = _play_in_parts(task, predictors[name], batches)
        allowed[name] = max(ERRORS * error, 1e-6 * max(abs(value), 1e-3))
        require(
            abs(played - value) <= allowed[name],
            seen=f"{name} is said to score {value:.6g}, but scores {played:.6g} on {split}",
            expected=f"the same, to {allowed[name]:.2g}",
            cause="a formula of another layout, of other knobs or of another split",
        )
    return allowed


def _check_order(references: dict[str, float], higher: bool, luck: float) -> None:
    """Nothing may be better than the optimum; chance may be better than others only by luck."""
    gains = {name: value if higher else -value for name, value in references.items()}
    for name, value in gains.items():
        slack = 1e-6 * max(abs(value), 1)
        require(
            gains.get("chance", value) <= value + max(slack, luck),
            seen=f"chance {references.get('chance', 0):.6g} is better than {name} "
            f"{references[name]:.6g}",
            expected="chance to be the worst",
            cause="chance that knows more than nothing, such as the most frequent class",
        )
        require(
            name in BEYOND_OPTIMAL or value <= gains.get("optimal", value) + slack,
            seen=f"{name} {references[name]:.6g} is better than the optimum "
            f"{references.get('optimal', 0):.6g}",
            expected="nothing to be better",
            cause="an optimum by a wrong formula, or a predictor that sees the future",
        )


def _check_default_references(references: dict[str, float], said_scores: dict[str, float]) -> None:
    for name in {**references, **said_scores}:
        said, found = said_scores.get(name), references.get(name)
        require(
            said is not None and found is not None and close(said, found, 6e-4),
            seen=f"default_references say {name}={said}, references {found}",
            expected="the references at the default knobs, rounded to four digits",
            cause="references of an earlier version of the task",
        )


def oracle_is_best(subject: Subject) -> None:
    """Outputs that give the targets themselves score at least as well as every reference."""
    task = subject.task
    sign = 1 if better(task) else -1
    best = task.play(task.oracle)
    for name, value in subject.references.items():
        require(
            sign * (best - value) >= -1e-6 * max(abs(value), 1),
            seen=f"the targets themselves score {best:.6g}, {name} {value:.6g}",
            expected="nothing to be better than the truth",
            cause="a metric that reads its outputs otherwise than `oracle` writes them",
        )


def _play_in_parts(task: Task, predictor: Predictor, batches: Batches) -> tuple[float, float]:
    """What a predictor scores on a split, and the standard error of that.

    The error is estimated from parts of the split, each with every tenth sequence.
    """
    whole, parts = task.ranking_metrics(), [task.ranking_metrics() for _ in range(PARTS)]
    row = 0
    for batch in batches:
        outputs = predictor(batch)
        if task.free_runs_rank:
            run = task.free_run(batch)
            assert run is not None
            answers, indices = run.answers, list(torch.arange(len(run.answers))[:, None])
        else:
            answers, indices = task.targets_of(batch), places(task, batch)
        whole.update(outputs, answers)
        for number in range(PARTS):
            # Row r of the split is in part r modulo PARTS.
            index = torch.cat(indices[(number - row) % PARTS :: PARTS] or [torch.empty(0).long()])
            if len(index):
                parts[number].update(outputs[index], answers[index])
        row += len(indices)
    found = torch.tensor([scores(part)[task.primary] for part in parts[:row]])
    found = found[found.isfinite()].double()
    error = float(found.std() / len(found) ** 0.5) if len(found) > 1 else 0.0
    return scores(whole)[task.primary], error
