"""The command `recurbench`. Each subcommand imports only what it needs."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from recurbench.harness.console import complain, say
from recurbench.harness.errors import UserError, nearest

RUN_HELP = """\
train, or with -m sweep over the cross product of comma-separated values

  recurbench run cell=lstm task=language train.max_steps=500
  recurbench run -m cell=gru,lstm,rnn task=copying,language seed=0,1,2
  recurbench run --cfg job          show the whole configuration
  recurbench list                   show all cells and tasks with their knobs
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command; 0 is success, 1 a run that did not complete, 2 wrong input, 130 Ctrl-C."""
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    try:
        return _dispatch(arguments)
    except UserError as error:
        complain(str(error))
        return 2
    except KeyboardInterrupt:
        under_way = "; the run under way left no record" if arguments[:1] == ["run"] else ""
        complain(f"interrupted{under_way}")
        return 130
    except BrokenPipeError:  # the reader of our output, such as `head`, has gone
        sys.stderr.close()
        return 0


def _dispatch(arguments: list[str]) -> int:
    if arguments[:1] == ["run"] and not {"-h", "--help"} & set(arguments):
        from recurbench.harness.commands.run import run

        return run(arguments[1:])
    options = _parser().parse_args(arguments)
    result: int = options.function(options)
    return result


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="recurbench", description="Compare recurrent cells fairly."
    )
    parser.add_argument("--version", action=_Version)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    run = commands.add_parser(
        "run",
        help="train; -m sweeps",
        description=RUN_HELP,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    run.add_argument("overrides", nargs="*", help="Hydra overrides and flags")

    leaderboard = commands.add_parser("leaderboard", help="rank the cells on every track")
    leaderboard.add_argument("--task", action="append", help="only this task (repeatable)")
    leaderboard.add_argument(
        "--format", help="terminal, markdown, csv or json; by default what the file's ending says"
    )
    leaderboard.add_argument("--output", type=Path, metavar="FILE", help="write to a file")
    leaderboard.add_argument("--records", type=Path, metavar="DIR", help="default: <results>/runs")
    _add_results(leaderboard)
    leaderboard.set_defaults(function=_leaderboard)

    listing = commands.add_parser("list", help="cells and tasks, their knobs and import errors")
    listing.add_argument("kind", nargs="?", choices=["cells", "tasks"])
    listing.set_defaults(function=_list)

    check = commands.add_parser(
        "check",
        help="the conformance suite on a cell or task",
        description="Check what every cell or task promises; exit code 1 if a property fails.",
    )
    check.add_argument("kind", choices=["cell", "task"])
    check.add_argument(
        "arguments", nargs="*", metavar="NAME | KIND.KNOB=VALUE", help="all of them without a name"
    )
    check.add_argument("--property", action="append", default=[], help="only this (repeatable)")
    check.add_argument("--verbose", action="store_true", help="say more, show tracebacks")
    check.set_defaults(function=_check)

    new = commands.add_parser(
        "new",
        help="write a cell or task to begin with",
        description="Write a cell or task that runs, marked where yours goes, and its test.",
    )
    new.add_argument("kind", choices=["cell", "task"])
    new.add_argument("name", help="such as my_cell")
    new.add_argument(
        "--out-of-tree", type=Path, metavar="DIR", help="make DIR a package that holds it"
    )
    new.set_defaults(function=_new)

    show = commands.add_parser("show", help="one run's record")
    show.add_argument("run_id", help="a run id or an unambiguous beginning of one")
    _add_results(show)
    show.set_defaults(function=_show)

    generate = commands.add_parser(
        "generate",
        help="sample from the model of a run",
        description="Continue a prompt with the model of a run that kept its checkpoint "
        "(train.keep_checkpoint=true).",
    )
    generate.add_argument("run_id", help="a run id or an unambiguous beginning of one")
    generate.add_argument("--prompt", default="", help="what to continue, as the task writes it")
    _add_number(generate, "length", int, 200, "steps to add, at most", at_least=1)
    _add_number(generate, "temperature", float, 1.0, "0 takes the likeliest", at_least=0)
    _add_number(generate, "top-k", int, None, "draw from this many of the likeliest", at_least=1)
    _add_number(generate, "seed", int, 0, "of the draws", at_least=0)
    generate.add_argument("--output", type=Path, metavar="FILE", help="write to a file")
    _add_results(generate)
    generate.set_defaults(function=_generate)
    return parser


def _add_results(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--results", type=Path, default=Path("results"), metavar="DIR")


def _add_number(
    parser: argparse.ArgumentParser,
    name: str,
    kind: type[int] | type[float],
    default: float | None,
    meaning: str,
    at_least: int,
) -> None:
    """Adds an option whose wrong values are refused in one line."""

    def read(text: str) -> float:
        try:
            number = kind(text)
        except ValueError:
            number = float("nan")
        if not at_least <= number < float("inf"):
            what = "an integer" if kind is int else "a number"
            raise UserError(f"--{name} {text}: must be {what} of at least {at_least}")
        return number

    shown = "" if default is None else f" (default: {default})"
    parser.add_argument(f"--{name}", type=read, default=default, help=meaning + shown, metavar="N")


def _leaderboard(options: argparse.Namespace) -> int:
    from recurbench.harness.results.record import Damaged, read_all
    from recurbench.harness.results.report import ENDINGS, FORMATS, as_terminal
    from recurbench.harness.results.tracks import build_tracks

    ending = options.output.suffix if options.output else ""
    form = options.format or ENDINGS.get(ending, "terminal")
    if form not in FORMATS:
        raise UserError(f"--format {form}{nearest(form, FORMATS)}")
    folder = options.records or options.results / "runs"
    found = list(read_all(folder))
    for damaged in found:
        if isinstance(damaged, Damaged):
            complain(f"{damaged.path}: skipped: {damaged.reason}")
    tracks = build_tracks(record for record in found if not isinstance(record, Damaged))
    if not tracks:
        raise UserError(f"no records in {folder}; `recurbench run` makes some")
    known = {track.task for track in tracks}
    for task in options.task or []:
        if task not in known:
            raise UserError(f"--task {task}: no record of it{nearest(task, known)}")
    chosen = [track for track in tracks if not options.task or track.task in options.task]
    if options.output is None:
        sys.stdout.write(FORMATS[form](chosen))
        return 0
    text = as_terminal(chosen, to_file=True) if form == "terminal" else FORMATS[form](chosen)
    try:
        options.output.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UserError(f"--output {options.output}: {error.strerror}") from error
    return 0


def _list(options: argparse.Namespace) -> int:
    from recurbench.harness.commands.list import print_plugins

    print_plugins([options.kind.removesuffix("s")] if options.kind else ["cell", "task"])
    return 0


def _check(options: argparse.Namespace) -> int:
    from recurbench.harness.commands.check import check

    return check(options.kind, options.arguments, options.property, options.verbose)


def _new(options: argparse.Namespace) -> int:
    from recurbench.harness.commands.new import new

    new(options.kind, options.name, options.out_of_tree)
    return 0


def _show(options: argparse.Namespace) -> int:
    from recurbench.harness.commands.show import find_record, print_record

    print_record(find_record(options.results / "runs", options.run_id))
    return 0


def _generate(options: argparse.Namespace) -> int:
    from recurbench.harness.commands.generate import Sampling, generate

    sampling = Sampling(
        options.prompt, options.length, options.temperature, options.top_k, options.seed
    )
    generate(options.results, options.run_id, sampling, options.output)
    return 0


class _Version(argparse.Action):
    """Prints the version, which is looked up only when asked for."""

    def __init__(self, option_strings: Sequence[str], dest: str) -> None:
        super().__init__(option_strings, dest, nargs=0, help="show the version")

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from importlib.metadata import version

        say(version("recurbench"))
        parser.exit()


if __name__ == "__main__":
    sys.exit(main())
