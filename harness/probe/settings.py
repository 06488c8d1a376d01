"""How much is measured; the defaults take a GRU some seconds on one core."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Settings:
    """The sizes of what a probe runs.

    Attributes:
        seed: of the inputs, the noise and the splits.
        sequences: independent sequences that a measure is averaged over.
        warm_up: steps before a measure begins, so that the initial state is forgotten.
        lags: K, the furthest step back that reach and autocorrelation look.
        track: steps of the sequences that autocorrelation and saturation are taken from.
        points: states at which the Jacobian's eigenvalues are found; fewer if the state is large.
        exponents: how many Lyapunov exponents.
        exponent_steps: steps that they are averaged over.
        rows: sequences for the memory capacity: three fifths fit, a fifth chooses the penalty, a
            fifth scores.
        row_steps: steps that are used of each.
        delays: the largest delay of the linear capacity.
        pair_delays: the largest delay of the quadratic capacity.
        noise: the size of a disturbance, relative to what it disturbs.
        draws: how often weights are disturbed.
        timed: how many single steps are timed.
        hidden_sizes: at which parameters are counted.
    """

    seed: int = 0
    sequences: int = 16
    warm_up: int = 200
    lags: int = 256
    track: int = 1024
    points: int = 16
    exponents: int = 4
    exponent_steps: int = 1000
    rows: int = 60
    row_steps: int = 256
    delays: int = 512
    pair_delays: int = 32
    noise: float = 0.01
    draws: int = 4
    timed: int = 2000
    hidden_sizes: tuple[int, ...] = (16, 32, 64, 128, 256)
