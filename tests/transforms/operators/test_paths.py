"""Leading values, and barriers on paths that the eye can follow, then by definition on random ones."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest

from tests.transforms.operators.walks import BARRIER, DECISION, ENTRY, NULL, Floats, random_paths, run, same

PROFIT, STOP, TIME = 1.0, -1.0, 0.0


def test_leading_ends_where_the_symbol_does() -> None:
    (got,) = run(("leading",), [[1, 2, 3, 4, 5]], 2, starts=[0, 3, 5])
    same(got, [3, NULL, NULL, NULL, NULL])


def barrier(
    *bars: tuple[float, ...],
    volatility: float = 0.01,
    limit: int = 3,
    profit: float = 5,
    stop: float = 5,
    delay: int = 1,
) -> tuple[float, float, float]:
    """Return what the first bar's position comes to: which barrier, return, bar."""
    columns = [list(column) for column in zip(*bars, strict=True)]
    at = list(range(len(bars)))
    out = run(BARRIER, [*columns, [volatility] * len(bars), at], limit, profit, stop, delay)
    return (float(out[0][0]), float(out[1][0]), float(out[2][0]))


@pytest.mark.parametrize(
    ("later", "want"),
    [
        pytest.param([(102, 105, 101, 104)], (PROFIT, 0.05, 2), id="high reaches profit exactly"),
        pytest.param([(98, 99, 95, 97)], (STOP, -0.05, 2), id="low reaches stop exactly"),
        pytest.param([(100, 105, 95, 100)], (STOP, -0.05, 2), id="one bar reaches both"),
        pytest.param([(108, 110, 90, 100)], (PROFIT, 0.08, 2), id="opens above profit, whatever follows"),
        pytest.param([(91, 120, 90, 100)], (STOP, -0.09, 2), id="opens below stop, whatever follows"),
        pytest.param([ENTRY, (101, 106, 101, 105)], (PROFIT, 0.05, 3), id="within the last bar"),
        pytest.param([ENTRY, ENTRY, (103, 110, 90, 99)], (TIME, 0.03, 4), id="time limit at the next open"),
        pytest.param([ENTRY, ENTRY, (120, 120, 90, 99)], (TIME, 0.20, 4), id="time limit wherever it opens"),
        pytest.param([ENTRY, ENTRY], (NULL, NULL, NULL), id="the exit is not there yet"),
        pytest.param([ENTRY], (NULL, NULL, NULL), id="the time is not over"),
        pytest.param([(100, NULL, 99, 100), (102, 106, 101, 104)], (NULL, NULL, NULL), id="a price is NULL"),
        pytest.param([(102, 106, 101, 104), (100, NULL, 99, 100)], (PROFIT, 0.05, 2), id="NULL afterwards"),
        pytest.param([ENTRY, ENTRY, (NULL, 110, 90, 99)], (NULL, NULL, NULL), id="the exit's price is NULL"),
    ],
)
def test_barriers_from_the_next_open(
    later: list[tuple[float, ...]], want: tuple[float, float, float]
) -> None:
    same(list(barrier(DECISION, ENTRY, *later)), list(want))


def test_the_bar_of_the_entry_can_touch_but_not_gap() -> None:
    same(list(barrier(DECISION, (100, 106, 99, 100))), [PROFIT, 0.05, 1])
    same(list(barrier(DECISION, (100, 106, 94, 100))), [STOP, -0.05, 1])


def test_barriers_from_this_close_can_gap_at_once_and_end_at_a_close() -> None:
    same(list(barrier(DECISION, (107, 108, 106, 107), delay=0)), [PROFIT, 0.07, 1])
    quiet = (100, 102, 98, 101)
    same(list(barrier(DECISION, quiet, quiet, (100, 102, 98, 97), delay=0)), [TIME, -0.03, 3])
    same(list(barrier(DECISION, quiet, quiet, delay=0)), [NULL] * 3)


def test_a_barrier_of_zero_is_none() -> None:
    far = (100, 300, 10, 100)
    same(list(barrier(DECISION, far, profit=0)), [STOP, -0.05, 1])
    same(list(barrier(DECISION, far, stop=0)), [PROFIT, 0.05, 1])


def test_a_stop_below_zero_is_never_touched() -> None:
    quiet = (100, 101, 0.001, 100)
    assert barrier(DECISION, quiet, quiet, quiet, quiet, volatility=0.3)[0] == TIME


@pytest.mark.parametrize("volatility", [0.0, NULL])
def test_without_volatility_there_are_no_barriers(volatility: float) -> None:
    same(list(barrier(DECISION, (100, 300, 10, 100), volatility=volatility)), [NULL] * 3)


