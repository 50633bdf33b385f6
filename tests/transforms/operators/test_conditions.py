"""Conditions against what they say, and SQL's logic of three values."""

import duckdb
import numpy as np
import pytest

from transforms.operators import conditions
from transforms.operators.catalogue import Array, Segments

NAN = float("nan")
ONE = Segments.whole(np.array([0, 4]))
TWO = Segments.whole(np.array([0, 3, 6]))


def series(*values: float) -> Array:
    return np.array(values, dtype=float)


def test_comparisons_are_true_false_or_unknown() -> None:
    x, y = series(1, 2, 3, NAN), series(2, 2, 2, 2)
    np.testing.assert_array_equal(conditions.above(ONE, x, y), [0, 0, 1, NAN])
    np.testing.assert_array_equal(conditions.above(ONE, y, x), [1, 0, 0, NAN])
    np.testing.assert_array_equal(conditions.below(ONE, x, y), [1, 0, 0, NAN])
    np.testing.assert_array_equal(conditions.at_least(ONE, x, 2), [0, 1, 1, NAN])
    np.testing.assert_array_equal(conditions.at_most(ONE, x, 2), [1, 1, 0, NAN])


@pytest.mark.parametrize(("name", "word"), [("both", "and"), ("either", "or")])
def test_both_and_either_are_what_sql_says(name: str, word: str) -> None:
    values = [(a, b) for a in (True, False, None) for b in (True, False, None)]
    first = series(*(NAN if a is None else float(a) for a, _ in values))
    second = series(*(NAN if b is None else float(b) for _, b in values))
    rows = duckdb.sql(
        f"select cast(a {word} b as double) from (values "
        + ", ".join(f"({pair[0]}, {pair[1]})".replace("None", "null") for pair in values)
        + ") as pairs (a, b)"
    ).fetchall()
    expected = [NAN if value is None else value for (value,) in rows]
    segments = Segments.whole(np.array([0, len(values)]))
    np.testing.assert_array_equal(getattr(conditions, name)(segments, first, second), expected)


def test_a_cross_is_the_first_bar_beyond_and_needs_the_bar_before() -> None:
    x, y = series(1, 3, 4, 3, 1, 3), series(2, 2, 2, 2, 2, 2)
    np.testing.assert_array_equal(conditions.crossed_above(TWO, x, y), [NAN, 1, 0, NAN, 0, 1])
    np.testing.assert_array_equal(conditions.crossed_below(TWO, x, y), [NAN, 0, 0, NAN, 1, 0])


def test_a_touch_is_no_cross_but_leaving_it_is_one() -> None:
    x, y = series(3, 2, 3, 3), series(2, 2, 2, 2)
    np.testing.assert_array_equal(conditions.crossed_above(ONE, x, y), [NAN, 0, 1, 0])
    np.testing.assert_array_equal(conditions.crossed_below(ONE, x, y), [NAN, 0, 0, 0])


def test_a_cross_is_unknown_next_to_a_gap() -> None:
    x, y = series(1, NAN, 3, 3), series(2, 2, 2, 2)
    np.testing.assert_array_equal(conditions.crossed_above(ONE, x, y), [NAN, NAN, NAN, 0])


def test_rows_that_nobody_wants_are_left_out_of_crosses_alone() -> None:
    later = Segments(np.array([0, 4]), np.array([2]))
    x, y = series(1, 3, 1, 3), series(2, 2, 2, 2)
    np.testing.assert_array_equal(conditions.crossed_above(later, x, y), [NAN, NAN, 0, 1])
