"""What the tests of measures share."""

import pytest

from recurbench.harness.probe.settings import Settings


@pytest.fixture
def small() -> Settings:
    """Sizes with which a card takes a few hundredths of a second."""
    return Settings(
        sequences=2, warm_up=20, lags=24, track=48, points=2, exponents=2, exponent_steps=24,
        rows=10, row_steps=24, delays=24, pair_delays=3, draws=1, timed=10, hidden_sizes=(8,),
    )  # fmt: skip
