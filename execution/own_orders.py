"""What a book did that nobody decided: exits, margin calls, buy-ins, as orders with names and reasons.

The kernel fills most of them at once, within the bar, and writes down no order. Here each gets one, so that every
fill has an order, in the backtest's tables and in a journal alike.
"""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

import numpy as np

from execution.kernel.types import (
    ORDER_TYPES,
    REASONS,
    STOP_LOSS,
    TIMES_IN_FORCE,
    Outcome,
)
from execution.orders import own_order_id, own_reason
from execution.panel import Panel
from execution.types import Order

_TYPES = {"stop_loss": "stop", "take_profit": "limit", "trailing_stop": "trailing_stop"}


class OwnOrder(NamedTuple):
    """An order that nobody decided.

    Attributes:
        number: The kernel's id; -1 where it filled at once without one.
        fill: The row of ``outcome.fills`` that it became; -1 where it has a ``number``.
    """

    order: Order
    number: int
    fill: int


def own_orders(outcome: Outcome, panel: Panel, book: str) -> list[OwnOrder]:
    """Return the orders that came up by themselves on the outcome's bars, by bar; the same names for any split into
    runs, since a number counts within a bar.
    """
    fills, orders = outcome.fills, outcome.orders
    at_once = np.flatnonzero(fills["order"] < 0)
    placed = np.flatnonzero((orders["reason"] >= STOP_LOSS) & (orders["bar"] >= outcome.first))
    moments = [(int(fills["bar"][row]), 0, int(row)) for row in at_once]
    moments += [(int(orders["bar"][row]), 1, int(row)) for row in placed]
    counts: Counter[tuple[int, int, int]] = Counter()
    found = []
    for bar, is_placed, row in sorted(moments):
        record = orders[row] if is_placed else fills[row]
        place, reason = int(record["symbol"]), int(record["reason"])
        number = counts[bar, place, reason]
        counts[bar, place, reason] += 1
        cause, symbol, quantity = REASONS[reason], panel.symbols[place], float(record["quantity"])
        order = Order(
            client_order_id=own_order_id(book, cause, panel.bar_at[bar], symbol, number),
            symbol=symbol,
            side="buy" if quantity > 0 else "sell",
            quantity=abs(quantity),
            bar_at=panel.bar_at[bar],
            session_date=panel.session_date[bar],
            reason=own_reason(cause),
            order_type=ORDER_TYPES[int(record["type"])] if is_placed else _TYPES.get(cause, "market"),
            time_in_force=TIMES_IN_FORCE[int(record["time_in_force"])] if is_placed else "day",
            cause=cause,
        )
        found.append(OwnOrder(order, int(record["id"]) if is_placed else -1, -1 if is_placed else row))
    return found
