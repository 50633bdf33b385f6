from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from tests.transforms.operators.windows import TICKS, per_window, segments, walk
from transforms.errors import QuantmillError
from transforms.operators.catalogue import Segments, operators
from transforms.operators.regression import (
    _rolling_line,
    _rolling_trend,
    rolling_correlation,
)

# More bars than a block of the kernels holds, windows on both sides of the powers of two.
BARS = 1200
WINDOWS = (2, 3, 5, 16, 60, 1100)


def line(x: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    """Slope of y on x, and the newest y less the line."""
    slope = ((x - x.mean()) * (y - y.mean())).sum() / ((x - x.mean()) ** 2).sum()
    return slope, y[-1] - y.mean() - slope * (x[-1] - x.mean())


@pytest.mark.parametrize("n", WINDOWS)
def test_correlation_equals_numpys_in_every_window(n: int) -> None:
    x, y = walk(1, BARS, nans=2), walk(2, BARS, nans=1)
    expected = per_window(lambda a, b: np.corrcoef(a, b)[0, 1], n, x, y)
    np.testing.assert_allclose(rolling_correlation(segments(BARS), x, y, n), expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("n", WINDOWS)
def test_line_equals_least_squares_in_every_window(n: int) -> None:
    x, y = walk(3, BARS, nans=2), walk(4, BARS)
    slope, residual = _rolling_line(segments(BARS), y, x, n)
    np.testing.assert_allclose(slope, per_window(lambda a, b: line(a, b)[0], n, x, y), rtol=1e-8)
    np.testing.assert_allclose(
        residual, per_window(lambda a, b: line(a, b)[1], n, x, y), rtol=1e-8, atol=1e-9
    )


@pytest.mark.parametrize("n", WINDOWS)
def test_trend_equals_least_squares_on_0_1_2(n: int) -> None:
    y, time = walk(5, BARS, nans=2), np.arange(n)
    slope, fit, residual = _rolling_trend(segments(BARS), y, n)
    np.testing.assert_allclose(slope, per_window(lambda a: line(time, a)[0], n, y), rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(residual, per_window(lambda a: line(time, a)[1], n, y), rtol=1e-9, atol=1e-9)
    expected = per_window(lambda a: np.corrcoef(time, a)[0, 1] ** 2, n, y)
    np.testing.assert_allclose(fit, expected, rtol=1e-9, atol=1e-12)


def test_line_and_trend_equal_scipys() -> None:
    x, y = walk(6, 60), walk(7, 60)
    for kernel, time in (
        (_rolling_line(segments(60), y, x, 60), x),
        (_rolling_trend(segments(60), y, 60), np.arange(60)),
    ):
        fit = stats.linregress(time, y)
        assert kernel[0][59] == pytest.approx(fit.slope, rel=1e-12)
        assert kernel[-1][59] == pytest.approx(y[59] - fit.intercept - fit.slope * time[59], rel=1e-10)
    assert _rolling_trend(segments(60), y, 60)[1][59] == pytest.approx(fit.rvalue**2, rel=1e-12)


def test_a_line_through_points_on_a_line_leaves_nothing() -> None:
    x = np.array([1.0, 2, 4, 3])
    slope, residual = _rolling_line(segments(4), 3 * x + 1, x, 4)
    assert slope[3] == pytest.approx(3)
    assert residual[3] == pytest.approx(0, abs=1e-12)
    assert rolling_correlation(segments(4), x, -x, 4)[3] == pytest.approx(-1, abs=1e-15)


def test_constant_series_have_slope_0_and_no_fit_nor_correlation() -> None:
    flat, moving = np.full(70, 0.1), walk(6, 70)
    for n in (2, 5, 60):
        slope, fit, residual = _rolling_trend(segments(70), flat, n)
        assert set(slope[n - 1 :]) == {0}
        assert set(residual[n - 1 :]) == {0}
        assert np.isnan(fit).all()
        assert np.isnan(rolling_correlation(segments(70), flat, moving, n)).all()
        assert np.isnan(rolling_correlation(segments(70), moving, flat, n)).all()
        slope, residual = _rolling_line(segments(70), moving, flat, n)
        assert np.isnan(slope).all()
        assert np.isnan(residual).all()


def test_rounding_around_a_constant_is_no_movement() -> None:
    growth = 1.001 ** np.arange(50)
    ratios = growth[1:] / growth[:-1]
    assert len(set(ratios)) > 1
    assert np.isnan(rolling_correlation(segments(49), ratios, walk(7, 49), 20)).all()


def test_large_value_leaves_no_trace_once_out_of_the_window() -> None:
    y = walk(8, 100)
    shocked = y.copy()
    shocked[50] = 1e15
    for clean, dirty in zip(
        _rolling_trend(segments(100), y, 20), _rolling_trend(segments(100), shocked, 20), strict=True
    ):
        np.testing.assert_array_equal(clean[70:], dirty[70:])


@given(st.lists(st.tuples(TICKS, TICKS), min_size=1, max_size=60), st.integers(2, 13), st.integers(0, 59))
def test_values_depend_on_their_window_alone(pairs: list[tuple[float, float]], n: int, cut: int) -> None:
    x, y = np.array(pairs).T.copy()
    cut = min(cut, len(x))

    def all_of(where: Segments, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        line, trend = _rolling_line(where, b, a, n), _rolling_trend(where, a, n)
        return np.array([rolling_correlation(where, a, b, n), *line, *trend])

    alone = all_of(segments(len(x)), x, y)
    beside = all_of(segments(7, len(x)), np.append(walk(1, 7), x), np.append(walk(2, 7), y))
    np.testing.assert_array_equal(beside[:, 7:], alone)
    np.testing.assert_array_equal(all_of(segments(cut), x[:cut], y[:cut]), alone[:, :cut])
    late = Segments(np.array([0, len(x)]), np.array([cut]))
    np.testing.assert_array_equal(all_of(late, x, y)[:, cut:], alone[:, cut:])


@given(st.lists(st.tuples(TICKS, TICKS), min_size=5, max_size=40), st.sampled_from([2.0**-20, 2.0**20]))
def test_correlation_and_fit_know_no_scale(pairs: list[tuple[float, float]], scale: float) -> None:
    x, y = np.array(pairs).T.copy()
    where = segments(len(x))
    np.testing.assert_array_equal(
        rolling_correlation(where, x * scale, y / scale, 5), rolling_correlation(where, x, y, 5)
    )
    np.testing.assert_array_equal(_rolling_trend(where, x * scale, 5)[1], _rolling_trend(where, x, 5)[1])


def test_a_window_of_one_bar_is_refused_by_name_and_range() -> None:
    with pytest.raises(QuantmillError, match=r"rolling_beta: periods must be a whole number in 2\.\.10000"):
        operators()["rolling_beta"].parameters[0].check("rolling_beta", 1)
