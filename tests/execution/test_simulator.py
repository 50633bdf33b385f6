from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from execution import tables
from execution.config import BookConfig, CostsConfig, ExitsConfig, OrdersConfig, PortfolioConfig, RiskConfig
from execution.kernel.types import REASONS, RISK_RULES
from execution.panel import Panel, ScorePanel
from execution.portfolio_config import SizingConfig
from execution.simulator import SimulationResult
from execution.types import Floats
from tests.execution.markets import (
    EVERY_DAY,
    FREE,
    LENIENT,
    NAN,
    book_config,
    configs,
    markets,
    panel,
    score_panel,
    simulated,
    year,
)
from transforms.errors import QuantmillError

STRICT = RiskConfig(name="test", max_position_weight=1.0)
FRACTIONS = replace(EVERY_DAY, whole_shares=False)


def run(
    bars: Panel,
    scores: ScorePanel,
    portfolio: PortfolioConfig = EVERY_DAY,
    risk: RiskConfig = LENIENT,
    costs: CostsConfig = FREE,
    *,
    first: int = 0,
) -> SimulationResult:
    return simulated(bars, scores, book_config(portfolio, risk=risk, costs=costs), book="b", first=first)


def orders_of(result: SimulationResult) -> list[dict[str, Any]]:
    names = tables.name_orders(result)
    return tables.orders(result, names, tables.narrate(result)).rows(named=True)


def test_six_bars_worked_out_by_hand() -> None:
    bars = panel(
        [[10, 20], [11, 22], [12, 25], [6.2, 26], [6.3, NAN], [6.4, 27]],
        open_=[[10, 20], [10, 21], [11, 24], [6.1, 24], [6.2, NAN], [6.3, 26]],
        split=[[1, 1], [1, 1], [1, 1], [2, 1], [1, 1], [1, 1]],
        dividend=[[0, 0], [0, 0], [0.20, 0], [0, 0], [0, 0], [0, 0]],
        benchmark=[50, 51, 52, 51, 50, 55],
    )
    scores = score_panel([[0.5, -0.1], [0.5, -0.1], [-0.2, 0.4], [-0.2, 0.4], [-0.2, 0.4], [-0.2, 0.4]])
    portfolio = replace(EVERY_DAY, k=1, initial_cash=1000.0, min_trade_weight=0.05)
    costs = CostsConfig(name="test", commission_minimum=1.0, slippage_bps=50)
    result = run(bars, scores, portfolio, STRICT, costs)

    # 100 shares of A are wanted; 99 × 10.05 + 1 = 995.95 is what the cash pays. A's dividend: 99 × 0.20.
    # After the split 198 × 6.0695 - 1 comes in and 48 × 24.12 + 1 goes out. Then 50 of B are wanted: too
    # small a change.
    fills = result.fills
    columns = (fills.symbol, fills.quantity, fills.price.round(6), fills.commission)
    assert list(zip(*(column.tolist() for column in columns), strict=True)) == [
        (0, 99, 10.05, 1.0),
        (0, -198, 6.0695, 1.0),
        (1, 48, 24.12, 1.0),
    ]
    assert result.cash.tolist() == pytest.approx([1000, 4.05, 23.85, 65.851, 65.851, 65.851], abs=1e-9)
    assert result.equity.tolist() == pytest.approx(
        [1000, 1093.05, 1211.85, 1313.851, 1313.851, 1361.851], abs=1e-9
    )
    assert result.quantity[:, 0].tolist() == [0, 99, 99, 0, 0, 0]
    assert result.traded.tolist() == pytest.approx([0, 994.95, 0, 1201.761 + 1157.76, 0, 0])
    assert result.benchmark.tolist() == pytest.approx([1000, 1020, 1040, 1020, 1000, 1100])
    assert [(order["quantity"], order["status"]) for order in orders_of(result)] == [
        (100, "cancelled"),
        (99, "filled"),
        (48, "filled"),
    ]
    (event,) = result.outcome.risk_events
    assert (event["bar"], RISK_RULES[event["rule"]], event["symbol"]) == (4, "stale_price", 1)


