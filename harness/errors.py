"""Errors meant for the person at the keyboard: one line, exit code 2, no traceback."""

import difflib
from collections.abc import Iterable


class UserError(Exception):
    """What was given cannot work; the message says what, where and what would be right."""


def nearest(name: str, valid: Iterable[str]) -> str:
    """Ends a message about an unknown name: the closest valid name, and all of them if few."""
    names = sorted(valid)
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    hint = f"; did you mean {close[0]}?" if close else ""
    return f"{hint} (valid: {', '.join(names) or 'none'})"
