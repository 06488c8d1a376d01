"""What the tests of loggers share."""

import pytest


@pytest.fixture
def unlogged(small: list[str]) -> list[str]:
    """Overrides of a quick run that leave its loggers to the test."""
    return [override for override in small if not override.startswith("logger")]


@pytest.fixture
def resumable(unlogged: list[str]) -> list[str]:
    """Overrides of a run of eleven steps that is saved after each third."""
    length = ["train.max_steps=11", "train.eval_every=3", "train.save_every=0"]
    return [*unlogged, *length, "task.eval_sequences=20"]