def test_buy_and_hold_earns_the_price_ratio_from_the_next_open() -> None:
    closes = [[20.0], [22.0], [21.0], [30.0]]
    result = run(
        panel(closes, open_=[[20.0], [21.0], [22.0], [25.0]]),
        score_panel([[1.0]] + [[NAN]] * 3),
        replace(FRACTIONS, k=1, initial_cash=1000.0, gross=1.0),
    )
    # 50 shares are decided at 20; at the open of 21 the cash pays for 1000 / 21 of them.
    assert result.equity.tolist() == pytest.approx([1000, *(1000 / 21 * np.array([22, 21, 30]))])


@pytest.mark.parametrize("ratio", [4.0, 0.1])
def test_split_changes_nothing_but_the_number_of_shares(ratio: float) -> None:
    closes = np.array([[100.0], [101.0], [102.0], [99.0], [104.0]])
    scores = score_panel([[1.0]] * 5)
    plain = run(panel(closes), scores, replace(FRACTIONS, k=1))
    since = np.array([1, 1, ratio, ratio, ratio])[:, None]
    split = np.array([1, 1, ratio, 1, 1])[:, None]
    result = run(panel(closes / since, split=split), scores, replace(FRACTIONS, k=1))
    assert result.equity.tolist() == pytest.approx(plain.equity.tolist(), rel=1e-12)
    assert result.quantity[2:, 0].tolist() == pytest.approx((plain.quantity[2:, 0] * ratio).tolist())


def test_order_over_a_split_buys_the_value_that_was_decided() -> None:
    bars = panel([[100.0], [25.0], [25.0]], split=[[1], [4], [1]])
    result = run(bars, score_panel([[1.0], [NAN], [NAN]]), replace(EVERY_DAY, k=1, gross=0.5))
    assert result.quantity[:, 0].tolist() == [0, 2000, 2000]
    assert result.equity.tolist() == [100_000.0] * 3


@pytest.mark.parametrize("sign", [1, -1])
def test_dividend_day_keeps_the_equity_of_longs_and_shorts(sign: int) -> None:
    bars = panel([[100.0], [100.0], [97.0], [97.0]], dividend=[[0], [0], [3.0], [0]])
    portfolio = replace(EVERY_DAY, k=1, side="long_short")
    result = run(bars, score_panel([[sign * 1.0]] + [[NAN]] * 3), portfolio)
    assert result.quantity[-1, 0] == sign * 500
    assert result.equity.tolist() == [100_000.0] * 4


def test_order_for_a_session_without_bar_is_cancelled_not_carried() -> None:
    bars = panel([[10.0, 10.0], [NAN, 10.0], [10.0, 10.0]])
    result = run(bars, score_panel([[1.0, NAN], [NAN, NAN], [NAN, NAN]]))
    (order,) = orders_of(result)
    assert order["status"] == "cancelled"
    assert order["reason"].endswith("; it had no bar")
    assert len(result.outcome.fills) == 0


def test_orders_of_the_last_bar_wait_for_an_open_that_has_not_come() -> None:
    result = run(panel([[10.0], [10.0]]), score_panel([[NAN], [1.0]]))
    assert [(order["symbol"], order["status"]) for order in orders_of(result)] == [("A", "accepted")]


def test_weekly_book_decides_on_the_same_days_wherever_it_starts() -> None:
    bars, scores = panel([[10.0]] * 12), score_panel([[1.0]] * 12)
    weekly = replace(EVERY_DAY, rebalance="weekly")
    assert run(bars, scores, weekly).decided.tolist() == [0, 5, 10]
    assert run(bars, scores, weekly, first=3).decided.tolist() == [5, 10]


@pytest.mark.parametrize("drawdown_start", [0.0, 0.9])  # the latter looks at the book's equity
def test_short_that_eats_the_equity_is_closed_and_the_book_stays_flat(drawdown_start: float) -> None:
    bars = panel([[10.0], [10.0], [50.0], [50.0], [50.0]])
    sizing = SizingConfig(drawdown_start=drawdown_start, drawdown_full=1.0)
    portfolio = replace(EVERY_DAY, k=1, side="long_short", sizing=sizing)
    result = run(bars, score_panel([[-1.0]] * 5), portfolio)
    assert result.equity.tolist() == [100_000, 100_000, -100_000, -100_000, -100_000]
    assert result.quantity[:, 0].tolist() == [0, -5000, -5000, 0, 0]
    assert np.isnan(result.gross_exposure[2:]).all()
    ruin = orders_of(result)[-1]
    assert (ruin["cause"], ruin["status"], ruin["quantity"]) == ("ruin", "filled", 5000)
    assert ruin["reason"] == "the book's equity is used up"


