"""The command `recurbench`."""

import argparse
import pkgutil
import sys
from collections.abc import Iterator, Sequence
from importlib import import_module
from typing import Any

from recurbench import __version__
from recurbench.harness import commands
from recurbench.harness.commands.completion import complete, completes
from recurbench.harness.console import CLOSED, OutputLost, complain, flush, lost, speak_anywhere
from recurbench.harness.errors import UserError
from recurbench.harness.results.plain import LINE, plain

ORDER = (
    "run", "status", "leaderboard", "runs", "show", "list", "check", "probe", "speed", "new",
    "generate", "merge", "archive", "publish", "clean",
)  # fmt: skip
"""How the help lists them; others follow by name."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command; 0 is success, 1 a run that did not complete, 2 wrong input, 130 Ctrl-C."""
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    speak_anywhere()
    try:
        try:
            return _call(arguments)
        finally:
            flush()
    except OutputLost as end:  # a list may be cut short, a run not
        return 0 if end.code == CLOSED and arguments[:1] != ["run"] else end.code


def _call(arguments: list[str]) -> int:
    """Runs the command, and says what went wrong in one line."""
    try:
        whole = parser()
        if completes():
            complete(whole)
        options = whole.parse_args(_protected(arguments))
        code: int = options.call(options)
        return code
    except UserError as error:
        complain(plain(str(error), LINE))
        return 2
    except KeyboardInterrupt:
        under_way = "; the run under way left no record" if arguments[:1] == ["run"] else ""
        complain(f"interrupted{under_way}")
        return 130
    except OSError as error:
        if error.filename is None:  # of what was printed
            raise lost(error) from None
        complain(f"{error.filename}: {error.strerror}")
        return 1
    except SystemExit as end:
        if isinstance(end.__context__, BrokenPipeError):  # how rich takes a reader that has gone
            raise lost(end.__context__) from None
        raise


def _protected(arguments: list[str]) -> list[str]:
    """The arguments so that argparse takes no value for an option of its own.

    Those of `run` stand behind `--`: they are Hydra's, flags too, but for a plea for help. The
    value of `--sort` may begin with `-`.
    """
    if arguments[:1] == ["run"] and not {"-h", "--help"} & set(arguments):
        return ["run", "--", *arguments[1:]]
    joined = list(arguments)
    while "--sort" in joined[:-1]:
        place = joined.index("--sort")
        joined[place : place + 2] = [f"--sort={joined[place + 1]}"]
    return joined


def parser() -> argparse.ArgumentParser:
    """All subcommands with their arguments."""
    whole = argparse.ArgumentParser(
        prog="recurbench", description="Compare recurrent cells fairly."
    )
    whole.add_argument("--version", action="version", version=__version__)
    subparsers = whole.add_subparsers(required=True, metavar="COMMAND")
    for name, module in _subcommands():
        subparser = subparsers.add_parser(name, help=module.HELP)
        module.add_arguments(subparser)
        subparser.set_defaults(call=module.call)
    return whole


def _subcommands() -> Iterator[tuple[str, Any]]:
    """The modules of all subcommands by their names."""
    found = {}
    for info in pkgutil.iter_modules(commands.__path__):
        module = import_module(f"{commands.__name__}.{info.name}")
        if hasattr(module, "call"):
            found[info.name] = module
    last = len(ORDER)
    place = {name: index for index, name in enumerate(ORDER)}
    yield from sorted(found.items(), key=lambda pair: (place.get(pair[0], last), pair[0]))


if __name__ == "__main__":
    sys.exit(main())
