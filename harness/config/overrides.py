"""Overrides as people type them: a text that Hydra could not read is quoted where that is clear."""

import os
import re
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException

from recurbench.harness.config.budgets import LIMITS
from recurbench.harness.console import as_override, quoted
from recurbench.harness.errors import UserError, first_words

FUNCTIONS = r"(choice|range|interval|glob|sort|shuffle|tag|extend_list|int|float|str|bool|json_str)"
NOT_PLAIN = re.compile(
    rf"""
    [\[{{'"]            # begins as a list, a dictionary or a quoted text, which was not ended
    | .*,               # could be several values
    | {FUNCTIONS}\(     # begins as one of Hydra's functions
    | .*\$\{{           # an interpolation
    """,
    re.VERBOSE | re.DOTALL,
)
"""What Hydra refused may have been meant so, and not as a text."""
ANOTHER = re.compile(r"\s[~+]*[\w./@]+=")
"""A second override in the same quotes of the shell."""


def readable(overrides: list[str], multirun: bool) -> list[str]:
    """Overrides that Hydra reads as they are meant.

    Values that Hydra refuses or changes are quoted when there is one reading: a plain text such as
    `a=b (1)`, or a file that exists. A number keeps the way in which it is written, which matters
    where an option holds a text.

    Args:
        overrides: as they are typed.
        multirun: whether a comma separates the values of a sweep.

    Raises:
        UserError: one cannot be read; says how to quote it, where that would help.
    """
    return [_readable(override, multirun) for override in overrides]


def _readable(override: str, multirun: bool) -> str:
    try:
        override.encode()
    except UnicodeEncodeError:
        raise UserError(
            f"cannot read the override: {override.encode(errors='replace').decode()}: not in the "
            "encoding of this locale; rename the file, or set PYTHONUTF8=1"
        ) from None
    key, equals, value = override.partition("=")
    try:
        (parsed,) = OverridesParser.create().parse_overrides([override])
    except HydraException as error:
        if not equals or not re.fullmatch(r"[~+]*[\w./@-]+", key) or "\n" in value:
            raise UserError(_refusal(override, error)) from error
        if not os.path.exists(value):
            pieces = value.split(",")
            if len(pieces) > 1 and all(map(os.path.exists, pieces)):
                return f"{key}={','.join(map(as_override, pieces))}"
            if NOT_PLAIN.match(value) or ANOTHER.search(value):
                raise UserError(_refusal(override, error)) from error
        return f"{key}={quoted(value)}"
    return f"{key}={quoted(value)}" if _changes(parsed, value, multirun) else override


def _changes(parsed: Override, text: str, multirun: bool) -> bool:
    """Whether Hydra takes a text for something that it is not."""
    if parsed.get_key_element().lstrip("+~").startswith("hydra"):
        return False
    if parsed.is_sweep_override():
        return not multirun and os.path.exists(text)
    value = parsed.value()
    if isinstance(value, bool | int | float):
        return str(value) != text
    return isinstance(value, list | dict) and os.path.exists(text)


def _refusal(override: str, error: HydraException) -> str:
    """Why an override cannot be read, and how its value is quoted as a text."""
    beginning = f"cannot read the override: {override!r}"
    key, equals, value = override.partition("=")
    if "\n" in override:
        return f"{beginning}: an option holds no line break"
    if ANOTHER.search(value):
        return f"{beginning}: two overrides in one; write them apart"
    if not equals or not value:
        reason = first_words(error)
        jargon = reason.startswith(("Lexer", "mismatched", "no viable", "extraneous", "missing"))
        return f"{beginning}: {'write OPTION=VALUE' if jargon else reason}"
    bare = value.strip("'\"")
    return f'{beginning}: not ended, or a text that needs quotes: "{key}={quoted(bare)}"'


def choices(override: Override) -> list[str]:
    """The names of a group's options that an override chooses."""
    if override.is_sweep_override():
        if not override.is_discrete_sweep():
            return []
        values: list[Any] = list(override.sweep_iterator())
    else:
        values = [override.value()]
    flat = [item for value in values for item in (value if isinstance(value, list) else [value])]
    return [str(value) for value in flat if value is not None]


def require_one_limit(overrides: list[Override]) -> None:
    """Refuses a limit of the training that is given twice and not alike.

    Raises:
        UserError: the section `train` has one that the budget would replace.
    """
    given = {
        override.get_key_element().lstrip("+"): override.value()
        for override in overrides
        if not override.is_sweep_override()
    }
    limits = {name: value for name in LIMITS if (value := given.get(f"budget.{name}")) is not None}
    for name in LIMITS if limits else ():
        value = given.get(f"train.max_{name}")
        if value is not None and value != limits.get(name):
            words = " ".join(f"budget.{name}={value}" for name, value in limits.items())
            raise UserError(
                f"train.max_{name}={value} and {words}: the budget's limits take the place of "
                "train's; give the budget alone"
            )


def adds(override: Override) -> bool:
    """Whether it adds a key, by `+`."""
    return override.is_add() or override.is_force_add()


def is_open(override: Override) -> bool:
    """Whether `+` may add keys there: Hydra's plugins take options of their own."""
    return override.get_key_element().lstrip("+").startswith("hydra.")


def search_paths(overrides: list[Override]) -> list[str]:
    """Those that name folders of presets."""
    return [str(o.input_line) for o in overrides if o.get_key_element() == "hydra.searchpath"]
