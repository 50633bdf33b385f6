import hashlib
from datetime import date, datetime
from typing import Any

import numpy as np
import pytest

from execution.config import PortfolioConfig
from execution.market import equity
from execution.orders import client_order_id, orders_for
from execution.types import Account
from tests.execution.markets import NAN, account, snapshot

WHOLE = PortfolioConfig(name="test", min_trade_weight=0.01)


def changes(
    weights: list[float], book: Account, prices: list[float], portfolio: PortfolioConfig = WHOLE
) -> list[tuple[str, float]]:
    bar: Any = snapshot(prices)
    made = orders_for(
        np.array(weights),
        bar,
        book,
        equity=equity(book, bar),
        book="b",
        strategy="s",
        portfolio=portfolio,
        reasons=[f"why {symbol}" for symbol in bar.symbols],
    )
    assert all(order.quantity > 0 and order.reason == f"why {order.symbol}" for order in made)
    return [(order.symbol, order.signed_quantity) for order in made]


def test_targets_become_whole_shares_rounded_towards_zero() -> None:
    assert changes([0.333, -0.333], account([0, 0], cash=1000), [100, 30]) == [("B", -11), ("A", 3)]


def test_float_dust_does_not_lose_a_share() -> None:
    # 0.07 * 100 / 0.1 is 70.00000000000001, 0.29 * 100 / 1 is 28.999999999999996.
    assert changes([0.07, 0.29], account([0, 0], cash=100), [0.1, 1]) == [("A", 70), ("B", 29)]


def test_fractions_are_kept_where_allowed() -> None:
    portfolio = PortfolioConfig(name="test", whole_shares=False)
    assert changes([0.25], account([0], cash=1000), [160], portfolio) == [("A", 1.5625)]


def test_sells_come_before_buys_and_each_by_name() -> None:
    book = account([0, 20, 0, 20], cash=1000)
    assert changes([0.3, 0.1, 0.2, 0.0], book, [10.0] * 4) == [
        ("B", -6),
        ("D", -20),
        ("A", 42),
        ("C", 28),
    ]


def test_order_leads_from_what_is_held_through_zero() -> None:
    assert changes([-0.5], account([4], cash=600), [100]) == [("A", -9)]


def test_small_changes_are_not_traded_but_a_small_position_is_closed() -> None:
    book = account([100, 2], cash=8980)
    assert changes([0.109, 0.0], book, [10, 10]) == [("B", -2)]
    assert changes([0.11, 0.0], book, [10, 10]) == [("B", -2), ("A", 10)]


def test_closing_sells_a_fraction_too() -> None:
    assert changes([0.0], account([2.5], cash=0), [10]) == [("A", -2.5)]


def test_positions_left_alone_and_symbols_without_price_get_no_order() -> None:
    assert changes([NAN, 0.5, 0.0], account([3, 0, 0], cash=1000), [10, NAN, NAN]) == []


def test_client_order_id_is_readable_and_the_same_for_ever() -> None:
    name = client_order_id("simulated/paper", "model", date(2024, 3, 1), "BRK.B")
    digest = hashlib.sha256(b"simulated/paper\x1fmodel\x1f2024-03-01\x1fBRK.B").hexdigest()[:10]
    assert name == f"model-20240301-BRK.B-{digest}"


@pytest.mark.parametrize(
    "other",
    [
        ("backtest/1", "model", date(2024, 3, 1), "A"),
        ("simulated/paper", "momentum", date(2024, 3, 1), "A"),
        ("simulated/paper", "model", date(2024, 3, 4), "A"),
        ("simulated/paper", "model", date(2024, 3, 1), "B"),
    ],
)
def test_client_order_id_differs_with_each_of_its_parts(other: tuple[str, str, date, str]) -> None:
    assert client_order_id(*other) != client_order_id("simulated/paper", "model", date(2024, 3, 1), "A")


def test_orders_of_several_bars_of_a_session_have_names_of_their_own() -> None:
    every_bar = PortfolioConfig(name="test", rebalance="bar")
    made = []
    for bar_at in map(datetime.fromisoformat, ("2024-01-02T15:00", "2024-01-02T15:01")):
        bar: Any = snapshot([10.0], bar_at=bar_at)
        for portfolio in (every_bar, WHOLE):
            made += orders_for(
                np.array([0.5]),
                bar,
                account([0], cash=1000),
                equity=1000,
                book="b",
                strategy="s",
                portfolio=portfolio,
                reasons=[""],
            )
    first, first_daily, second, second_daily = (order.client_order_id for order in made)
    assert first != second
    assert first_daily == second_daily == client_order_id("b", "s", date(2024, 1, 2), "A")
