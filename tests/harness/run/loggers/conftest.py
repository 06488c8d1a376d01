"""What the tests of loggers share."""

import pytest


@pytest.fixture
def unlogged(small: list[str]) -> list[str]:
    """Overrides of a quick run that leave its loggers to the test."""
    return [override for override in small if not override.startswith("logger")]
