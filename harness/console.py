"""What the command says: results on standard output, complaints on standard error."""

import sys


def say(line: str) -> None:
    """A line of the command's output, seen at once even through a pipe."""
    print(line, flush=True)


def complain(line: str) -> None:
    """A line about something that went wrong."""
    print(f"recurbench: {line}", file=sys.stderr, flush=True)
