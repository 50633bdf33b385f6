"""What closes a position without a decision."""

from typing import Any

import pytest

from execution.kernel.types import (
    BUY_IN,
    CAP,
    FILLED,
    LIMIT,
    RUIN,
    STOP_LOSS,
    TAKE_PROFIT,
    TIME_EXIT,
    TRAILING_EXIT,
    VANISHED,
    Outcome,
)
from tests.execution.kernel.books import costs, ends, fills, market, order, play, targets


def last(out: Outcome) -> tuple[int, float, float, int]:
    fill = out.fills[-1]
    return int(fill["bar"]), float(fill["quantity"]), float(fill["price"]), int(fill["reason"])


@pytest.mark.parametrize(
    ("quantity", "bar", "price", "reason"),
    [
        (5, (100, 101, 87.5, 95), 87.5, STOP_LOSS),  # touched
        (5, (85, 95, 84, 95), 85, STOP_LOSS),  # a gap: at the open, not at the stop
        (5, (100, 120, 99, 110), 120, TAKE_PROFIT),
        (5, (125, 130, 119, 126), 125, TAKE_PROFIT),
        (5, (100, 120, 87.5, 110), 87.5, STOP_LOSS),  # touches both: the worse for us
        (-5, (100, 112.5, 99, 105), 112.5, STOP_LOSS),
        (-5, (115, 116, 80, 100), 115, STOP_LOSS),
        (-5, (100, 112.4, 80, 100), 80, TAKE_PROFIT),
        (-5, (100, 112.5, 80, 100), 112.5, STOP_LOSS),
    ],
)
def test_stop_and_target_fill_at_their_level_or_at_a_gapping_open(
    quantity: float, bar: tuple[float, ...], price: float, reason: int
) -> None:
    out = play(market(100, bar), order(quantity), stop_loss=0.125, take_profit=0.2)
    assert last(out) == (1, -quantity, pytest.approx(price), reason)


def test_exit_pays_slippage_and_logs_its_reference() -> None:
    bars = market(100, (100, 101, 80, 95))
    out = play(bars, order(5), stop_loss=0.1, costs=costs(bars, slippage=0.01))
    # Bought at 101, so that the stop lies at 90.9.
    assert out.fills["reference"][-1] == pytest.approx(90.9)
    assert out.fills["price"][-1] == pytest.approx(90.9 * 0.99)


def test_stop_of_a_position_opened_at_this_open_fills_no_better_than_the_open() -> None:
    bars = market((100, 100, 99.5, 100))
    out = play(bars, order(5), stop_loss=0.001, costs=costs(bars, slippage=0.05))
    # Bought at 105, the stop at 104.9 lies above the open.
    assert last(out) == (0, -5, pytest.approx(95), STOP_LOSS)


def test_entry_within_the_range_can_be_stopped_on_its_bar_but_not_take_profit() -> None:
    stopped = play(
        market((100, 120, 80, 100)), order(5, kind=LIMIT, limit=95), stop_loss=0.1, take_profit=0.1
    )
    assert last(stopped) == (0, -5, pytest.approx(85.5), STOP_LOSS)
    held = play(market((100, 120, 90, 100)), order(5, kind=LIMIT, limit=95), stop_loss=0.1, take_profit=0.1)
    assert len(held.fills) == 1


def test_trailing_stop_follows_the_peak_known_at_the_close_before() -> None:
    bars = market(100, (100, 200, 100, 190), (190, 195, 181, 190), (190, 190, 170, 175))
    out = play(bars, order(5), trailing_stop=0.1)
    # On bar 1 the level is 90, although its low comes within 10 % of its own high.
    assert last(out) == (3, -5, pytest.approx(180), TRAILING_EXIT)


def test_trailing_stop_of_a_short_follows_the_trough() -> None:
    out = play(market(100, (100, 100, 50, 51), (51, 60, 51, 60)), order(-5), trailing_stop=0.1)
    assert last(out) == (2, 5, pytest.approx(55), TRAILING_EXIT)


def test_of_stop_loss_and_trailing_stop_the_nearer_one_holds() -> None:
    bars = market(100, (100, 101, 91, 95), (95, 95, 80, 85))
    out = play(bars, order(5), stop_loss=0.05, trailing_stop=0.2)
    assert last(out) == (1, -5, 95, STOP_LOSS)
    out = play(bars, order(5), stop_loss=0.2, trailing_stop=0.05)
    assert last(out) == (1, -5, 95, TRAILING_EXIT)


