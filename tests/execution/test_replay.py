"""One decision path: a replay through the simulated broker is the backtest, to the last bit."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from execution.config import CostsConfig, PortfolioConfig, RiskConfig
from execution.desk import Rules
from execution.panel import Panel, ScorePanel
from execution.simulator import SimulationResult, simulate
from tests.execution.desks import BOOK, desk, directory, replay, until
from tests.execution.markets import NAN, fees, markets, panel, portfolios, risks, score_panel

FEES = CostsConfig(name="test", commission_per_share=0.005, commission_minimum=1.0, slippage_bps=7.0)


def backtest(market: tuple[Panel, ScorePanel], first: int, rules: Rules) -> SimulationResult:
    bars, scores = market
    return simulate(
        bars, scores, book=BOOK, portfolio=rules.portfolio, risk=rules.risk, costs=rules.costs, first=first
    )


def assert_same(root: Path, market: tuple[Panel, ScorePanel], expected: SimulationResult) -> None:
    """Compare orders, fills, cash and positions of journal and broker with the backtest's."""
    with desk(root, market) as (_, journal, broker):
        assert journal.fills(BOOK) == list(expected.fills)
        ended = [(entry.order, entry.status) for entry in journal.orders(BOOK)]
        assert ended == [(entry.order, entry.status) for entry in expected.orders]
        account = broker.account(market[0].symbols)
        assert account.cash == expected.cash[-1]
        assert account.quantity.tolist() == expected.quantity[-1].tolist()
        closes = [close.account for close in journal.closes(BOOK)]
        assert [close["equity"] for close in closes] == expected.equity.tolist()
        assert [close["turnover"] for close in closes] == pytest.approx(expected.turnover.tolist(), rel=1e-12)


@given(market=markets(), portfolio=portfolios, risk=risks, costs=fees, start=st.integers(0, 3))
@settings(max_examples=40, deadline=None)
def test_replay_of_any_market_is_the_backtest(
    market: tuple[Panel, ScorePanel],
    portfolio: PortfolioConfig,
    risk: RiskConfig,
    costs: CostsConfig,
    start: int,
) -> None:
    rules = Rules(portfolio, risk, costs)
    first = min(start, len(market[0]) - 1)
    with directory() as root:
        replay(root, market, first, rules=rules)
        assert_same(root, market, backtest(market, first, rules))


def year(names: int = 8, count: int = 250) -> tuple[Panel, ScorePanel]:
    """A year of eight symbols with splits, dividends, missing bars and scores on most days."""
    random = np.random.default_rng(11)
    shape = (count, names)
    has_bar = random.random(shape) > 0.02
    split = np.where(has_bar & (random.random(shape) < 0.01), random.choice([2.0, 3.0, 1.5, 0.1], shape), 1.0)
    worth = random.uniform(20, 200, names) * np.exp(np.cumsum(random.normal(0, 0.02, shape), axis=0))
    close = np.where(has_bar, worth / np.cumprod(split, axis=0), NAN)
    open_ = close * np.exp(random.normal(0, 0.01, shape))
    dividend = np.where(has_bar & (random.random(shape) < 0.01), close * 0.01, 0.0)
    score = np.where(random.random(shape) < 0.05, NAN, random.normal(0, 1, shape))
    return (
        panel(close, open_=open_, split=split, dividend=dividend, benchmark=np.linspace(100, 120, count)),
        score_panel(score, volatility=random.uniform(0.1, 0.5, shape)),
    )


@pytest.mark.parametrize("side", ["long", "long_short"])
def test_months_replayed_with_a_new_process_each_day_is_the_backtest(tmp_path: Path, side: str) -> None:
    portfolio = PortfolioConfig(
        name="test", side=side, k=2, rebalance="weekly", weighting="inverse_volatility"
    )
    rules = Rules(portfolio, RiskConfig(name="test"), FEES)
    market, first = year(count=100), 21
    for t in range(first, len(market[0])):
        with desk(tmp_path, until(market, t), rules=rules) as (trader, _, _):
            trader.trade([t], is_replay=True)
    expected = backtest(market, first, rules)
    assert len(expected.fills) > 40
    assert {entry.status for entry in expected.orders} == {"filled", "cancelled"}
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
    rules = Rules(portfolio, RiskConfig(name="test"), FEES)
    replay(tmp_path, market, 0, rules=rules)
    expected = backtest(market, 0, rules)
    sessions = [order.order.session_date for order in expected.orders if order.order.symbol == "A"]
    assert (len(sessions) > len(set(sessions))) is (rebalance == "bar")
    assert_same(tmp_path, market, expected)


def test_replay_can_be_told_from_a_backtest_that_differs_in_one_open(tmp_path: Path) -> None:
    rules = Rules(PortfolioConfig(name="test", rebalance="daily"), RiskConfig(name="test"), FEES)
    market = year(count=40)
    replay(tmp_path, market, 0, rules=rules)
    opens = market[0].open.copy()
    opens[20:] += 0.01
    with pytest.raises(AssertionError):
        assert_same(tmp_path, market, backtest((replace(market[0], open=opens), market[1]), 0, rules))
