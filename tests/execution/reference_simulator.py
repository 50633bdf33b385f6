"""docs/simulator.md once more, slowly, in plain Python: what the compiled kernel is compared with.

One function per numbered step of the page, in its order. Written from the page alone; nothing of ``execution`` is
imported, so that a misreading in the kernel cannot be repeated here.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from tests.execution.reference_book import (
    AT_CLOSE,
    AT_OPEN,
    BORROW,
    BUY_IN,
    CANCELLED,
    DAY,
    DIVIDENDS,
    DUST,
    IN_LIEU,
    INTEREST,
    LIMIT,
    LOT_TOLERANCE,
    MARGIN_CALL,
    MARKET,
    NO_BAR,
    NO_ORDER,
    NOT_TOUCHED,
    RUIN,
    RUINED,
    SPLIT_AWAY,
    STOP_LIMIT,
    TAKE_PROFIT,
    TIME_EXIT,
    TRAILING_STOP,
    VANISHED,
    Book,
    Fill,
    Order,
    Position,
    Tape,
    lot_of,
    to_lots,
)
from tests.execution.reference_decision import decide
from tests.execution.reference_fills import book_fill, fill
from tests.execution.reference_orders import (
    has_level,
    in_turn,
    leave,
    rests_of_exit,
    stop_of,
    target_of,
    try_order,
    worse,
    worst_and_best,
)


def simulate(
    market: Any, costs: Any, rules: Any, cash: float, *, targets: Any = None, orders: Any = None
) -> Book:
    """Run a new book over all bars of a market; the arguments are the kernel's named tuples."""
    tape = Tape(market, costs, rules)
    book = Book.empty(len(tape.symbols), cash)
    decisions = {int(bar): row for row, bar in enumerate(targets.bar)} if targets is not None else {}
    for t in range(tape.bars):
        take_orders(book, orders, t - 1)
        book.begin_bar()
        corporate_actions(book, tape, t)
        carrying_costs(book, tape, t)
        vanished_symbols(book, tape, t)
        at_the_open(book, tape, t)
        if not book.is_ruined:
            in_the_range(book, tape, t)
            at_the_close(book, tape, t)
        mark(book, tape, t)
        expire(book, tape, t)
        solvency(book, tape, t)
        if t in decisions and not book.is_ruined:
            row = decisions[t]
            decide(book, tape, t, targets.weight[row].tolist(), targets.confidence[row].tolist())
        elif t in decisions:
            book.weights.append([math.nan] * len(tape.symbols))
    return book


# 1. Corporate actions


def corporate_actions(book: Book, tape: Tape, t: int) -> None:
    for i in tape.symbols:
        ratio, dividend = tape.split_ratio[t][i], tape.dividend[t][i]
        before, paid = book.cash, book.held(i) != 0
        if ratio != 1:
            split(book, tape, t, i, ratio)
        if dividend != 0:
            book.pay(DIVIDENDS, book.held(i) * dividend)
        if paid and (ratio != 1 or dividend != 0):
            book.actions.append((t, i, ratio, book.held(i), book.cash - before))
    book.forget_ended()


def split(book: Book, tape: Tape, t: int, i: int, ratio: float) -> None:
    book.last[i] /= ratio
    book.previous[i] /= ratio
    position = book.positions[i]
    if position:
        position.quantity *= ratio
        for level in ("entry", "peak", "trough", "reference"):
            setattr(position, level, getattr(position, level) / ratio)
        if tape.rules.whole_shares:
            kept = to_lots(position.quantity, 1.0)
            price = tape.open[t][i] if tape.has_bar(t, i) else book.last[i]
            book.pay(IN_LIEU, (position.quantity - kept) * price)
            if kept == 0:
                book.positions[i] = None
            position.quantity = kept
    for order in book.open_orders:
        if order.symbol == i:
            order.rest *= ratio
            order.filled *= ratio
            order.goal *= ratio
            for level in ("limit", "stop", "best"):
                setattr(order, level, getattr(order, level) / ratio)
            if tape.rules.whole_shares:
                order.rest, order.goal = to_lots(order.rest, 1.0), to_lots(order.goal, 1.0)
            if abs(order.rest) < DUST:
                order.end(t, CANCELLED, SPLIT_AWAY)


# 2. Carrying costs


def carrying_costs(book: Book, tape: Tape, t: int) -> None:
    years = tape.days[t] / 365 if t > 0 else 0.0
    if years == 0:
        return
    shorts = {i: -book.value(i) for i in tape.symbols if book.held(i) < 0}
    for i, value in shorts.items():
        book.pay(BORROW, -value * float(tape.costs.borrow_rate[i]) * years)
    if book.cash < 0:
        book.pay(INTEREST, book.cash * tape.rules.margin_rate * years)
    else:
        earning = max(book.cash - math.fsum(shorts.values()), 0.0)
        book.pay(INTEREST, earning * tape.rules.cash_rate * years)


