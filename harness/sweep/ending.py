"""What a sweep says at its end: how its runs ended, and the leaderboard of those that completed."""

import signal
from collections.abc import Collection, Iterable
from pathlib import Path

from recurbench.harness.console import say
from recurbench.harness.results.archive import find_completed
from recurbench.harness.results.board import build_board
from recurbench.harness.results.folder import ResultsFolder
from recurbench.harness.results.report import View, as_terminal
from recurbench.harness.results.runs import run_of
from recurbench.harness.results.sweeps import Outcome
from recurbench.harness.run.loggers.wandb_session import sync_command


def say_ending(
    name: str, outcomes: Collection[Outcome], jobs: int | None, number: int | None, results: Path
) -> int:
    """Says how a sweep ended.

    Args:
        name: the sweep's.
        outcomes: of its jobs, those that have one.
        jobs: how many there are, if that is known.
        number: the signal that stopped it, if one did.
        results: the results folder.

    Returns:
        The exit code: 0 if all is well, 128 and the number of a signal, 2 if every run was refused,
        or else 1.
    """
    ended = [outcome for outcome in outcomes if outcome.status != "interrupted"]
    bad = [outcome for outcome in ended if not outcome.ok]
    total = len(ended) if jobs is None else jobs
    missing = total - len(ended)
    _say_board(ended, ResultsFolder(results).runs)
    say(f"sweep {name}: {len(ended) - len(bad)} completed, {len(bad) + missing} not")
    for outcome in bad:
        say(f"  {outcome.line}" + (f", log: {outcome.log}" if outcome.log else ""))
    say_how_to_sync(ended)
    if number is not None:
        what = signal.Signals(number).name
        of_all = "" if jobs is None else f" of {jobs}"
        say(f"stopped by {what}: {len(ended)}{of_all} runs are done; the same command goes on")
        return 128 + number
    if missing:
        say(f"  {missing} without an outcome; the same command runs these")
    if not bad and not missing:
        return 0
    return 2 if len(bad) == total and all(o.status == "refused" for o in bad) else 1


def say_how_to_sync(outcomes: Iterable[Outcome]) -> None:
    """Says how wandb's runs that wait on this machine are uploaded."""
    for folder in sorted({str(Path(o.offline).parent) for o in outcomes if o.offline}):
        say(f"wandb was offline; upload with: {sync_command(folder)}")


def _say_board(outcomes: Iterable[Outcome], runs: Path) -> None:
    """Says the leaderboard of the runs that completed."""
    records = {
        o.run_id: find_completed(runs, Path(o.record), o.run_id)
        for o in outcomes
        if o.ok and o.run_id and o.record
    }
    found = [run_of(record, "") for record in records.values() if record is not None]
    if len({run.setting.entry.id for run in found}) > 1:  # one alone is no comparison
        say(as_terminal(build_board(found), View()).rstrip())
