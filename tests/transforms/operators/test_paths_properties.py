"""What every operator that looks ahead keeps: its bounds, and its values in a longer history."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.transforms.operators.walks import BARRIER, MINUTE, TOUCH, Floats, random_paths, run
from transforms.operators.catalogue import operators

CALLS = [
    (("leading",), (3,)),
    (BARRIER, (6, 1.5, 1.0, 0)),
    (BARRIER, (6, 4.0, 3.0, 1)),
    (TOUCH, (6, 0, 0.02, 0)),
    (TOUCH, (6, 0, 0.02, 1)),
    (TOUCH, (6, 5, 0.02, 0)),
    (TOUCH, (6, 5, 0.02, 1)),
]


def inputs(names: tuple[str, ...], seed: int, count: int = 50) -> list[Floats]:
    """Return series for the operators, of one symbol, with gaps in time."""
    random = np.random.default_rng(seed)
    prices, _ = random_paths(seed, count)
    at = np.cumsum(np.where(random.random(count) < 0.8, 5, random.integers(10, 90, count))) * MINUTE
    if names == BARRIER:
        return [*prices, random.uniform(0.005, 0.03, count), at]
    return [*prices, at] if names == TOUCH else [prices[3]]


@pytest.mark.parametrize(("names", "parameters"), CALLS)
@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), cut=st.integers(1, 49))
def test_a_value_depends_on_no_bar_beyond_its_lookahead(
    names: tuple[str, ...], parameters: tuple[float, ...], seed: int, cut: int
) -> None:
    series = inputs(names, seed)
    lookahead = operators()[names[0]].lookahead(*parameters)
    whole = run(names, series, *parameters)
    short = run(names, [values[:cut] for values in series], *parameters)
    for full, part in zip(whole, short, strict=True):
        np.testing.assert_array_equal(part[: max(cut - lookahead, 0)], full[: max(cut - lookahead, 0)])
        known = ~np.isnan(part)
        np.testing.assert_array_equal(part[known], full[:cut][known], "what was known has changed")


@pytest.mark.parametrize(("names", "parameters"), CALLS)
def test_the_lookahead_is_no_longer_than_needed(
    names: tuple[str, ...], parameters: tuple[float, ...]
) -> None:
    lookahead = operators()[names[0]].lookahead(*parameters)
    shortened = 0
    for seed in range(30):
        series = inputs(names, seed)
        whole = run(names, series, *parameters)
        short = run(names, [values[:40] for values in series], *parameters)
        t = 40 - lookahead
        shortened += any(np.isnan(p[t]) and not np.isnan(w[t]) for w, p in zip(whole, short, strict=True))
    assert shortened > 0


@pytest.mark.parametrize(("names", "parameters"), CALLS)
@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 10_000), first=st.integers(0, 49))
def test_wanted_rows_are_the_same_alone(
    names: tuple[str, ...], parameters: tuple[float, ...], seed: int, first: int
) -> None:
    series = inputs(names, seed)
    whole = run(names, series, *parameters)
    wanted = run(names, series, *parameters, wanted=[first])
    for full, part in zip(whole, wanted, strict=True):
        np.testing.assert_array_equal(part[first:], full[first:])


@pytest.mark.parametrize(("names", "parameters"), [call for call in CALLS if call[0] != ("leading",)])
@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), scale=st.floats(1e-3, 1e3))
def test_the_unit_of_price_does_not_matter(
    names: tuple[str, ...], parameters: tuple[float, ...], seed: int, scale: float
) -> None:
    series = inputs(names, seed)
    scaled = [values * scale if i < 4 else values for i, values in enumerate(series)]
    for before, after in zip(run(names, series, *parameters), run(names, scaled, *parameters), strict=True):
        np.testing.assert_allclose(after, before, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(("names", "parameters"), CALLS)
def test_the_newest_bar_has_no_value_however_short_the_history(
    names: tuple[str, ...], parameters: tuple[float, ...]
) -> None:
    for count in (1, 2):
        for values in run(names, [values[:count] for values in inputs(names, 3)], *parameters):
            assert np.isnan(values[-1])
