from __future__ import annotations

import numpy as np
import pytest

from tests.transforms.operators.windows import segments
from transforms.operators.catalogue import Array, Segments, operators

X = np.array([1.0, 2.0, np.nan, 8.0, 0.0, 5.0, 10.0])  # two symbols: five bars and two
NULL = np.nan


def compute(name: str, *arguments: Array | int, where: Segments | None = None) -> Array:
    values: Array = operators()[name].compute(where or segments(5, 2), *arguments)
    return values


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("lagged", [NULL, 1, 2, NULL, 8, NULL, 5]),
        ("change", [NULL, 1, NULL, NULL, -8, NULL, 5]),
        ("growth", [NULL, 1, NULL, NULL, -1, NULL, 1]),
        ("log_growth", [NULL, np.log(2), NULL, NULL, NULL, NULL, np.log(2)]),
    ],
)
def test_a_bar_is_compared_with_its_own_symbols_bar_before(name: str, expected: list[float]) -> None:
    np.testing.assert_allclose(compute(name, X, 1), expected)


def test_growth_from_another_series_is_the_gap_of_an_open_over_the_close_before() -> None:
    opening = np.array([1.0, 3.0, 3.0, 4.0, 2.0, 5.0, 6.0])
    np.testing.assert_allclose(compute("growth_from", opening, X, 1), [NULL, 2, 0.5, NULL, -0.75, NULL, 0.2])
    np.testing.assert_allclose(
        compute("log_growth_from", opening, X, 1), np.log([NULL, 3, 1.5, NULL, 0.25, NULL, 1.2])
    )


def test_growth_from_nothing_is_null_and_not_infinite() -> None:
    np.testing.assert_array_equal(compute("growth", np.array([0.0, 5.0]), 1, where=segments(2)), [NULL, NULL])
    np.testing.assert_array_equal(
        compute("log_growth", np.array([0.0, 5.0]), 1, where=segments(2)), [NULL, NULL]
    )


def test_a_lag_longer_than_the_history_is_null() -> None:
    assert np.isnan(compute("lagged", X, 5)).all()
