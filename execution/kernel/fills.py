"""A fill: how much, at what price, whether the account can pay for it, and what it does to the account."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from execution.kernel.costs import adverse, commission, sale_fees
from execution.kernel.desk import AT_THE_CLOSE, DUST, HELD, IN_THE_RANGE, Tape
from execution.kernel.types import (
    AT_VWAP,
    CAP,
    CASH,
    MARGIN,
    NOT_SHORTABLE,
    NOTHING,
    Ints,
    Records,
)
from transforms.operators.compiled import compiled_with_package as compiled

_LOT_DUST = 1e-6  # lots; a product of floats this close to a whole lot is meant to be one
_EXACT = 1e-12  # of equity; what sums of products may be off by


@compiled
def whole(quantity: float, lot: float) -> float:
    """Round a quantity towards zero to lots; a lot of 0 leaves it."""
    if lot <= 0.0:
        return quantity
    return math.copysign(np.floor(abs(quantity) / lot + _LOT_DUST) * lot, quantity)


@compiled
def whole_up(quantity: float, lot: float) -> float:
    """Round a quantity away from zero to lots; a lot of 0 leaves it."""
    if lot <= 0.0:
        return quantity
    return math.copysign(np.ceil(abs(quantity) / lot - _LOT_DUST) * lot, quantity)


@compiled
def look(desk: Any, tape: Tape, symbol: Any, i: int) -> None:
    """Take up what a fill asks of the market beside prices."""
    t = desk.t
    symbol.is_shortable = tape.market.is_shortable[t, i]
    symbol.day_volume = tape.market.volume[t, i]
    symbol.day_volatility = tape.market.volatility[t, i]
    symbol.spread = tape.spread[tape.bucket[t], i]
    if desk.fill_at == AT_VWAP:
        symbol.day_vwap = tape.market.vwap[t, i]


@compiled
def _sum_up(desk: Any, symbols: Records, lists: Ints) -> None:
    """Sum positions at last prices into ``net`` and ``gross``, once a bar before buying power is asked for.

    The list of what is held has them all: what would be the first new position of a bar asks.
    """
    net, gross = 0.0, 0.0
    for h in range(desk.n_held):
        symbol = symbols[lists[HELD, h]]
        if symbol.quantity != 0.0:
            value = symbol.quantity * symbol.last
            net += value
            gross += abs(value)
    desk.net = net
    desk.gross = gross
    desk.is_summed = 1


@compiled
def _pays(desk: Any, symbol: Any, side: float, shares: float, price: float) -> bool:
    """Whether the account may hold what it holds after such a fill."""
    charged = commission(desk, shares, price)
    fees = sale_fees(desk, shares, price) if side < 0.0 else 0.0
    if not desk.is_margin:
        # The operations of ``_book``, one by one: what passes here cannot leave cash below 0 there.
        cash: float = desk.cash - side * shares * price - charged - fees
        return cash >= 0.0
    held = symbol.quantity
    old = held * symbol.last if held != 0.0 else 0.0
    equity = desk.cash + (desk.net - old) + held * price - charged - fees
    gross = max(desk.gross - abs(old), 0.0) + abs(held + side * shares) * price
    enough: bool = desk.initial_margin * gross <= equity + _EXACT * abs(equity)
    return enough


@compiled
def _reach(desk: Any, symbol: Any, side: float, shares: float, price: float, closing: float) -> float:
    """Return the most of ``shares`` that the account may trade; ``closing`` of them always."""
    lot = desk.lot
    if lot > 0.0:
        pays, fails = 0.0, np.floor(shares / lot + _LOT_DUST)
        while True:
            middle = np.floor(0.5 * (pays + fails))
            if middle <= pays or middle >= fails:
                return float(max(pays * lot, closing))
            if middle * lot <= closing or _pays(desk, symbol, side, middle * lot, price):
                pays = middle
            else:
                fails = middle
    low, high = closing, shares
    while True:
        between = 0.5 * (low + high)
        if between <= low or between >= high:
            return low
        if _pays(desk, symbol, side, between, price):
            low = between
        else:
            high = between


@compiled
def _cut(desk: Any, symbol: Any, side: float, shares: float) -> float:
    """Cut a fill to what shortability, cap and lots leave of it."""
    held = symbol.quantity
    if side < 0.0 and shares > max(held, 0.0) + DUST and not (desk.is_margin and symbol.is_shortable):
        shares = max(held, 0.0)
        desk.obstacle = NOT_SHORTABLE
    if desk.is_forced:
        return shares
    if desk.participation > 0.0:
        volume = symbol.day_volume if symbol.day_volume > 0.0 else 0.0
        left = max(desk.participation * volume - symbol.used, 0.0)
        if shares > left + DUST:
            shares = left
            desk.obstacle = CAP
    if side * held < 0.0 and abs(shares - abs(held)) < DUST:
        return shares
    lots: float = whole(shares, desk.lot)
    return lots


@compiled
def fill(
    desk: Any,
    symbols: Records,
    fills: Records,
    lists: Ints,
    i: int,
    want: float,
    reference: float,
    bound: float,
) -> float:
    """Fill what can be filled of ``want`` signed shares of symbol ``i`` and book it.

    Args:
        desk: Its fields from ``order`` to ``is_forced`` say what kind of fill it is.
        bound: A price never beyond which it fills, NaN if none.

    Returns:
        The signed shares filled; ``desk.obstacle`` says what cut them last.
    """
    symbol = symbols[i]
    held = symbol.quantity
    side = 1.0 if want > 0.0 else -1.0
    desk.obstacle = NOTHING
    shares = _cut(desk, symbol, side, abs(want))
    if shares < DUST:
        return 0.0
    price = reference
    if not desk.is_exact:
        price = reference * (1.0 + side * adverse(desk, symbol, shares))
        if side * price > side * bound:
            price = bound
    closing = min(abs(held), shares) if side * held < 0.0 else 0.0
    if not desk.is_forced and shares > closing and (desk.is_margin or side > 0.0):
        if desk.is_margin and not desk.is_summed:
            _sum_up(desk, symbols, lists)
        if not _pays(desk, symbol, side, shares, price):
            shares = _reach(desk, symbol, side, shares, price, closing)
            desk.obstacle = MARGIN if desk.is_margin else CASH
            if shares < DUST:
                return 0.0
    if not desk.is_forced:
        symbol.used += shares
    charged = commission(desk, shares, price)
    fees = sale_fees(desk, shares, price) if side < 0.0 else 0.0
    book_fill(desk, symbol, fills, i, side * shares, price, reference, charged, fees)
    return side * shares


@compiled
def book_fill(
    desk: Any,
    symbol: Any,
    fills: Records,
    i: int,
    signed: float,
    price: float,
    reference: float,
    charged: float,
    fees: float,
) -> None:
    """Move the cash, log the fill and carry the position on."""
    desk.cash = desk.cash - signed * price - charged - fees
    desk.traded += abs(signed) * price
    desk.trades -= signed * price
    desk.commission -= charged
    desk.fees -= fees
    row = fills[desk.n_fills]
    desk.n_fills += 1
    row.bar = desk.t
    row.symbol = i
    row.order = desk.order
    row.reason = desk.reason
    row.at_close = desk.moment == AT_THE_CLOSE
    row.quantity = signed
    row.price = price
    row.reference = reference
    row.commission = charged
    row.fees = fees
    _carry_on(desk, symbol, signed, price, reference)


@compiled
def _carry_on(desk: Any, symbol: Any, signed: float, price: float, reference: float) -> None:
    held = symbol.quantity
    after = held + signed
    if abs(after) < DUST:
        after = 0.0
    if math.isnan(symbol.last):
        symbol.last = price
    if after != 0.0:
        if held * after <= 0.0:
            symbol.age = 0
            symbol.is_leaving = 0
            symbol.entry = price
            symbol.high = price
            symbol.low = price
            symbol.volatility = symbol.day_volatility
            symbol.moment = desk.moment
            if desk.moment == IN_THE_RANGE:
                desk.has_fresh = 1
            symbol.reference = reference
        elif abs(after) > abs(held):
            symbol.entry = (abs(held) * symbol.entry + abs(signed) * price) / abs(after)
    if held == 0.0:
        desk.has_opened = 1
    if after == 0.0:
        desk.has_closed = 1
    if desk.is_summed:
        desk.net += (after - held) * symbol.last
        desk.gross += (abs(after) - abs(held)) * symbol.last
    symbol.quantity = after
    symbol.is_calm = 0
