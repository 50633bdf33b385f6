"""The order book: orders enter, are tried at the open, in the range and at the close, and end."""

from __future__ import annotations

import math
from typing import Any

from execution.kernel.desk import (
    AT_THE_OPEN,
    BY_SYMBOL,
    DUST,
    HELD,
    IN_THE_RANGE,
    OPEN_ORDERS,
    ROOM,
)
from execution.kernel.fills import fill, whole
from execution.kernel.types import (
    AT_OPEN,
    AT_VWAP,
    CANCELLED,
    CAP,
    DAY,
    FILLED,
    GTC,
    LIMIT,
    MARGIN_CALL,
    MARKET,
    MARKET_ON_CLOSE,
    NO_BAR,
    NOT_TOUCHED,
    NOTHING,
    OPEN,
    RUINED,
    SPLIT_AWAY,
    STOP_LIMIT,
    STOP_LOSS,
    TIME_EXIT,
    TRAILING_STOP,
    Ints,
    Records,
)
from transforms.operators.compiled import compiled_with_package as compiled


@compiled
def list_held(desk: Any, symbols: Records, orders: Records, lists: Ints) -> None:
    """List what is held anew, by symbol: some of what was held or is ordered on this bar."""
    h, k, count, latest = 0, 0, 0, -1
    while h < desk.n_held or k < desk.n_active:
        held = lists[HELD, h] if h < desk.n_held else len(symbols)
        ordered = orders[lists[BY_SYMBOL, k]].symbol if k < desk.n_active else len(symbols)
        i = min(held, ordered)
        h += held == i
        k += ordered == i
        lists[ROOM, count] = i
        count += (symbols[i].quantity != 0.0) & (i != latest)
        latest = i
    for h in range(count):
        lists[HELD, h] = lists[ROOM, h]
    desk.n_held = count
    desk.has_opened = desk.has_closed = 0


@compiled
def enter(desk: Any, symbol: Any, orders: Records, lists: Ints, i: int, quantity: float, goal: float) -> None:
    """Put a market order, good till cancelled, into the book; it is active from the next bar on.

    The caller says in its record (the last one) why, and what else it is.
    """
    order = orders[desk.n_orders]
    order.id = desk.next_order
    order.bar = desk.t
    order.symbol = i
    order.type = MARKET
    order.time_in_force = GTC
    order.status = OPEN
    order.end_bar = -1
    order.obstacle = NOTHING
    order.is_triggered = 0
    order.tried_bar = -1
    order.quantity = quantity
    order.filled = 0.0
    order.limit = order.stop = order.trail = math.nan
    order.limit_level = order.level = math.nan
    order.goal = goal
    order.remaining = quantity
    order.best = symbol.last
    lists[OPEN_ORDERS, desk.n_open] = desk.n_orders
    desk.next_order += 1
    desk.n_orders += 1
    desk.n_open += 1


@compiled
def end(desk: Any, symbols: Records, order: Any) -> None:
    """End an order whose status has been set; was it the rest of an exit, the position's exits are awake again."""
    order.end_bar = desk.t
    if STOP_LOSS <= order.reason <= TIME_EXIT:
        symbols[order.symbol].is_leaving = 0


@compiled
def split_orders(desk: Any, symbols: Records, orders: Records, lists: Ints, i: int, ratio: float) -> None:
    """Put the open orders of a symbol on the basis after a split."""
    lot = 1.0 if desk.whole_shares else 0.0
    for k in range(desk.n_open):
        order = orders[lists[OPEN_ORDERS, k]]
        if order.symbol != i:
            continue
        order.remaining = whole(order.remaining * ratio, lot)
        order.goal = whole(order.goal * ratio, lot)
        order.filled *= ratio
        order.limit_level /= ratio
        order.level /= ratio
        order.best /= ratio
        if abs(order.remaining) < DUST:
            order.obstacle = SPLIT_AWAY
            order.status = CANCELLED
            end(desk, symbols, order)


