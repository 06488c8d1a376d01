"""Measures what share of training time every task spends on making its batches.

A GRU is trained on each task at its default knobs, in one process with one thread. Making a batch
and training on it are timed in turn, in seconds of the processor, so that other programs on the
machine hardly matter. At most 10 % is the aim: a cell's speed should show in the time of a run.

    python benchmarks/loader_cost.py [--rounds 5] [--steps 100] [--tasks a,b] [hydra overrides]
"""

import argparse
import statistics
import time
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import NamedTuple

import torch
from torch import nn

from recurbench.harness.config.compose import compose_jobs
from recurbench.harness.config.resolve import resolve
from recurbench.harness.config.schema import register
from recurbench.harness.plugins.registry import registry
from recurbench.harness.run.module import SequenceModule
from recurbench.harness.run.optimizers import build_optimizer
from recurbench.harness.run.prepare import prepare

AIM = 0.1
"""The largest share that is not marked."""

WARM_UP = 10
"""Steps before the first that counts."""


class Round(NamedTuple):
    """Seconds of the processor that some training steps took.

    Attributes:
        loading: making the batches.
        training: forward and backward pass, clipping and the optimizer's step.
    """

    loading: float
    training: float

    @property
    def share(self) -> float:
        """The loader's part in the whole."""
        return self.loading / (self.loading + self.training)


def rounds_of(overrides: list[str], steps: int) -> Iterator[Round]:
    """Trains on and on; gives the times of each round of steps."""
    (composed,), _ = compose_jobs(["logger=none", *overrides], multirun=False)
    prepared = prepare(resolve(composed))
    config, model = prepared.config, prepared.model.train()
    module = SequenceModule(model, prepared.task, config.optimizer, config.train)
    optimizer = build_optimizer(model, config.optimizer)
    limit = config.train.gradient_clip
    batches = iter(prepared.task.train_dataloader())

    def step() -> tuple[float, float]:
        start = time.process_time()
        batch = next(batches)
        loaded = time.process_time()
        optimizer.zero_grad()
        prepared.task.loss(*module.predict(batch, "train")).backward()
        nn.utils.clip_grad_norm_(model.parameters(), float("inf") if limit is None else limit)
        optimizer.step()
        return loaded - start, time.process_time() - loaded

    for _ in range(WARM_UP):
        step()
    while True:
        loading, training = zip(*(step() for _ in range(steps)), strict=True)
        yield Round(sum(loading), sum(training))


def main(arguments: Sequence[str] | None = None) -> None:
    """Measures and prints a table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--tasks", type=lambda names: names.split(","))
    options, overrides = parser.parse_known_args(arguments)
    if options.rounds < 2:
        parser.error("--rounds must be at least 2, as quartiles are shown")
    register()
    torch.set_num_threads(1)
    print("| task | ms a batch | ms a step | loader's share | quartiles |")
    print("| --- | --: | --: | --: | --: |")
    for broken in registry().broken:
        print(f"| {broken.origin} | {broken.error} | | | |")
    for name in options.tasks or sorted(registry().plugins["task"]):
        try:
            trained = rounds_of([f"task={name}", *overrides], options.steps)
            rounds = list(islice(trained, options.rounds))
        except Exception as error:  # a fault of one task does not hide the figures of the others
            print(f"| {name} | {type(error).__name__}: {error} | | | |")
            continue
        low, share, high = statistics.quantiles([r.share for r in rounds], n=4)
        batch, step = (
            statistics.median(times) / options.steps * 1e3 for times in zip(*rounds, strict=True)
        )
        mark = " (above the aim)" if share > AIM else ""
        print(
            f"| {name} | {batch:.3f} | {step:.2f} | {share:.1%}{mark} | {low:.1%} to {high:.1%} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
