from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from execution.config import CostsConfig, PortfolioConfig, RiskConfig
from execution.panel import Panel, ScorePanel
from execution.simulator import SimulationResult, simulate
from execution.types import Floats
from tests.execution.markets import (
    EVERY_DAY,
    FREE,
    LENIENT,
    NAN,
    fees,
    markets,
    panel,
    portfolios,
    risks,
    score_panel,
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
    return simulate(bars, scores, book="b", portfolio=portfolio, risk=risk, costs=costs, first=first)


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
    assert [(f.symbol, f.quantity, round(f.price, 6), f.commission) for f in result.fills] == [
        ("A", 99, 10.05, 1.0),
        ("A", -198, 6.0695, 1.0),
        ("B", 48, 24.12, 1.0),
    ]
    assert result.cash.tolist() == pytest.approx([1000, 4.05, 23.85, 65.851, 65.851, 65.851], abs=1e-9)
    assert result.equity.tolist() == pytest.approx(
        [1000, 1093.05, 1211.85, 1313.851, 1313.851, 1361.851], abs=1e-9
    )
    assert result.quantity[:, 0].tolist() == [0, 99, 99, 0, 0, 0]
    assert result.traded.tolist() == pytest.approx([0, 994.95, 0, 1201.761 + 1157.76, 0, 0])
    assert result.benchmark.tolist() == pytest.approx([1000, 1020, 1040, 1020, 1000, 1100])
    assert [(entry.order.quantity, entry.status) for entry in result.orders] == [
        (100, "cancelled"),
        (99, "filled"),
        (48, "filled"),
    ]
    assert [(t, change.rule, change.symbol) for t, d in result.decisions for change in d.risk] == [
        (4, "stale_price", "B")
    ]


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
    (entry,) = result.orders
    assert (entry.status, entry.note) == (
        "cancelled",
        "no bar on 2024-01-02, and the order was for that session",
    )
    assert result.fills == ()


def test_orders_of_the_last_bar_wait_for_an_open_that_has_not_come() -> None:
    result = run(panel([[10.0], [10.0]]), score_panel([[NAN], [1.0]]))
    assert [(entry.order.symbol, entry.status) for entry in result.orders] == [("A", "accepted")]


def test_weekly_book_decides_on_the_same_days_wherever_it_starts() -> None:
    bars, scores = panel([[10.0]] * 12), score_panel([[1.0]] * 12)
    weekly = replace(EVERY_DAY, rebalance="weekly")
    assert [t for t, _ in run(bars, scores, weekly).decisions] == [0, 5, 10]
    assert [t for t, _ in run(bars, scores, weekly, first=3).decisions] == [5, 10]


def test_short_that_eats_the_equity_is_closed_and_the_book_stays_flat() -> None:
    bars = panel([[10.0], [10.0], [50.0], [50.0], [50.0]])
    portfolio = replace(EVERY_DAY, k=1, side="long_short")
    result = run(bars, score_panel([[-1.0]] * 5), portfolio)
    assert result.equity.tolist() == [100_000, 100_000, -100_000, -100_000, -100_000]
    assert result.quantity[:, 0].tolist() == [0, -5000, -5000, 0, 0]
    assert np.isnan(result.gross_exposure[2:]).all()


def test_infinite_score_stops_the_run_and_tells_the_bar() -> None:
    with pytest.raises(QuantmillError, match="score of A is infinite") as caught:
        run(panel([[10.0], [10.0]]), score_panel([[0.1], [np.inf]]))
    assert caught.value.__notes__ == ["while deciding for b at the close of 2024-01-02 00:00:00 UTC"]


def test_scores_of_another_panel_are_refused() -> None:
    with pytest.raises(QuantmillError, match="shape"):
        run(panel([[10.0], [10.0]]), score_panel([[0.1]]))


def ledger(result: SimulationResult) -> tuple[Floats, Floats]:
    """Cash and quantities at each close, once more, from the fills and actions alone."""
    bars = result.panel.bar_at[result.rows]
    cash, quantity = np.empty(len(bars)), np.empty(result.quantity.shape)
    money, shares = result.initial_cash, dict.fromkeys(result.panel.symbols, 0.0)
    for row, at in enumerate(bars):
        for action in (a for a in result.actions if a.bar_at == at):
            money += action.cash
            shares[action.symbol] = action.quantity
        for fill in (f for f in result.fills if f.bar_at == at):
            money -= fill.quantity * fill.price + fill.commission
            shares[fill.symbol] += fill.quantity
        cash[row], quantity[row] = money, list(shares.values())
    return cash, quantity


@settings(max_examples=150, deadline=None)
@given(market=markets(), portfolio=portfolios, risk=risks, costs=fees)
def test_money_is_conserved_at_every_bar(
    market: tuple[Panel, ScorePanel], portfolio: PortfolioConfig, risk: RiskConfig, costs: CostsConfig
) -> None:
    result = run(*market, portfolio, risk, costs)
    cash, quantity = ledger(result)
    scale = portfolio.initial_cash + np.abs(result.market_value).sum(axis=1)
    assert np.all(np.abs(result.cash - cash) <= 1e-9 * scale)
    np.testing.assert_allclose(result.quantity, quantity, rtol=1e-12, atol=1e-9)
    assert np.all(np.abs(result.equity - result.cash - result.market_value.sum(axis=1)) <= 1e-9 * scale)
    # From close to close equity changes by price, split, dividend, slippage and commission, and nothing else.
    last = result.panel.last_close[result.rows]
    for row in range(1, len(cash)):
        ratio, paid = result.panel.split_ratio[row], result.panel.dividend[row]
        opened = np.where(np.isfinite(result.panel.open[row]), result.panel.open[row], last[row])
        before = result.quantity[row - 1] * ratio  # fractions paid out in cash were sold at the open
        kept = {a.symbol: a.quantity for a in result.actions if a.bar_at == result.panel.bar_at[row]}
        held = np.array([kept.get(s, q) for s, q in zip(result.panel.symbols, before, strict=True)])
        to_open = np.where(before == 0, 0, before * (opened - np.nan_to_num(last[row - 1] / ratio))).sum()
        to_close = np.where(result.quantity[row] == 0, 0, result.quantity[row] * (last[row] - opened)).sum()
        fills = [f for f in result.fills if f.bar_at == result.panel.bar_at[row]]
        costs_paid = sum(f.slippage + f.commission for f in fills)
        change = to_open + to_close + (held * paid).sum() - costs_paid
        assert result.equity[row] - result.equity[row - 1] == pytest.approx(
            change, abs=1e-9 * scale[row] + 1e-6
        )


@settings(max_examples=100, deadline=None)
@given(market=markets(), portfolio=portfolios, risk=risks, costs=fees)
def test_a_cash_account_neither_owes_nor_shorts_and_holds_no_unknown_fraction(
    market: tuple[Panel, ScorePanel], portfolio: PortfolioConfig, risk: RiskConfig, costs: CostsConfig
) -> None:
    assume(portfolio.side == "long" and portfolio.gross <= 1)
    result = run(*market, portfolio, risk, costs)
    # A minimal commission above the proceeds of a sale is the one way to owe, a dollar a sale at most.
    sales = sum(f.quantity < 0 for f in result.fills)
    assert result.cash.min() >= -sales * costs.commission_minimum
    assert result.quantity.min() >= 0
    if portfolio.whole_shares:
        assert np.all(result.quantity == np.round(result.quantity))


@settings(max_examples=100, deadline=None)
@given(market=markets(), portfolio=portfolios, risk=risks, costs=fees, data=st.data())
def test_no_bar_after_t_changes_what_was_done_up_to_t(
    market: tuple[Panel, ScorePanel],
    portfolio: PortfolioConfig,
    risk: RiskConfig,
    costs: CostsConfig,
    data: st.DataObject,
) -> None:
    bars, scores = market
    t = data.draw(st.integers(0, len(bars) - 1), label="last bar left as it was")
    random = np.random.default_rng(data.draw(st.integers(0, 1000), label="seed"))

    def shaken(values: Floats) -> Floats:
        after = values[t + 1 :]
        return np.concatenate(
            [values[: t + 1], random.permutation(after) * random.uniform(0.5, 2, after.shape)]
        )

    changed = {
        name: shaken(getattr(bars, name))
        for name in ("open", "close", "volume", "split_ratio", "dividend", "benchmark")
    }
    other = {name: shaken(getattr(scores, name)) for name in ("score", "confidence", "volatility")}
    one = run(bars, scores, portfolio, risk, costs)
    two = run(replace(bars, **changed), replace(scores, **other), portfolio, risk, costs)
    for name in ("cash", "equity", "quantity", "gross_exposure"):
        np.testing.assert_array_equal(getattr(one, name)[: t + 1], getattr(two, name)[: t + 1], err_msg=name)
    until = bars.bar_at[t]
    assert [f for f in one.fills if f.bar_at <= until] == [f for f in two.fills if f.bar_at <= until]
    decided = [[(u, repr(d)) for u, d in result.decisions if u <= t] for result in (one, two)]
    assert decided[0] == decided[1]


@settings(max_examples=50, deadline=None)
@given(market=markets(), portfolio=portfolios, risk=risks, costs=fees)
def test_result_is_the_same_under_any_order_of_the_symbols(
    market: tuple[Panel, ScorePanel], portfolio: PortfolioConfig, risk: RiskConfig, costs: CostsConfig
) -> None:
    bars, scores = market
    order = np.arange(len(bars.symbols))[::-1]
    names = ("open", "close", "volume", "split_ratio", "dividend")
    moved = replace(
        bars,
        symbols=tuple(bars.symbols[i] for i in order),
        **{name: getattr(bars, name)[:, order] for name in names},
    )
    said = {name: getattr(scores, name)[:, order] for name in ("score", "confidence", "volatility")}
    one = run(bars, scores, portfolio, risk, costs)
    two = run(moved, replace(scores, **said), portfolio, risk, costs)
    assert one.fills == two.fills
    assert one.orders == two.orders
    np.testing.assert_array_equal(one.equity, two.equity)