# 3. Vanished symbols


def vanished_symbols(book: Book, tape: Tape, t: int) -> None:
    patience = tape.rules.exit_after_missing_sessions
    if patience == 0 or not tape.begins_session(t):
        return
    for i in tape.symbols:
        seen = book.last_session[i]
        if book.held(i) == 0 or seen is None or tape.has_close(t, i):
            continue
        if tape.session[t] - seen >= patience:
            quantity = -book.held(i)
            price = book.last[i] * (tape.rules.vanished_recovery if quantity < 0 else 1.0)
            book_fill(book, tape, Fill(t, i, quantity, price, price, 0.0, 0.0, False, NO_ORDER, VANISHED))


# 4. The open


def at_the_open(book: Book, tape: Tape, t: int) -> None:
    present = [i for i in tape.symbols if tape.has_bar(t, i)]
    forced = {"order": NO_ORDER, "is_exempt": True}
    for i in present:
        if book.held(i) < 0 and not tape.is_shortable[t][i]:
            fill(book, tape, t, i, -book.held(i), tape.open[t][i], reason=BUY_IN, **forced)
    if book.is_ruined:
        for i in present:
            if book.held(i) != 0:
                fill(book, tape, t, i, -book.held(i), tape.open[t][i], reason=RUIN, **forced)
        return
    for i in present:
        exit_at_the_open(book, tape, t, i)
    for order in in_turn(book, tape, t):
        order_at_the_open(book, tape, t, order)
    book.forget_ended()


def exit_at_the_open(book: Book, tape: Tape, t: int, i: int) -> None:
    position = book.positions[i]
    if not position or rests_of_exit(book, i):
        return
    price, side = tape.open[t][i], position.side
    stop, target = stop_of(tape, position), target_of(tape, position)
    if position.is_due:
        leave(book, tape, t, i, price, TIME_EXIT)
    elif stop and (price - stop[0]) * side <= 0:
        leave(book, tape, t, i, price, stop[1])
    elif target and (price - target) * side >= 0:
        leave(book, tape, t, i, price, TAKE_PROFIT)


def order_at_the_open(book: Book, tape: Tape, t: int, order: Order) -> None:
    price, side = tape.open[t][order.symbol], order.side
    if order.type == TRAILING_STOP and math.isnan(order.best):
        order.best = price
    if order.type == MARKET:
        if order.is_forced or tape.rules.fill_at == AT_OPEN:
            try_order(book, tape, t, order, price)
    elif order.type == LIMIT:
        if (order.limit - price) * side >= 0:
            try_order(book, tape, t, order, price, is_limit=True)
    elif order.type == STOP_LIMIT:
        order.is_triggered = order.is_triggered or (price - order.stop) * side >= 0
        if order.is_triggered and (order.limit - price) * side >= 0:
            try_order(book, tape, t, order, price, limit=order.limit)
    elif has_level(order) and (order.is_triggered or (price - order.level) * side >= 0):
        try_order(book, tape, t, order, price)


# 5. The range


def in_the_range(book: Book, tape: Tape, t: int) -> None:
    present = [i for i in tape.symbols if tape.has_bar(t, i)]
    for i in present:
        exit_in_the_range(book, tape, t, i)
    before = list(book.positions)
    for order in in_turn(book, tape, t):
        if order.tried != t:
            order_in_the_range(book, tape, t, order)
    for i in present:
        position = book.positions[i]
        if position and position is not before[i]:
            exit_of_new(book, tape, t, i, position)
    book.forget_ended()


def exit_in_the_range(book: Book, tape: Tape, t: int, i: int) -> None:
    position = book.positions[i]
    if not position or rests_of_exit(book, i):
        return
    side = position.side
    worst, best = worst_and_best(tape, t, i, side)
    stop, target = stop_of(tape, position), target_of(tape, position)
    if stop and (worst - stop[0]) * side <= 0:
        leave(book, tape, t, i, worse(stop[0], tape.open[t][i], side), stop[1])
    elif target and (best - target) * side >= 0:
        leave(book, tape, t, i, target, TAKE_PROFIT)


def order_in_the_range(book: Book, tape: Tape, t: int, order: Order) -> None:
    i, side = order.symbol, order.side
    lowest, highest = worst_and_best(tape, t, i, side)  # for a buy: the low, the high
    is_limit_met = (order.limit - lowest) * side >= 0
    if order.type == LIMIT:
        if is_limit_met:
            try_order(book, tape, t, order, order.limit, is_limit=True)
    elif order.type == STOP_LIMIT:
        if order.is_triggered:
            if is_limit_met:
                try_order(book, tape, t, order, order.limit, limit=order.limit)
        elif (highest - order.stop) * side >= 0:
            order.is_triggered = True
            if (order.limit - order.stop) * side >= 0:
                try_order(book, tape, t, order, order.stop, limit=order.limit)
    elif has_level(order) and (highest - order.level) * side >= 0:
        try_order(book, tape, t, order, order.level)


