"""Smoothing, directional movement and oscillators against TA-Lib, and where they differ from it on purpose."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest
import talib
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.transforms.operators.windows import segments
from transforms.errors import QuantmillError
from transforms.operators.catalogue import Array, operators

RECURSIVE = ("ema", "wilder", "rsi", "macd", "macd_signal", "macd_hist")


@dataclass(frozen=True)
class Bars:
    """One symbol's prices and volumes."""

    open: Array
    high: Array
    low: Array
    close: Array
    volume: Array

    @property
    def typical(self) -> Array:
        return (self.high + self.low + self.close) / 3

    @property
    def prices(self) -> tuple[Array, Array, Array]:
        return self.high, self.low, self.close


def bars_from(moves: Array, seed: int) -> Bars:
    """Bars whose closes make these log moves; ranges and volumes from ``seed``."""
    random = np.random.default_rng(seed)
    close = 50 * np.exp(np.cumsum(moves))
    opening = close * np.exp(random.normal(0, 0.01, len(moves)))
    high = np.maximum(opening, close) * np.exp(np.abs(random.normal(0, 0.01, len(moves))))
    low = np.minimum(opening, close) * np.exp(-np.abs(random.normal(0, 0.01, len(moves))))
    volume = 1.0 + random.integers(0, 100_000, len(moves))
    return Bars(opening, high, low, close, volume)


def random_bars(seed: int, count: int = 400) -> Bars:
    return bars_from(np.random.default_rng(seed).normal(0, 0.02, count), seed)


def run(name: str, *arguments: Array | int) -> Array:
    """Compute an operator over one symbol."""
    series = [a for a in arguments if isinstance(a, np.ndarray)]
    parameters = [a for a in arguments if isinstance(a, int)]
    operator = operators()[name]
    result = operator.compute(segments(len(series[0])), *series, *parameters)
    values: Array = result if operator.output is None else result[operator.output]
    return values


def aroon(name: str, x: Array, n: int) -> Array:
    return 100 * (n - run(name, x, n + 1)) / n


# Name → ours and TA-Lib's, over bars and a window.
PAIRS: dict[str, tuple[Callable[[Bars, int], Array], Callable[[Bars, int], Array]]] = {
    "ema": (lambda b, n: run("ema", b.close, n), lambda b, n: talib.EMA(b.close, n)),
    "rsi": (lambda b, n: run("rsi", b.close, n), lambda b, n: talib.RSI(b.close, n)),
    "atr": (lambda b, n: run("atr", *b.prices, n), lambda b, n: talib.ATR(*b.prices, n)),
    "true_range": (lambda b, _: run("true_range", *b.prices), lambda b, _: talib.TRANGE(*b.prices)),
    "adx": (lambda b, n: run("adx", *b.prices, n), lambda b, n: talib.ADX(*b.prices, n)),
    "plus_di": (lambda b, n: run("plus_di", *b.prices, n), lambda b, n: talib.PLUS_DI(*b.prices, n)),
    "minus_di": (lambda b, n: run("minus_di", *b.prices, n), lambda b, n: talib.MINUS_DI(*b.prices, n)),
    "stochastic": (
        lambda b, n: run("fast_stochastic", *b.prices, n),
        lambda b, n: talib.STOCHF(*b.prices, n, 1)[0],
    ),
    "money_flow_index": (
        lambda b, n: run("money_flow_index", b.typical, b.volume, n),
        lambda b, n: talib.MFI(*b.prices, b.volume, n),
    ),
    "on_balance_volume": (
        lambda b, _: run("on_balance_volume", b.close, b.volume),
        lambda b, _: talib.OBV(b.close, b.volume),
    ),
    "aroon_up": (
        lambda b, n: aroon("bars_since_max", b.high, n),
        lambda b, n: talib.AROON(b.high, b.low, n)[1],
    ),
    "aroon_down": (
        lambda b, n: aroon("bars_since_min", b.low, n),
        lambda b, n: talib.AROON(b.high, b.low, n)[0],
    ),
    "macd_signal": (
        lambda b, n: run("macd_signal", b.close, n, 2 * n, 9),
        lambda b, n: talib.MACD(b.close, n, 2 * n, 9)[1],
    ),
    "macd_hist": (
        lambda b, n: run("macd_hist", b.close, n, 2 * n, 9),
        lambda b, n: talib.MACD(b.close, n, 2 * n, 9)[2],
    ),
}


