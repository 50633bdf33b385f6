"""Orders by name: what the kernel decides and does, as orders that a broker and a journal can hold."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Sequence
from datetime import date, datetime
from typing import Any

import numpy as np

from execution import order_states
from execution.kernel.types import (
    CAP,
    CASH,
    FILLED,
    MARGIN,
    NO_BAR,
    NOT_SHORTABLE,
    NOT_TOUCHED,
    OPEN,
    ORDER_TYPES,
    REASONS,
    REPLACED,
    RUINED,
    SPLIT_AWAY,
    TIMES_IN_FORCE,
    Decision,
    Orders,
)
from execution.panel import Panel
from execution.types import Order, defined

_OBSTACLES = {
    NO_BAR: "it had no bar",
    CASH: "the cash did not reach for more",
    CAP: "the cap on participation left no more",
    MARGIN: "buying power did not reach for more",
    NOT_SHORTABLE: "it may not be held short",
    NOT_TOUCHED: "its price was not reached",
    SPLIT_AWAY: "nothing of it was left after the split",
    RUINED: "the book's equity is used up",
}
_CAUSES = {
    "stop_loss": "the stop loss was reached",
    "take_profit": "the target was reached",
    "trailing_stop": "the trailing stop was reached",
    "time_exit": "it was held for as long as it may be",
    "margin_call": "equity fell below the maintenance margin",
    "ruin": "the book's equity is used up",
    "buy_in": "it may not be held short any more",
    "vanished": "it has had no bar for too long; closed at its last price",
}


def client_order_id(
    book: str, strategy: str, session_date: date, symbol: str, bar_at: datetime | None = None
) -> str:
    """Return the order's name, the same whenever the same book decides on the same session and symbol.

    It reads ``<strategy>-<yyyymmdd>-<symbol>-<10 hex digits>``; the digits are of the SHA-256 of all four, and of
    ``bar_at`` for a book that decides more than once in a session.
    """
    return namer(book, strategy, session_date, bar_at)(symbol)


def namer(
    book: str, strategy: str, session_date: date, bar_at: datetime | None = None
) -> Callable[[str], str]:
    """Return symbol → ``client_order_id`` of one decision: the parts that they share are worked out once."""
    shared = hashlib.sha256("\x1f".join([book, strategy, session_date.isoformat(), ""]).encode())
    rest = "" if bar_at is None else f"\x1f{bar_at.isoformat()}"
    stem = f"{strategy}-{session_date:%Y%m%d}-"

    def name(symbol: str) -> str:
        digest = shared.copy()
        digest.update(f"{symbol}{rest}".encode())
        return f"{stem}{symbol}-{digest.hexdigest()[:10]}"

    return name


def own_order_id(book: str, cause: str, bar_at: datetime, symbol: str, number: int) -> str:
    """Return the name of an order that nobody decided: an exit, a margin call, a buy-in.

    It reads ``<cause>-<yyyymmdd>-<symbol>-<10 hex digits>``; the digits are of the SHA-256 of all that is given.

    Args:
        bar_at: The bar that it came from.
        number: From 0 among those of the same cause, bar and symbol.
    """
    parts = [book, cause, bar_at.isoformat(), symbol, str(number)]
    digest = hashlib.sha256("\x1f".join(parts).encode()).hexdigest()
    return f"{cause}-{bar_at:%Y%m%d}-{symbol}-{digest[:10]}"


def own_reason(cause: str) -> str:
    """Return why an order exists that nobody decided, as a sentence."""
    return _CAUSES[cause]


def order_status(status: int, filled: float) -> str:
    """Return the journal's word for a kernel's order: of its status code, and the shares filled."""
    if status == OPEN:
        return order_states.PARTIALLY_FILLED if filled != 0 else order_states.ACCEPTED
    return order_states.FILLED if status == FILLED else order_states.CANCELLED


def order_note(status: int, obstacle: int, *, filled: float, remaining: float) -> str:
    """Return why an order ended without being (wholly) filled; empty where there is nothing to say.

    Args:
        filled, remaining: Shares, on the split basis of its last bar.
    """
    if status in {FILLED, OPEN}:
        return ""
    why = "replaced by a later decision" if status == REPLACED else _OBSTACLES.get(obstacle, "")
    if filled == 0:
        return why
    part = f"filled {abs(filled):g} of {abs(filled) + abs(remaining):g} shares"
    return f"{part}: {why}" if why else part


def orders_of(
    decision: Decision,
    panel: Panel,
    t: int,
    *,
    book: str,
    strategy: str,
    names_bar: bool,
    reasons: Sequence[str],
) -> tuple[Order, ...]:
    """Return the orders of a decision at the close of bar ``t``, by name: sells, then buys, each by symbol.

    Args:
        names_bar: Whether the book may decide more than once in a session.
        reasons: One sentence per symbol, (N,).
    """
    found, placed = [], decision.orders
    bar_at, session = panel.bar_at[t], panel.session_date[t]
    for k in range(len(placed.bar)):
        i, quantity = int(placed.symbol[k]), float(placed.quantity[k])
        symbol = panel.symbols[i]
        order = Order(
            client_order_id=client_order_id(book, strategy, session, symbol, bar_at if names_bar else None),
            symbol=symbol,
            side="buy" if quantity > 0 else "sell",
            quantity=abs(quantity),
            bar_at=bar_at,
            session_date=session,
            reason=reasons[i],
            order_type=ORDER_TYPES[int(placed.type[k])],
            limit_price=defined(placed.limit[k]),
            stop_price=defined(placed.stop[k]),
            trail=defined(placed.trail[k]),
            time_in_force=TIMES_IN_FORCE[int(placed.time_in_force[k])],
            goal=defined(placed.goal[k]),
            cause=REASONS[int(placed.reason[k])],
        )
        found.append(order)
    return tuple(sorted(found, key=lambda order: (order.side == "buy", order.symbol)))


def kernel_orders(orders: Sequence[Order], symbols: Sequence[str], bar: int) -> Orders:
    """Return orders of the decision at row ``bar`` as the kernel takes them, by symbol."""
    place = {symbol: i for i, symbol in enumerate(symbols)}
    orders = sorted(orders, key=lambda order: order.symbol)

    def ints(values: list[int]) -> Any:
        return np.array(values, dtype=np.int64)

    def floats(values: Sequence[float | None]) -> Any:
        return np.array([math.nan if value is None else value for value in values], dtype=np.float64)

    return Orders(
        bar=np.full(len(orders), bar, dtype=np.int64),
        symbol=ints([place[order.symbol] for order in orders]),
        quantity=floats([order.signed_quantity for order in orders]),
        type=ints([ORDER_TYPES.index(order.order_type) for order in orders]),
        limit=floats([order.limit_price for order in orders]),
        stop=floats([order.stop_price for order in orders]),
        trail=floats([order.trail for order in orders]),
        time_in_force=ints([TIMES_IN_FORCE.index(order.time_in_force) for order in orders]),
        reason=ints([REASONS.index(order.cause) for order in orders]),
        goal=floats([order.goal for order in orders]),
    )
