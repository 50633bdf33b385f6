"""What closes a position without a decision: buy-ins, ruin, stops, targets, time."""

from __future__ import annotations

import math
from typing import Any

from execution.kernel.book import enter
from execution.kernel.desk import (
    AFTER,
    AT_THE_CLOSE,
    AT_THE_OPEN,
    DUST,
    FORCED,
    HELD,
    IN_THE_RANGE,
    Prices,
    Tape,
)
from execution.kernel.fills import book_fill, fill, look
from execution.kernel.types import (
    BUY_IN,
    RUIN,
    STOP_LOSS,
    TAKE_PROFIT,
    TIME_EXIT,
    TRAILING_EXIT,
    VANISHED,
    Ints,
    Records,
)
from transforms.operators.compiled import compiled_with_package as compiled


@compiled
def has_exits(desk: Any) -> bool:
    """Whether anything but buy-ins may close a position without a decision."""
    has_stops = desk.stop_loss > 0.0 or desk.take_profit > 0.0 or desk.trailing_stop > 0.0
    on: bool = has_stops or desk.max_bars > 0 or desk.is_ruined != 0
    return on


@compiled
def may_close(desk: Any, moment: int, exiting: bool) -> bool:
    """Whether anything that is held may have to be closed at a moment, before each position is looked at."""
    if moment == FORCED:
        return bool(desk.has_buy_in)
    if moment == AFTER:
        return exiting and bool(desk.has_fresh)
    return exiting and moment != AT_THE_CLOSE


@compiled
def _stop(desk: Any, symbol: Any, side: float) -> tuple[float, int]:
    """Return the level of the nearer stop and its reason; an infinite level where there is none."""
    scale = symbol.volatility if desk.exits_by_volatility else 1.0
    level, reason = -side * math.inf, STOP_LOSS
    if not scale > 0.0:
        return level, reason
    if desk.stop_loss > 0.0:
        level = symbol.entry * (1.0 - side * desk.stop_loss * scale)
    if desk.trailing_stop > 0.0:
        high, low = symbol.high, symbol.low
        best = high if side > 0.0 else low
        trailing = best * (1.0 - side * desk.trailing_stop * scale)
        if side * trailing > side * level:
            level, reason = trailing, TRAILING_EXIT
    return level, reason


@compiled
def _target(desk: Any, symbol: Any, side: float) -> float:
    """Return the level at which profit is taken; infinite where there is none."""
    scale = symbol.volatility if desk.exits_by_volatility else 1.0
    if not (desk.take_profit > 0.0 and scale > 0.0):
        return side * math.inf
    level: float = symbol.entry * (1.0 + side * desk.take_profit * scale)
    return level


@compiled
def _range(symbol: Any, side: float) -> tuple[float, float]:
    """Return the bar's price that is worst for a side, and the best."""
    low, high = symbol.day_low, symbol.day_high
    return (low, high) if side > 0.0 else (high, low)


@compiled
def is_calm(desk: Any, symbol: Any) -> bool:
    """Whether no price of the bar closes a position as it stands, so that it need not be looked at again."""
    if symbol.is_leaving or (desk.max_bars > 0 and symbol.age >= desk.max_bars):
        return False
    side = 1.0 if symbol.quantity > 0.0 else -1.0
    level, _ = _stop(desk, symbol, side)
    target = _target(desk, symbol, side)
    worst, best = _range(symbol, side)
    opened = side * symbol.day_open
    level, target = side * level, side * target
    calm: bool = side * worst > level and side * best < target and level < opened < target
    return calm


@compiled
def close_vanished(
    desk: Any, symbols: Records, prices: Prices, fills: Records, lists: Ints, session: int
) -> None:
    """Close what has had no bar for too many sessions (step 3), on the first bar of a session."""
    desk.order, desk.reason, desk.moment = -1, VANISHED, FORCED
    for h in range(desk.n_held):
        i = lists[HELD, h]
        is_missing = not symbols[i].day_close > 0.0
        if not is_missing or session - prices.seen[i] < desk.exit_after_missing_sessions:
            continue
        quantity, price = symbols[i].quantity, prices.last[i]
        if quantity > 0.0:
            price *= desk.vanished_recovery
        book_fill(desk, symbols[i], fills, i, -quantity, price, price, 0.0, 0.0)


@compiled
def _exit_at(desk: Any, symbol: Any) -> float:
    """Return the reference price at which a position is closed at the moment at hand, NaN if it is not.

    The reason goes into ``desk``.
    """
    price: float = symbol.day_open
    side = 1.0 if symbol.quantity > 0.0 else -1.0
    if desk.moment == FORCED:
        desk.reason = BUY_IN
        return price if side < 0.0 and not symbol.is_shortable else math.nan
    if desk.is_ruined:
        desk.reason = RUIN
        return price if desk.moment == AT_THE_OPEN else math.nan
    if symbol.is_leaving or (desk.moment == AFTER and symbol.moment != IN_THE_RANGE):
        return math.nan
    worst, best = price, price
    if desk.moment == AT_THE_OPEN:
        if desk.max_bars > 0 and symbol.age >= desk.max_bars:
            desk.reason = TIME_EXIT
            return price
    else:
        worst, best = _range(symbol, side)
    level, desk.reason = _stop(desk, symbol, side)
    if side * worst <= side * level:
        if desk.moment == AT_THE_OPEN:
            return price
        # No better than the open, or than the entry: the stop may lie beyond the price of a fresh position.
        known = price if desk.moment == IN_THE_RANGE else symbol.reference
        return min(level, known) if side > 0.0 else max(level, known)
    target = _target(desk, symbol, side)
    if desk.moment == AFTER or side * best < side * target:
        return math.nan
    desk.reason = TAKE_PROFIT
    return price if desk.moment == AT_THE_OPEN else target


@compiled
def due(desk: Any, symbols: Records, lists: Ints, first: int) -> int:
    """Return the first place from ``first`` on in the list of what is held that the moment at hand closes; -1 if none.

    Buy-ins and ruin; time exits, stops and targets (4.1, 4.2, 5.1, 5.3). Apart from ``close_due``, for every array
    that is passed costs, and most bars close nothing.
    """
    for h in range(first, desk.n_held):
        symbol = symbols[lists[HELD, h]]
        if symbol.is_calm and desk.moment != FORCED:
            continue
        if symbol.quantity != 0.0 and symbol.day_open > 0.0 and not math.isnan(_exit_at(desk, symbol)):
            return h
    return -1


@compiled
def close_due(
    desk: Any,
    symbols: Records,
    orders: Records,
    fills: Records,
    lists: Ints,
    tape: Tape,
    h: int,
) -> None:
    """Close what ``due`` found; what the cap cuts off goes out at the following opens."""
    desk.is_exact = 0
    desk.is_forced = desk.moment == FORCED or desk.is_ruined
    i = lists[HELD, h]
    symbol = symbols[i]
    reference = _exit_at(desk, symbol)
    look(desk, tape, symbol, i)
    desk.order = -1
    fill(desk, symbols, fills, lists, i, -symbol.quantity, reference, math.nan)
    rest = -symbol.quantity
    if abs(rest) >= DUST:
        symbol.is_leaving = 1
        enter(desk, symbol, orders, lists, i, rest, 0.0)
        orders[desk.n_orders - 1].reason = desk.reason
