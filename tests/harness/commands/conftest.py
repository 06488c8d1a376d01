"""What the tests of subcommands share: a command that must refuse, and a folder of results."""

from collections.abc import Callable
from pathlib import Path

import pytest
from hydra.core.config_store import ConfigStore

from recurbench.harness.cli import main


@pytest.fixture
def refused(
    workplace: Path, config_store: ConfigStore, capsys: pytest.CaptureFixture
) -> Callable[..., str]:
    """Runs the command with wrong input and gives its one line of complaint."""

    def run(*arguments: str) -> str:
        before = sorted(workplace.rglob("*"))
        try:
            code = main(arguments)
        except SystemExit as exit_:
            code = exit_.code
        output = capsys.readouterr()
        assert code == 2, output
        assert output.out == ""
        assert sorted(workplace.rglob("*")) == before, "nothing may be written"
        (line,) = output.err.splitlines()
        assert line.startswith("recurbench: ")
        return line

    return run


@pytest.fixture
def two_runs(
    workplace: Path, config_store: ConfigStore, small: list, capsys: pytest.CaptureFixture
) -> Path:
    """A folder with two completed runs."""
    assert main(["run", "-m", "cell=rnn,torch_rnn", *small]) == 0
    capsys.readouterr()
    return workplace