def test_exits_scaled_by_volatility_use_that_of_the_opening() -> None:
    bars = market(100, (100, 101, 94, 95), (95, 95, 93, 94), volatility=[0.03, 0.5, 0.5])
    assert last(play(bars, order(5), stop_loss=2.0, exits_by_volatility=True))[:3] == (1, -5, 94)
    unknown = market(100, (100, 101, 1, 95), volatility=[0.0, 0.5])
    assert len(play(unknown, order(5), stop_loss=2.0, exits_by_volatility=True).fills) == 1


def test_adding_averages_the_entry_and_reducing_leaves_it() -> None:
    bars = market(100, 120, 120, (120, 120, 98, 100))
    out = play(bars, order(10), order(10, bar=0), order(-5, bar=1), stop_loss=0.1)
    assert last(out) == (3, -15, pytest.approx(99), STOP_LOSS)


def test_time_exit_leaves_at_the_open_after_the_last_close_and_counts_missing_bars() -> None:
    out = play(market(10, None, 10, 11, 12), order(5), max_bars=2)
    assert last(out) == (2, -5, 10, TIME_EXIT)
    out = play(market(10, 10, None, 11), order(5), max_bars=2)
    assert last(out) == (3, -5, 11, TIME_EXIT)


def test_exit_cut_by_the_cap_leaves_a_market_order_under_its_reason() -> None:
    bars = market(100, (100, 100, 80, 85), 70, 60, volume=[1e6, 400, 400, 1e6])
    out = play(bars, order(100), stop_loss=0.1, participation=0.1)
    assert fills(out)[1:] == [(1, -40, 90), (2, -40, 70), (3, -20, 60)]
    assert out.fills["reason"].tolist()[1:] == [STOP_LOSS] * 3
    assert ends(out)[1] == (FILLED, 3, 0)


def test_bar_without_volume_puts_off_the_whole_exit() -> None:
    bars = market(100, 80, 70, volume=[1e6, 0, 1e6])
    out = play(bars, order(100), stop_loss=0.1, participation=0.1)
    assert fills(out)[1:] == [(2, -100, 70)]
    assert out.orders["obstacle"].tolist() != [CAP]


def test_split_divides_the_levels_of_a_position() -> None:
    bars = market(100, (25, 26, 22, 23), split_ratio=[1, 4])
    assert last(play(bars, order(10), stop_loss=0.1)) == (1, -40, 22.5, STOP_LOSS)


def test_stopped_position_is_not_sold_again_by_the_decision_before() -> None:
    bars = market(100, 100, (80, 80, 80, 80), 80)
    out = play(bars, targets=targets({0: [0.5], 1: [0.0]}), stop_loss=0.1, cash=1000)
    assert fills(out) == [(1, 5, 100), (2, -5, 80)]
    assert out.fills["reason"][-1] == STOP_LOSS


def test_short_that_may_no_longer_be_held_is_bought_in_at_the_open_whatever_the_cap() -> None:
    bars = market(10, 12, is_shortable=[True, False], volume=[1e6, 0])
    out = play(bars, order(-5), participation=0.1)
    assert last(out) == (1, 5, 12, BUY_IN)


@pytest.mark.parametrize(("quantity", "price"), [(5, 4.0), (-5, 10.0)])
def test_vanished_symbol_is_closed_at_its_recovery_without_costs(quantity: float, price: float) -> None:
    bars = market(10, None, None, None)
    out = play(
        bars,
        order(quantity),
        exit_after_missing_sessions=2,
        vanished_recovery=0.4,
        costs=costs(bars, slippage=0.01, per_order=1.0),
    )
    assert last(out) == (2, -quantity, price, VANISHED)
    assert out.fills["commission"].tolist() == [1, 0]


def test_missing_symbol_is_held_at_its_last_price() -> None:
    out = play(market(10, None, None), order(5), cash=100)
    assert out.equity.tolist() == [100, 100, 100]


def test_vanishing_is_judged_on_the_first_bar_of_a_session() -> None:
    bars = market(10, None, None, None, session=[0, 0, 1, 1])
    out = play(bars, order(5), exit_after_missing_sessions=1)
    assert last(out)[0] == 2


def test_ruined_book_cancels_its_orders_sells_at_the_next_open_and_stays_flat() -> None:
    bars = market(100, 40, None, 30, 30, 30)
    rows: list[tuple[Any, ...]] = [order(20), order(1, bar=0, kind=LIMIT, limit=1, force=1), order(5, bar=4)]
    out = play(bars, *rows, cash=1000, targets=targets({3: [1.0]}))
    assert last(out) == (3, -20, 30, RUIN)
    assert out.equity.tolist() == [1000, -200, -200, -400, -400, -400]
    assert [end[:2] for end in ends(out)[1:]] == [(2, 1), (2, 5)]
