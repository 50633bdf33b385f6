"""Orders by name, and what is said of how they ended."""

from __future__ import annotations

from datetime import date, datetime

import numpy as np
import pytest

from execution.config import OrdersConfig, PortfolioConfig
from execution.kernel import decide, new_state
from execution.kernel.types import (
    CANCELLED,
    CAP,
    CASH,
    FILLED,
    NO_BAR,
    OBSTACLES,
    OPEN,
    ORDER_TYPES,
    REASONS,
    REPLACED,
    STOP_LOSS,
)
from execution.orders import (
    client_order_id,
    kernel_orders,
    order_note,
    order_status,
    orders_of,
    own_order_id,
    own_reason,
)
from execution.types import Order
from tests.execution.markets import book_config, panel, terms

DAY = date(2024, 1, 2)
AT = datetime.fromisoformat("2024-01-02T15:00")


def test_order_id_tells_strategy_session_and_symbol_and_is_the_same_each_time() -> None:
    name = client_order_id("backtest/1", "momentum", DAY, "AAPL")
    assert name == client_order_id("backtest/1", "momentum", DAY, "AAPL")
    assert name.startswith("momentum-20240102-AAPL-")
    assert len(name) == len("momentum-20240102-AAPL-") + 10


@pytest.mark.parametrize(
    "other",
    [
        ("backtest/2", "momentum", DAY, "AAPL"),
        ("backtest/1", "trend", DAY, "AAPL"),
        ("backtest/1", "momentum", date(2024, 1, 3), "AAPL"),
        ("backtest/1", "momentum", DAY, "MSFT"),
        ("backtest/1", "momentum", DAY, "AAPL", AT),
    ],
)
def test_order_id_differs_with_any_of_its_parts(other: tuple[str, str, date, str]) -> None:
    assert client_order_id(*other)[-10:] != client_order_id("backtest/1", "momentum", DAY, "AAPL")[-10:]


def test_own_orders_of_one_bar_and_cause_have_names_of_their_own() -> None:
    names = {own_order_id("b", "stop_loss", AT, "A", number) for number in (0, 1)}
    assert len(names) == 2
    assert all(name.startswith("stop_loss-20240102-A-") for name in names)


def test_every_cause_but_a_decision_and_every_obstacle_has_words() -> None:
    assert all(own_reason(cause) for cause in REASONS[STOP_LOSS:])
    for obstacle in range(1, len(OBSTACLES)):
        assert order_note(CANCELLED, obstacle, filled=0.0, remaining=5.0)


@pytest.mark.parametrize(
    ("status", "obstacle", "filled", "said"),
    [
        (FILLED, 0, 10.0, ("filled", "")),
        (OPEN, 0, 0.0, ("accepted", "")),
        (OPEN, CAP, 4.0, ("partially_filled", "")),
        (CANCELLED, NO_BAR, 0.0, ("cancelled", "it had no bar")),
        (CANCELLED, CASH, -4.0, ("cancelled", "filled 4 of 10 shares: the cash did not reach for more")),
        (REPLACED, 0, 0.0, ("cancelled", "replaced by a later decision")),
        (REPLACED, CAP, 4.0, ("cancelled", "filled 4 of 10 shares: replaced by a later decision")),
    ],
)
def test_the_end_of_an_order_in_words(
    status: int, obstacle: int, filled: float, said: tuple[str, str]
) -> None:
    note = order_note(status, obstacle, filled=filled, remaining=np.copysign(10 - abs(filled), filled))
    assert (order_status(status, filled), note) == said


@pytest.mark.parametrize("kind", ORDER_TYPES)
def test_a_decision_by_name_is_the_decision_when_it_comes_back(kind: str) -> None:
    """What the kernel decides goes through the journal as orders by name, and returns as the same arrays."""
    config = book_config(
        PortfolioConfig(name="test", side="long_short"),
        orders=OrdersConfig(name="test", type=kind, limit_bps=30, stop_bps=20, trail_bps=100),
    )
    bars = panel([[10.0, 20.0, 30.0, 40.0]] * 2)
    at = terms(bars, config)
    state = new_state(4, 100_000.0)
    state.is_started = True
    state.quantity[3] = 50.0
    weights = np.array([0.2, -0.3, 0.0, 0.0])
    decision = decide(at.market, at.rules, state, 1, weights=weights, confidence=np.ones(4))
    orders = orders_of(
        decision, bars, 1, book="b", strategy="s", names_bar=False, reasons=["why A", "why B", "", "why D"]
    )
    assert [(order.side, order.symbol, order.reason) for order in orders] == [
        ("sell", "B", "why B"),
        ("sell", "D", "why D"),
        ("buy", "A", "why A"),
    ]
    assert [order.order_type for order in orders] == [kind, "market", kind], "what closes is a market order"
    for name, array in kernel_orders(orders, bars.symbols, 1)._asdict().items():
        np.testing.assert_array_equal(array, getattr(decision.orders, name), err_msg=name)


def test_signed_quantity_has_the_side_of_the_order() -> None:
    buy = Order("id", "A", "buy", 5.0, AT, DAY, "")
    assert buy.signed_quantity == 5.0
    assert Order("id", "A", "sell", 5.0, AT, DAY, "").signed_quantity == -5.0
