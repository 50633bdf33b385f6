from datetime import date

import numpy as np
import polars as pl
import pytest

from execution.performance import cagr, max_drawdown, sharpe
from execution.types import Floats
from reports.strategies import figure, load_strategies, rows
from tests.reports import books
from transforms.warehouse import Warehouse


def test_sessions_have_the_last_share_and_the_sum_of_profits(warehouse: Warehouse) -> None:
    books.strategies(warehouse)
    frame = load_strategies(warehouse, books.BOOK).filter(pl.col("strategy") == "trend")
    assert frame["share"].to_list() == pytest.approx([0.1, 0.3, 0.5])
    assert frame["alone"].to_list() == [101.0, 104.0, 107.0]
    assert frame["pnl"].to_list() == [10.0, 50.0, 90.0]


def test_rows_sum_the_book_and_measure_each_strategy_alone(warehouse: Warehouse) -> None:
    books.strategies(warehouse)
    late, trend = rows(load_strategies(warehouse, books.BOOK), 252)
    assert (late["strategy"], trend["strategy"]) == ("late", "trend")
    assert (trend["share"], trend["pnl"], trend["costs"]) == (0.5, 150.0, 6.0)
    assert (trend["traded"], trend["crossed"]) == (600.0, 5.0)
    closes = np.array([101.0, 104.0, 107.0])
    assert trend["cagr"] == cagr(closes, 252)
    assert trend["sharpe"] == sharpe(closes, 252)
    assert late["max_drawdown"] == max_drawdown(np.array([103.0, 106.0]))
    assert trend["correlation"] is None  # one common return


def of_equity(equity: Floats) -> pl.DataFrame:
    """What three strategies came to alone, (T, 3)."""
    return pl.concat(
        pl.DataFrame(
            {
                "session_date": [date(2024, 1, 1)] * len(equity),
                "strategy": name,
                "share": 0.3,
                "alone": equity[:, place],
            }
        ).with_columns(pl.lit(0.0).alias(name) for name in ("pnl", "costs", "traded", "crossed"))
        for place, name in enumerate("abc")
    )


@pytest.mark.filterwarnings("error")
def test_correlation_ends_where_a_strategy_is_used_up() -> None:
    change = np.random.default_rng(1).normal(0, 0.01, (40, 3))
    equity = np.cumprod(1 + change, axis=0)
    equity[20:, 0] = 0.0
    expected = np.corrcoef(change[1:20, 1], change[1:20, [0, 2]].mean(axis=1))[0, 1]
    assert rows(of_equity(equity), 252)[1]["correlation"] == pytest.approx(expected)


def test_correlation_is_with_the_mean_of_the_others() -> None:
    random = np.random.default_rng(1)
    change = random.normal(0, 0.01, (40, 3))
    equity = np.cumprod(1 + change, axis=0)
    frame = of_equity(equity)
    expected = np.corrcoef(change[1:, 1], change[1:, [0, 2]].mean(axis=1))[0, 1]
    assert rows(frame, 252)[1]["correlation"] == pytest.approx(expected)


def test_book_of_one_strategy_has_no_rows(warehouse: Warehouse) -> None:
    assert rows(load_strategies(warehouse, books.BOOK), 252) == []


def test_figure_draws_profit_and_share_of_each_strategy(warehouse: Warehouse) -> None:
    books.strategies(warehouse)
    profit, share = figure(load_strategies(warehouse, books.BOOK)).children
    source = profit.renderers[0].data_source
    assert source.data["pnl_1"].tolist() == [10.0, 60.0, 150.0]
    assert source.data["share_0"].tolist() == pytest.approx([0.1, 0.3, 0.5])
    assert [item.label.value for item in profit.legend[0].items] == ["late", "trend"]
    assert len(share.renderers) == 2
