"""What the command says: results on standard output, complaints on standard error."""

import re
import sys
from typing import Any


def say(line: str) -> None:
    """A line of the command's output, seen at once even through a pipe."""
    print(line, flush=True)


def complain(line: str) -> None:
    """A line about something that went wrong."""
    print(f"recurbench: {line}", file=sys.stderr, flush=True)


def shown(value: Any) -> str:
    """A value of an option for a person to read."""
    if isinstance(value, list):
        return f"[{','.join(map(shown, value))}]"
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return str(value)


def as_override(value: Any) -> str:
    """A value of an option as the command line takes it: with quotes where Hydra needs them."""
    if isinstance(value, list):
        return f"[{','.join(map(as_override, value))}]"
    # Letters and paths need no quotes, unless Hydra would take them for another type.
    plain = r"(?!(null|true|false|nan|inf)$)[A-Za-z/][\w/.-]*"
    if isinstance(value, str) and not re.fullmatch(plain, value, re.IGNORECASE):
        escaped = re.sub(r"(\\*)'", lambda found: rf"{2 * found[1]}\'", value)
        trailing = re.sub(r"\\+$", lambda found: 2 * found[0], escaped)
        return f"'{trailing}'"
    return shown(value)
