from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tests.transforms.operators.windows import TICKS, segments, walk
from transforms.operators.seasonal import seasonal_decomposition


def test_a_line_with_a_season_is_taken_apart_exactly() -> None:
    season = np.array([3.0, -1.0, -4.0, 2.0])  # sums to 0: the trend does not see it
    x = 0.5 * np.arange(40) + np.tile(season, 10)
    trend, seasonal, residual = seasonal_decomposition(segments(40), x, 4)
    np.testing.assert_allclose(trend[3:], 0.5 * np.arange(3, 40) - 0.75)  # a trailing mean lags 1.5 bars
    np.testing.assert_allclose(seasonal[7:], np.tile(season, 10)[7:] + 0.75)
    np.testing.assert_allclose(residual[7:], 0, atol=1e-12)
    assert np.isnan(trend[:3]).all()
    assert np.isnan(seasonal[:7]).all(), "the season is known from a phase's second value on"


def test_the_season_is_what_was_known_before_the_bar() -> None:
    x = walk(1, 60)
    trend, seasonal, _ = seasonal_decomposition(segments(60), x, 5)
    detrended = x - trend
    for t in range(9, 60):
        earlier = [detrended[i] for i in range(t - 5, 3, -5)]
        np.testing.assert_allclose(seasonal[t], np.mean(earlier))


def test_a_null_is_left_out_of_its_phase_and_symbols_have_seasons_of_their_own() -> None:
    x = walk(2, 50)
    holed = x.copy()
    holed[20] = np.nan
    trend, seasonal, residual = seasonal_decomposition(segments(50, 50), np.concatenate([holed, x]), 4)
    assert np.isnan(trend[20:24]).all()
    np.testing.assert_allclose(trend[24:50] + seasonal[24:50] + residual[24:50], x[24:])
    alone = seasonal_decomposition(segments(50), x, 4)
    for both, single in zip((trend, seasonal, residual), alone, strict=True):
        np.testing.assert_array_equal(both[50:], single)


@given(st.lists(TICKS, min_size=1, max_size=50), st.integers(1, 50))
def test_later_bars_change_no_bit_of_earlier_ones(values: list[float], cut: int) -> None:
    x = np.array(values)
    whole = seasonal_decomposition(segments(len(x)), x, 3)
    known = x[:cut]
    for part, cut_part in zip(whole, seasonal_decomposition(segments(len(known)), known, 3), strict=True):
        np.testing.assert_array_equal(cut_part, part[:cut])
