"""The optimizer settings that every entry gets: all combinations of values, or random draws.

A setting is values of the optimizer's options by their names; all come from the section `tuning`,
so that they are the same for every cell, task and seed, and at every call.
"""

import math
import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import product
from typing import Any, get_type_hints

from recurbench.harness.config.sections import OptimizerConfig, TuningConfig, tuned_names
from recurbench.harness.errors import UserError
from recurbench.harness.results.selection import Edge
from recurbench.limits import complaint

Setting = dict[str, Any]
Sides = frozenset[tuple[str, Edge]]
"""Edges of options to be widened."""

HINTS = get_type_hints(OptimizerConfig, include_extras=True)


def tuned_options(tuning: TuningConfig) -> dict[str, list[Any]]:
    """The options that are tuned, with their values or ranges.

    Raises:
        UserError: there are none, or a value is none that the option takes.
    """
    found = {
        name: [_value(name, value) for value in getattr(tuning, name)]
        for name in tuned_names(tuning)
    }
    if not found:
        raise UserError(f"tuning={tuning.name}: nothing is tuned; give tuning.lr=[0.001,0.01]")
    for name, values in found.items():
        if len(set(values)) < len(values) or not values:
            raise UserError(f"tuning.{name}={values}: give different values")
        if tuning.name == "random" and _numeric(values) and len(values) != 2:
            raise UserError(f"tuning.{name}={values}: give the least and the largest, as [1,10]")
    return found


def settings(tuning: TuningConfig) -> list[Setting]:
    """The trials to begin with.

    Raises:
        UserError: as `tuned_options`.
    """
    options = tuned_options(tuning)
    if tuning.name == "grid":
        return _combinations(options)
    return _different(_drawn(options, tuning.trials, f"{tuning.seed}"))


def further_settings(tuning: TuningConfig, sides: Sides) -> list[Setting]:
    """The trials beyond edges: none where a limit of the option stands.

    A grid gets a further value as far from the edge as the edge is from its neighbour, by factor
    or, with values that are not above 0, by difference; and all combinations with it. A range gets
    half of its length more, and half as many further trials from there.
    """
    options = tuned_options(tuning)
    if tuning.name == "grid":
        wider = {
            name: [*values, *_beyond(name, sorted(values), sides)] if _numeric(values) else values
            for name, values in options.items()
        }
        known = _combinations(options)
        return [setting for setting in _combinations(wider) if setting not in known]
    found: list[Setting] = []
    for name, side in sorted(sides):
        low, high = sorted(options[name])
        for end in _beyond(name, [low, high], frozenset({(name, side)}), half=True):
            strip = [end, low] if side == "low" else [high, end]
            draws = math.ceil(tuning.trials / 2)
            found += _drawn(options | {name: strip}, draws, f"{tuning.seed} {name} {side}")
    return _different(found)


def _value(name: str, value: Any) -> Any:
    """A value in the option's own type.

    Raises:
        UserError: the option does not take it.
    """
    if reason := complaint(f"tuning.{name}", value, HINTS[name]):
        raise UserError(reason)
    if _whole(name) and not isinstance(value, int):
        raise UserError(f"tuning.{name} must be whole numbers, not {value}")
    return value if isinstance(value, str) or _whole(name) else float(value)


def _combinations(options: Mapping[str, Sequence[Any]]) -> list[Setting]:
    return [dict(zip(options, values, strict=True)) for values in product(*options.values())]


def _drawn(options: Mapping[str, Sequence[Any]], trials: int, seed: str) -> Iterator[Setting]:
    """Random settings; each option draws from a stream of its own, so that another moves none."""
    streams = {name: random.Random(f"{seed} {name}") for name in options}  # noqa: S311
    for _ in range(trials):
        yield {name: _draw(name, values, streams[name]) for name, values in options.items()}


def _different(found: Iterable[Setting]) -> list[Setting]:
    """Each setting once: few choices are drawn more often."""
    return list({repr(setting): setting for setting in found}.values())


def _draw(name: str, values: Sequence[Any], stream: random.Random) -> Any:
    if not _numeric(values):
        return stream.choice(list(values))
    low, high = sorted(values)
    part = stream.random()
    drawn = low * (high / low) ** part if low > 0 else low + (high - low) * part
    return round(drawn) if _whole(name) else float(f"{drawn:.4g}")


def _beyond(
    name: str, values: Sequence[Any], sides: Sides, half: bool = False
) -> Iterator[float | int]:
    """The next value beyond each edge of sorted ones, or half of the way to it."""
    for side in ("low", "high"):
        if (name, side) not in sides:
            continue
        edge, inner = (values[0], values[1]) if side == "low" else (values[-1], values[-2])
        part = 0.5 if half else 1.0
        by_difference = edge + (edge - inner) * part
        value = edge * (edge / inner) ** part if values[0] > 0 else by_difference
        value = round(value) if _whole(name) else float(f"{value:.4g}")
        if value not in values and complaint(name, value, HINTS[name]) is None:
            yield value


def _numeric(values: Sequence[Any]) -> bool:
    return all(isinstance(v, int | float) and not isinstance(v, bool) for v in values)


def _whole(name: str) -> bool:
    return get_type_hints(OptimizerConfig)[name] is int