@compiled
def cancel_all(desk: Any, symbols: Records, orders: Records, lists: Ints) -> None:
    """Cancel every order of a ruined book."""
    for k in range(desk.n_open):
        order = orders[lists[OPEN_ORDERS, k]]
        if order.status == OPEN:
            order.obstacle = RUINED
            order.status = CANCELLED
            end(desk, symbols, order)
    desk.n_open = 0


@compiled
def sweep(desk: Any, orders: Records, lists: Ints) -> None:
    """Drop orders that have ended from the list of the open ones."""
    kept = 0
    for k in range(desk.n_open):
        row = lists[OPEN_ORDERS, k]
        if orders[row].status == OPEN:
            lists[OPEN_ORDERS, kept] = row
            kept += 1
    desk.n_open = kept


@compiled
def sort_orders(desk: Any, orders: Records, lists: Ints, count: int) -> None:
    """List the open orders by symbol and age: those that are active on this bar."""
    is_sorted, symbol = True, -1
    for k in range(desk.n_open):
        row = lists[OPEN_ORDERS, k]
        is_sorted = is_sorted and orders[row].symbol >= symbol
        symbol = orders[row].symbol
        lists[BY_SYMBOL, k] = row
    desk.n_active = desk.n_waiting = desk.n_open
    if is_sorted:
        return
    places = lists[ROOM]
    for i in range(count + 1):
        places[i] = 0
    for k in range(desk.n_open):
        places[orders[lists[OPEN_ORDERS, k]].symbol + 1] += 1
    for i in range(1, count + 1):
        places[i] += places[i - 1]
    for k in range(desk.n_open):
        row = lists[OPEN_ORDERS, k]
        symbol = orders[row].symbol
        lists[BY_SYMBOL, places[symbol]] = row
        places[symbol] += 1


@compiled
def _is_reached(order: Any, price: float) -> bool:
    """Whether a stop or trailing order's level lies at or on the near side of ``price``."""
    side = 1.0 if order.remaining > 0.0 else -1.0
    reached: bool = side * price >= side * _level(order)
    return reached


@compiled
def _level(order: Any) -> float:
    level: float = order.level
    if order.type == TRAILING_STOP:
        level = (
            order.best * (1.0 + order.trail) if order.remaining > 0.0 else order.best * (1.0 - order.trail)
        )
    return level


@compiled
def _meets_limit(order: Any, price: float) -> bool:
    side = 1.0 if order.remaining > 0.0 else -1.0
    meets: bool = side * price <= side * order.limit_level
    return meets


@compiled
def _try(
    desk: Any,
    symbols: Records,
    fills: Records,
    lists: Ints,
    order: Any,
    reference: float,
) -> None:
    """Fill what can be filled of an order at a reference price, and end it where it is done."""
    i = order.symbol
    order.tried_bar = desk.t
    desk.n_waiting -= 1
    if not math.isnan(order.goal):
        room = order.goal - symbols[i].quantity
        if abs(room) < DUST or room * order.remaining < 0.0:
            order.obstacle = NOTHING
            order.status = CANCELLED
            end(desk, symbols, order)
            return
        if abs(room) < abs(order.remaining):
            order.remaining = room
    bound = order.limit_level if order.type == STOP_LIMIT else math.nan
    is_call = order.reason == MARGIN_CALL
    desk.order = order.id
    desk.reason = order.reason
    desk.is_exact = order.type == LIMIT
    desk.is_forced = is_call
    filled = fill(desk, symbols, fills, lists, i, order.remaining, reference, bound)
    order.filled += filled
    order.remaining -= filled
    order.obstacle = desk.obstacle
    if abs(order.remaining) < DUST:
        order.remaining = 0.0
        order.status = FILLED
        end(desk, symbols, order)
    elif order.type in (MARKET, MARKET_ON_CLOSE):
        is_carried = desk.carries_remainder or (order.reason >= STOP_LOSS and not is_call)
        if not (is_carried and order.obstacle == CAP):
            order.status = CANCELLED
            end(desk, symbols, order)


