"""The equations of coupled oscillators, besides what every cell promises."""

import pytest
import torch
from recurbench_cornn import CoRNN, OscillatorState

from recurbench.cells.base import CellError
from recurbench.harness.conformance import CellTests


class TestCoRNN(CellTests):
    """What every cell promises, a test for each property."""

    cell = CoRNN


def test_the_cell_equals_the_written_out_loop() -> None:
    """The equations as printed, one matrix at a time."""
    cell = CoRNN(3, 5, dt=0.2, gamma=2.0, epsilon=0.5).double()
    W, R = cell.recurrent.weight.chunk(2, dim=1)
    V, b = cell.input.weight, cell.input.bias
    x = torch.randn(4, 6, 3, dtype=torch.float64)
    y, z = state = OscillatorState(*torch.randn(2, 4, 5, dtype=torch.float64))
    outputs = []
    for x_t in x.unbind(1):
        force = torch.tanh(y @ W.T + z @ R.T + x_t @ V.T + b) - 2.0 * y - 0.5 * z
        z = z + 0.2 * force
        y = y + 0.2 * z
        outputs.append(y)
    expected = torch.stack(outputs, dim=1), OscillatorState(y, z)
    torch.testing.assert_close(cell(x, state), expected, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("knob", ["dt", "gamma", "epsilon"])
def test_a_knob_that_is_not_positive_is_refused(knob: str) -> None:
    """Such an oscillator would stand still or blow up."""
    with pytest.raises(CellError, match=f"{knob} must be above 0, not 0.0"):
        CoRNN(3, 5, **{knob: 0.0})
