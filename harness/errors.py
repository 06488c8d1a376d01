"""Errors meant for the person at the keyboard."""

from collections.abc import Iterable

from recurbench.limits import did_you_mean


class UserError(Exception):
    """What was given cannot work; the message says what, where and what would be right.

    The command line prints it as one line, without a traceback, and exits with 2.
    """


PLUGIN_ERRORS = Exception, SystemExit
"""What a plugin may raise; one that ends the program has failed as any other."""


class PluginError(Exception):
    """A plugin does not keep the contract; the message says where and how to mend it."""


def nearest(name: str, valid: Iterable[str]) -> str:
    """Ends a message about an unknown name: the closest valid name, and all of them if few."""
    names = sorted(valid)
    return f"{did_you_mean(name, names)} (valid: {', '.join(names) or 'none'})"


def first_line(error: BaseException) -> str:
    """An error in one line: its type and the beginning of what it says."""
    text = first_words(error)
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def first_words(error: BaseException) -> str:
    """The first line of what an error says."""
    return str(error).strip().partition("\n")[0]
