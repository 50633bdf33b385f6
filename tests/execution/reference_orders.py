"""What the steps of the reference simulator share: trying an order, leaving a position, levels of exits."""

from __future__ import annotations

import math

from tests.execution.reference_book import (
    CANCELLED,
    CAP,
    DUST,
    FILLED,
    GTC,
    LIMIT,
    MARGIN_CALL,
    MARKET,
    NO_ORDER,
    NOTHING,
    OPEN,
    STOP_LOSS,
    TRAILING_EXIT,
    Book,
    Order,
    Position,
    Tape,
)
from tests.execution.reference_fills import fill


def in_turn(book: Book, tape: Tape, t: int) -> list[Order]:
    """The open orders of symbols with a bar: margin calls, those that sell, those that buy; by symbol and age."""

    def turn(order: Order) -> tuple[int, int, int]:
        phase = 0 if order.reason == MARGIN_CALL else 1 if order.side < 0 else 2
        return phase, order.symbol, order.number

    return sorted((o for o in book.open_orders if o.bar < t and tape.has_bar(t, o.symbol)), key=turn)


def try_order(
    book: Book,
    tape: Tape,
    t: int,
    order: Order,
    reference: float,
    *,
    limit: float | None = None,
    is_limit: bool = False,
) -> None:
    i = order.symbol
    order.tried, order.is_triggered = t, True
    if not math.isnan(order.goal):
        missing = (order.goal - book.held(i)) * order.side
        if missing < DUST:
            order.end(t, CANCELLED, NOTHING)
            return
        order.rest = order.side * min(abs(order.rest), missing)
    filled, order.obstacle = fill(
        book,
        tape,
        t,
        i,
        order.rest,
        reference,
        reason=order.reason,
        order=order.number,
        limit=limit,
        is_limit=is_limit,
        is_exempt=order.reason == MARGIN_CALL,
    )
    order.rest -= filled
    order.filled += filled
    if abs(order.rest) < DUST:
        order.end(t, FILLED)
    elif order.is_market:
        is_carried = order.is_rest_of_exit or tape.rules.carries_remainder
        if order.obstacle != CAP or not is_carried:
            order.end(t, CANCELLED)


def leave(book: Book, tape: Tape, t: int, i: int, reference: float, reason: int) -> None:
    """Close a position; what the cap leaves of it goes out at the next open."""
    wanted = -book.held(i)
    filled, _ = fill(book, tape, t, i, wanted, reference, reason=reason, order=NO_ORDER)
    if abs(wanted - filled) >= DUST:
        book.add_order(t, i, wanted - filled, MARKET, time_in_force=GTC, reason=reason, goal=0.0)


def rests_of_exit(book: Book, i: int) -> bool:
    return any(o.symbol == i and o.is_rest_of_exit and o.status == OPEN for o in book.open_orders)


def has_level(order: Order) -> bool:
    return not order.is_market and order.type != LIMIT


def stop_of(tape: Tape, position: Position) -> tuple[float, int] | None:
    """The level of the nearer stop and its reason."""
    rules, side = tape.rules, position.side
    scale = position.volatility if rules.exits_by_volatility else 1.0
    levels = []
    if scale > 0 and rules.stop_loss > 0:
        levels.append((position.entry * (1 - side * rules.stop_loss * scale), STOP_LOSS))
    if scale > 0 and rules.trailing_stop > 0:
        best = position.peak if side > 0 else position.trough
        levels.append((best * (1 - side * rules.trailing_stop * scale), TRAILING_EXIT))
    return max(levels, key=lambda level: level[0] * side) if levels else None


def target_of(tape: Tape, position: Position) -> float | None:
    rules = tape.rules
    scale = position.volatility if rules.exits_by_volatility else 1.0
    if scale == 0 or rules.take_profit == 0:
        return None
    return float(position.entry * (1 + position.side * rules.take_profit * scale))


def worst_and_best(tape: Tape, t: int, i: int, side: int) -> tuple[float, float]:
    """The bar's ends, the worse for a position of that side first."""
    ends = (tape.low[t][i], tape.high[t][i])
    return ends if side > 0 else (ends[1], ends[0])


def worse(level: float, price: float, side: int) -> float:
    """The lower for one who sells a long, the higher for one who buys back a short."""
    return min(level, price) if side > 0 else max(level, price)
