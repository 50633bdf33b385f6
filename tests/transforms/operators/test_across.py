"""Operators across the symbols of one bar, against pandas and numpy and by what must hold of them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.transforms.operators.windows import segments
from transforms.operators.catalogue import Array, operators

NULL = float("nan")
TICKS = st.one_of(st.integers(-8, 8).map(lambda tick: tick / 4), st.just(NULL))


def across(name: str, x: list[float], *parameters: float, lengths: tuple[int, ...] | None = None) -> Array:
    """Compute one operator over one bar's symbols, or over bars of these many symbols."""
    operator = operators()[name]
    computed = operator.compute(segments(*(lengths or (len(x),))), np.array(x), *parameters)
    result: Array = computed if operator.output is None else computed[operator.output]
    return result


def test_ranks_share_the_middle_and_percent_ranks_the_lowest_place() -> None:
    x = [0.3, 0.1, NULL, 0.3, 0.2, 0.9]
    np.testing.assert_array_equal(across("rank_across", x), [0.7, 0.2, NULL, 0.7, 0.4, 1.0])
    np.testing.assert_array_equal(across("percent_rank_across", x), [0.5, 0, NULL, 0.5, 0.25, 1])


@settings(deadline=None)  # the first call compiles
@given(st.lists(TICKS, min_size=2, max_size=12).filter(lambda x: np.isfinite(x).sum() > 1))
def test_ranks_and_zscores_are_pandas(x: list[float]) -> None:
    series = pd.Series(x)
    np.testing.assert_allclose(across("rank_across", x), series.rank(pct=True), rtol=1e-15)
    # Nothing over nothing is NULL there as here.
    expected = (series - series.mean()) / series.std()
    np.testing.assert_allclose(across("zscore_across", x), expected, rtol=1e-12, atol=1e-12)


@settings(deadline=None)  # the first call compiles
@given(st.lists(TICKS, min_size=1, max_size=12), st.sampled_from([0.0, 0.01, 0.1, 0.25, 0.5]))
def test_quantiles_are_numpys(x: list[float], q: float) -> None:
    known = [value for value in x if value == value]
    expected = np.clip(x, *np.quantile(known, [q, 1 - q])) if known else x
    np.testing.assert_allclose(across("winsorised_by_quantile", x, q), expected, rtol=1e-12, atol=1e-15)


def test_winsorised_values_end_at_so_many_deviations_from_the_mean() -> None:
    x = [*[0.0] * 9, 10.0, NULL]
    mean, std = 1.0, np.sqrt((9 * 1 + 81) / 9)
    expected = [*[0.0] * 9, mean + 2 * std, NULL]
    np.testing.assert_allclose(across("winsorised_by_deviations", x, 2.0), expected, rtol=1e-15)
    np.testing.assert_array_equal(across("winsorised_by_deviations", x, 3.0), x)


@pytest.mark.parametrize("x", [[0.1], [NULL, 0.1, NULL]], ids=["alone", "alone among unknown"])
def test_who_is_alone_has_no_rank_or_zscore_and_stays_as_it_is(x: list[float]) -> None:
    for name in ("rank_across", "percent_rank_across", "zscore_across"):
        assert np.isnan(across(name, x)).all(), name
    np.testing.assert_array_equal(across("winsorised_by_deviations", x, 0.1), x)
    np.testing.assert_array_equal(across("winsorised_by_quantile", x, 0.5), x)


def test_equals_share_the_middle_have_no_zscore_and_stay_as_they_are() -> None:
    x = [0.1, 0.1, 0.1]
    np.testing.assert_array_equal(across("rank_across", x), [2 / 3] * 3)
    np.testing.assert_array_equal(across("percent_rank_across", x), [0, 0, 0])
    assert np.isnan(across("zscore_across", x)).all()
    np.testing.assert_array_equal(across("winsorised_by_deviations", x, 0.1), x)


def test_nobody_known_and_no_bar_at_all_give_nothing() -> None:
    for name in ("rank_across", "zscore_across"):
        assert np.isnan(across(name, [NULL, NULL])).all()
        assert len(across(name, [])) == 0


def test_bars_do_not_see_each_other() -> None:
    x, lengths = [3.0, 1.0, 2.0, 7.0, 8.0, 9.0, 7.5], (3, 1, 3)
    for name in ("rank_across", "zscore_across"):
        parts = [across(name, x[:3]), across(name, x[3:4]), across(name, x[4:])]
        np.testing.assert_array_equal(across(name, x, lengths=lengths), np.concatenate(parts))


@settings(deadline=None)  # the first call compiles
@given(st.lists(st.floats(-1, 1), min_size=3, max_size=9), st.data())
def test_who_takes_no_part_changes_no_bit_of_others(x: list[float], data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(x)))
    widened = [*x[:place], NULL, *x[place:]]
    for name, *parameters in (("zscore_across",), ("winsorised_by_deviations", 1.0), ("rank_across",)):
        got = np.delete(across(str(name), widened, *map(float, parameters)), place)
        np.testing.assert_array_equal(got, across(str(name), x, *map(float, parameters)))


@settings(deadline=None)  # the first call compiles
@given(st.lists(TICKS, min_size=2, max_size=9), st.sampled_from([0.25, 8.0]))
def test_the_unit_of_measure_does_not_matter(x: list[float], unit: float) -> None:
    scaled = [value * unit for value in x]
    for name in ("rank_across", "percent_rank_across", "zscore_across"):
        np.testing.assert_array_equal(across(name, scaled), across(name, x))
    for name, limit in (("winsorised_by_deviations", 1.0), ("winsorised_by_quantile", 0.2)):
        np.testing.assert_array_equal(across(name, scaled, limit), across(name, x, limit) * unit)
