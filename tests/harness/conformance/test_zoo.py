"""Every built-in cell, with every interesting knob, keeps what every cell promises."""

import pytest

from recurbench.harness.conformance import PROPERTIES, examine
from recurbench.harness.plugins.registry import registry

VARIANTS = {
    "gru": [
        {"reset_after": False},
        {"bias": False},
        {"reset_after": False, "bias": False, "init": "keras"},
    ],
    "lstm": [
        {"peepholes": True},
        {"coupled": True},
        {"forget": False},
        {"coupled": True, "peepholes": True},
        {"forget": False, "peepholes": True, "bias": False},
        {"bias": False, "init": "keras"},
    ],
    "rnn": [{"nonlinearity": "relu", "init": "identity"}, {"bias": False}],
    "attention_gru": [
        {"window": 4, "score": "dot", "heads": 2},
        {"window": 2, "reset_after": False, "bias": False},
        {"window": 3, "kernel": "reference"},
    ],
    "ligru": [{"normalise": False}],
    "indrnn": [{"nonlinearity": "tanh", "long_memory": False}],
    "lem": [{"dt": 0.5, "bias": False}],
    "mgu": [{"bias": False, "forget_bias": -1.0}],
    "gru_blended_reset": [{"bias": False}],
    "orthogonal_rnn": [{"parametrisation": "cayley", "init": "cayley"}],
    "min_gru": [{"candidate": "positive"}, {"kernel": "reference"}],
    "min_lstm": [{"candidate": "positive", "forget_bias": 2.0}],
    "lru": [{"r_min": 0.0, "r_max": 1.0}],
    "s5": [{"dt_min": 0.1, "dt_max": 1.0}],
    "slstm": [{"heads": 1, "forget": "exp"}],
    "mlstm": [{"heads": 1}, {"heads": 5}],
    "gated_delta_net": [{"heads": 1}, {"heads": 5}],
    "local_attention": [{"window": 3, "heads": 2, "bias": False}, {"kernel": "reference"}],
    "torch_gru": [{"bias": False}],
    "torch_lstm": [{"bias": False}],
    "torch_rnn": [{"nonlinearity": "relu", "bias": False}],
}
CASES = [
    pytest.param(plugin.cls, knobs, id="-".join([name, *(f"{k}={v}" for k, v in knobs.items())]))
    for name, plugin in registry().plugins["cell"].items()
    for knobs in [{}, *VARIANTS.get(name, [])]
]


def test_the_zoo_is_large_and_whole():
    assert not registry().broken
    assert len(registry().plugins["cell"]) >= 20


def test_every_variant_is_of_a_cell_that_there_is():
    assert set(VARIANTS) <= set(registry().plugins["cell"])


@pytest.mark.parametrize("name", PROPERTIES)
@pytest.mark.parametrize(("cls", "knobs"), CASES)
def test_conformance(cls, knobs, name):
    (finding,) = examine(cls, knobs, [name])
    assert finding.status != "fails", finding.report
    if finding.status == "does not apply":
        assert name == "fast_path"


@pytest.mark.parametrize(("cls", "knobs"), CASES)
def test_every_cell_says_what_the_list_shows(cls, knobs):
    assert 1950 < cls.year < 2100
    assert cls.family in {
        "control", "simple", "gated", "orthogonal", "linear", "memory", "attention",
    }  # fmt: skip
    assert cls.gates >= 0
