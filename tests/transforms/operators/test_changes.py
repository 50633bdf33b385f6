from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.transforms.operators.windows import TICKS, per_window, segments, walk
from transforms.operators.catalogue import Segments
from transforms.operators.changes import _rises_and_falls, gains_and_losses
from transforms.operators.doubling import joins_of


def test_gains_losses_rises_and_falls_of_five_prices() -> None:
    x = np.array([10.0, 12, 11, 11, 14])
    gains, losses = gains_and_losses(segments(5), x, 4)
    rises, falls, net = _rises_and_falls(segments(5), x, 4)
    assert (gains[4], losses[4], rises[4], falls[4], net[4]) == (5, 1, 0.5, 0.25, 0.25)
    assert np.isnan(gains[:4]).all()
    assert np.isnan(rises[:4]).all()


@pytest.mark.parametrize("n", [1, 2, 3, 5, 16, 60, 1100])
def test_changes_equal_numpys_in_every_window(n: int) -> None:
    x = np.round(walk(1, 1200, nans=2), 1)
    where = segments(1200)
    for computed, side in zip(gains_and_losses(where, x, n), (1, -1), strict=True):
        expected = per_window(lambda w, side=side: np.maximum(side * np.diff(w), 0).sum(), n + 1, x)
        np.testing.assert_allclose(computed, expected, rtol=1e-12, atol=1e-12)
    for computed, side in zip(_rises_and_falls(where, x, n)[:2], (1, -1), strict=True):
        expected = per_window(lambda w, side=side: (side * np.diff(w) > 0).mean(), n + 1, x)
        np.testing.assert_allclose(computed, expected, rtol=1e-12)


def test_nothing_is_gained_or_lost_where_nothing_moves() -> None:
    flat = np.full(70, 0.1)
    for computed in (*gains_and_losses(segments(70), flat, 60), *_rises_and_falls(segments(70), flat, 60)):
        assert set(computed[60:]) == {0}


@given(st.lists(TICKS, min_size=1, max_size=60), st.integers(1, 13), st.integers(0, 59))
def test_values_depend_on_their_window_alone(values: list[float], n: int, cut: int) -> None:
    x = np.array(values)
    cut = min(cut, len(x))

    def all_of(where: Segments, a: np.ndarray) -> np.ndarray:
        return np.array([*gains_and_losses(where, a, n), *_rises_and_falls(where, a, n)])

    alone = all_of(segments(len(x)), x)
    beside = all_of(segments(7, len(x)), np.append(walk(1, 7), x))
    np.testing.assert_array_equal(beside[:, 7:], alone)
    np.testing.assert_array_equal(all_of(segments(cut), x[:cut]), alone[:, :cut])
    late = Segments(np.array([0, len(x)]), np.array([cut]))
    np.testing.assert_array_equal(all_of(late, x)[:, cut:], alone[:, cut:])


@pytest.mark.parametrize("n", [*range(1, 70), 127, 128, 252, 1000])
def test_joins_cover_every_bar_of_the_window_once_and_in_order(n: int) -> None:
    buffers: list[list[tuple[int, ...]]] = [[(bar,) for bar in range(2 * n)], [], []]
    filled = 0
    for filled, old, new, old_size, new_size in joins_of(n):
        assert filled not in (old, new)
        assert len(buffers[old][0]) == old_size
        assert len(buffers[new][0]) == new_size
        count = 2 * n - old_size - new_size + 1
        buffers[filled] = [buffers[old][j] + buffers[new][j + old_size] for j in range(count)]
    assert buffers[filled] == [tuple(range(j, j + n)) for j in range(n + 1)]