def test_infinite_score_stops_the_run_and_names_book_and_symbol() -> None:
    with pytest.raises(QuantmillError, match="score of A is infinite") as caught:
        run(panel([[10.0], [10.0]]), score_panel([[0.1], [np.inf]]))
    assert caught.value.__notes__ == ["while simulating b"]


def test_scores_of_another_panel_are_refused() -> None:
    with pytest.raises(QuantmillError, match="shape"):
        run(panel([[10.0], [10.0]]), score_panel([[0.1]]))


@pytest.mark.parametrize("rebalance", ["daily", "weekly"])
def test_a_portfolio_that_asks_for_the_account_runs_as_one_that_does_not(rebalance: str) -> None:
    """A turnover cap that never binds: the kernel is halted at each decision, and nothing else may change."""
    bars, scores = year(names=5, count=80)
    plain = PortfolioConfig(name="test", k=2, rebalance=rebalance)
    halting = replace(plain, sizing=SizingConfig(drawdown_start=0.98, drawdown_full=0.99))
    exits = ExitsConfig(name="test", stop_loss=0.03)
    patient = OrdersConfig(name="test", type="limit", limit_bps=40, time_in_force="gtc")
    one, two = (
        simulated(bars, scores, book_config(portfolio, exits=exits, orders=patient), first=21)
        for portfolio in (plain, halting)
    )
    assert {REASONS[code] for code in one.outcome.fills["reason"]} == {"target", "stop_loss"}
    for name in ("cash", "equity", "quantity", "flows", "fills", "weights"):
        np.testing.assert_array_equal(getattr(one.outcome, name), getattr(two.outcome, name), err_msg=name)
    ids = ["id", "bar", "symbol", "status", "end_bar", "quantity", "filled"]
    assert one.outcome.orders[ids].tolist() == two.outcome.orders[ids].tolist()


@settings(max_examples=60, deadline=None)
@given(market=markets(), config=configs)
def test_money_is_conserved_at_every_bar(market: tuple[Panel, ScorePanel], config: BookConfig) -> None:
    result = simulated(*market, config)
    scale = config.portfolio.initial_cash + np.abs(result.market_value).sum(axis=1)
    before = np.concatenate([[result.initial_cash], result.cash[:-1]])
    assert np.all(np.abs(result.cash - before - result.outcome.flows.sum(axis=1)) <= 1e-9 * scale)
    assert np.all(np.abs(result.equity - result.cash - result.market_value.sum(axis=1)) <= 1e-9 * scale)
    # The trips' profits and what was paid on the account are all that equity has gained.
    carried = (result.flow("borrow") + result.flow("interest")).sum()
    gained = result.equity[-1] - result.initial_cash
    assert result.trips.pnl.sum() + carried == pytest.approx(gained, abs=1e-7 * scale.max())


@settings(max_examples=40, deadline=None)
@given(market=markets(), config=configs, data=st.data())
def test_no_bar_after_t_changes_what_was_done_up_to_t(
    market: tuple[Panel, ScorePanel], config: BookConfig, data: st.DataObject
) -> None:
    bars, scores = market
    t = data.draw(st.integers(0, len(bars) - 1), label="last bar left as it was")
    other = np.random.default_rng(data.draw(st.integers(0, 1000), label="seed")).permutation(
        len(bars) - t - 1
    )

    def shaken(values: Floats) -> Floats:
        return np.concatenate([values[: t + 1], values[t + 1 :][other]])

    names = ("open", "high", "low", "close", "volume", "split_ratio", "dividend", "benchmark")
    changed = replace(bars, **{name: shaken(getattr(bars, name)) for name in names})
    said = {name: shaken(getattr(scores, name)) for name in ("score", "confidence", "volatility")}
    one, two = simulated(bars, scores, config), simulated(changed, replace(scores, **said), config)
    for name in ("cash", "equity", "quantity", "gross_exposure"):
        np.testing.assert_array_equal(getattr(one, name)[: t + 1], getattr(two, name)[: t + 1], err_msg=name)
    early = [result.outcome.fills[result.outcome.fills["bar"] <= t] for result in (one, two)]
    assert early[0].tolist() == early[1].tolist()
