"""Runs and sweeps from a program or a notebook, as the command makes them."""

import signal
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

from recurbench.harness.config.overrides import readable
from recurbench.harness.config.schema import Source, register
from recurbench.harness.config.sections import Config
from recurbench.harness.errors import UserError
from recurbench.harness.results.archive import find_completed
from recurbench.harness.results.folder import ResultsFolder
from recurbench.harness.results.record import Record, read
from recurbench.harness.results.sweeps import Outcome
from recurbench.harness.run.stopping import StoppedError
from recurbench.harness.sweep.alone import run_alone
from recurbench.harness.sweep.engine import Engine
from recurbench.harness.sweep.local import begin_sweep, run_all
from recurbench.harness.sweep.plan import plan
from recurbench.harness.sweep.stop import Stop
from recurbench.harness.sweep.view import SilentView


def run(*overrides: str, config_dir: Path | None = None, config_name: str = "config") -> Record:
    """Trains one model, as `recurbench run` does, and gives its record.

    A run that is completed already is not repeated, and an interrupted one goes on.

    Args:
        overrides: as on the command line, such as `"cell=gru"` and `"task=copying"`.
        config_dir: a folder of your own presets.
        config_name: the primary configuration.

    Returns:
        The record, also of a run that failed: its `status` and `error` say so.

    Raises:
        UserError: something cannot work; the message says what would. Or a repetition (`rerun`) of
            a completed run failed, whose record stays.
        KeyboardInterrupt: Ctrl-C; what was reached is saved.

    Example:
        >>> record = recurbench.run("cell=gru", "task=copying", "train.max_steps=200")
        >>> record.score("test")
    """
    register()
    asked = plan(readable(list(overrides), False), False, Source(config_name, config_dir))
    if asked.multirun:
        raise UserError("this is a sweep; call recurbench.sweep")
    if asked.first.run.timeout is not None:
        (record,) = _records([asked.first])
        return record
    try:
        outcome = run_alone(asked.first)
    except StoppedError as stop:
        if stop.number == signal.SIGINT:
            raise KeyboardInterrupt from None
        signal.raise_signal(stop.number)  # what it would have done without us
        raise
    if outcome.record is None:
        raise UserError(outcome.line)
    return _record_of(asked.first, outcome)


def sweep(
    *overrides: str, config_dir: Path | None = None, config_name: str = "config"
) -> Iterator[Record]:
    """Runs a sweep, as `recurbench run -m` does, and yields each record when it is there.

    Each run is in a process of its own, `workers=2` makes two at a time. Who stops listening ends
    the sweep; the same call goes on with it.

    Args:
        overrides: as on the command line, such as `"cell=gru,lstm"` and `"seed=range(3)"`.
        config_dir: a folder of your own presets.
        config_name: the primary configuration.

    Yields:
        The records in the order in which the runs end, those of failed runs too.

    Raises:
        UserError: something cannot work. Where only its data refuses a run, the others run first.
    """
    register()
    asked = plan(readable(list(overrides), True), True, Source(config_name, config_dir))
    if asked.elsewhere or asked.search or asked.tuned:
        raise UserError("searches, tuning and launchers of Hydra's need `recurbench run -m`")
    return _records(asked.configs)


def _records(configs: list[Config]) -> Iterator[Record]:
    folder, name = begin_sweep(configs[0], len(configs), ["recurbench.sweep"])
    refused = []
    with ExitStack() as opened:
        opened.callback(folder.end)
        stop = opened.enter_context(closing(Stop()))
        first = configs[0]
        engine = Engine(stop, SilentView(), first.workers, first.max_failures)
        ended = opened.enter_context(closing(run_all(engine, configs, 0, folder, name)))
        for job, outcome in ended:
            if outcome.record is None:
                refused.append(f"{job.title}: {outcome.line}")
            else:
                yield _record_of(job.config, outcome)
    if refused:
        raise UserError("; ".join(refused))


def _record_of(config: Config, outcome: Outcome) -> Record:
    """The record that an outcome names, in its file or in an archive."""
    assert outcome.record is not None
    assert outcome.run_id is not None
    path = Path(outcome.record)
    own = read(path)
    if isinstance(own, Record):
        return own
    archived = find_completed(ResultsFolder(Path(config.results_dir)).runs, path, outcome.run_id)
    if archived is None:
        raise UserError(f"{own.path}: {own.reason}")
    return archived
