from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest

from execution.performance import market_model, sharpe
from reports.performance_sections import rolling, rolling_window, year_rows

RANDOM = np.random.default_rng(7)


def book(sessions: int, *, benchmark: bool = True) -> pl.DataFrame:
    days = [date(2020, 1, 1) + timedelta(days=day) for day in range(sessions)]
    growth = np.cumprod(1 + RANDOM.normal(0.001, 0.01, (sessions, 2)), axis=0)
    return pl.DataFrame(
        {
            "session_date": days,
            "equity": growth[:, 0],
            "benchmark": growth[:, 1] if benchmark else [None] * sessions,
            "turnover": np.full(sessions, 0.01),
        },
        schema_overrides={"benchmark": pl.Float64},
    )


@pytest.mark.parametrize(("sessions", "window"), [(253, 126), (252, 21), (43, 21), (42, None), (0, None)])
def test_the_window_leaves_room_for_two_of_its_kind(sessions: int, window: int | None) -> None:
    assert rolling_window(book(sessions)) == window


def test_rolling_figures_equal_those_of_each_window_by_itself() -> None:
    equity = book(60)

    frame = rolling(equity, 21, 252)

    assert frame["session_date"].to_list() == equity["session_date"].to_list()[21:]
    for place in (0, 17, 38):
        ours, theirs = (equity[name].to_numpy()[place : place + 22] for name in ("equity", "benchmark"))
        row = frame.row(place, named=True)
        assert row["sharpe"] == pytest.approx(sharpe(ours), rel=1e-9)
        assert row["benchmark_sharpe"] == pytest.approx(sharpe(theirs), rel=1e-9)
        assert row["beta"] == pytest.approx(market_model(ours, theirs)[1], rel=1e-9)


def test_rolling_figures_without_variation_or_benchmark_are_not_defined() -> None:
    flat = book(50, benchmark=False).with_columns(equity=pl.lit(1.0))

    frame = rolling(flat, 21, 252)

    assert frame.select(pl.exclude("session_date").is_nan().all()).row(0) == (True, True, True)


def test_years_hold_their_months_fall_and_turnover() -> None:
    days = [date(2023, 12, 28), date(2023, 12, 29), date(2024, 1, 2), date(2024, 1, 3), date(2024, 2, 1)]
    equity = pl.DataFrame(
        {
            "session_date": days,
            "equity": [100.0, 110.0, 121.0, 99.0, 108.9],
            "benchmark": [10.0, 10.0, 11.0, 11.0, 12.1],
            "turnover": [0.5, 0.0, 0.25, 0.25, 1.0],
        }
    )

    newest, oldest = year_rows(equity, 252)

    assert (newest["year"], oldest["year"]) == (2024, 2023)
    assert newest["cells"][0]["value"] == pytest.approx(-0.1)
    assert newest["cells"][1]["value"] == pytest.approx(0.1)
    assert [cell["value"] for cell in newest["cells"][2:]] == [None] * 10
    assert newest["total"] == pytest.approx(-0.01)
    assert newest["benchmark"] == pytest.approx(0.21)
    assert newest["max_drawdown"] == pytest.approx(99 / 121 - 1)
    assert newest["turnover"] == pytest.approx(1.5)
    assert oldest["total"] == pytest.approx(0.1)


def test_a_book_without_sessions_has_no_years() -> None:
    assert year_rows(book(0), 252) == []
