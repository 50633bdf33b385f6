from __future__ import annotations

from datetime import date

import polars as pl
import pytest

from reports.performance_plots import log_ticks, performance_figure

CURVES = pl.DataFrame(
    {
        "session_date": [date(2020, 1, day) for day in (2, 3, 6)],
        "equity": [1.0, 1.1, 0.99],
        "drawdown": [0.0, 0.0, -0.1],
    }
)


def _axis_type(curves: pl.DataFrame) -> str:
    figure = performance_figure(curves, book_label="book", benchmark_label=None)
    return type(figure.children[0].y_scale).__name__


@pytest.mark.parametrize(
    ("lowest", "highest", "ticks"),
    [
        (0.95, 5.2, [1.0, 1.5, 2.0, 3.0, 5.0]),
        (0.4, 1.2, [0.5, 0.7, 1.0]),
        (9.0, 31.0, [10.0, 15.0, 20.0, 30.0]),
    ],
)
def test_log_ticks_are_round_values_within_the_range(
    lowest: float, highest: float, ticks: list[float]
) -> None:
    assert log_ticks(lowest, highest) == ticks


def test_log_ticks_over_many_powers_thin_out() -> None:
    ticks = log_ticks(0.9, 2_000.0)
    assert ticks[-1] == 2_000.0
    assert ticks[:5] == [1.0, 2.0, 5.0, 10.0, 20.0]


def test_an_equity_that_trebles_is_drawn_on_a_log_axis_and_a_flat_one_is_not() -> None:
    trebled = CURVES.with_columns(equity=pl.Series([1.0, 2.0, 3.1]))
    assert (_axis_type(trebled), _axis_type(CURVES)) == ("LogScale", "LinearScale")


def test_an_equity_that_falls_below_zero_is_drawn_on_a_linear_axis() -> None:
    assert _axis_type(CURVES.with_columns(equity=pl.Series([1.0, 4.0, -0.2]))) == "LinearScale"


def test_equity_and_drawdown_share_their_time_axis() -> None:
    equity, drawdown = performance_figure(CURVES, book_label="book", benchmark_label=None).children
    assert equity.x_range is drawdown.x_range
