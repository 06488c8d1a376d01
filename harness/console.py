"""What the command says: results on standard output, complaints on standard error."""

import codecs
import io
import logging
import os
import re
import sys
import unicodedata
from contextlib import suppress
from typing import Any, TextIO

ASCII = {
    "±": "+/-", "\N{MULTIPLICATION SIGN}": "x", "·": "-", "✓": "+", "…": "...", "→": "->",
    "\N{EN DASH}": "-", "—": "-", "≤": "<=", "≥": ">=", "ß": "ss", "✗": "x",
    **dict.fromkeys("─━═╶╴╸╺", "-"), **dict.fromkeys("│┃║", "|"),
}  # fmt: skip
"""What stands for a sign that a terminal cannot show."""

CLOSED = 141
"""The exit code of a run whose reader has gone, as the signal would have given it."""


class OutputLost(SystemExit):
    """Nobody can be told anything any more: the program ends, and a run can be resumed.

    It is no `Exception`, so that it does not count as a failure of what was running.
    """

    code: int


def speak_anywhere() -> None:
    """Lets output hold any sign, whatever the encoding of the terminal or pipe."""
    codecs.register_error("recurbench", _replace)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and stream.errors != "recurbench":
            stream.reconfigure(errors="recurbench")


def showable(text: str) -> str:
    """A text as standard output can show it, so that tables can be laid out with its width."""
    encoding = sys.stdout.encoding or "utf-8"
    codecs.register_error("recurbench", _replace)
    return text.encode(encoding, "recurbench").decode(encoding)


def flush() -> None:
    """Writes what is held back, where an error can still be told.

    Raises:
        OutputLost: it cannot be written.
    """
    try:
        sys.stdout.flush()
    except OSError as error:
        raise lost(error) from None


def say(line: str) -> None:
    """A line of the command's output, seen at once even through a pipe.

    Raises:
        OutputLost: it cannot be written, as on a full disk or when the reader has gone.
    """
    try:
        print(line, flush=True)
    except OSError as error:
        raise lost(error) from None


def complain(line: str) -> None:
    """A line about something that went wrong; without a standard error nobody is told."""
    with suppress(OSError):
        print(f"recurbench: {line}", file=sys.stderr, flush=True)


def lost(error: OSError) -> OutputLost:
    """Ends all output after it could not be written.

    Args:
        error: a reader that has gone is no reason to complain.
    """
    _silence(sys.stdout)
    if isinstance(error, BrokenPipeError):
        return OutputLost(CLOSED)
    complain(f"output: {error.strerror}")
    return OutputLost(1)


def _silence(stream: TextIO) -> None:
    """Sends what is still to be written nowhere, or Python would complain when it ends."""
    with suppress(OSError, ValueError, AttributeError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)


def _replace(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeEncodeError)
    found = error.object[error.start : error.end]
    return "".join(ASCII.get(sign) or _nearest(sign) for sign in found), error.end


def _nearest(sign: str) -> str:
    """The letter without its accent, a corner of a table, or a question mark."""
    if "\u2500" <= sign <= "\u257f":
        return "+"
    return unicodedata.normalize("NFKD", sign).encode("ascii", "ignore").decode() or "?"


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
    return quoted(text) if isinstance(value, str) and _needs_quotes(text) else text


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


def quoted(text: str) -> str:
    """A text in the quotes that Hydra takes for its own."""
    escaped = re.sub(r"(\\*)'", lambda found: rf"{2 * found[1]}\'", text)
    trailing = re.sub(r"\\+$", lambda found: 2 * found[0], escaped)
    return f"'{trailing}'"