def exit_of_new(book: Book, tape: Tape, t: int, i: int, position: Position) -> None:
    stop = stop_of(tape, position)
    worst, _ = worst_and_best(tape, t, i, position.side)
    if stop and not rests_of_exit(book, i) and (worst - stop[0]) * position.side <= 0:
        leave(book, tape, t, i, worse(stop[0], position.reference, position.side), stop[1])


# 6. The close


def at_the_close(book: Book, tape: Tape, t: int) -> None:
    book.is_closing = True
    for order in in_turn(book, tape, t):
        price = tape.close[t][order.symbol]
        if order.type == MARKET:
            if order.is_forced or tape.rules.fill_at == AT_OPEN:
                continue
            if tape.rules.fill_at != AT_CLOSE:
                price = tape.vwap[t][order.symbol]
        elif has_level(order) or order.type == LIMIT:
            continue
        try_order(book, tape, t, order, price)
    book.forget_ended()


# 7. Mark


def mark(book: Book, tape: Tape, t: int) -> None:
    for i in tape.symbols:
        position = book.positions[i]
        if tape.has_close(t, i):
            book.previous[i], book.last[i] = book.last[i], tape.close[t][i]
            book.last_session[i] = tape.session[t]
            is_new = position is not None and position.is_from_close and position.opened == t
            if position and tape.has_bar(t, i) and not is_new:
                position.peak = max(position.peak, tape.high[t][i])
                position.trough = min(position.trough, tape.low[t][i])
        if position:
            position.bars += 1
            position.is_due = 0 < tape.rules.max_bars <= position.bars
    for order in book.open_orders:
        if order.type == TRAILING_STOP and order.bar < t and tape.has_bar(t, order.symbol):
            high, low = tape.high[t][order.symbol], tape.low[t][order.symbol]
            order.best = max(order.best, high) if order.side < 0 else min(order.best, low)
    book.cash_log.append(book.cash)
    book.equity_log.append(book.equity())
    book.gross_log.append(book.gross())
    book.traded_log.append(book.traded)
    book.quantity_log.append([book.held(i) for i in tape.symbols])
    book.flow_log.append(book.flow)


# 8. Expiry


def expire(book: Book, tape: Tape, t: int) -> None:
    for order in book.open_orders:
        if order.bar == t:
            continue  # the rest of an exit of this bar: its bar comes
        was_tried = order.tried == t
        if not tape.has_bar(t, order.symbol):
            order.obstacle = NO_BAR
        elif not was_tried:
            order.obstacle = NOT_TOUCHED
        if order.is_market:
            if not was_tried and order.time_in_force == DAY:
                order.end(t, CANCELLED)
        elif order.time_in_force == DAY and tape.ends_session(t):
            order.end(t, CANCELLED)
    book.forget_ended()


# 9. Solvency


def solvency(book: Book, tape: Tape, t: int) -> None:
    if book.is_ruined:
        return
    equity, gross = book.equity(), book.gross()
    if equity <= 0:
        book.is_ruined = True
        for order in book.open_orders:
            order.end(t, CANCELLED, RUINED)
        book.forget_ended()
    elif tape.rules.is_margin and tape.rules.maintenance_margin * gross > equity:
        margin_call(book, tape, t, 1 - equity / (tape.rules.initial_margin * gross))


def margin_call(book: Book, tape: Tape, t: int, fraction: float) -> None:
    lot = lot_of(tape.rules)
    for i in tape.symbols:
        cut = abs(book.held(i)) * fraction
        if lot > 0:
            cut = math.ceil(cut / lot - LOT_TOLERANCE) * lot
        cut = min(cut, abs(book.held(i)))
        if cut >= DUST:
            quantity = -math.copysign(cut, book.held(i))
            book.add_order(t, i, quantity, MARKET, time_in_force=DAY, reason=MARGIN_CALL, goal=0.0)


# 10. The decision itself is in reference_decision; orders from outside follow it


def take_orders(book: Book, orders: Any, t: int) -> None:
    rows: Sequence[int] = () if orders is None else [n for n, bar in enumerate(orders.bar) if bar == t]
    for n in rows:
        i = int(orders.symbol[n])
        order = book.add_order(
            t,
            i,
            float(orders.quantity[n]),
            int(orders.type[n]),
            limit=float(orders.limit[n]),
            stop=float(orders.stop[n]),
            trail=float(orders.trail[n]),
            time_in_force=int(orders.time_in_force[n]),
            reason=int(orders.reason[n]),
            goal=float(orders.goal[n]),
            best=book.last[i],
        )
        if book.is_ruined:
            order.end(t + 1, CANCELLED, RUINED)
    book.forget_ended()
