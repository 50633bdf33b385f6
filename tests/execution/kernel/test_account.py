"""Corporate actions, carrying costs, costs of fills, solvency."""

import numpy as np
import pytest

from execution.kernel.types import (
    BORROW,
    DIVIDENDS,
    FLOWS,
    IN_LIEU,
    INTEREST,
    MARGIN_CALL,
    TRADES,
)
from tests.execution.kernel.books import beside, costs, fills, market, order, play, targets


def test_split_and_dividend_meet_the_position_in_this_order() -> None:
    out = play(market(100, 50, split_ratio=[1, 2], dividend=[0, 0.5]), order(10), cash=1000)
    assert out.quantity[:, 0].tolist() == [10, 20]
    assert out.flows[1, DIVIDENDS] == 10
    (action,) = out.actions
    assert (action["bar"], action["ratio"], action["quantity"], action["cash"]) == (1, 2, 20, 10)


def test_short_is_charged_the_dividend() -> None:
    assert play(market(100, 100, dividend=[0, 0.3]), order(-10)).flows[1, DIVIDENDS] == pytest.approx(-3)


@pytest.mark.parametrize(("bar", "paid"), [(100, 50), (None, 10 / 0.1 / 2)], ids=["at the open", "no bar"])
def test_fraction_after_a_reverse_split_is_paid_out(bar: float | None, paid: float) -> None:
    out = play(market(10, bar, split_ratio=[1, 0.1]), order(15), whole_shares=True)
    assert out.quantity[1, 0] == 1
    assert out.flows[1, IN_LIEU] == pytest.approx(paid)


def test_position_that_a_reverse_split_leaves_nothing_of_is_paid_out() -> None:
    out = play(market(10, 1000, split_ratio=[1, 0.01]), order(50), whole_shares=True)
    assert out.quantity[1, 0] == 0
    assert out.flows[1, IN_LIEU] == 500


def test_short_pays_borrow_by_calendar_days_on_its_last_value() -> None:
    bars = market(100, 120, 110, days=[0, 3, 1])
    out = play(bars, order(-10), costs=costs(bars, borrow_rate=np.array([0.0365])))
    np.testing.assert_allclose(out.flows[:, BORROW], [0, -1000 * 0.0365 * 3 / 365, -1200 * 0.0365 / 365])


def test_negative_cash_pays_and_free_cash_earns_interest() -> None:
    bars = market(100, 100, 100, days=[5, 1, 1])
    debt = play(bars, order(20), cash=1000, margin_rate=0.0365)
    assert debt.flows[1, INTEREST] == pytest.approx(-0.1)
    free = play(bars, order(-5), cash=1000, cash_rate=0.0365)
    # What the short was sold for is no cash of ours; a book's first bar carries nothing.
    assert free.flows[:2, INTEREST].tolist() == [0, pytest.approx(0.1)]


def test_commission_keeps_minimum_and_maximum_and_sales_pay_fees() -> None:
    bars = market(10, 10, 10, 10)
    table = costs(
        bars,
        per_share=0.01,
        per_order=0.5,
        rate=0.001,
        minimum=1.0,
        maximum=20.0,
        sale_rate=np.full(4, 1e-3),
        sale_per_share=np.full(4, 1e-2),
        sale_maximum=np.full(4, 5.0),
    )
    out = play(bars, order(10), order(100, bar=0), order(5000, bar=1), order(-5110, bar=2), costs=table)
    np.testing.assert_allclose(out.fills["commission"], [1.0, 0.5 + 1 + 1, 20, 20])
    np.testing.assert_allclose(out.fills["fees"], [0, 0, 0, 51.1 + 5])


def test_commission_is_at_most_its_fraction_of_the_value() -> None:
    bars = market(10)
    out = play(bars, order(1), costs=costs(bars, minimum=1.0, maximum_rate=0.01))
    assert out.fills["commission"].tolist() == [0.1]


def test_price_is_moved_by_spread_slippage_volatility_and_impact() -> None:
    bars = market(100, 100, volume=[1e6, 0.0])
    table = costs(bars, spread=np.array([[0.001]]), slippage=0.002, slippage_volatility=0.1, impact=0.5)
    out = play(bars, order(10_000), order(-10_000, bar=0), cash=1e9, costs=table)
    moved = 0.001 + 0.002 + 0.1 * 0.02 + 0.5 * 0.02 * 0.1
    still = 0.001 + 0.002 + 0.1 * 0.02 + 0.5 * 0.02
    np.testing.assert_allclose(out.fills["price"], [100 * (1 + moved), 100 * (1 - still)])


def test_margin_call_cuts_every_position_by_the_same_fraction_to_initial_margin() -> None:
    bars = beside(market(10, 7, 7), market(10, 10, 10))
    out = play(
        bars, order(100), order(-100, symbol=1), cash=1000, initial_margin=0.5, maintenance_margin=0.45
    )
    # Equity 700, gross 1700: 765 are asked for; 1 - 700 / 850 of each goes.
    assert out.fills["reason"].tolist() == [1, 1, MARGIN_CALL, MARGIN_CALL]
    np.testing.assert_allclose(out.fills["quantity"][2:], [-100 * 15 / 85, 100 * 15 / 85])
    assert 0.5 * (np.abs(out.quantity[2]) @ [7, 10]) == pytest.approx(out.equity[2])


def test_margin_call_is_exactly_at_the_price_where_equity_no_longer_suffices() -> None:
    # 200 shares on 1000 of cash and 1000 of debt: 0.25 × 200 p = 200 p - 1000 at p = 6.6667.
    for price, calls in ((6.67, 0), (6.66, 1)):
        out = play(
            market(10, price, price), order(200), cash=1000, initial_margin=0.5, maintenance_margin=0.25
        )
        assert np.count_nonzero(out.fills["reason"] == MARGIN_CALL) == calls


def test_margin_call_asks_no_cap_and_rounds_up_to_lots_and_counts_for_the_decision() -> None:
    bars = market(10, 6.5, 6.5, volume=[1e6, 0, 0])
    out = play(
        bars,
        targets=targets({1: [0.0]}),
        cash=1000,
        initial_margin=0.5,
        maintenance_margin=0.25,
        whole_shares=True,
        participation=0.5,
    )
    assert len(out.fills) == 0
    out = play(
        bars,
        order(200),
        cash=1000,
        initial_margin=0.5,
        maintenance_margin=0.25,
        whole_shares=True,
        participation=0.5,
    )
    # Equity 300 carries 600 of 1300: 53.85 % of 200 shares, rounded up.
    assert fills(out)[1] == (2, -108, 6.5)


def test_closing_after_a_margin_call_sells_each_share_once() -> None:
    bars = market(10, 6.5, 6.5)
    out = play(
        bars,
        order(200),
        targets=targets({1: [0.0]}),
        cash=1000,
        initial_margin=0.5,
        maintenance_margin=0.25,
        whole_shares=True,
    )
    assert fills(out)[1:] == [(2, -108, 6.5), (2, -92, 6.5)]


def test_flows_of_a_bar_add_up_to_its_change_of_cash() -> None:
    bars = market(10, 20, 30, dividend=[0, 1, 0], days=[0, 1, 1])
    table = costs(bars, rate=0.01, borrow_rate=np.array([0.05]))
    out = play(bars, order(-10), order(20, bar=1), costs=table, cash=1000, cash_rate=0.03)
    np.testing.assert_allclose(out.flows.sum(axis=1), np.diff(out.cash, prepend=1000))
    assert out.flows.shape[1] == len(FLOWS)
    assert out.traded.tolist() == [100, 0, 600]
    assert out.flows[2, TRADES] == -600