@pytest.mark.parametrize("name", PAIRS)
@pytest.mark.parametrize("n", [2, 9, 14, 26])
def test_equal_to_talib_on_random_walks_from_the_same_bar_on(name: str, n: int) -> None:
    ours, theirs = PAIRS[name]
    for seed in range(3):
        bars = random_bars(seed)
        # TA-Lib's running sums leave 1e-12 of an index where nothing is.
        np.testing.assert_allclose(ours(bars, n), theirs(bars, n), rtol=1e-9, atol=1e-10)


@settings(max_examples=60, deadline=None)
@given(
    name=st.sampled_from(sorted(PAIRS)),
    moves=st.lists(st.floats(-0.9, 0.9).map(lambda move: round(move, 3)), min_size=1, max_size=80),
    n=st.integers(2, 20),
)
def test_equal_to_talib_on_any_history_that_moves(name: str, moves: list[float], n: int) -> None:
    """Moves of more than 50 % and histories shorter than the window included."""
    assume(all(abs(move) > 1e-6 for move in moves))
    ours, theirs = PAIRS[name]
    bars = bars_from(np.array(moves), 7)
    np.testing.assert_allclose(ours(bars, n), theirs(bars, n), rtol=1e-9, atol=1e-9)


def test_macd_line_is_known_from_the_slow_means_first_bar() -> None:
    close = random_bars(1).close
    line, theirs = run("macd", close, 12, 26, 9), talib.MACD(close, 12, 26, 9)[0]
    assert np.flatnonzero(~np.isnan(line))[0] == 25
    np.testing.assert_allclose(line[33:], theirs[33:], rtol=1e-9)


def test_macd_with_the_slow_mean_faster_is_refused() -> None:
    with pytest.raises(QuantmillError, match=r"fast must be below slow \(12\), was 26"):
        run("macd", random_bars(1).close, 26, 12, 9)


def test_wilders_smoothing_is_the_plain_mean_at_first_and_then_moves_by_one_nth() -> None:
    np.testing.assert_allclose(
        run("wilder", np.array([1.0, 2.0, 6.0, 7.0, 3.0]), 3), [np.nan, np.nan, 3, 13 / 3, 35 / 9]
    )


# ---------------------------------------------------------------- NULLs


@pytest.mark.parametrize("name", RECURSIVE)
def test_a_null_ends_a_history_and_another_begins_after_it(name: str) -> None:
    close = random_bars(2, 60).close
    parameters = (3, 6, 4) if name.startswith("macd") else (5,)
    holed = np.concatenate([[np.nan, np.nan], close, [np.nan], close])
    alone = run(name, close, *parameters)
    np.testing.assert_array_equal(run(name, holed, *parameters), [np.nan, np.nan, *alone, np.nan, *alone])


@pytest.mark.parametrize("name", ["adx", "plus_di", "minus_di"])
@pytest.mark.parametrize("column", [0, 1, 2])
def test_directional_movement_begins_anew_after_a_bar_without_a_price(name: str, column: int) -> None:
    bars = random_bars(3, 80)
    prices = [series.copy() for series in bars.prices]
    prices[column][40] = np.nan
    got = run(name, *prices, 4)
    np.testing.assert_array_equal(got[:40], run(name, *bars.prices, 4)[:40])
    assert np.isnan(got[41]), "it compares with bar 40"
    np.testing.assert_array_equal(got[41:], run(name, *(series[41:] for series in bars.prices), 4))


def test_true_range_needs_its_bar_and_the_close_before_and_atr_begins_anew_after_a_null() -> None:
    high, low, close = (series.copy() for series in random_bars(3, 80).prices)
    high[20] = close[50] = np.nan
    ranges = run("true_range", high, low, close)
    assert np.flatnonzero(np.isnan(ranges)).tolist() == [0, 20, 51]
    np.testing.assert_array_equal(run("atr", high, low, close, 4), run("wilder", ranges, 4))


def test_obv_and_money_flow_bear_nulls() -> None:
    price, volume = np.array([1.0, 2.0, 3.0, 2.0, 4.0]), np.array([1.0, 2.0, np.nan, 8.0, 16.0])
    np.testing.assert_array_equal(run("on_balance_volume", price, volume), [1, 3, np.nan, 3, 19])
    np.testing.assert_allclose(
        run("money_flow_index", price, volume, 2), [np.nan, np.nan, np.nan, np.nan, 100 * 64 / 80]
    )


# ---------------------------------------------------------------- where nothing moved or traded


