"""Orders: where they fill, what cuts them, how they end."""

import numpy as np
import pytest

from execution.kernel.types import (
    AT_CLOSE,
    AT_VWAP,
    CANCELLED,
    CAP,
    CASH,
    FILLED,
    GTC,
    LIMIT,
    MARGIN,
    MARKET_ON_CLOSE,
    NO_BAR,
    NOT_SHORTABLE,
    NOT_TOUCHED,
    NOTHING,
    OPEN,
    REPLACED,
    SPLIT_AWAY,
    STOP,
    STOP_LIMIT,
    TARGET,
    TRAILING_STOP,
)
from tests.execution.kernel.books import NAN, beside, costs, ends, fills, market, order, play, targets


def test_market_order_fills_at_the_next_open() -> None:
    out = play(market(9, (10, 12, 8, 11)), order(5, bar=0))
    assert fills(out) == [(1, 5, 10)]
    assert out.cash.tolist() == [1e6, 1e6 - 50]
    assert out.equity[1] == 1e6 + 5


@pytest.mark.parametrize(("where", "price"), [(AT_CLOSE, 11.0), (AT_VWAP, 31 / 3)])
def test_market_order_fills_at_close_or_vwap_where_the_rules_say_so(where: int, price: float) -> None:
    out = play(market((10, 12, 8, 11)), order(5), fill_at=where)
    assert fills(out) == [(0, 5, pytest.approx(price))]
    assert out.fills["at_close"].tolist() == [1]


def test_market_on_close_fills_at_the_close() -> None:
    assert fills(play(market((10, 12, 8, 11)), order(-5, kind=MARKET_ON_CLOSE))) == [(0, -5, 11)]


def test_fills_tell_which_were_made_at_the_close() -> None:
    rows = [order(5), order(5, kind=LIMIT, limit=9.0), order(5, kind=MARKET_ON_CLOSE)]
    out = play(market((10, 12, 8, 11)), *rows)
    assert list(zip(out.fills["price"].tolist(), out.fills["at_close"].tolist(), strict=True)) == [
        (10.0, 0),
        (9.0, 0),
        (11.0, 1),
    ]


@pytest.mark.parametrize(
    ("quantity", "limit", "expected"),
    [
        (5, 10.5, [(0, 5, 10)]),  # the open betters it
        (5, 10.0, [(0, 5, 10)]),
        (5, 9.0, [(0, 5, 9)]),  # within the range
        (5, 8.0, [(0, 5, 8)]),  # touched
        (5, 7.9, []),
        (-5, 9.5, [(0, -5, 10)]),
        (-5, 12.0, [(0, -5, 12)]),
        (-5, 12.1, []),
    ],
)
def test_limit_order_fills_at_its_limit_or_a_better_open(
    quantity: float, limit: float, expected: list[tuple[int, float, float]]
) -> None:
    out = play(market((10, 12, 8, 11)), order(quantity, kind=LIMIT, limit=limit))
    assert fills(out) == expected
    assert ends(out) == [(FILLED, 0, NOTHING) if expected else (CANCELLED, 0, NOT_TOUCHED)]


@pytest.mark.parametrize(
    ("quantity", "stop", "expected"),
    [
        (5, 9.0, [(0, 5, 10)]),  # gapped through: at the open, not at the stop
        (5, 11.0, [(0, 5, 11)]),
        (5, 12.0, [(0, 5, 12)]),
        (5, 12.1, []),
        (-5, 11.0, [(0, -5, 10)]),
        (-5, 9.0, [(0, -5, 9)]),
        (-5, 7.9, []),
    ],
)
def test_stop_order_fills_at_its_level_or_a_worse_open(
    quantity: float, stop: float, expected: list[tuple[int, float, float]]
) -> None:
    assert fills(play(market((10, 12, 8, 11)), order(quantity, kind=STOP, stop=stop))) == expected


@pytest.mark.parametrize(
    ("bars", "stop", "limit", "expected"),
    [
        ([(10, 12, 8, 11)], 9.0, 10.5, [(0, 5, 10)]),  # triggered at the open, which meets the limit
        ([(10, 12, 8, 11)], 9.0, 9.5, [(0, 5, 9.5)]),  # triggered at the open, the range comes back
        ([(10, 12, 8, 11)], 11.0, 11.5, [(0, 5, 11)]),  # triggered in the range
        ([(10, 12, 8, 11)], 11.0, 10.5, []),  # triggered in the range beyond the limit: waits
        ([(10, 12, 8, 11), (11, 11, 10, 10)], 11.0, 10.5, [(1, 5, 10.5)]),  # and fills on the next bar
        ([(10, 12, 8, 11), (10, 11, 9, 10)], 11.0, 10.5, [(1, 5, 10)]),  # or at its open
        ([(10, 10, 8, 9), (10, 10, 8, 9)], 11.0, 12.0, []),  # never triggered
    ],
)
def test_stop_limit_order_waits_for_its_limit_once_triggered(
    bars: list[tuple[float, ...]], stop: float, limit: float, expected: list[tuple[int, float, float]]
) -> None:
    wanted = order(5, kind=STOP_LIMIT, stop=stop, limit=limit, force=GTC)
    assert fills(play(market(*bars), wanted)) == expected


