"""Windows against numpy's and scipy's answers, window by window, and against the past alone."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from tests.transforms.operators.windows import TICKS, per_window, segments, walk
from transforms.errors import QuantmillError
from transforms.operators.calls import parse_call
from transforms.operators.catalogue import Array, Segments, operators

# More bars than a block of the kernels holds, windows on both sides of the powers of two.
BARS = 1200
WINDOWS = (1, 2, 3, 4, 5, 20, 33, 252, 1199)

DEFINITIONS: dict[str, Callable[[Array], float]] = {
    "rolling_sum": np.sum,
    "rolling_mean": np.mean,
    "rolling_min": np.min,
    "rolling_max": np.max,
    "rolling_mean_deviation": lambda w: float(np.mean(np.abs(w - np.mean(w)))),
    "rolling_variance": lambda w: float(np.var(w, ddof=1)),
    "rolling_std": lambda w: float(np.std(w, ddof=1)),
    "rolling_std_population": np.std,
    "rolling_zscore": lambda w: float((w[-1] - np.mean(w)) / np.std(w, ddof=1)),
    "rolling_skew": lambda w: float(stats.skew(w, bias=False)),
    "bars_since_min": lambda w: float(np.argmin(w[::-1])),
    "bars_since_max": lambda w: float(np.argmax(w[::-1])),
    "bars_since_first_min": lambda w: float(len(w) - 1 - np.argmin(w)),
    "bars_since_first_max": lambda w: float(len(w) - 1 - np.argmax(w)),
}
NAMES = sorted(DEFINITIONS)


def compute(name: str, segments_: Segments, x: Array, n: int) -> Array:
    values: Array = operators()[name].compute(segments_, x, n)
    return values


def shortest(name: str) -> int:
    return int(operators()[name].parameters[0].low)


@pytest.mark.parametrize("name", NAMES)
def test_every_window_equals_its_definition(name: str) -> None:
    x = walk(1, BARS, nans=2)
    for n in WINDOWS:
        if n >= shortest(name):
            expected = per_window(DEFINITIONS[name], n, x)
            np.testing.assert_allclose(
                compute(name, segments(BARS), x, n), expected, rtol=1e-9, atol=1e-9, err_msg=str(n)
            )


@pytest.mark.parametrize("name", [name for name in NAMES if "since" in name or name.endswith(("min", "max"))])
def test_extremes_among_many_equals_are_where_their_definition_says(name: str) -> None:
    x = np.random.default_rng(2).integers(0, 4, 400).astype(float)
    for n in (2, 3, 7, 8, 9, 60):
        got = compute(name, segments(400), x, n)
        np.testing.assert_array_equal(got, per_window(DEFINITIONS[name], n, x))


@pytest.mark.parametrize("name", NAMES)
def test_a_window_ends_at_its_symbol_and_outlasts_short_histories(name: str) -> None:
    x = walk(3, 100)
    whole = compute(name, segments(30, 1, 5, 64), x, 6)
    alone = [compute(name, segments(len(part)), part, 6) for part in np.split(x, [30, 31, 36])]
    np.testing.assert_array_equal(whole, np.concatenate(alone))
    assert np.isnan(alone[1]).all(), "one bar fills no window"
    assert np.isnan(alone[2]).all(), "five bars fill no window of six"
    assert np.isfinite(alone[3][5:]).all()


@pytest.mark.parametrize("name", NAMES)
def test_wanted_rows_are_the_same_whatever_else_is_wanted(name: str) -> None:
    x = walk(4, 900)
    whole = compute(name, segments(600, 300), x, 20)
    late = compute(name, Segments(np.array([0, 600, 900]), np.array([590, 900])), x, 20)
    np.testing.assert_array_equal(late[590:600], whole[590:600])


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("rolling_mean", 0.1),
        ("rolling_mean_deviation", 0.0),
        ("rolling_variance", 0.0),
        ("rolling_std", 0.0),
        ("rolling_std_population", 0.0),
        ("rolling_zscore", np.nan),
        ("rolling_skew", np.nan),
    ],
)
def test_where_nothing_moved_the_answer_is_exact_or_null(name: str, expected: float) -> None:
    flat = np.full(40, 0.1)  # no sum of tenths is exact
    np.testing.assert_array_equal(compute(name, segments(40), flat, 7)[6:], np.full(34, expected))


def test_a_large_value_leaves_no_trace_in_windows_without_it() -> None:
    x = walk(5, 60)
    spoilt = x.copy()
    spoilt[10] = 1e18
    for name in NAMES:
        got, want = (compute(name, segments(60), series, 10) for series in (spoilt, x))
        np.testing.assert_array_equal(got[20:], want[20:], err_msg=name)


@given(st.lists(TICKS, min_size=1, max_size=60), st.integers(3, 9), st.integers(1, 60))
def test_later_bars_change_no_bit_of_earlier_ones(values: list[float], n: int, cut: int) -> None:
    x = np.array(values)
    known = x[:cut]
    for name in NAMES:
        whole = compute(name, segments(len(x)), x, n)
        np.testing.assert_array_equal(
            compute(name, segments(len(known)), known, n), whole[:cut], err_msg=name
        )


@given(st.lists(TICKS, min_size=5, max_size=60), st.integers(-20, 20))
def test_shape_does_not_depend_on_the_unit_of_price(values: list[float], exponent: int) -> None:
    # Powers of two scale without rounding.
    x, scale = np.array(values), 2.0**exponent
    for name in NAMES:
        degree = {"rolling_variance": 2, "rolling_zscore": 0, "rolling_skew": 0}.get(
            name, 0 if "since" in name else 1
        )
        got = compute(name, segments(len(x)), scale * x, 5)
        want = scale**degree * compute(name, segments(len(x)), x, 5)
        np.testing.assert_allclose(got, want, rtol=1e-12, err_msg=name)


@pytest.mark.parametrize(
    "call", ["rolling_std(x, 1)", "rolling_skew(x, 2)", "rolling_mean(x, 0)", "rolling_mean(x, 2.5)"]
)
def test_a_window_too_short_for_its_statistic_is_refused_by_name(call: str) -> None:
    with pytest.raises(QuantmillError, match=r"operator rolling_.*: periods must be a whole number in"):
        parse_call(call)
