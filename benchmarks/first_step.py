"""Times how long `recurbench run` takes to its first training step, against its libraries alone.

The libraries are those that a run with wandb has: torch, Lightning, Hydra and wandb. Both are
programs of their own, in turn; seconds are those of a processor, user and system.

    python benchmarks/first_step.py [--rounds 7] [hydra overrides]
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence

LIBRARIES = "import torch, pytorch_lightning, hydra, wandb"
RUN = """
import os, sys
import recurbench.harness.cli as cli

class FirstStep:
    def find_spec(self, name, path=None, target=None):
        # Imports as a run does them, until the class is there whose first step ends this program.
        if name != "recurbench.harness.run.training":
            return None
        sys.meta_path.remove(self)
        from recurbench.harness.run.module import SequenceModule
        SequenceModule.training_step = lambda *_: os._exit(0)
        return None

sys.meta_path.insert(0, FirstStep())
cli.main(sys.argv[1:])
os._exit(1)
"""


def seconds(code: str, *arguments: str) -> float:
    """Seconds of a processor that a program takes."""
    before = os.times()
    command = [sys.executable, "-c", code, *arguments]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)  # noqa: S603 - our own code
    after = os.times()
    return (after.children_user - before.children_user) + (
        after.children_system - before.children_system
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Measures and prints medians, and the median ratio with its quartiles."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=7)
    options, overrides = parser.parse_known_args(arguments)
    taken: dict[str, list[float]] = {"libraries": [], "run": []}
    with tempfile.TemporaryDirectory() as folder:
        asked = ["run", "logger=none", f"results_dir={folder}", *overrides]
        for round_ in range(options.rounds + 1):
            for name in sorted(taken, reverse=bool(round_ % 2)):
                code = (LIBRARIES,) if name == "libraries" else (RUN, *asked)
                taken[name].append(seconds(*code))
    libraries, run = (times[1:] for times in taken.values())  # the first round warms up
    ratios = [one / other for one, other in zip(run, libraries, strict=True)]
    low, median, high = statistics.quantiles(ratios, n=4)
    print(f"libraries: median {statistics.median(libraries):.2f} s")
    print(f"to the first step: median {statistics.median(run):.2f} s")
    print(f"ratio: median {median:.3f}, quartiles {low:.3f} to {high:.3f}, {len(ratios)} rounds")


if __name__ == "__main__":
    main()
