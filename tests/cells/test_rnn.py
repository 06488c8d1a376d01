"""What `nn.RNN` cannot check of the RNN: the nonlinearity's choices, the same for both cells."""

import pytest

from recurbench.cells.base import CellError
from recurbench.cells.rnn import RNN
from recurbench.cells.torch_layers import TorchRNN


@pytest.mark.parametrize("make_cell", [RNN, TorchRNN])
def test_an_unknown_nonlinearity_is_refused_with_the_choices(make_cell):
    with pytest.raises(CellError, match="nonlinearity must be one of tanh, relu, not sine"):
        make_cell(3, 5, nonlinearity="sine")
