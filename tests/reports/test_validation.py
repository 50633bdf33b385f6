from __future__ import annotations

from datetime import date
from typing import Any

import polars as pl
import pytest

from reports.plots import ORANGE
from reports.validation import (
    FIGURE_LABELS,
    criterion_rows,
    load_validation,
    scenario_groups,
    trade_orders_figure,
    verdict,
)
from tests.reports import books
from transforms import schemas_validation as schemas
from transforms.warehouse import Warehouse


def criteria(warehouse: Warehouse, *results: bool | None, book: str = books.BOOK) -> None:
    for place, passed in enumerate(results):
        row: dict[str, Any] = {"book": book, "place": place, "criterion": f"criterion_{place}", "value": 0.25}
        row |= {"rule": "at most", "limit": 0.5, "passed": passed, "note": f"note {place}"}
        books.table(warehouse, schemas.VALIDATION, row)


def scenario(warehouse: Warehouse, place: int, kind: str, name: str, **figures: Any) -> None:
    row = {"book": books.BOOK, "place": place, "kind": kind, "scenario": name, "covered": bool(figures)}
    books.table(warehouse, schemas.STRESS, {**row, **figures})


@pytest.mark.parametrize(
    ("results", "said"),
    [
        ((True, True), "Passed: 2 of 2 criteria kept, 0 failed."),
        ((True, False, True), "Failed: 2 of 3 criteria kept, 1 failed."),
        ((True, None), "Passed: 1 of 2 criteria kept, 0 failed, 1 not covered by the data."),
        ((None, None), "Failed: 0 of 2 criteria kept, 0 failed, 2 not covered by the data."),
    ],
)
def test_the_verdict_counts_what_is_kept_and_nothing_is_passed_by_what_is_not_covered(
    warehouse: Warehouse, results: tuple[bool | None, ...], said: str
) -> None:
    criteria(warehouse, *results)

    assert verdict(load_validation(warehouse, books.BOOK).criteria) == said


def test_criteria_stand_in_their_order_with_value_and_limit(warehouse: Warehouse) -> None:
    criteria(warehouse, True, None)
    criteria(warehouse, False, book="backtest/other")

    rows = criterion_rows(load_validation(warehouse, books.BOOK).criteria)

    assert [row["name"] for row in rows] == ["criterion 0", "criterion 1"]
    assert (rows[0]["value"], rows[0]["limit"], rows[1]["passed"]) == ("0.250", "at most 0.500", None)


def test_scenarios_are_grouped_by_kind_and_those_not_covered_have_dashes(warehouse: Warehouse) -> None:
    scenario(warehouse, 2, "regime", "2008")
    span = {"first_session": date(2003, 3, 7), "last_session": date(2013, 3, 1)}
    scenario(
        warehouse, 0, "base", "as backtested", **span, sharpe=0.82, max_drawdown=-0.6, benchmark_return=0.1
    )
    scenario(warehouse, 1, "stress", "slippage x2", sharpe=0.7)

    groups = scenario_groups(load_validation(warehouse, books.BOOK).scenarios)

    assert [group["title"] for group in groups] == ["As backtested", "Worse worlds", "Named regimes"]
    (base,), (regime,) = groups[0]["rows"], groups[2]["rows"]
    assert base["span"] == "2003-03-07 to 2013-03-01"
    assert dict(zip(FIGURE_LABELS, base["figures"], strict=True))["Sharpe"] == "0.82"
    assert base["benchmark"] == "+10.0%"
    assert (regime["covered"], set(regime["figures"])) == (False, {"–"})


def test_the_drawdown_that_happened_is_marked_among_the_orders_of_trades() -> None:
    orders = pl.DataFrame({"percentile": [0, 50, 100], "max_drawdown": [-0.5, -0.3, -0.1]})

    marked, bare = trade_orders_figure(orders, -0.25), trade_orders_figure(orders, None)

    assert [span.location for span in marked.select({"line_color": ORANGE})] == [-0.25]
    assert not list(bare.select({"line_color": ORANGE}))
