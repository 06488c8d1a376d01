"""What the command says: results on standard output, complaints on standard error."""

import logging
import re
import sys
from typing import Any


def say(line: str) -> None:
    """A line of the command's output, seen at once even through a pipe."""
    print(line, flush=True)


def complain(line: str) -> None:
    """A line about something that went wrong."""
    print(f"recurbench: {line}", file=sys.stderr, flush=True)


class _Speaker(logging.Handler):
    """Says what is logged."""

    def emit(self, record: logging.LogRecord) -> None:
        say(f"  {record.getMessage()}")


def let_cells_speak() -> None:
    """Makes what cells log lines of the output, such as that a kernel was built."""
    logger = logging.getLogger("recurbench.cells")
    if not any(isinstance(handler, _Speaker) for handler in logger.handlers):
        logger.addHandler(_Speaker())
    logger.disabled = False  # Hydra turns off all loggers that are there before it
    logger.setLevel(logging.WARNING)


def as_override(value: Any) -> str:
    """The value of an option as it is written on the command line.

    A text stands in quotes where Hydra would otherwise refuse it or change it. A shell may need
    quotes of its own around the whole.
    """
    if isinstance(value, list):
        return f"[{','.join(map(as_override, value))}]"
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    text = str(value)
    return _quoted(text) if isinstance(value, str) and _needs_quotes(text) else text


def _needs_quotes(text: str) -> bool:
    """Whether Hydra would not read a bare text back as it is written."""
    if not re.fullmatch(r"[A-Za-z0-9_/.+@%|:-]+", text) or ":" in (text[0], text[-1]):
        return True
    if text.lower() in ("null", "true", "false"):
        return True
    for kind in (int, float):
        try:
            return str(kind(text)) != text  # 32 comes back as it is, 1e3 as 1000.0
        except ValueError:
            continue
    return False


def _quoted(text: str) -> str:
    escaped = re.sub(r"(\\*)'", lambda found: rf"{2 * found[1]}\'", text)
    trailing = re.sub(r"\\+$", lambda found: 2 * found[0], escaped)
    return f"'{trailing}'"