def test_stop_limit_order_is_never_moved_beyond_its_limit_by_slippage() -> None:
    bars = market((10, 12, 8, 11))
    out = play(bars, order(5, kind=STOP_LIMIT, stop=11, limit=11.05), costs=costs(bars, slippage=0.01))
    assert fills(out) == [(0, 5, 11.05)]


def test_trailing_sell_follows_the_highest_price_known_at_the_close_before() -> None:
    bars = market(10, (10, 20, 10, 20), (20, 24, 18.1, 19), (19, 19, 18, 18))
    out = play(bars, order(-5, bar=0, kind=TRAILING_STOP, trail=0.1, force=GTC))
    # Best 10, 20, 24: levels 9 and 18 hold, 21.6 is reached at the open.
    assert fills(out) == [(3, -5, 19)]


def test_trailing_buy_fills_at_its_level_within_the_range() -> None:
    bars = market(10, (9, 9.5, 8, 9), (8.5, 9, 8.2, 8.9))
    out = play(bars, order(5, bar=0, kind=TRAILING_STOP, trail=0.1, force=GTC))
    assert fills(out) == [(2, 5, pytest.approx(8.8))]


def test_day_order_ends_with_the_last_bar_of_its_session() -> None:
    bars = market(10, 10, 10, (10, 10, 5, 5), session=[0, 0, 1, 1])
    out = play(bars, order(1, kind=LIMIT, limit=6), order(1, kind=LIMIT, limit=6, force=GTC))
    assert ends(out) == [(CANCELLED, 1, NOT_TOUCHED), (FILLED, 3, NOTHING)]


def test_order_without_a_bar_ends_unless_it_is_good_till_cancelled() -> None:
    out = play(market(None, 10), order(1), order(2, force=GTC))
    assert ends(out) == [(CANCELLED, 0, NO_BAR), (FILLED, 1, NOTHING)]


@pytest.mark.parametrize(
    ("carries", "expected"), [(True, [(0, 40, 10), (1, 40, 10), (2, 20, 10)]), (False, [(0, 40, 10)])]
)
def test_what_the_cap_cuts_off_is_carried_or_cancelled(
    carries: bool, expected: list[tuple[int, float, float]]
) -> None:
    bars = market(10, 10, 10, volume=[400, 400, 400])
    out = play(bars, order(100), participation=0.1, carries_remainder=carries)
    assert fills(out) == expected
    assert ends(out) == [(FILLED, 2, NOTHING) if carries else (CANCELLED, 0, CAP)]


def test_all_orders_of_a_symbol_share_the_cap_and_a_limit_order_keeps_its_rest() -> None:
    bars = market(10, 10, volume=[400, 400])
    first, second = order(30, kind=LIMIT, limit=10, force=GTC), order(30, kind=LIMIT, limit=10, force=GTC)
    assert fills(play(bars, first, second, participation=0.1)) == [(0, 30, 10), (0, 10, 10), (1, 20, 10)]


def test_bar_without_volume_fills_nothing_under_a_cap() -> None:
    out = play(market(10, 10, volume=[NAN, 400]), order(10, force=GTC), participation=0.1)
    assert ends(out) == [(CANCELLED, 0, CAP)]


def test_sells_fill_before_buys_so_that_their_cash_buys() -> None:
    bars = beside(market(10, 10), market(10, 10))
    out = play(
        bars,
        order(5, symbol=1),
        order(5, bar=0, symbol=0),
        order(-5, bar=0, symbol=1),
        cash=50,
        is_margin=False,
    )
    assert [(f["symbol"], f["quantity"]) for f in out.fills] == [(1, 5), (1, -5), (0, 5)]
    assert out.cash[-1] == 0


def test_cash_account_buys_what_its_cash_pays_for_with_costs() -> None:
    bars = market(100)
    out = play(
        bars,
        order(20),
        cash=1000,
        is_margin=False,
        whole_shares=True,
        costs=costs(bars, rate=0.01, minimum=1.0),
    )
    assert fills(out) == [(0, 9, 100)]
    assert ends(out) == [(CANCELLED, 0, CASH)]
    assert out.cash[0] == 1000 - 900 - 9


