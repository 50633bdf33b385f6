"""Spreads against numpy and statsmodels, the session's z-score against its definition."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from statsmodels.tsa.stattools import adfuller

from transforms.operators.catalogue import Array, Segments, operators

NAN = float("nan")
NAMES = ("hedge_ratio", "spread_zscore", "spread_dickey_fuller")


def run(name: str, *arguments: Any, starts: tuple[int, ...] | None = None, wanted: int = 0) -> Array:
    found = operators()[name]
    series = [np.array(a, dtype=float) for a in arguments if not isinstance(a, int)]
    rows = np.array(starts or (0, len(series[0])))
    segments = Segments(rows, np.maximum(rows[:-1], wanted))
    result = found.compute(segments, *series, *(a for a in arguments if isinstance(a, int)))
    values: Array = result if found.output is None else result[found.output]
    return values


def pair(count: int, seed: int) -> tuple[Array, Array]:
    """Log prices that belong together, at the level of large prices."""
    random = np.random.default_rng(seed)
    x = 9 + np.cumsum(random.normal(0, 0.02, count))
    return 1 + 0.7 * x + random.normal(0, 0.01, count), x


@pytest.mark.parametrize("n", [4, 20, 60])
def test_a_spread_is_the_residual_of_the_line_over_its_window(n: int) -> None:
    y, x = pair(150, seed=1)
    got = {name: run(name, y, x, n) for name in NAMES}
    for t in range(len(y)):
        if t < n - 1:
            assert all(np.isnan(values[t]) for values in got.values())
            continue
        window = slice(t - n + 1, t + 1)
        slope, constant = np.polyfit(x[window], y[window], 1)
        residuals = y[window] - constant - slope * x[window]
        deviation = np.sqrt((residuals**2).sum() / (n - 2))
        assert got["hedge_ratio"][t] == pytest.approx(slope, rel=1e-9)
        assert got["spread_zscore"][t] == pytest.approx(residuals[-1] / deviation, rel=1e-6, abs=1e-9)
        oracle = adfuller(residuals, maxlag=0, regression="n", autolag=None, result_object=False)[0]
        assert got["spread_dickey_fuller"][t] == pytest.approx(oracle, rel=1e-6)


def test_what_belongs_together_has_the_lower_t() -> None:
    random = np.random.default_rng(5)
    y, x = pair(250, seed=3)
    apart = 9 + np.cumsum(random.normal(0, 0.02, 250))
    together = run("spread_dickey_fuller", y, x, 250)[-1]
    assert together < -10
    assert run("spread_dickey_fuller", apart, x, 250)[-1] > -3.3


def test_no_spread_where_one_stands_still_or_the_line_is_exact() -> None:
    x = np.arange(10.0)
    flat = [run(name, x, np.full(10, 3.0), 5)[-1] for name in NAMES]
    np.testing.assert_array_equal(flat, [NAN, NAN, NAN])
    exact = [run(name, 2 * x + 1, x, 5)[-1] for name in NAMES]
    np.testing.assert_array_equal(exact, [2, NAN, NAN])
    still = [run(name, np.full(10, 3.0), x, 5)[-1] for name in NAMES]
    np.testing.assert_array_equal(still, [0, NAN, NAN])


@pytest.mark.parametrize("name", NAMES)
def test_a_spread_depends_on_its_window_alone(name: str) -> None:
    y, x = pair(120, seed=7)
    whole = run(name, y, x, 20)
    np.testing.assert_array_equal(run(name, y[:90], x[:90], 20), whole[:90])
    np.testing.assert_array_equal(run(name, y[50:], x[50:], 20)[19:], whole[69:])
    late = run(name, y, x, 20, wanted=100)
    assert np.isnan(late[:100]).all()
    np.testing.assert_array_equal(late[100:], whole[100:])
    broken = y.copy()
    broken[60] = NAN
    gone = np.flatnonzero(np.isnan(run(name, broken, x, 20)[19:])) + 19
    assert gone.tolist() == list(range(60, 80))
    two = run(name, np.r_[y, y], np.r_[x, x], 20, starts=(0, 120, 240))
    np.testing.assert_array_equal(two, np.r_[whole, whole])


def test_the_session_zscore_is_the_distance_from_the_vwap_in_weighted_deviations() -> None:
    random = np.random.default_rng(2)
    session = np.repeat([1.0, 2.0, 3.0], 20)
    price = 1e5 + np.cumsum(random.normal(0, 1, 60))
    volume = np.round(random.uniform(0, 5, 60))  # some are 0
    close = price + random.normal(0, 1, 60)
    got = run("session_vwap_zscore", session, close, price, volume)
    for t in range(60):
        span = slice(t // 20 * 20, t + 1)
        p, v = price[span], volume[span]
        if len(np.unique(p[v > 0])) < 2:
            assert np.isnan(got[t])
            continue
        vwap = np.average(p, weights=v)
        deviation = np.sqrt(np.average((p - vwap) ** 2, weights=v))
        assert got[t] == pytest.approx((close[t] - vwap) / deviation, rel=1e-6)


def test_the_session_zscore_is_unknown_outside_sessions_and_while_nothing_moved() -> None:
    session = [NAN, 1, 1, 1, NAN, 1, 2]
    price = [5, 10, 10, 12, 50, NAN, 10]
    got = run("session_vwap_zscore", session, price, price, [1] * 7)
    np.testing.assert_array_equal(np.isnan(got), [True, True, True, False, True, True, True])
    assert got[3] == pytest.approx((12 - 32 / 3) / np.sqrt(8 / 9))
