"""A fill in the reference simulator: its quantity, its price, and what it does to the account."""

from __future__ import annotations

import math
from collections.abc import Callable

from tests.execution.reference_book import (
    CAP,
    CASH,
    COMMISSION,
    DUST,
    FEES,
    LOT_TOLERANCE,
    MARGIN,
    NOT_SHORTABLE,
    NOTHING,
    TRADES,
    Book,
    Fill,
    Position,
    Tape,
    lot_of,
    to_lots,
)


def commission(tape: Tape, quantity: float, price: float) -> float:
    costs = tape.costs
    shares, value = abs(quantity), abs(quantity) * price
    if shares == 0:
        return 0.0
    asked = costs.per_order + shares * costs.per_share + value * costs.rate
    return float(min(max(asked, costs.minimum), costs.maximum, value * costs.maximum_rate))


def sale_fees(tape: Tape, t: int, quantity: float, price: float) -> float:
    if quantity >= 0:
        return 0.0
    costs, shares = tape.costs, -quantity
    by_share = min(shares * costs.sale_per_share[t], costs.sale_maximum[t])
    return float(shares * price * costs.sale_rate[t] + by_share)


def price_of(tape: Tape, t: int, i: int, quantity: float, reference: float, limit: float | None) -> float:
    """The reference price moved against us; never beyond ``limit``."""
    costs = tape.costs
    sigma, volume = tape.volatility[t][i], tape.volume[t][i]
    part = abs(quantity) / volume if volume > 0 else 1.0
    distance = (
        costs.spread[costs.bucket[t]][i]
        + costs.slippage
        + costs.slippage_volatility * sigma
        + costs.impact * sigma * math.sqrt(part)
    )
    distance = min(distance, 0.9)
    if quantity > 0:
        price = reference * (1 + distance)
        return float(price if limit is None else min(price, limit))
    price = reference * (1 - distance)
    return float(price if limit is None else max(price, limit))


def fill(
    book: Book,
    tape: Tape,
    t: int,
    i: int,
    wanted: float,
    reference: float,
    *,
    reason: int,
    order: int,
    limit: float | None = None,
    is_limit: bool = False,
    is_exempt: bool = False,
) -> tuple[float, int]:
    """Fill what can be filled of ``wanted`` shares; return it and the last obstacle.

    ``is_limit``: filled at the reference itself. ``is_exempt``: neither cap nor lots cut it, and it does not
    count against the cap.
    """
    rules = tape.rules
    held = book.held(i)
    obstacle = NOTHING
    quantity = wanted
    if quantity < 0 and held + quantity < -DUST and not (rules.is_margin and tape.is_shortable[t][i]):
        quantity, obstacle = -max(held, 0.0), NOT_SHORTABLE
    if rules.participation > 0 and not is_exempt:
        left = max(rules.participation * tape.volume[t][i] - book.used[i], 0.0)
        if abs(quantity) > left:
            quantity, obstacle = math.copysign(left, quantity), CAP
    if abs(quantity + held) > DUST and not is_exempt:
        quantity = to_lots(quantity, lot_of(rules))
    price = reference if is_limit else price_of(tape, t, i, quantity, reference, limit)
    allowed = within_buying_power(book, tape, t, i, quantity, price)
    if abs(allowed) < abs(quantity) - DUST:
        obstacle = MARGIN if rules.is_margin else CASH
    quantity = allowed
    if abs(quantity) < DUST:
        return 0.0, obstacle
    if not is_exempt:
        book.used[i] += abs(quantity)
    paid, fees = commission(tape, quantity, price), sale_fees(tape, t, quantity, price)
    done = Fill(t, i, quantity, price, reference, paid, fees, book.is_closing, order, reason)
    book.pay(COMMISSION, -paid)
    book.pay(FEES, -fees)
    book_fill(book, tape, done)
    return quantity, obstacle


def within_buying_power(book: Book, tape: Tape, t: int, i: int, quantity: float, price: float) -> float:
    """Cut the part of a fill that enlarges a position; what it reduces is always allowed."""
    rules, held = tape.rules, book.held(i)
    reduces = min(abs(quantity), abs(held)) if quantity * held < 0 else 0.0
    side = 1 if quantity > 0 else -1
    enlarges = abs(quantity) - reduces
    if enlarges < DUST:
        return quantity
    others = [n for n in tape.symbols if n != i and book.positions[n]]
    value = math.fsum(book.value(n) for n in others)
    gross = math.fsum(abs(book.value(n)) for n in others)

    def is_paid(shares: float) -> bool:
        filled = side * shares
        costs = commission(tape, filled, price) + sale_fees(tape, t, filled, price)
        cash = book.cash - filled * price - costs
        if not rules.is_margin:
            return cash >= 0
        held_after = (held + filled) * price
        return rules.initial_margin * (gross + abs(held_after)) <= cash + value + held_after

    return side * largest(reduces, abs(quantity), lot_of(rules), is_paid)


def largest(least: float, most: float, lot: float, is_paid: Callable[[float], bool]) -> float:
    """The most shares, in lots where there are lots, that can be paid; ``least`` can."""
    if is_paid(most):
        return most
    if lot > 0:
        low, high = math.floor(least / lot), math.floor(most / lot + LOT_TOLERANCE) + 1
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if is_paid(middle * lot) else (low, middle)
        return max(low * lot, least)
    for _ in range(80):
        half = (least + most) / 2
        least, most = (half, most) if is_paid(half) else (least, half)
    return least


def book_fill(book: Book, tape: Tape, done: Fill) -> None:
    """Pay for the shares and change the position; commission and fees are paid apart."""
    i, price, position = done.symbol, done.price, book.positions[done.symbol]
    book.pay(TRADES, -done.quantity * price)
    book.traded += abs(done.quantity) * price
    book.fills.append(done)
    book.stand_in.setdefault(i, price)
    before = position.quantity if position else 0.0
    after = before + done.quantity
    if abs(after) < DUST:
        after = 0.0
    if after == 0:
        book.positions[i] = None
    elif position is None or before * after < 0:
        sigma = tape.volatility[done.bar][i]
        book.positions[i] = Position(
            after, price, price, price, done.bar, done.reference, sigma, book.is_closing
        )
    else:
        if abs(after) > abs(before):
            position.entry = (before * position.entry + done.quantity * price) / after
        position.quantity = after