@pytest.mark.parametrize("cash", [1000.0, 333.33, 7.77])
def test_fractional_buy_spends_the_cash_and_never_leaves_it_below_zero(cash: float) -> None:
    bars = market(3.3)
    out = play(bars, order(1e6), cash=cash, is_margin=False, costs=costs(bars, rate=0.01))
    assert 0 <= out.cash[0] < 1e-8


def test_margin_account_buys_up_to_its_initial_margin() -> None:
    out = play(market(10), order(500), cash=1000, initial_margin=0.5, whole_shares=True)
    assert fills(out) == [(0, 200, 10)]
    assert ends(out) == [(CANCELLED, 0, MARGIN)]
    assert out.cash[0] == -1000


def test_reducing_and_closing_are_allowed_beyond_the_margin_and_through_zero_only_as_far_as_it_goes() -> None:
    bars = market(10, 5, 5)
    out = play(bars, order(150), order(-1000, bar=0), cash=1000, initial_margin=0.5, whole_shares=True)
    # Equity 1000 - 150 × 5 = 250: after closing, 100 short at 5 need all of it.
    assert fills(out) == [(0, 150, 10), (1, -250, 5)]


@pytest.mark.parametrize("changes", [{"is_margin": False}, {}], ids=["cash account", "not shortable"])
def test_sell_is_cut_to_the_position_where_no_short_may_be_held(changes: dict[str, bool]) -> None:
    bars = market(10, 10, is_shortable=[False, False])
    out = play(bars, order(5), order(-8, bar=0), **changes)
    assert fills(out) == [(0, 5, 10), (1, -5, 10)]
    assert ends(out)[1] == (CANCELLED, 1, NOT_SHORTABLE)


def test_lots_round_towards_zero_but_a_whole_position_closes() -> None:
    bars = market(10, 10, 10, split_ratio=[1, 1.5, 1])
    out = play(bars, order(250), order(-300, bar=1), lot=100, whole_shares=True)
    assert fills(out) == [(0, 200, 10), (2, -300, 10)]


def test_split_scales_an_open_order_and_its_levels() -> None:
    bars = market(100, (25, 25, 20, 22), split_ratio=[1, 4], session=[0, 0])
    out = play(bars, order(10, kind=LIMIT, limit=90))
    assert fills(out) == [(1, 40, 22.5)]
    assert (out.orders["quantity"][0], out.orders["limit"][0], out.orders["filled"][0]) == (10, 90, 40)


def test_reverse_split_can_leave_nothing_of_an_order() -> None:
    out = play(market(1, 100, split_ratio=[1, 0.01]), order(10, bar=0), whole_shares=True)
    assert ends(out) == [(CANCELLED, 1, SPLIT_AWAY)]


def test_decided_order_never_carries_the_position_beyond_its_goal() -> None:
    # Both sell the same 10: the second would open a short.
    rows = order(10), order(-10, bar=0), order(-10, bar=0, reason=TARGET, goal=0.0)
    out = play(market(10, 10), *rows)
    assert fills(out) == [(0, 10, 10), (1, -10, 10)]
    assert ends(out)[2] == (CANCELLED, 1, NOTHING)


def test_new_decision_replaces_the_orders_of_the_one_before_but_not_those_from_outside() -> None:
    bars = market(10, 10, 10, 10)
    plan = targets({0: [0.5], 1: [0.25]})
    out = play(
        bars,
        order(1, kind=LIMIT, limit=5, force=GTC),
        targets=plan,
        order_type=LIMIT,
        limit_distance=0.2,
        time_in_force=GTC,
    )
    assert [(o["reason"], o["status"], o["end_bar"]) for o in out.orders] == [
        (1, OPEN, -1),
        (TARGET, REPLACED, 1),
        (TARGET, OPEN, -1),
    ]


@pytest.mark.parametrize(
    ("kind", "limit", "stop"),
    [(LIMIT, 9.0, NAN), (STOP, NAN, 10.5), (STOP_LIMIT, 9.0, 10.5), (TRAILING_STOP, NAN, NAN)],
)
def test_decided_orders_get_their_levels_from_the_close(kind: int, limit: float, stop: float) -> None:
    out = play(
        market(10),
        targets=targets({0: [0.5]}),
        order_type=kind,
        limit_distance=0.1,
        stop_distance=0.05,
        trail=0.1,
    )
    (made,) = out.orders
    assert made["type"] == kind
    np.testing.assert_allclose([made["limit"], made["stop"]], [limit, stop])
