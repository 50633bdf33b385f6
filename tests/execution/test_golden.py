"""Trades on real bars, to the share: the stored ones, those of the loop they come from, and the kernel's."""

from __future__ import annotations

import csv

import numpy as np
import pytest

from execution.kernel.types import (
    REASONS,
    Market,
    Targets,
)
from tests.execution.agreement import ENGINES
from tests.execution.golden import breakout
from tests.execution.golden.breakout import Day, Trade
from tests.execution.kernel import books
from tests.execution.scenarios import Scenario
from tests.execution.test_closed_forms import PLAIN


def stored() -> list[Trade]:
    with breakout.TRADES.open(newline="") as file:
        return [
            Trade(
                row["symbol"],
                row["session_date"],
                int(row["quantity"]),
                *(float(row[name]) for name in ("price", "commission", "cash")),
                row["reason"],
            )
            for row in csv.DictReader(file)
        ]


def to_market(days: list[Day]) -> Market:
    columns = {
        name: np.array([getattr(day, name) for day in days])[:, None]
        for name in ("open", "high", "low", "close", "volume", "dividend")
    }
    count = len(days)
    return Market(
        **columns,
        vwap=columns["close"],
        split_ratio=np.array([day.ratio for day in days])[:, None],
        volatility=np.zeros((count, 1)),
        is_shortable=np.ones((count, 1), dtype=np.bool_),
        session=np.arange(count, dtype=np.int64),
        days=np.where(np.arange(count) > 0, 1.0, 0.0),
    )


def scenario_of(days: list[Day]) -> Scenario:
    wanted = breakout.wishes(days)
    rules = PLAIN._replace(
        whole_shares=True,
        is_margin=False,
        stop_loss=breakout.STOP_LOSS,
        trailing_stop=breakout.TRAILING_STOP,
    )
    market = to_market(days)
    costs = books.costs(
        market, per_share=breakout.PER_SHARE, minimum=breakout.MINIMUM, slippage=breakout.SLIPPAGE
    )
    weights = np.array(list(wanted.values()))[:, None]
    targets = Targets(np.array(list(wanted), dtype=np.int64), weights, np.ones_like(weights))
    return Scenario(market, costs, rules, breakout.CASH, targets, None)


def test_the_loop_over_real_bars_still_makes_the_stored_trades() -> None:
    assert [(*trade[:3], trade.reason) for trade in breakout.all_trades()] == [
        (*trade[:3], trade.reason) for trade in stored()
    ]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("symbol", breakout.SYMBOLS)
def test_the_stored_trades_come_out_to_the_share(symbol: str, engine: str) -> None:
    expected = [trade for trade in stored() if trade.symbol == symbol]
    days = breakout.days_of(symbol)
    result = ENGINES[engine](scenario_of(days))
    got = [(days[int(fill[0])].session_date, fill[2], REASONS[int(fill[-1])]) for fill in result.fills]
    assert got == [(trade.session_date, trade.quantity, trade.reason) for trade in expected]
    assert [fill[3] for fill in result.fills] == pytest.approx([trade.price for trade in expected], abs=1e-8)
    assert [fill[5] for fill in result.fills] == pytest.approx([trade.commission for trade in expected])
    cash = {trade.session_date: trade.cash for trade in expected}  # after the last trade of the day
    by_day = {
        day.session_date: float(result.cash[t]) for t, day in enumerate(days) if day.session_date in cash
    }
    assert by_day == pytest.approx(cash, abs=1e-5)
