from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from tests.transforms.operators.windows import TICKS, per_window, segments, walk
from transforms.operators.catalogue import Segments
from transforms.operators.order_statistics import (
    _rolling_quintiles,
    rolling_quantile,
    rolling_rank,
)

WINDOWS = (1, 2, 3, 5, 20, 60)


def rank(window: np.ndarray) -> float:
    return float(stats.rankdata(window)[-1] / len(window))


@pytest.mark.parametrize("n", WINDOWS)
def test_rank_equals_scipys_mean_rank(n: int) -> None:
    x = np.round(walk(1, 1200, nans=3), 0)
    np.testing.assert_array_equal(rolling_rank(segments(1200), x, n), per_window(rank, n, x))


@pytest.mark.parametrize("n", WINDOWS)
@pytest.mark.parametrize("share", [0, 0.2, 0.87, 1])
def test_quantile_equals_numpys(n: int, share: float) -> None:
    x = np.round(walk(2, 200, nans=3), 1)
    expected = per_window(lambda w: float(np.quantile(w, share)), n, x)
    np.testing.assert_allclose(rolling_quantile(segments(200), x, n, share), expected, rtol=1e-14)


def test_newest_of_equal_values_has_their_mean_rank() -> None:
    x = np.array([3.0, 1, 2, 2, 2])
    assert rolling_rank(segments(5), x, 5)[4] == 3 / 5
    assert rolling_rank(segments(3), np.full(3, 7.0), 3)[2] == 2 / 3


def test_quintiles_are_the_quantiles_of_a_fifth() -> None:
    x = walk(3, 200)
    upper, lower = _rolling_quintiles(segments(200), x, 20)
    np.testing.assert_array_equal(upper, rolling_quantile(segments(200), x, 20, 0.8))
    np.testing.assert_array_equal(lower, rolling_quantile(segments(200), x, 20, 0.2))


def test_a_window_longer_than_the_history_is_null() -> None:
    x = walk(4, 10)
    assert np.isnan(rolling_rank(segments(10), x, 11)).all()
    assert np.isnan(rolling_quantile(segments(10), x, 11, 0.5)).all()


def test_an_unknown_value_empties_exactly_the_windows_that_hold_it() -> None:
    x = walk(5, 12)
    x[4] = np.nan
    holes = [False] * 2 + [False] * 2 + [True] * 3 + [False] * 5
    known = [not hole and t >= 2 for t, hole in enumerate(holes)]
    assert list(~np.isnan(rolling_rank(segments(12), x, 3))) == known
    assert list(~np.isnan(rolling_quantile(segments(12), x, 3, 0.2))) == known


@given(st.lists(TICKS, min_size=1, max_size=60), st.integers(1, 13), st.integers(0, 59))
def test_values_depend_on_their_window_alone(values: list[float], n: int, cut: int) -> None:
    x = np.array(values)
    cut = min(cut, len(x))

    def all_of(where: Segments, a: np.ndarray) -> np.ndarray:
        return np.array([rolling_rank(where, a, n), *_rolling_quintiles(where, a, n)])

    alone = all_of(segments(len(x)), x)
    np.testing.assert_allclose(alone[0], per_window(rank, n, x), rtol=1e-15)
    np.testing.assert_allclose(alone[1], per_window(lambda w: np.quantile(w, 0.8), n, x), rtol=1e-14)
    beside = all_of(segments(7, len(x)), np.append(walk(1, 7), x))
    np.testing.assert_array_equal(beside[:, 7:], alone)
    np.testing.assert_array_equal(all_of(segments(cut), x[:cut]), alone[:, :cut])
    late = Segments(np.array([0, len(x)]), np.array([cut]))
    np.testing.assert_array_equal(all_of(late, x)[:, cut:], alone[:, cut:])
