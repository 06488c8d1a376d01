"""All entries get the same trials; beyond an edge they get further ones, within the limits."""

import math

import pytest

from recurbench.harness.config.sections import TuningConfig
from recurbench.harness.errors import UserError
from recurbench.harness.tuning.trials import further_settings, settings


def grid(**options) -> TuningConfig:
    return TuningConfig(name="grid", **options)


def drawn(trials=9, seed=0, **options) -> TuningConfig:
    return TuningConfig(name="random", trials=trials, seed=seed, **options)


def sides(*edges: str) -> frozenset:
    return frozenset(tuple(edge.split()) for edge in edges)


def test_a_grid_is_all_combinations():
    found = settings(grid(lr=[0.1, 0.2], schedule=["constant", "cosine"], weight_decay=[0]))
    assert found == [
        {"lr": lr, "weight_decay": 0.0, "schedule": schedule}
        for lr in (0.1, 0.2)
        for schedule in ("constant", "cosine")
    ]


def test_random_trials_come_from_their_seed_and_lie_in_their_ranges():
    options = {"lr": [0.1, 0.001], "warmup_steps": [0, 50], "schedule": ["constant", "cosine"]}
    found = settings(drawn(20, **options))
    assert found == settings(drawn(20, **options))
    assert found != settings(drawn(20, seed=1, **options))
    assert found[:7] == settings(drawn(7, **options))
    assert len(found) == 20
    assert all(0.001 <= setting["lr"] <= 0.1 for setting in found)
    assert {type(setting["warmup_steps"]) for setting in found} == {int}
    assert {setting["schedule"] for setting in found} == {"constant", "cosine"}


def test_a_range_above_zero_is_drawn_from_on_a_logarithmic_scale():
    rates = sorted(setting["lr"] for setting in settings(drawn(201, lr=[1e-5, 1e-1])))
    assert abs(math.log10(rates[100]) + 3) < 0.4


def test_a_further_option_moves_no_other():
    alone, both = (
        settings(drawn(lr=[1e-4, 1e-2])),
        settings(drawn(lr=[1e-4, 1e-2], momentum=[0, 1e-1])),
    )
    assert [s["lr"] for s in alone] == [s["lr"] for s in both]


def test_the_same_draw_twice_is_one_trial():
    assert len(settings(drawn(20, schedule=["constant", "cosine"]))) == 2


@pytest.mark.parametrize(
    ("edges", "rates"),
    [
        (["lr low"], [0.0005]),
        (["lr high"], [0.008]),
        (["lr low", "lr high"], [0.0005, 0.008]),
        ([], []),
    ],
)
def test_a_grid_is_widened_by_the_factor_at_its_edge(edges, rates):
    found = further_settings(grid(lr=[0.002, 0.001, 0.004]), sides(*edges))
    assert [setting["lr"] for setting in found] == rates


def test_a_grid_of_several_options_gets_all_combinations_with_the_further_value():
    tuning = grid(lr=[0.001, 0.002], weight_decay=[0, 0.1])
    found = further_settings(tuning, sides("lr low", "weight_decay high"))
    assert len(found) == 3 * 3 - 4
    assert all(s["lr"] == 0.0005 or s["weight_decay"] == 0.2 for s in found)


@pytest.mark.parametrize(
    ("options", "edge"),
    [
        ({"weight_decay": [0, 0.1]}, "weight_decay low"),
        ({"momentum": [0.5, 0.9]}, "momentum high"),
        ({"schedule": ["constant", "cosine"]}, "lr low"),
        ({"lr": [0.1]}, "weight_decay low"),
    ],
)
def test_nothing_is_widened_beyond_what_an_option_takes(options, edge):
    assert further_settings(grid(**options), sides(edge)) == []


@pytest.mark.parametrize(("side", "low", "high"), [("low", 1e-4, 1e-3), ("high", 1e-1, 1e0)])
def test_a_range_gets_half_of_its_length_and_half_as_many_trials_more(side, low, high):
    tuning = drawn(9, lr=[1e-3, 1e-1], momentum=[0.1, 0.9])
    found = further_settings(tuning, sides(f"lr {side}"))
    assert len(found) == 5
    assert all(low <= setting["lr"] <= high for setting in found)
    assert all(0.1 <= setting["momentum"] <= 0.9 for setting in found)
    assert found == further_settings(tuning, sides(f"lr {side}"))


@pytest.mark.parametrize(
    ("tuning", "words"),
    [
        (grid(), "tuning=grid: nothing is tuned; give tuning.lr="),
        (grid(lr=[]), r"tuning.lr=\[\]: give different values"),
        (grid(lr=[0.1, 0.1]), "give different values"),
        (grid(lr=[0.1, 0]), "tuning.lr must be above 0, not 0"),
        (grid(lr=["x"]), "tuning.lr must be above 0, not x"),
        (grid(schedule=["cosin"]), "tuning.schedule must be one of .* did you mean cosine"),
        (grid(warmup_steps=[1.5]), "tuning.warmup_steps must be whole numbers, not 1.5"),
        (drawn(lr=[0.1, 0.2, 0.3]), r"give the least and the largest, as \[1,10\]"),
        (drawn(lr=[0.1]), "give the least and the largest"),
    ],
)
def test_what_cannot_be_tried_is_refused(tuning, words):
    with pytest.raises(UserError, match=words):
        settings(tuning)