@compiled
def _price_at_open(desk: Any, symbol: Any, order: Any) -> float:
    """Return the price at which an order is tried at the open, NaN if it is not; triggers stops."""
    price: float = symbol.day_open
    kind = order.type
    order.obstacle = NOT_TOUCHED
    is_tried = False
    if kind == MARKET:
        is_tried = desk.fill_at == AT_OPEN or order.reason >= STOP_LOSS
    elif kind == LIMIT:
        is_tried = _meets_limit(order, price)
    elif kind != MARKET_ON_CLOSE:
        if kind == TRAILING_STOP and math.isnan(order.best):
            order.best = price
        if not order.is_triggered and _is_reached(order, price):
            order.is_triggered = 1
        is_tried = bool(order.is_triggered) and (kind != STOP_LIMIT or _meets_limit(order, price))
    return price if is_tried else math.nan


@compiled
def _price_in_range(symbol: Any, order: Any) -> float:
    """Return the price at which an order is tried within the range, NaN if it is not; triggers stops."""
    kind = order.type
    # What the price does in favour of the order, and against it.
    good, bad = symbol.day_low, symbol.day_high
    if order.remaining < 0.0:
        good, bad = bad, good
    price = math.nan
    if kind in (MARKET, MARKET_ON_CLOSE):
        price = math.nan
    elif kind == LIMIT or (kind == STOP_LIMIT and order.is_triggered):
        if _meets_limit(order, good):
            price = order.limit_level
    elif not order.is_triggered and _is_reached(order, bad):
        order.is_triggered = 1
        level = _level(order)
        if kind != STOP_LIMIT or _meets_limit(order, level):
            price = level
    return price


@compiled
def _price_at_close(desk: Any, symbol: Any, order: Any) -> float:
    """Return the price at which an order is tried at the close, NaN if it is not."""
    price = math.nan
    if order.type == MARKET_ON_CLOSE or (order.type == MARKET and desk.fill_at != AT_OPEN):
        is_vwap = order.type == MARKET and desk.fill_at == AT_VWAP
        price = symbol.day_vwap if is_vwap else symbol.day_close
    return price


@compiled
def carry_out(desk: Any, symbols: Records, orders: Records, fills: Records, lists: Ints) -> None:
    """Try the active orders at the moment at hand (open, range or close): margin calls, sells, buys."""
    for turn in range(3):
        for k in range(desk.n_active):
            order = orders[lists[BY_SYMBOL, k]]
            if order.status != OPEN or order.tried_bar == desk.t:
                continue
            own = 0 if order.reason == MARGIN_CALL else (1 if order.remaining < 0.0 else 2)
            if own != turn:
                continue
            symbol = symbols[order.symbol]
            if not symbol.day_open > 0.0:
                order.obstacle = NO_BAR
                continue
            if desk.moment == AT_THE_OPEN:
                price = _price_at_open(desk, symbol, order)
            elif desk.moment == IN_THE_RANGE:
                price = _price_in_range(symbol, order)
            else:
                price = _price_at_close(desk, symbol, order)
            if not math.isnan(price):
                _try(desk, symbols, fills, lists, order, price)


@compiled
def expire(desk: Any, symbols: Records, orders: Records, lists: Ints, is_session_end: bool) -> None:
    """End what does not outlive the bar or its session (step 8), and follow the best price of trailing orders."""
    for k in range(desk.n_active):
        order = orders[lists[BY_SYMBOL, k]]
        if order.status != OPEN:
            continue
        symbol = symbols[order.symbol]
        if order.type in (MARKET, MARKET_ON_CLOSE):
            if order.tried_bar != desk.t and order.time_in_force == DAY:
                order.status = CANCELLED
                end(desk, symbols, order)
        elif is_session_end and order.time_in_force == DAY:
            order.status = CANCELLED
            end(desk, symbols, order)
        elif order.type == TRAILING_STOP and symbol.day_open > 0.0:
            if order.remaining > 0.0:
                order.best = min(order.best, symbol.day_low)
            else:
                order.best = max(order.best, symbol.day_high)
    sweep(desk, orders, lists)
