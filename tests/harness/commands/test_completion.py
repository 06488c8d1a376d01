"""A shell completes commands, flags, groups, plugins, knobs and their values."""

import argparse
import os
import subprocess
import sys
from pathlib import Path

import pytest
from making import make_record

from recurbench.harness.cli import main
from recurbench.harness.commands.arguments import MATTERS, add_filters, add_records
from recurbench.harness.commands.catalogue import Catalogue
from recurbench.harness.commands.completion import cell_or_overrides, overrides
from recurbench.harness.commands.loaded.catalogue import ask_plugins
from recurbench.harness.results.record import write

BREAKS = " \t\n\"'><=;|&(:"  # bash's own


@pytest.fixture(scope="module")
def known() -> Catalogue:
    return ask_plugins()


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("cell=lstm_", ["cell=lstm_coupled", "cell=lstm_no_forget", "cell=lstm_peephole"]),
        ("cell=gru,mg", ["cell=gru,mgu"]),
        ("trainer=", ["trainer=auto", "trainer=cpu", "trainer=gpu"]),
        ("optimizer.na", ["optimizer.name="]),
        ("optimizer.name=a", ["optimizer.name=adam", "optimizer.name=adamw"]),
        ("model.residual=", ["model.residual=true", "model.residual=false"]),
        ("cell=lstm cell.pe", ["cell.peepholes="]),
        ("cell=gru,lstm cell.pe", ["cell.peepholes="]),
        ("cell.pe", []),
        ("cell.init=", ["cell.init=torch", "cell.init=keras"]),
        ("logger=[csv,wandb] logger.wandb.of", []),
        ("experiment=de", ["experiment=demo"]),
        ("train.max_steps=", []),
        ("nonsense=", []),
    ],
)  # fmt: skip
def test_an_override_is_completed(line: str, found: list[str], known: Catalogue) -> None:
    *words, prefix = line.split()
    assert overrides(prefix, words, known) == found


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("recurbench lea", ["leaderboard "]),
        ("recurbench run --cf", ["--cfg "]),
        ("recurbench run --cfg ", ["job", "hydra", "all"]),
        ("recurbench run -m cell=torch_", ["torch_gru", "torch_lstm", "torch_rnn"]),
        ("recurbench run -m 'cell=mgu' cell.hi", ["cell.hidden_size="]),
        ("recurbench probe gru_", ["gru_blended_reset", "gru_cho"]),
        ("recurbench probe lstm cell.pe", ["cell.peepholes="]),
        ("recurbench leaderboard --task cop", ["copying "]),
        ("recurbench leaderboard --task parity,cop", ["parity,copying "]),
        ("recurbench runs --cell torch_", ["torch_gru", "torch_lstm", "torch_rnn"]),
    ],
)
def test_a_shell_is_answered(line: str, found: list[str]) -> None:
    environment = os.environ | {
        "_ARGCOMPLETE": "1", "_ARGCOMPLETE_SHELL": "bash", "_ARGCOMPLETE_COMP_WORDBREAKS": BREAKS,
        "COMP_LINE": line, "COMP_POINT": str(len(line)), "COMP_TYPE": "9", "IFS": "\n",
    }  # fmt: skip
    # argcomplete answers on the file descriptor 8.
    asked = "import os; os.dup2(1, 8); from recurbench.harness.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", asked], env=environment, capture_output=True, text=True, timeout=60
    )
    assert done.stdout.splitlines() == found, done.stderr


def test_behind_a_cell_stand_only_overrides_that_change_it(known: Catalogue) -> None:
    def found(prefix: str, *words: str) -> list[str]:
        return cell_or_overrides(prefix, ["recurbench", "probe", *words, prefix], known, MATTERS)

    assert {"gru", "gru_cho", "lstm"} <= set(found(""))
    assert not [name for name in found("") if "=" in name]
    assert found("gru") == [name for name in found("") if name.startswith("gru")]
    behind = found("", "lstm")
    assert {"cell.hidden_size=", "cell.peepholes=", "model.embedding_size=", "seed="} <= set(behind)
    assert all(override.startswith(MATTERS) for override in behind)
    assert found("cell.peepholes=", "lstm") == ["cell.peepholes=true", "cell.peepholes=false"]


def test_tracks_and_studies_are_those_of_the_records(tmp_path: Path) -> None:
    records = tmp_path / "results" / "runs"
    made = make_record(study="zoo")
    write(records / "one.json", made)
    answers = {}
    for option in ("--track", "--study"):
        parser = argparse.ArgumentParser()
        add_filters(parser)
        add_records(parser)
        options = parser.parse_args(["--records", str(records)])
        (action,) = (one for one in parser._actions if option in one.option_strings)
        answers[option] = action.completer(prefix="", parsed_args=options)
    assert answers == {"--track": [made.track.id], "--study": ["zoo"]}


def test_hydras_own_completion_is_not_ours(capsys: pytest.CaptureFixture) -> None:
    assert main(["run", "--shell-completion", "install=bash"]) == 2
    assert "register-python-argcomplete recurbench" in capsys.readouterr().err
