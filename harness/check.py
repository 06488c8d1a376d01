"""`recurbench check cell`: the conformance suite on cells, as a person reads it."""

from collections.abc import Sequence

import torch
from rich.console import Console
from rich.markup import escape

from harness.config import knobs_of, plugin_of, register, resolve
from harness.conformance import PROPERTIES, Finding, examine
from harness.errors import UserError, nearest
from harness.overrides import compose_jobs, options_of

SIGNS = {"holds": "[green]✓[/]", "fails": "[red]✗[/]", "does not apply": "[dim]-[/]"}


def check_cells(arguments: Sequence[str], properties: Sequence[str], verbose: bool) -> int:
    """Checks cells and prints what was found.

    Args:
        arguments: names of cells or presets, all if there are none, and overrides of knobs such as
            `cell.window=3`.
        properties: the properties to check, all if there are none.
        verbose: whether to say what each property means, and to show tracebacks.

    Returns:
        0 if all properties hold, else 1.

    Raises:
        UserError: a name, knob or property does not exist.
    """
    for name in properties:
        if name not in PROPERTIES:
            raise UserError(f"--property {name}{nearest(name, PROPERTIES)}")
    register()
    names = [argument for argument in arguments if "=" not in argument]
    overrides = [argument for argument in arguments if "=" in argument]
    for override in overrides:
        if not override.startswith("cell."):
            raise UserError(f"{override}: only a cell's knobs can be set, as in cell.window=3")
        if override.startswith("cell.hidden_size="):
            raise UserError(f"{override}: the suite chooses the sizes itself")
    names = names or options_of("cell")
    subjects = [_configure(name, overrides) for name in names]  # all names, before the first check
    torch.set_num_threads(1)
    console = Console(highlight=False, soft_wrap=True)
    whole = verbose or len(names) == 1
    failures = 0
    for name, (cls, knobs) in zip(names, subjects, strict=True):
        found = []
        for finding in examine(cls, knobs, properties or tuple(PROPERTIES)):
            found.append(finding)
            if whole or finding.status == "fails":
                _print_finding(console, finding, verbose)
        failures += _print_summary(console, name, found)
    return 1 if failures else 0


def _configure(name: str, overrides: list[str]) -> tuple[type, dict[str, object]]:
    """The class and knobs that `cell=NAME` and overrides mean; the suite chooses the sizes."""
    (composed,), _ = compose_jobs([f"cell={name}", *overrides], multirun=False)
    config = resolve(composed)
    knobs = {key: value for key, value in knobs_of(config.cell).items() if key != "hidden_size"}
    return plugin_of(config, "cell").cls, knobs


def _print_finding(console: Console, finding: Finding, verbose: bool) -> None:
    sentence = f"  [dim]{escape(finding.sentence)}[/]" if verbose else ""
    console.print(f"  {SIGNS[finding.status]} {finding.name}{sentence}")
    for line in finding.message.splitlines():
        console.print(f"      {escape(line)}")
    if verbose and finding.details:
        console.print(escape(finding.details))


def _print_summary(console: Console, name: str, found: list[Finding]) -> int:
    """One line about a cell; gives the number of properties that fail."""
    count = {status: sum(f.status == status for f in found) for status in SIGNS}
    parts = [f"{count['holds']} of {len(found) - count['does not apply']} properties hold"]
    if count["does not apply"]:
        parts.append(f"{count['does not apply']} does not apply")
    seconds = sum(finding.seconds for finding in found)
    sign = SIGNS["fails" if count["fails"] else "holds"]
    console.print(f"{sign} [bold]{name}[/]: {', '.join(parts)} ({seconds:.1f} s)")
    return count["fails"]
