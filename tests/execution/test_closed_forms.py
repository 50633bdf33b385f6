"""Cases whose outcome follows from a formula, for the kernel and for the reference that it is compared with."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from execution.kernel.types import (
    BORROW,
    BUY_IN,
    COMMISSION,
    DIVIDENDS,
    EXPLICIT,
    FEES,
    GTC,
    IN_LIEU,
    INTEREST,
    MARGIN_CALL,
    RUIN,
    STOP_LOSS,
    Market,
    Orders,
    Rules,
)
from tests.execution.agreement import ENGINES, Result
from tests.execution.kernel import books
from tests.execution.scenarios import Scenario

PLAIN = books.rules(time_in_force=GTC, initial_margin=1 / 64, max_position_weight=1.0, max_price_move=1e9)
pytestmark = pytest.mark.parametrize("engine", ENGINES)


def bars(opens: list[float], closes: list[float] | None = None, **changes: Any) -> Market:
    """Daily bars of one symbol that go straight from open to close (the same price unless given)."""
    ways = zip(opens, closes or opens, strict=True)
    return books.market(
        *((first, max(first, last), min(first, last), last) for first, last in ways), **changes
    )


def sent(*orders: tuple[int, float]) -> Orders:
    """Market orders (bar, quantity), good till cancelled."""
    return books.sent(*(books.order(quantity, bar=bar, force=GTC) for bar, quantity in orders))


def outcome(
    engine: str, market: Market, orders: Orders, *, cash: float = 10_000.0, rules: Rules = PLAIN, **costs: Any
) -> Result:
    return ENGINES[engine](Scenario(market, books.costs(market, **costs), rules, cash, None, orders))


def test_buy_and_hold_is_worth_cash_plus_shares_after_splits_plus_dividends(engine: str) -> None:
    market = bars(
        [50.0, 52.0, 26.5, 27.0, 9.5, 10.0],
        split_ratio=[1, 1, 2, 1, 3, 1],
        dividend=[0, 0.5, 0.25, 0, 0.125, 1.0],
    )
    result = outcome(engine, market, sent((-1, 100.0)))
    shares = np.array([100, 100, 200, 200, 600, 600])
    paid = np.array([0, 100 * 0.5, 200 * 0.25, 0, 600 * 0.125, 600 * 1.0])
    assert result.quantity[:, 0] == pytest.approx(shares)
    assert result.flows[:, DIVIDENDS] == pytest.approx(paid)
    assert result.equity == pytest.approx(10_000 - 5000 + np.cumsum(paid) + shares * market.close[:, 0])


def test_a_reverse_split_pays_the_fraction_of_a_share_at_the_open(engine: str) -> None:
    market = bars([10.0, 99.0], [10.0, 103.0], split_ratio=[1, 0.1])
    result = outcome(engine, market, sent((-1, 127.0)), rules=PLAIN._replace(whole_shares=True))
    assert result.quantity[1, 0] == 12
    assert result.flows[1, IN_LIEU] == pytest.approx(0.7 * 99)
    assert result.equity[1] == pytest.approx(10_000 - 1270 + 0.7 * 99 + 12 * 103)


def test_a_short_pays_dividends_and_the_borrow_fee_of_calendar_days(engine: str) -> None:
    market = bars([40.0, 41.0, 39.0, 38.0], dividend=[0, 0, 0.5, 0], days=[0, 1, 3, 1])
    result = outcome(engine, market, sent((-1, -100.0)), borrow_rate=np.array([0.073]))
    fees = [100 * price * 0.073 * days / 365 for price, days in ((40, 1), (41, 3), (39, 1))]
    assert result.flows[:, BORROW] == pytest.approx([0, *(-fee for fee in fees)])
    assert result.flows[2, DIVIDENDS] == pytest.approx(-50)
    assert result.equity[-1] == pytest.approx(10_000 + 4000 - 3800 - 50 - sum(fees))


def test_borrowed_cash_compounds_at_the_margin_rate_by_calendar_days(engine: str) -> None:
    market = bars([100.0] * 5, days=[0, 1, 3, 1, 4])
    result = outcome(
        engine, market, sent((-1, 150.0)), rules=PLAIN._replace(margin_rate=0.0365, cash_rate=0.5)
    )
    growth = np.cumprod([1, 1 + 1e-4, 1 + 3e-4, 1 + 1e-4, 1 + 4e-4])
    assert result.cash == pytest.approx(-5000 * growth)


def test_spare_cash_earns_only_beyond_what_shorts_are_worth(engine: str) -> None:
    market = bars([100.0] * 3, days=[0, 1, 2])
    result = outcome(engine, market, sent((-1, -40.0)), rules=PLAIN._replace(cash_rate=0.0365))
    first = 10_000 * 1e-4  # 14,000 in cash, of which 4,000 stand against the short
    assert result.flows[:, INTEREST] == pytest.approx([0, first, (10_000 + first) * 2e-4])


@pytest.mark.parametrize(("close", "is_called"), [(80.01, False), (80.0, False), (79.99, True)])
def test_a_margin_call_comes_below_the_price_where_maintenance_equals_equity(
    engine: str, close: float, is_called: bool
) -> None:
    # 150 shares at 100 on 10,000 of equity and half of it margin: 5,000 are owed. With a maintenance of 7/12 of the
    # position, 7/12 × 150 P = 150 P − 5000 where P = 80.
    rules = PLAIN._replace(initial_margin=0.625, maintenance_margin=7 / 12)
    market = bars([100.0, 100.0, 81.0], [100.0, close, 81.0])
    result = outcome(engine, market, sent((-1, 150.0)), rules=rules)
    called = [fill for fill in result.fills if fill[-1] == MARGIN_CALL]
    assert len(called) == is_called
    if is_called:
        equity = 150 * close - 5000
        kept = equity / 0.625 / close  # what the initial margin allows at the price of the call
        assert called[0][2] == pytest.approx(-(150 - kept))
        assert result.quantity[2, 0] == pytest.approx(kept)
        assert result.equity[2] == pytest.approx(equity + 150 * (81 - close))


def test_a_margin_call_on_a_short_buys_back_the_fraction_that_restores_initial_margin(engine: str) -> None:
    rules = PLAIN._replace(initial_margin=0.5, maintenance_margin=0.25, whole_shares=True)
    market = bars([50.0, 50.0, 70.0], [50.0, 70.0, 70.0])
    result = outcome(engine, market, sent((-1, -300.0)), rules=rules)
    equity = 10_000 - 300 * 20.0
    cut = math.ceil(300 * (1 - equity / (0.5 * 300 * 70)))
    assert [fill[2] for fill in result.fills] == [-300, cut]
    assert result.quantity[2, 0] == -300 + cut


def test_ruin_sells_all_at_the_next_open_and_stays_flat(engine: str) -> None:
    market = bars([100.0, 100.0, 45.0, 200.0], [100.0, 50.0, 60.0, 200.0])
    result = outcome(engine, market, sent((-1, 200.0), (1, 10.0), (2, 10.0)))
    assert result.equity[1] == pytest.approx(0)  # 10,000 of equity, 200 shares, 50 lost on each
    assert [(fill[0], fill[2], fill[3], fill[-1]) for fill in result.fills[1:]] == [(2, -200, 45.0, RUIN)]
    assert result.equity[2:] == pytest.approx([-1000, -1000])
    assert not result.quantity[2:].any()


@pytest.mark.parametrize(
    ("shares", "expected"),
    [
        (10, 1.0),  # 0.25 + 0.05 + 0.10 is below the minimum
        (200, 0.25 + 1.0 + 2.0),
        (4000, 20.0),  # the maximum
        (0.5, 0.01 * 5.0),  # a maximum of 1 % of 5 USD holds over the minimum
    ],
)
def test_commission_is_the_sum_of_its_parts_between_minimum_and_maximum(
    engine: str, shares: float, expected: float
) -> None:
    schedule = {"per_share": 0.005, "per_order": 0.25, "rate": 0.001, "minimum": 1.0}
    result = outcome(
        engine,
        bars([10.0, 10.0]),
        sent((-1, shares)),
        cash=1e6,
        **schedule,
        maximum=20.0,
        maximum_rate=0.01,
    )
    assert result.flows[0, COMMISSION] == pytest.approx(-expected)


def test_sales_alone_pay_the_sec_fee_and_a_capped_fee_per_share(engine: str) -> None:
    market = bars([100.0] * 3)
    fees = {
        "sale_rate": np.full(3, 2e-5),
        "sale_per_share": np.full(3, 0.0002),
        "sale_maximum": np.full(3, 0.015),
    }
    result = outcome(engine, market, sent((-1, 100.0), (0, -50.0), (1, -100.0)), **fees)
    # The second sale goes through zero into a short and pays like any other.
    assert result.flows[:, FEES] == pytest.approx([0, -(5000 * 2e-5 + 0.01), -(10_000 * 2e-5 + 0.015)])


def test_impact_is_volatility_times_the_root_of_the_share_of_volume(engine: str) -> None:
    market = bars([64.0, 64.0], volume=[10_000.0, 10_000.0], volatility=[0.02, 0.02])
    result = outcome(
        engine,
        market,
        sent((-1, 100.0), (0, -400.0)),
        cash=1e6,
        impact=0.75,
        slippage_volatility=0.25,
        slippage=0.001,
    )
    prices = [fill[3] for fill in result.fills]
    assert prices == pytest.approx(
        [
            64 * (1 + 0.001 + 0.25 * 0.02 + 0.75 * 0.02 * 0.1),
            64 * (1 - 0.001 - 0.25 * 0.02 - 0.75 * 0.02 * 0.2),
        ]
    )


def test_a_distance_beyond_nine_tenths_of_the_price_is_cut_to_it(engine: str) -> None:
    result = outcome(engine, bars([64.0, 64.0]), sent((-1, 10.0), (0, -10.0)), cash=1e6, slippage=3.0)
    assert [fill[3] for fill in result.fills] == pytest.approx([64 * 1.9, 64 * 0.1])


def test_a_cash_account_buys_what_its_cash_pays_for_with_costs(engine: str) -> None:
    rules = PLAIN._replace(is_margin=False)
    result = outcome(
        engine,
        bars([25.0]),
        sent((-1, 1000.0)),
        cash=5000.0,
        rules=rules,
        slippage=0.01,
        rate=0.002,
        per_share=0.01,
    )
    assert result.fills[0][2] == pytest.approx(5000 / (25.25 * 1.002 + 0.01))
    assert result.cash[0] == pytest.approx(0, abs=1e-8)
    assert result.cash[0] >= 0


def test_initial_margin_bounds_what_is_bought_by_equity_after_costs(engine: str) -> None:
    rules = PLAIN._replace(initial_margin=0.5)
    result = outcome(engine, bars([20.0]), sent((-1, 5000.0)), rules=rules, slippage=0.01, rate=0.001)
    # 0.5 q p = 10,000 − 0.001 q p at the fill price p = 20.2.
    assert result.fills[0][2] == pytest.approx(10_000 / 20.2 / 0.501)


def test_a_short_that_may_no_longer_be_borrowed_is_bought_back_at_the_open(engine: str) -> None:
    market = bars([30.0, 32.0, 33.0], [31.0, 31.0, 33.0], is_shortable=[1, 0, 0])
    result = outcome(engine, market, sent((-1, -50.0), (1, -50.0)), slippage=0.001)
    assert [(fill[0], fill[2], fill[-1]) for fill in result.fills] == [(0, -50, EXPLICIT), (1, 50, BUY_IN)]
    assert result.cash[1] == pytest.approx(10_000 + 50 * 30 * 0.999 - 50 * 32 * 1.001)


def test_of_two_stops_at_one_level_the_stop_loss_is_the_reason(engine: str) -> None:
    rules = PLAIN._replace(stop_loss=0.125, trailing_stop=0.125)
    result = outcome(engine, bars([64.0], [50.0]), sent((-1, 10.0)), rules=rules)
    assert [(fill[2], fill[3], fill[-1]) for fill in result.fills] == [
        (10, 64, EXPLICIT),
        (-10, 56, STOP_LOSS),
    ]


def test_a_margin_call_in_lots_is_scaled_by_a_split_and_carried_out_whole(engine: str) -> None:
    rules = PLAIN._replace(initial_margin=0.5, maintenance_margin=0.25, whole_shares=True, lot=10.0)
    market = bars([100.0, 100.0, 450.0], [100.0, 45.0, 450.0], split_ratio=[1, 1, 0.1])
    result = outcome(engine, market, sent((-1, 160.0)), rules=rules)
    # 1,200 of equity carry 2,400 of the 7,200: 106.7 shares go, in lots 110, and 11 after the split.
    assert [(fill[0], fill[2], fill[-1]) for fill in result.fills[1:]] == [(2, -11, MARGIN_CALL)]
    assert result.quantity[2, 0] == 5
