from __future__ import annotations

from datetime import date

import polars as pl
import pytest

from reports.book_sections import attribution_tables, cost_rows, costs_by_period


def parts(breakdown: str, pnl: dict[str, float]) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "breakdown": [breakdown] * len(pnl),
            "name": list(pnl),
            "pnl": list(pnl.values()),
            "costs": [1.0] * len(pnl),
            "contribution_return": [value / 1000 for value in pnl.values()],
            "contribution_risk": [0.01] * len(pnl),
        }
    )


def test_bars_are_measured_against_the_widest_of_the_table() -> None:
    (table,) = attribution_tables(parts("side", {"short": -400.0, "long": 100.0}))

    assert [(row["name"], row["width"]) for row in table["rows"]] == [("long", 0.25), ("short", 1.0)]


def test_a_long_breakdown_sums_up_its_middle_and_keeps_its_total() -> None:
    (table,) = attribution_tables(parts("symbol", {f"S{n:03}": float(n) for n in range(100)}))

    names = [row["name"] for row in table["rows"]]
    assert (len(names), names[0], names[15], names[-1]) == (31, "S099", "70 others", "S000")
    assert sum(row["pnl"] for row in table["rows"]) == pytest.approx(table["total"]["pnl"]) == 4950.0


def test_breakdowns_stand_in_reading_order_and_absent_ones_are_left_out() -> None:
    frame = pl.concat([parts("cost", {"price": 1.0}), parts("symbol", {"A": 1.0})])

    assert [table["breakdown"] for table in attribution_tables(frame)] == ["symbol", "cost"]


def test_interest_paid_is_a_cost_and_interest_earned_is_none() -> None:
    metrics = {"commission": 60.0, "slippage": 60.0, "initial_equity": 1e3, "final_equity": 1.1e3}

    paid = {row["label"]: row for row in cost_rows({**metrics, "interest": 80.0}, 10_000.0)}
    earned = {row["label"]: row for row in cost_rows({**metrics, "interest": -80.0}, 10_000.0)}

    assert (paid["Interest"]["share"], paid["Together"]["paid"]) == (0.4, 200.0)
    assert paid["Together"]["of_gross"] == pytest.approx(2 / 3)
    assert "Interest" not in earned
    assert earned["Together"]["of_gross"] == pytest.approx(120 / 220)


def test_shares_of_nothing_are_not_defined() -> None:
    (row, *_) = cost_rows({"commission": 0.0, "initial_equity": 1e3, "final_equity": 9e2}, None)

    assert (row["share"], row["bps"], row["of_gross"]) == (None, None, None)


def test_costs_of_many_years_are_drawn_by_year_and_kinds_never_paid_left_out() -> None:
    days = pl.date_range(date(2019, 6, 1), date(2023, 6, 1), "1mo", eager=True)
    costs = pl.DataFrame({"session_date": days, "commission": [1.0] * 49, "fees": [0.0] * 49})

    by_year = costs_by_period(costs)
    by_month = costs_by_period(costs.head(47))

    assert by_year.columns == ["start", "end", "commission"]
    assert by_year["commission"].to_list() == [7.0, 12.0, 12.0, 12.0, 6.0]
    assert by_year["end"].to_list()[0] == date(2020, 1, 1)
    assert len(by_month) == 47


def test_a_book_that_paid_nothing_has_no_column_to_draw() -> None:
    empty = pl.DataFrame(schema={"session_date": pl.Date, "commission": pl.Float64})

    assert costs_by_period(empty).columns == ["start", "end"]