def test_prices_on_a_tick_grid_touch_whatever_adjustment_does_to_their_last_bits() -> None:
    for factor in np.random.default_rng(0).uniform(0.1, 10, 200):
        bars = [tuple(price * factor for price in row) for row in (DECISION, (100, 105, 99.5, 100))]
        assert barrier(*bars)[0] == PROFIT
        bars = [tuple(price * factor for price in row) for row in (DECISION, (100, 100.5, 95, 100))]
        assert barrier(*bars)[0] == STOP


def slow_barrier(
    prices: list[list[float]], t: int, volatility: float, limit: int, profit: float, stop: float, delay: int
) -> tuple[float, float, int] | None:
    """One position of one symbol by the definition: candidates for every barrier, the earliest wins."""
    open_, high, low, close = prices
    if not volatility > 0 or t + delay >= len(close):
        return None
    entry = open_[t + 1] if delay else close[t]
    if math.isnan(entry):
        return None
    upper = entry * (1 + profit * volatility) if profit else math.inf
    lower = entry * (1 - stop * volatility) if stop else -math.inf
    path = range(t + 1, min(t + 1 + limit, len(close)))
    # (bar, place within the bar: the open before the rest, the stop before the profit, which, price)
    events: list[tuple[int, int, float, float]] = []
    for j in path:
        if any(math.isnan(series[j]) for series in (open_, high, low)):
            events.append((j, -1, NULL, NULL))
            continue
        is_entry_bar = delay == 1 and j == t + 1
        if not is_entry_bar and open_[j] >= upper:
            events.append((j, 0, PROFIT, open_[j]))
        if not is_entry_bar and open_[j] <= lower:
            events.append((j, 0, STOP, open_[j]))
        if low[j] <= lower:
            events.append((j, 1, STOP, lower))
        if high[j] >= upper:
            events.append((j, 2, PROFIT, upper))
    leave = t + limit + delay
    if leave < len(close):
        events.append((leave, -2 if delay else 3, TIME, open_[leave] if delay else close[leave]))
    if not events:
        return None
    bar, _, which, price = min(events, key=lambda event: event[:2])
    return None if math.isnan(price) else (which, price / entry - 1, bar)


@pytest.mark.parametrize("delay", [0, 1])
@pytest.mark.parametrize("nulls", [0.0, 0.02])
def test_barriers_equal_the_definition_on_random_paths(delay: int, nulls: float) -> None:
    found: list[Floats] = []
    for seed in range(300):
        random = np.random.default_rng(1000 + seed)
        prices, starts = random_paths(seed, 60, nulls=nulls)
        volatility = np.where(random.random(60) < 0.9, random.uniform(0.005, 0.04, 60), NULL)
        limit = int(random.integers(1, 15))
        profit, stop = random.choice([0.0, 1.0, 2.5]), random.choice([0.5, 1.0, 2.0])
        series = [*prices, volatility, np.arange(60)]
        got = run(BARRIER, series, limit, profit, stop, delay, starts=starts)
        want: list[tuple[float, float, float]] = []
        for begin, end in pairwise(starts):
            own = [values[begin:end].tolist() for values in prices]
            for t in range(end - begin):
                hit = slow_barrier(own, t, volatility[begin + t], limit, profit, stop, delay)
                want.append((hit[0], hit[1], begin + hit[2]) if hit else (NULL, NULL, NULL))
        same(np.array(got), np.array(want).T)
        found.append(got[0])
    which = np.concatenate(found)
    assert min(np.sum(which == one) for one in (PROFIT, STOP, TIME)) > 500
    assert np.isnan(which).sum() > 500


def close_only_event(close: list[float], t: int, width: float, limit: int) -> tuple[int, float]:
    """The method as published (López de Prado 2018, snippets 3.2 and 3.5): closes alone, and strictly beyond."""
    path = [close[j] / close[t] - 1 for j in range(t, t + limit + 1)]
    stop = next((j for j, value in enumerate(path) if value < -width), limit)
    profit = next((j for j, value in enumerate(path) if value > width), limit)
    first = min(stop, profit, limit)
    return t + first, path[first]


def test_on_bars_of_one_price_barriers_are_those_of_the_book() -> None:
    for seed in range(100):
        random = np.random.default_rng(seed)
        close = 50 * np.exp(np.cumsum(random.normal(0, 0.02, 80)))
        volatility = random.uniform(0.01, 0.03, 80)
        series = [close, close, close, close, volatility, np.arange(80)]
        _, earned, ends = run(BARRIER, series, 12, 1.5, 1.5, 0)
        for t in range(80 - 12):
            end, value = close_only_event(close.tolist(), t, 1.5 * volatility[t], 12)
            assert (ends[t], earned[t]) == (end, pytest.approx(value, rel=1e-12)), (seed, t)
