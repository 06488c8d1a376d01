"""The other process that the task suite asks sees what whoever asks sees."""

from pathlib import Path

import pytest

from recurbench.harness.conformance.task.stranger import ask_a_stranger
from recurbench.tasks.tagging.task import Tagging


def test_a_relative_file_is_looked_for_where_the_question_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("first", "second"):  # one process answers both
        folder = tmp_path / name
        folder.mkdir()
        file = Tagging.example_file(folder, seed=0)
        assert file is not None
        file = file.rename(folder / f"{name}.txt")
        monkeypatch.chdir(folder)
        assert ask_a_stranger(Tagging, {"dataset": "file", "file": file.name}).fingerprint
