"""A shell completes commands, flags, groups, plugins, knobs and their values."""

import os
import subprocess
import sys

import pytest

from recurbench.harness.cli import main
from recurbench.harness.commands.catalogue import Catalogue
from recurbench.harness.commands.completion import overrides
from recurbench.harness.commands.loaded.catalogue import ask_plugins

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


def test_hydras_own_completion_is_not_ours(capsys: pytest.CaptureFixture) -> None:
    assert main(["run", "--shell-completion", "install=bash"]) == 2
    assert "register-python-argcomplete recurbench" in capsys.readouterr().err
