"""Windows after an entry: ones that the eye can follow, then by definition on random ones with gaps."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest

from tests.transforms.operators.walks import DECISION, ENTRY, MINUTE, NULL, TOUCH, random_paths, run, same


def touch(
    *bars: tuple[float, ...],
    at: list[float] | None = None,
    length: int = 3,
    bar_minutes: int = 0,
    rise: float = 0.05,
    delay: int = 1,
) -> dict[str, float]:
    """Return what the window after the first bar comes to, by name."""
    columns = [list(column) for column in zip(*bars, strict=True)]
    moments = [minute * MINUTE for minute in at] if at else list(range(len(bars)))
    out = run(TOUCH, [*columns, moments], length, bar_minutes, rise, delay)
    return {name.removeprefix("touch_"): float(values[0]) for name, values in zip(TOUCH, out, strict=True)}


def test_a_window_is_summed_up_from_its_entry() -> None:
    got = touch(DECISION, ENTRY, (102, 104, 98, 103), (103, 104, 97, 101), (200, 200, 200, 200))
    assert got == pytest.approx(
        {
            "reached": 0.0,
            "max_gain": 0.04,
            "min_loss": -0.03,
            "time_to_max": 2.0,
            "coverage": 1.0,
            "return": 0.01,
            "end": 3.0,
        }
    )


def test_a_rise_is_taken_at_its_price_or_at_the_open_above_it() -> None:
    quiet = ENTRY
    assert touch(DECISION, quiet, (101, 109, 90, 91), quiet)["return"] == 0.05
    assert touch(DECISION, quiet, (107, 109, 90, 91), quiet)["return"] == pytest.approx(0.07)
    assert touch(DECISION, quiet, (101, 105, 90, 91), quiet)["reached"] == 1.0, "exactly as far"
    assert touch(DECISION, quiet, (101, 104.9, 90, 91), quiet)["reached"] == 0.0


def test_a_rise_on_a_tick_grid_counts_whatever_adjustment_does_to_its_last_bits() -> None:
    for factor in np.random.default_rng(0).uniform(0.1, 10, 200):
        bars = [tuple(price * factor for price in row) for row in (DECISION, (100, 115, 99.5, 100))]
        assert touch(*bars, length=1, rise=0.15)["reached"] == 1.0


def test_a_window_from_this_close_may_gap_on_its_first_bar() -> None:
    got = touch(DECISION, (110, 111, 99, 100), ENTRY, ENTRY, delay=0)
    assert got["reached"] == 1.0
    assert got["return"] == pytest.approx(0.1)


def test_nothing_is_known_until_the_window_is_over_though_the_price_has_risen() -> None:
    assert all(math.isnan(value) for value in touch(DECISION, ENTRY, (101, 150, 90, 91)).values())


def test_a_null_price_is_a_missing_bar() -> None:
    got = touch(DECISION, ENTRY, (101, 150, NULL, 91), (101, 102, 98, 101))
    same([got["reached"], got["coverage"], got["end"]], [0.0, 2 / 3, 3.0])
    nothing = (NULL, 150, 90, 91)
    got = touch(DECISION, nothing, nothing, nothing, delay=0)
    assert got["coverage"] == 0.0
    assert all(math.isnan(value) for name, value in got.items() if name != "coverage")


def test_minutes_go_by_the_clock_and_not_by_bars() -> None:
    rise = (100, 106, 99, 100)
    # Entered at minute 1: the window of 3 minutes holds the bars of minutes 1 and 3.
    got = touch(DECISION, ENTRY, (100, 103, 98, 102), rise, at=[0, 1, 3, 4], bar_minutes=1)
    same([got["reached"], got["coverage"], got["end"]], [0.0, 2 / 3, 3 * MINUTE])
    assert got["time_to_max"] == 3.0, "the bar of minute 3 ends 3 minutes after the entry"
    # Entered at minute 0's close, which is minute 1 as well.
    got = touch(DECISION, ENTRY, (100, 103, 98, 102), rise, at=[0, 1, 3, 4], bar_minutes=1, delay=0)
    same([got["reached"], got["coverage"], got["end"]], [0.0, 2 / 3, 3 * MINUTE])


def test_minutes_are_over_once_a_later_bar_or_the_last_of_them_is_there() -> None:
    quiet = ENTRY
    assert math.isnan(touch(DECISION, quiet, quiet, at=[0, 1, 2], bar_minutes=1)["coverage"])
    assert touch(DECISION, quiet, quiet, quiet, at=[0, 1, 2, 3], bar_minutes=1)["coverage"] == 1.0
    assert touch(DECISION, quiet, quiet, quiet, at=[0, 1, 2, 900], bar_minutes=1)[
        "coverage"
    ] == pytest.approx(2 / 3)


def test_a_window_without_bars_has_a_coverage_of_zero_and_no_label() -> None:
    got = touch(DECISION, ENTRY, at=[0, 900], bar_minutes=1, delay=0)
    assert got["coverage"] == 0.0
    assert math.isnan(got["reached"])
    assert math.isnan(got["end"])


def slow_touch(
    prices: list[list[float]],
    at: list[float],
    t: int,
    length: int,
    bar_minutes: int,
    rise: float,
    delay: int,
) -> list[float]:
    """One window of one symbol by the definition, in whole lists; moments are minutes."""
    open_, high, low, close = prices
    later = list(range(t + 1, len(close)))
    if not later:
        return [NULL] * 7
    entry = open_[t + 1] if delay else close[t]
    if math.isnan(entry):
        return [NULL] * 7
    if bar_minutes:
        begins = at[t + 1] if delay else at[t] + bar_minutes
        window = [j for j in later if at[j] < begins + length * bar_minutes]
        is_over = len(window) < len(later) or len(window) == length
    else:
        begins = 0.0
        window = later[:length]
        is_over = len(window) == length
    if not is_over:
        return [NULL] * 7
    there = [j for j in window if not any(math.isnan(series[j]) for series in prices)]
    if not there:
        return [NULL, NULL, NULL, NULL, 0.0, NULL, NULL]
    top = max(there, key=lambda j: (high[j], -j))
    touched = [j for j in there if high[j] >= entry * (1 + rise)]
    earned = close[there[-1]] / entry - 1
    if touched:
        price = open_[touched[0]]
        is_gap = price >= entry * (1 + rise) and not (delay and touched[0] == t + 1)
        earned = price / entry - 1 if is_gap else rise
    return [
        float(bool(touched)),
        high[top] / entry - 1,
        min(low[j] for j in there) / entry - 1,
        at[top] - begins + bar_minutes if bar_minutes else top - t,
        len(there) / length,
        earned,
        at[there[-1]],
    ]


@pytest.mark.parametrize("bar_minutes", [0, 5])
@pytest.mark.parametrize("delay", [0, 1])
def test_windows_equal_the_definition_on_random_paths_with_gaps(bar_minutes: int, delay: int) -> None:
    over = reached = gappy = 0
    for seed in range(300):
        random = np.random.default_rng(2000 + seed)
        prices, starts = random_paths(seed, 60, nulls=0.01 if seed % 2 else 0.0)
        step = bar_minutes or 1
        at = np.cumsum(step * np.where(random.random(60) < 0.8, 1, random.integers(2, 30, 60))).astype(float)
        length, rise = int(random.integers(1, 15)), float(random.choice([0.005, 0.02, 0.05]))
        got = run(TOUCH, [*prices, at * MINUTE], length, bar_minutes, rise, delay, starts=starts)
        got[6] = got[6] / MINUTE
        want = []
        for begin, end in pairwise(starts):
            own = [series[begin:end].tolist() for series in prices]
            own_at = at[begin:end].tolist()
            want += [slow_touch(own, own_at, t, length, bar_minutes, rise, delay) for t in range(end - begin)]
        expected = np.array(want).T
        same(np.array(got), expected)
        over += int(np.sum(~np.isnan(expected[4])))
        reached += int(np.sum(expected[0] == 1.0))
        gappy += int(np.sum((expected[4] > 0) & (expected[4] < 1)))
    assert over > 5000
    assert reached > 1000
    assert gappy > 100
