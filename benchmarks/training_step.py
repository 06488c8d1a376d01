"""Times the harness's training step against a bare PyTorch loop on the same model and batches.

Both train the default GRU on default copying from equal weights; equal weights afterwards are
asserted before any time is reported. Rounds alternate, and the ratio is taken round by round, as
other programs disturb the machine.

    python benchmarks/training_step.py [--rounds 15] [--steps 100] [hydra overrides]
"""

import argparse
import io
import itertools
import statistics
import tempfile
import time
from collections.abc import Sequence
from contextlib import redirect_stdout
from pathlib import Path

import torch
from torch import nn

from recurbench.harness.config.compose import compose_jobs
from recurbench.harness.config.resolve import resolve
from recurbench.harness.config.schema import register
from recurbench.harness.config.sections import Config
from recurbench.harness.results.leases import Lease, take
from recurbench.harness.run.loggers.together import Loggers
from recurbench.harness.run.observer import Observer
from recurbench.harness.run.optimizers import build_optimizer
from recurbench.harness.run.prepare import Prepared, prepare
from recurbench.harness.run.training import Training
from recurbench.tasks.base import valid_steps


def bare_loop(prepared: Prepared, steps: int) -> float:
    """Seconds of a loop as one writes it without a framework."""
    model, task, train = prepared.model, prepared.task, prepared.config.train
    optimizer = build_optimizer(model, prepared.config.optimizer)
    model.train()
    start = time.perf_counter()
    for batch in itertools.islice(task.train_dataloader(), steps):
        optimizer.zero_grad()
        outputs, _ = model(batch.inputs)
        loss = task.loss(outputs, valid_steps(batch.targets))
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), train.gradient_clip or float("inf"))
        optimizer.step()
    return time.perf_counter() - start


def harness_loop(prepared: Prepared, folder: Path) -> float:
    """Seconds of the harness's training, evaluation not counted."""
    lease = take(folder / "unfinished" / prepared.identity.run_id)
    assert isinstance(lease, Lease)
    training = Training(
        prepared.config, prepared.task, prepared.model, torch.device("cpu"),
        Loggers(prepared.config), "", lease, folder / "kept", Observer(),
    )  # fmt: skip
    with redirect_stdout(io.StringIO()):  # its progress
        training.fit()
    lease.release(keep=False)
    return training.watch.seconds()


def weights(prepared: Prepared) -> torch.Tensor:
    """All weights of a model in one vector."""
    return nn.utils.parameters_to_vector(prepared.model.parameters()).detach()


def main(arguments: Sequence[str] | None = None) -> None:
    """Measures and prints the ratio's median and spread."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--steps", type=int, default=100)
    options, overrides = parser.parse_known_args(arguments)
    limits = [f"train.max_steps={options.steps}", f"train.eval_every={options.steps}"]
    register()
    (composed,), _ = compose_jobs(["logger=none", *limits, *overrides], multirun=False)
    config: Config = resolve(composed)
    torch.set_num_threads(config.trainer.threads)
    ratios, times = [], []
    with tempfile.TemporaryDirectory() as folder:
        for round_ in range(options.rounds + 1):
            bare, ours = prepare(config), prepare(config)
            pair = [("bare", bare), ("ours", ours)]
            seconds = {}
            for name, prepared in pair if round_ % 2 else reversed(pair):
                seconds[name] = (
                    bare_loop(prepared, options.steps)
                    if name == "bare"
                    else harness_loop(prepared, Path(folder))
                )
            assert torch.equal(weights(bare), weights(ours)), "the two did not train alike"
            if round_:  # the first warms up
                ratios.append(seconds["ours"] / seconds["bare"])
                times.append(seconds["bare"] / options.steps * 1e3)
    quartiles = statistics.quantiles(ratios, n=4)
    print(f"bare loop: median {statistics.median(times):.2f} ms a step")
    print(
        f"harness / bare: median {quartiles[1]:.3f}, quartiles {quartiles[0]:.3f} to "
        f"{quartiles[2]:.3f}, {options.rounds} rounds of {options.steps} steps"
    )


if __name__ == "__main__":
    main()
