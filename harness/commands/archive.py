"""`recurbench archive`: packs records by their studies."""

import argparse
from pathlib import Path

from recurbench.harness.commands.arguments import add_records, records_of
from recurbench.harness.console import complain, say
from recurbench.harness.errors import UserError
from recurbench.harness.results.folder import ResultsFolder
from recurbench.harness.results.record import Damaged
from recurbench.harness.results.sharing import UNNAMED, pack, records_in

HELP = "pack records by their studies"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which records, and where to."""
    parser.description = (
        "Pack the records of a folder into one archive for each study, STUDY.jsonl.gz; those "
        f"without a study go to {UNNAMED}.jsonl.gz. What is in an archive already stays in it, and "
        "packing the same records again changes no byte. The records are not removed."
    )
    add_records(parser)
    parser.add_argument("--output", type=Path, metavar="DIR", help="default: <results>/archives")


def call(options: argparse.Namespace) -> int:
    """Packs, and names the archives that changed."""
    output = options.output or ResultsFolder(options.results).archives
    changed = 0
    try:
        for found in pack(records_in(records_of(options)), output):
            if isinstance(found, Damaged):
                complain(f"{found.path}: skipped: {found.reason}")
            else:
                changed += 1
                say(str(found))
    except OSError as error:
        raise UserError(f"--output {output}: {error.strerror}") from error
    if not changed:
        say(f"{output}: all of it is there already")
    return 0