def flat_bars(count: int = 40) -> Bars:
    flat = np.full(count, 20.1)
    return Bars(flat, flat, flat, flat, np.full(count, 100.0))


@pytest.mark.parametrize("name", ["rsi", "adx", "plus_di", "minus_di", "stochastic", "money_flow_index"])
def test_constant_prices_have_no_oscillator_where_talib_says_0(name: str) -> None:
    ours, theirs = PAIRS[name]
    assert np.isnan(ours(flat_bars(), 5)).all()
    assert np.nanmax(np.abs(theirs(flat_bars(), 5))) == 0


@pytest.mark.parametrize("name", ["ema", "wilder"])
def test_means_of_constant_prices_are_the_price_exactly(name: str) -> None:
    np.testing.assert_array_equal(run(name, flat_bars().close, 7)[6:], np.full(34, 20.1))


def test_constant_prices_have_no_range_and_no_macd() -> None:
    bars = flat_bars()
    np.testing.assert_array_equal(run("atr", *bars.prices, 5)[5:], np.zeros(35))
    np.testing.assert_array_equal(run("macd_hist", bars.close, 3, 6, 4)[8:], np.zeros(32))


def test_oscillators_begin_with_the_first_move_after_a_standstill() -> None:
    bars = random_bars(4, 60)
    held = Bars(
        *(np.concatenate([np.full(30, 20.0), series]) for series in (bars.open, *bars.prices, bars.volume))
    )
    for name in ("rsi", "adx", "plus_di"):
        ours, theirs = PAIRS[name]
        got = ours(held, 5)
        assert np.isnan(got[:30]).all(), name
        np.testing.assert_allclose(got[30:], theirs(held, 5)[30:], rtol=1e-9, atol=1e-9, err_msg=name)


def test_no_volume_is_no_flow_and_has_no_illiquidity() -> None:
    bars = random_bars(5, 20)
    none = np.zeros(20)
    assert np.isnan(run("money_flow_index", bars.typical, none, 5)).all()
    np.testing.assert_array_equal(run("on_balance_volume", bars.close, none), none)
    assert np.isnan(run("illiquidity", bars.close, none)).all()


def test_illiquidity_is_the_log_return_per_million_and_never_spans_symbols() -> None:
    got = operators()["illiquidity"].compute(
        segments(2, 2), np.array([1.0, np.e, 7.0, 7.0]), np.array([1.0, 2e6, 3.0, 4.0])
    )
    np.testing.assert_allclose(got, [np.nan, 0.5, np.nan, 0])


# ---------------------------------------------------------------- the past alone


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), cut=st.integers(1, 60))
def test_later_bars_change_no_bit_of_earlier_ones(seed: int, cut: int) -> None:
    bars = random_bars(seed, 60)
    known = Bars(*(series[:cut] for series in (bars.open, *bars.prices, bars.volume)))
    for name, (ours, _) in PAIRS.items():
        np.testing.assert_array_equal(ours(known, 5), ours(bars, 5)[:cut], err_msg=name)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), exponent=st.integers(-12, 12))
def test_oscillators_do_not_depend_on_the_unit_of_price(seed: int, exponent: int) -> None:
    bars, scale = random_bars(seed, 60), 2.0**exponent
    scaled = Bars(*(scale * series for series in (bars.open, *bars.prices)), bars.volume)
    for name in ("rsi", "adx", "plus_di", "minus_di", "stochastic", "money_flow_index", "aroon_up"):
        ours, _ = PAIRS[name]
        np.testing.assert_allclose(ours(scaled, 5), ours(bars, 5), rtol=1e-12, err_msg=name)


def test_symbols_do_not_see_each_other() -> None:
    one, two = random_bars(8, 50), random_bars(9, 70)
    for name in ("ema", "rsi", "wilder"):
        both = operators()[name].compute(segments(50, 70), np.concatenate([one.close, two.close]), 5)
        np.testing.assert_array_equal(
            both, [*run(name, one.close, 5), *run(name, two.close, 5)], err_msg=name
        )
    both_prices = [np.concatenate(pair) for pair in zip(one.prices, two.prices, strict=True)]
    for output, name in enumerate(("plus_di", "minus_di", "adx")):
        both = operators()[name].compute(segments(50, 70), *both_prices, 5)[output]
        np.testing.assert_array_equal(
            both, [*run(name, *one.prices, 5), *run(name, *two.prices, 5)], err_msg=name
        )
