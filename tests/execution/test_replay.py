"""One decision path: a replay through the simulated broker is the backtest, to the last bit."""

from dataclasses import asdict, replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from execution import tables
from execution.config import (
    AccountConfig,
    BookConfig,
    CostsConfig,
    ExitsConfig,
    OrdersConfig,
    PortfolioConfig,
    RiskConfig,
)
from execution.kernel.types import CANCELLED, FILLED, REASONS
from execution.panel import Panel, ScorePanel
from execution.simulator import SimulationResult
from tests.execution.desks import BOOK, desk, directory, replay, until
from tests.execution.markets import book_config, configs, markets, simulated, year

FEES = CostsConfig(name="test", commission_per_share=0.005, commission_minimum=1.0, slippage_bps=7.0)


RISK = RiskConfig(name="test")


def backtest(market: tuple[Panel, ScorePanel], first: int, config: BookConfig) -> SimulationResult:
    bars, scores = market
    return simulated(bars, scores, config, book=BOOK, first=first)


def assert_same(root: Path, market: tuple[Panel, ScorePanel], expected: SimulationResult) -> None:
    """Compare orders, fills, cash, flows and positions of journal and broker with the backtest, bit for bit."""
    names = tables.name_orders(expected)
    ordered = tables.orders(expected, names, tables.narrate(expected)).drop("book").rows(named=True)
    filled = tables.fills(expected, names).drop("book").rows(named=True)
    with desk(root, market, config=expected.config) as (_, journal, broker):
        assert [asdict(fill) for fill in journal.fills(BOOK)] == filled
        found = {entry.order.client_order_id: (entry.status, entry.order) for entry in journal.orders(BOOK)}
        assert sorted(found) == sorted(row["client_order_id"] for row in ordered)
        for row in ordered:
            status, order = found[row["client_order_id"]]
            assert status == row["status"]
            for name in row.keys() - {"status", "reason"}:
                assert getattr(order, name) == row[name], (name, order)
            assert row["reason"].startswith(order.reason)
        account = broker.account(market[0].symbols)
        assert account.cash == expected.cash[-1]
        assert account.quantity.tolist() == expected.quantity[-1].tolist()
        closes = [close.account for close in journal.closes(BOOK)]
        assert [close["equity"] for close in closes] == expected.equity.tolist()
        assert [close["cash"] for close in closes] == expected.cash.tolist()
        assert [list(close["flows"].values()) for close in closes] == expected.outcome.flows.tolist()
        assert [close["turnover"] for close in closes] == pytest.approx(
            [None if share != share else share for share in expected.turnover.tolist()], rel=1e-12
        )


@given(market=markets(), config=configs, start=st.integers(0, 3))
@settings(max_examples=60, deadline=None)
def test_replay_of_any_market_is_the_backtest(
    market: tuple[Panel, ScorePanel], config: BookConfig, start: int
) -> None:
    first = min(start, len(market[0]) - 1)
    with directory() as root:
        replay(root, market, first, config=config)
        assert_same(root, market, backtest(market, first, config))


@pytest.mark.parametrize("side", ["long", "long_short"])
def test_months_replayed_with_a_new_process_each_day_is_the_backtest(tmp_path: Path, side: str) -> None:
    portfolio = PortfolioConfig(
        name="test", side=side, k=2, rebalance="weekly", weighting="inverse_volatility"
    )
    config = book_config(
        portfolio,
        risk=RISK,
        costs=FEES,
        orders=OrdersConfig(name="test", participation=0.05, remainder="carry", time_in_force="gtc"),
        exits=ExitsConfig(name="test", scale="volatility", stop_loss=1.5, take_profit=3.0, max_bars=12),
        account=AccountConfig(name="test", margin_rate=0.06, cash_rate=0.02),
    )
    market, first = year(count=100), 21
    for t in range(first, len(market[0])):
        with desk(tmp_path, until(market, t), config=config) as (trader, _, _):
            trader.trade([t], is_replay=True)
    expected = backtest(market, first, config)
    assert len(expected.outcome.fills) > 40
    exits = {REASONS[code] for code in expected.outcome.fills["reason"]}
    assert exits == {"target", "stop_loss", "take_profit", "time_exit"}
    assert set(expected.outcome.orders["status"].tolist()) >= {FILLED, CANCELLED}
    assert_same(tmp_path, market, expected)


@pytest.mark.parametrize("rebalance", ["bar", "daily"])
def test_sessions_of_several_bars_replayed_are_the_backtest(tmp_path: Path, rebalance: str) -> None:
    """In and out several times a session, one name long while another is short."""
    bars, scores = year(names=4, count=60)
    hours = replace(
        bars,
        bar_at=tuple(bars.bar_at[t // 6 * 6] + timedelta(hours=t % 6) for t in range(60)),
        session_date=tuple(bars.session_date[t // 6 * 6] for t in range(60)),
    )
    market = hours, replace(scores, score=np.sign(np.round(scores.score)))
    portfolio = PortfolioConfig(name="test", side="long_short", k=0, rebalance=rebalance)
    config = book_config(portfolio, risk=RISK, costs=FEES)
    replay(tmp_path, market, 0, config=config)
    expected = backtest(market, 0, config)
    of_first = expected.outcome.orders["bar"][expected.outcome.orders["symbol"] == 0]
    sessions = hours.session[of_first].tolist()
    assert (len(sessions) > len(set(sessions))) is (rebalance == "bar")
    assert_same(tmp_path, market, expected)


def test_replay_can_be_told_from_a_backtest_that_differs_in_one_open(tmp_path: Path) -> None:
    config = book_config(PortfolioConfig(name="test", rebalance="daily"), risk=RISK, costs=FEES)
    market = year(count=40)
    replay(tmp_path, market, 0, config=config)
    opens = market[0].open.copy()
    opens[20:] += 0.01
    with pytest.raises(AssertionError):
        assert_same(tmp_path, market, backtest((replace(market[0], open=opens), market[1]), 0, config))
