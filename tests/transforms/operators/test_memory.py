"""How far back operators say they look, which decides how much of a history is read."""

from __future__ import annotations

import math

import numpy as np
import pytest

from transforms.operators.calls import parse_call
from transforms.operators.catalogue import Array, Operator, Parameter, Rows, Segments, operators
from transforms.operators.execute import plan

BARS = 90
WANTED = 5  # at the end of each symbol
SEEDS = range(12)
FORGETFUL = sorted(
    name
    for name, found in operators().items()
    if math.isfinite(found.memory(*(parameter.low for parameter in found.parameters)))
)


def some(parameter: Parameter, random: np.random.Generator) -> float:
    value = random.uniform(parameter.low, min(parameter.high, parameter.low + 40))
    return parameter.check("tested", parameter.kind(value))


def histories(found: Operator, random: np.random.Generator) -> list[list[Array]]:
    """Two symbols' series: moves of a few ticks, and now and then a NULL."""
    symbols = []
    for _ in range(2):
        series = [np.round(50 * np.exp(np.cumsum(random.normal(0, 0.02, BARS))), 1) for _ in found.series]
        for x in series:
            x[random.random(BARS) < 0.01] = np.nan
        symbols.append(series)
    return symbols


def last_values(found: Operator, symbols: list[list[Array]], numbers: list[float], before: int) -> list[int]:
    """The bits of the wanted values, computed from so many bars before them and no more."""
    kept = [[x[max(BARS - WANTED - before, 0) :] for x in series] for series in symbols]
    starts: Rows = np.cumsum([0, *(len(series[0]) for series in kept)])
    segments = Segments(starts, starts[1:] - WANTED)
    with np.errstate(all="ignore"):
        computed = found.compute(segments, *map(np.concatenate, zip(*kept, strict=True)), *numbers)
    values = computed if found.output is None else computed[found.output]
    wanted = np.concatenate([values[end - WANTED : end] for end in starts[1:]])
    return np.where(np.isnan(wanted), np.nan, wanted).view(np.int64).tolist()


@pytest.mark.parametrize("name", FORGETFUL)
def test_the_bars_an_operator_remembers_are_enough_and_one_fewer_is_not(name: str) -> None:
    found, differ = operators()[name], 0
    for seed in SEEDS:
        random = np.random.default_rng(seed)
        numbers = [some(parameter, random) for parameter in found.parameters]
        symbols = histories(found, random)
        memory = int(found.memory(*numbers))
        whole = last_values(found, symbols, numbers, BARS)
        assert last_values(found, symbols, numbers, memory) == whole, numbers
        if memory:
            differ += last_values(found, symbols, numbers, memory - 1) != whole
    assert differ or not memory, "fewer bars would do"


def test_what_rests_on_its_whole_history_says_so() -> None:
    unforgetting = operators().keys() - set(FORGETFUL)
    assert {"ema", "wilder", "rsi", "macd", "atr", "adx", "on_balance_volume", "latched"} <= unforgetting
    assert {"rolling_mean", "lagged", "growth", "crossed_above", "leading", "true_range"} <= set(FORGETFUL)


def planned(*calls: str) -> tuple[int, tuple[str, ...], tuple[str, ...]]:
    """How far back a model of these calls looks, and what is read of its last bars and of all bars."""
    columns = ", ".join(f'"{call}"' for call in calls)
    found = plan(f"select {columns} from operators_over(s.t)", lambda _: ["symbol", "bar_at", "x", "y", "z"])
    assert found is not None
    return found.memory, found.recent.expressions, found.history.expressions


def test_memories_of_calls_within_calls_add_up() -> None:
    assert planned("lagged(x, 3)") == (3, ("x",), ())
    assert planned("rolling_mean(growth(x, 2), 5)", "lagged(y, 4)") == (6, ("x", "y"), ())
    assert planned("above(x, y)") == (0, ("x", "y"), ())


def test_only_what_goes_into_an_endless_memory_is_read_whole() -> None:
    assert planned("ema(x, 5)", "lagged(x, 9)", "lagged(y, 1)") == (9, ("x", "y"), ("x",))
    assert planned("ema(rolling_mean(x, 9), 5)") == (0, (), ("x",))
    assert planned("rolling_mean(difference(ema(x, 5), y), 4)") == (3, ("y",), ("x",))


def test_work_is_done_as_far_back_as_anyone_needs_it() -> None:
    from transforms.operators.calls import depths

    mean = parse_call("rolling_mean(x, 5)")
    calls = [mean, parse_call("lagged(rolling_mean(x, 5), 3)"), parse_call("change(rolling_mean(x, 5), 7)")]
    assert depths(calls)[mean.work] == 7
    assert depths([*calls, parse_call("ema(rolling_mean(x, 5), 2)")])[mean.work] == math.inf
