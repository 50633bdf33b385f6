from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.transforms.operators.windows import TICKS, per_window, segments, walk
from transforms.operators.alpha import (
    _shares,
    log_of_ratio_plus_one,
    place_between,
    place_of_max,
    place_of_min,
    rolling_dispersion,
    weighted_move,
)
from transforms.operators.catalogue import Segments


def test_shares_of_gains_and_losses_in_all_that_moved() -> None:
    x = np.array([10.0, 12, 11, 11, 14])
    gains, losses, net = (share[4] for share in _shares(segments(5), x, 4))
    assert (gains, losses, net) == (pytest.approx(5 / 6), pytest.approx(1 / 6), pytest.approx(4 / 6))


def test_what_does_not_move_has_shares_of_0_and_no_dispersion() -> None:
    flat = np.full(10, 0.1)
    for share in _shares(segments(10), flat, 5):
        assert set(share[5:]) == {0}
    assert set(rolling_dispersion(segments(10), np.zeros(10), 5)[4:]) == {0}
    assert set(place_between(segments(10), flat, flat, flat)) == {0}


def test_places_count_from_the_oldest_and_take_the_first_of_equals() -> None:
    x = np.array([1.0, 3, 3, 1])
    assert place_of_max(segments(4), x, 4)[3] == 2 / 4
    assert place_of_min(segments(4), x, 4)[3] == 1 / 4


def test_dispersion_is_the_coefficient_of_variation() -> None:
    x = walk(1, 100, nans=2)
    expected = per_window(lambda w: w.std(ddof=1) / w.mean(), 20, x)
    np.testing.assert_allclose(rolling_dispersion(segments(100), x, 20), expected, rtol=1e-9)


def test_volume_that_vanishes_has_a_ratio_and_what_follows_it_none() -> None:
    volume = np.array([100.0, 0, 50, 150, np.nan, 10])
    expected = [np.nan, np.log(1), np.nan, np.log(4), np.nan, np.nan]
    np.testing.assert_allclose(log_of_ratio_plus_one(segments(6), volume), expected)


def test_moves_are_weighted_by_their_own_bar() -> None:
    moved = weighted_move(segments(3), np.array([10.0, 12, 9]), np.array([1.0, 5, 8]))
    np.testing.assert_allclose(moved, [np.nan, 1, 2])


@given(st.lists(TICKS, min_size=1, max_size=60), st.integers(2, 13), st.integers(0, 59))
def test_values_depend_on_their_window_alone(values: list[float], n: int, cut: int) -> None:
    x = np.array(values)
    cut = min(cut, len(x))

    def all_of(where: Segments, a: np.ndarray) -> np.ndarray:
        windowed = (place_of_max, place_of_min, rolling_dispersion)
        return np.array(
            [
                *_shares(where, a, n),
                *(operator(where, a, n) for operator in windowed),
                log_of_ratio_plus_one(where, a),
                weighted_move(where, a, a),
            ]
        )

    alone = all_of(segments(len(x)), x)
    beside = all_of(segments(7, len(x)), np.append(walk(1, 7), x))
    np.testing.assert_array_equal(beside[:, 7:], alone)
    np.testing.assert_array_equal(all_of(segments(cut), x[:cut]), alone[:, :cut])
    late = Segments(np.array([0, len(x)]), np.array([cut]))
    np.testing.assert_array_equal(all_of(late, x)[:, cut:], alone[:, cut:])
