"""One cell or task with its knobs, as a command line names it outside of a run."""

from typing import Any

from recurbench.harness.config.compose import compose_jobs
from recurbench.harness.config.resolve import knobs_of, plugin_of, resolve
from recurbench.harness.plugins.registry import Plugin


def configured(kind: str, name: str, overrides: list[str]) -> tuple[Plugin, dict[str, Any]]:
    """The plugin and the knobs that `cell=NAME` and overrides mean; a cell's size is left out.

    A knob of a task is given only where it is not at its default.

    Args:
        kind: `cell` or `task`.
        name: of the plugin or of a preset.
        overrides: of its knobs, as `cell.window=3`.

    Raises:
        UserError: there is no such plugin or knob, or a value is wrong.
    """
    (composed,), _ = compose_jobs([f"{kind}={name}", *overrides], multirun=False)
    config = resolve(composed)
    plugin = plugin_of(config, kind)
    knobs = knobs_of(getattr(config, kind))
    if kind == "cell":
        del knobs["hidden_size"]
        return plugin, knobs
    defaults = {knob.name: knob.default for knob in plugin.knobs}
    return plugin, {key: value for key, value in knobs.items() if value != defaults[key]}
