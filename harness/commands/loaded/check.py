"""`recurbench check`: the conformance suites on cells and tasks, as a person reads them."""

from collections.abc import Sequence
from typing import Any

import torch
from rich.console import Console
from rich.markup import escape

from recurbench.harness.config.compose import options_of
from recurbench.harness.config.schema import register
from recurbench.harness.config.single import configured
from recurbench.harness.conformance import SUITES, Finding
from recurbench.harness.errors import UserError, nearest
from recurbench.harness.plugins.errors import refusals_of

SIGNS = {"holds": "[green]✓[/]", "fails": "[red]✗[/]", "does not apply": "[dim]-[/]"}

EXAMPLES = {"cell": "cell.window=3", "task": "task.length=9"}


def print_findings(
    kind: str, arguments: Sequence[str], properties: Sequence[str], verbose: bool
) -> int:
    """Checks cells or tasks and prints what was found.

    Args:
        kind: `cell` or `task`.
        arguments: names of cells, tasks or presets, all if there are none, and overrides of knobs
            such as `cell.window=3`.
        properties: the properties to check, all if there are none.
        verbose: whether to say what each property means and how long it took, and to show
            tracebacks.

    Returns:
        0 if all properties hold, else 1.

    Raises:
        UserError: a name, knob or property does not exist, or a task cannot be had.
    """
    suite = SUITES[kind]
    for name in properties:
        if name not in suite.properties:
            raise UserError(f"--property {name}{nearest(name, suite.properties)}")
    register()
    names = [argument for argument in arguments if "=" not in argument]
    overrides = [argument for argument in arguments if "=" in argument]
    for override in overrides:
        if not override.startswith(f"{kind}."):
            raise UserError(f"{override}: only a {kind}'s knobs can be set, as in {EXAMPLES[kind]}")
        if override.startswith("cell.hidden_size="):
            raise UserError(f"{override}: the suite chooses the sizes itself")
    names = names or options_of(kind)
    chosen = [configured(kind, name, overrides) for name in names]  # all, before the first check
    torch.set_num_threads(1)
    console = Console(highlight=False, soft_wrap=True)
    whole = verbose or len(names) == 1
    failures = 0
    for name, (plugin, knobs) in zip(names, chosen, strict=True):
        subject = suite.subject(plugin.cls, knobs)
        if kind == "task":
            _require_data(name, subject)
        found = []
        for finding in (suite.find(subject, check) for check in properties or suite.properties):
            found.append(finding)
            if (
                whole
                or finding.status == "fails"
                or (finding.status == "holds" and finding.message)
            ):
                _print_finding(console, finding, verbose)
        failures += _print_summary(console, name, found)
    return 1 if failures else 0


def _require_data(name: str, subject: Any) -> None:
    """Loads a task's data while there is a network, which the suite then does without."""
    try:
        with refusals_of("task", name):
            subject.task  # noqa: B018 - it keeps what it loads
    except UserError:
        raise
    except Exception:  # the properties say what and where
        return


def _print_finding(console: Console, finding: Finding, verbose: bool) -> None:
    sentence = f"  [dim]{escape(finding.sentence)} ({finding.seconds:.1f} s)[/]" if verbose else ""
    console.print(f"  {SIGNS[finding.status]} {finding.name}{sentence}")
    for line in finding.message.splitlines():
        console.print(f"      {escape(line)}")
    if verbose and finding.details:
        console.print(escape(finding.details))


def _print_summary(console: Console, name: str, found: list[Finding]) -> int:
    """One line about a cell; gives the number of properties that fail."""
    count = {status: sum(f.status == status for f in found) for status in SIGNS}
    parts = [f"{count['holds']} of {len(found) - count['does not apply']} properties hold"]
    if others := count["does not apply"]:
        parts.append(f"{others} {'does' if others == 1 else 'do'} not apply")
    seconds = sum(finding.seconds for finding in found)
    sign = SIGNS["fails" if count["fails"] else "holds"]
    console.print(f"{sign} [bold]{name}[/]: {', '.join(parts)} ({seconds:.1f} s)")
    return count["fails"]
