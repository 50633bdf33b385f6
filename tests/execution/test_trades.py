from datetime import datetime

import pytest
from hypothesis import given, settings

from execution.config import CostsConfig, PortfolioConfig, RiskConfig
from execution.market import AppliedAction
from execution.panel import Panel, ScorePanel
from execution.simulator import simulate
from execution.trades import RoundTrip, round_trips
from execution.types import Fill
from tests.execution.markets import fees, markets, portfolios, risks, weekdays

SESSIONS = weekdays(10)


def at(day: int) -> datetime:
    return datetime.combine(SESSIONS[day], datetime.min.time())


def fill(day: int, quantity: float, price: float, commission: float = 0.0, symbol: str = "A") -> Fill:
    return Fill(f"{symbol}{day}", f"o{day}", symbol, quantity, price, commission, 0.0, at(day), SESSIONS[day])


def action(day: int, ratio: float, quantity: float, cash: float) -> AppliedAction:
    return AppliedAction("A", at(day), SESSIONS[day], ratio, quantity, cash)


def trips(
    fills: list[Fill], actions: list[AppliedAction] | None = None, mark: float = 0.0
) -> list[RoundTrip]:
    return round_trips(fills, actions or [], marks={"A": mark, "B": mark}, sessions=SESSIONS)


def test_round_trip_has_mean_prices_and_profit_after_commission() -> None:
    (trip,) = trips([fill(1, 10, 20, 1), fill(2, 30, 24, 1), fill(4, -15, 30, 1), fill(5, -25, 26, 1)])
    assert (trip.side, trip.opened_at, trip.closed_at, trip.sessions) == ("long", at(1), at(5), 4)
    assert (trip.quantity, trip.entry_price, trip.exit_price) == (40, 23.0, 27.5)
    assert trip.pnl == pytest.approx(40 * 4.5 - 4)
    assert trip.return_on_entry == pytest.approx(176 / 920)


def test_short_trip_earns_when_the_price_falls_and_pays_the_dividend() -> None:
    (trip,) = trips([fill(1, -10, 50), fill(3, 10, 40)], [action(2, 1.0, -10, -5.0)])
    assert (trip.side, trip.entry_price, trip.exit_price, trip.pnl) == ("short", 50, 40, 95)


def test_fill_through_zero_closes_one_trip_and_opens_the_next() -> None:
    first, second = trips([fill(1, 10, 20), fill(3, -30, 25, 3.0)], mark=24.0)
    assert (first.side, first.closed_at, first.pnl) == ("long", at(3), 49.0)
    assert (second.side, second.opened_at, second.quantity) == ("short", at(3), 20)
    assert second.pnl == 20 - 2.0


def test_prices_and_quantity_stand_on_the_split_basis_of_the_opening() -> None:
    (trip,) = trips([fill(1, 10, 80), fill(4, -40, 22)], [action(2, 4.0, 40, 0.0)])
    assert (trip.quantity, trip.entry_price, trip.exit_price, trip.pnl) == (10, 80, 88, 80)


def test_shares_added_after_a_split_count_on_the_opening_basis() -> None:
    (trip,) = trips([fill(1, 10, 80), fill(3, 40, 22), fill(4, -80, 21)], [action(2, 4.0, 40, 0.0)])
    assert (trip.quantity, trip.entry_price, trip.exit_price, trip.pnl) == (20, 84, 84, 0)


def test_trip_that_a_reverse_split_pays_out_is_closed_by_it() -> None:
    (trip,) = trips([fill(1, 5, 2.0)], [action(3, 0.1, 0.0, 9.0)])
    assert (trip.closed_at, trip.exit_price, trip.pnl) == (at(3), None, -1.0)


def test_open_trip_counts_at_the_mark_and_has_no_end() -> None:
    (trip,) = trips([fill(7, 10, 20)], mark=21.5)
    assert (trip.closed_at, trip.exit_price, trip.pnl, trip.sessions) == (None, None, 15.0, 3)


def test_trips_come_by_opening_then_by_symbol() -> None:
    found = trips(
        [fill(1, 1, 5, symbol="B"), fill(1, 1, 5), fill(2, -1, 5, symbol="B"), fill(3, 1, 5, symbol="B")]
    )
    assert [(trip.symbol, trip.opened_at) for trip in found] == [("A", at(1)), ("B", at(1)), ("B", at(3))]


def test_action_on_a_bar_comes_before_its_fills() -> None:
    (trip,) = trips([fill(1, 10, 80), fill(2, -20, 41)], [action(2, 2.0, 20, 7.0)])
    assert (trip.closed_at, trip.pnl) == (at(2), 27.0)


@settings(max_examples=150, deadline=None)
@given(market=markets(), portfolio=portfolios, risk=risks, costs=fees)
def test_profits_of_all_trips_sum_to_the_change_of_the_equity(
    market: tuple[Panel, ScorePanel], portfolio: PortfolioConfig, risk: RiskConfig, costs: CostsConfig
) -> None:
    bars, scores = market
    result = simulate(bars, scores, book="b", portfolio=portfolio, risk=risk, costs=costs)
    marks = dict(zip(bars.symbols, bars.last_close[-1].tolist(), strict=True))
    found = round_trips(result.fills, result.actions, marks=marks, sessions=bars.session_date)
    assert sum(trip.pnl for trip in found) == pytest.approx(
        result.equity[-1] - result.initial_cash, abs=0.005
    )
    held = {trip.symbol for trip in found if trip.closed_at is None}
    assert held == {s for s, q in zip(bars.symbols, result.quantity[-1], strict=True) if q}
    for trip in found:
        assert trip.sessions >= 0
        assert trip.quantity > 0
