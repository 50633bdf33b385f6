"""What a grid says of a cell: its neighbours, the best and the robust one, and which axes matter."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from execution.neighbourhood import influence, judge, neighbours

LINE = np.array([1.0, 2.0, 6.0, 3.0, np.nan])


def test_neighbours_of_a_line_are_the_cells_beside() -> None:
    around = neighbours(LINE, is_ordered=[True], steps=1)
    assert around.number.tolist() == [1, 2, 2, 1, 1]
    assert around.mean.tolist() == [2.0, 3.5, 2.5, 6.0, 3.0]


def test_two_steps_reach_further() -> None:
    around = neighbours(LINE, is_ordered=[True], steps=2)
    assert around.mean[2] == 2.0  # of 1, 2 and 3
    assert around.median[0] == 4.0  # of 2 and 6


def test_corner_of_a_plane_has_three_neighbours_with_the_diagonal_one() -> None:
    plane = np.arange(9.0).reshape(3, 3)
    around = neighbours(plane, is_ordered=[True, True], steps=1)
    assert (around.number[0, 0], around.number[1, 1]) == (3, 8)
    assert around.mean[0, 0] == (1 + 3 + 4) / 3


def test_values_without_order_are_no_neighbours_of_each_other() -> None:
    plane = np.array([[1.0, 2.0], [10.0, 20.0]])
    around = neighbours(plane, is_ordered=[False, True], steps=1)
    assert around.mean.tolist() == [[2.0, 1.0], [20.0, 10.0]]


def test_cell_without_neighbours_has_no_mean() -> None:
    around = neighbours(np.array([5.0, 6.0]), is_ordered=[False], steps=1)
    assert around.number.tolist() == [0, 0]
    assert np.isnan(around.mean).all()


def test_lone_high_cell_is_a_sharp_peak_and_the_plateau_is_robust() -> None:
    values = np.array([0.1, 2.0, 0.1, 1.0, 1.1, 1.0])
    found = judge(values, neighbours(values, is_ordered=[True], steps=1), is_ordered=[True], sharp_peak=0.5)
    assert found is not None
    assert (found.best, found.robust) == (1, 4)
    assert found.stability == pytest.approx(0.05)
    assert found.is_sharp_peak
    assert found.edges == ()


def test_best_of_a_slope_is_no_peak_but_at_the_edge() -> None:
    values = np.array([1.0, 1.1, 1.2])
    found = judge(values, neighbours(values, is_ordered=[True], steps=1), is_ordered=[True], sharp_peak=0.5)
    assert found is not None
    assert not found.is_sharp_peak
    assert found.edges == (0,)


def test_best_below_zero_says_nothing_of_stability() -> None:
    values = np.array([-1.0, -2.0])
    found = judge(values, neighbours(values, is_ordered=[True], steps=1), is_ordered=[True], sharp_peak=0.5)
    assert found is not None
    assert math.isnan(found.stability)
    assert not found.is_sharp_peak


def test_grid_in_which_all_trials_failed_has_no_best() -> None:
    values = np.full(3, np.nan)
    assert (
        judge(values, neighbours(values, is_ordered=[True], steps=1), is_ordered=[True], sharp_peak=0.5)
        is None
    )


def test_key_that_alone_moves_the_metric_has_all_influence() -> None:
    values = np.array([[1.0, 1.0, 1.0], [3.0, 3.0, 3.0]])
    assert influence(values) == [1.0, 0.0]
    assert all(math.isnan(part) for part in influence(np.ones((2, 2))))


@given(st.lists(st.floats(-5, 5), min_size=12, max_size=12))
def test_influences_of_a_full_grid_sum_to_at_most_one(cells: list[float]) -> None:
    parts = influence(np.array(cells).reshape(3, 4))
    assert all(math.isnan(part) for part in parts) or sum(parts) <= 1 + 1e-9
