"""One bar, step by step as in ``docs/simulator.md``, and the loop over the bars."""

from __future__ import annotations

import math
from typing import Any

from execution.kernel.book import (
    cancel_all,
    carry_out,
    enter,
    expire,
    list_held,
    sort_orders,
    split_orders,
    sweep,
)
from execution.kernel.decisions import decide_here
from execution.kernel.desk import (
    AFTER,
    AT_THE_CLOSE,
    DUST,
    FORCED,
    HELD,
    OPEN_ORDERS,
    Arrays,
    Prices,
    Tape,
)
from execution.kernel.exits import close_due, close_vanished, due, has_exits, is_calm, may_close
from execution.kernel.fills import look, whole, whole_up
from execution.kernel.types import (
    DAY,
    MARGIN_CALL,
    Floats,
    Ints,
    Market,
    Orders,
    Records,
    Targets,
)
from transforms.operators.compiled import compiled_with_package as compiled


@compiled
def _split_and_pay(
    desk: Any,
    symbols: Records,
    prices: Prices,
    orders: Records,
    actions: Records,
    lists: Ints,
    ratios: Floats,
    dividends: Floats,
    opens: Floats,
    has_split: bool,
) -> None:
    """Carry out splits and dividends (step 1); the floats are this bar's, (N,)."""
    if has_split:
        for i in range(len(ratios)):
            if ratios[i] == 1.0:
                continue
            prices.last[i] /= ratios[i]
            prices.before[i] /= ratios[i]
            split_orders(desk, symbols, orders, lists, i, ratios[i])
        sweep(desk, orders, lists)
    for h in range(desk.n_held):
        i = lists[HELD, h]
        ratio, dividend = ratios[i], dividends[i]
        if ratio == 1.0 and dividend == 0.0:
            continue
        symbol = symbols[i]
        quantity, paid_in_lieu = symbol.quantity, 0.0
        if ratio != 1.0:
            quantity *= ratio
            symbol.entry /= ratio
            symbol.high /= ratio
            symbol.low /= ratio
            price = opens[i] if opens[i] > 0.0 else prices.last[i]
            if desk.whole_shares:
                kept = whole(quantity, 1.0)
                paid_in_lieu = (quantity - kept) * price
                quantity = kept
            if abs(quantity) < DUST:
                quantity = 0.0
                desk.has_closed = 1
        paid = quantity * dividend
        desk.cash += paid_in_lieu + paid
        desk.in_lieu += paid_in_lieu
        desk.dividends += paid
        symbol.quantity = quantity
        action = actions[desk.n_actions]
        desk.n_actions += 1
        action.bar = desk.t
        action.symbol = i
        action.ratio = ratio
        action.quantity = quantity
        action.cash = paid_in_lieu + paid


@compiled
def _carry(
    desk: Any, symbols: Records, prices: Prices, lists: Ints, borrow_rate: Floats, days: float
) -> None:
    """Charge borrow fees, then interest on the cash (step 2)."""
    shorts, fee = 0.0, 0.0
    for h in range(desk.n_held):
        i = lists[HELD, h]
        quantity, price = symbols[i].quantity, prices.last[i]
        value = -quantity * price if quantity < 0.0 else 0.0
        shorts += value
        fee += value * borrow_rate[i]
    fee *= days / 365.0
    desk.cash -= fee
    desk.borrow -= fee
    paid = 0.0
    if desk.cash < 0.0:
        paid = desk.cash * desk.margin_rate * days / 365.0
    elif desk.cash > shorts:
        paid = (desk.cash - shorts) * desk.cash_rate * days / 365.0
    desk.cash += paid
    desk.interest += paid


@compiled
def _take_up_prices(market: Market, symbol: Any, prices: Prices, t: int, i: int) -> None:
    symbol.used = 0.0
    symbol.moment = FORCED
    symbol.is_calm = 0
    symbol.last = prices.last[i]
    symbol.day_open = market.open[t, i]
    symbol.day_high = market.high[t, i]
    symbol.day_low = market.low[t, i]
    symbol.day_close = market.close[t, i]


@compiled
def _take_up(arrays: Arrays, tape: Tape, t: int) -> None:
    """Take up the prices of every symbol that is held or has an order, and of the latter what its fill asks for."""
    desk, market = arrays.desk[0], tape.market
    symbols, prices, lists, orders = arrays.symbols, arrays.prices, arrays.lists, arrays.orders
    may_exit = has_exits(desk) and not desk.is_ruined
    for h in range(desk.n_held):
        i = lists[HELD, h]
        symbol = symbols[i]
        _take_up_prices(market, symbol, prices, t, i)
        symbol.is_calm = may_exit and is_calm(desk, symbol)
        if symbol.quantity < 0.0:
            symbol.is_shortable = market.is_shortable[t, i]
            if not symbol.is_shortable:
                desk.has_buy_in = 1
    latest = -1
    for k in range(desk.n_open):
        i = orders[lists[OPEN_ORDERS, k]].symbol
        if i == latest:
            continue
        latest = i
        symbol = symbols[i]
        if symbol.quantity == 0.0:
            _take_up_prices(market, symbol, prices, t, i)
        look(desk, tape, symbol, i)


@compiled
def _mark(
    desk: Any, symbols: Records, prices: Prices, lists: Ints, close: Floats, session: int
) -> tuple[float, float]:
    """Take up this bar's closes and extremes (step 7); return equity and Σ |quantity × last price|."""
    for i in range(len(close)):
        # Written whether or not there is a bar, so that it needs no branches.
        has_bar = close[i] > 0.0
        prices.before[i] = prices.last[i] if has_bar else prices.before[i]
        prices.last[i] = close[i] if has_bar else prices.last[i]
        prices.seen[i] = session if has_bar else prices.seen[i]
    total, lost, gross = desk.cash, 0.0, 0.0
    for h in range(desk.n_held):
        i = lists[HELD, h]
        symbol = symbols[i]
        symbol.age += 1
        if symbol.day_open > 0.0 and symbol.moment != AT_THE_CLOSE:
            symbol.high = max(symbol.high, symbol.day_high)
            symbol.low = min(symbol.low, symbol.day_low)
        value = symbol.quantity * prices.last[i]
        gross += abs(value)
        # Knuth's two-sum: what rounding lost is kept, so that the sum is right to the last bit or two.
        added = total + value
        part = added - total
        lost += (total - (added - part)) + (value - part)
        total = added
    return total + lost, gross


@compiled
def _judge(desk: Any, symbols: Records, orders: Records, lists: Ints, equity: float, gross: float) -> None:
    """Ruin or call for margin where the account is no longer good for its positions (step 9)."""
    if equity <= 0.0:
        desk.is_ruined = 1
    if desk.is_ruined:
        cancel_all(desk, symbols, orders, lists)
        return
    if not desk.is_margin or desk.maintenance_margin * gross <= equity * (1.0 + 1e-12):
        return
    fraction = 1.0 - equity / (desk.initial_margin * gross)
    for h in range(desk.n_held):
        i = lists[HELD, h]
        held = symbols[i].quantity
        cut = whole_up(held * fraction, desk.lot)
        if abs(cut) > abs(held):
            cut = held
        if cut * held > 0.0 and abs(cut) >= DUST:
            enter(desk, symbols[i], orders, lists, i, -cut, 0.0)
            order = orders[desk.n_orders - 1]
            order.reason = MARGIN_CALL
            order.time_in_force = DAY


@compiled
def _admit(
    desk: Any, symbols: Records, prices: Prices, orders: Records, lists: Ints, sent: Orders, t: int
) -> None:
    """Let orders from outside that were sent at the close before enter the book."""
    desk.t = t - 1
    while desk.n_admitted < len(sent.bar) and sent.bar[desk.n_admitted] < t:
        k = desk.n_admitted
        i = sent.symbol[k]
        desk.n_admitted += 1
        symbols[i].last = prices.last[i]
        enter(desk, symbols[i], orders, lists, i, sent.quantity[k], sent.goal[k])
        order = orders[desk.n_orders - 1]
        order.type = sent.type[k]
        order.time_in_force = sent.time_in_force[k]
        order.reason = sent.reason[k]
        order.limit = order.limit_level = sent.limit[k]
        order.stop = order.level = sent.stop[k]
        order.trail = sent.trail[k]
    desk.t = t
    if desk.is_ruined:
        cancel_all(desk, symbols, orders, lists)


@compiled
def _settle(arrays: Arrays, tape: Tape, t: int) -> tuple[float, float]:
    """Steps 1 to 7 of a bar; return equity and Σ |quantity × last price|."""
    desk, market = arrays.desk[0], tape.market
    symbols, prices, orders, lists = arrays.symbols, arrays.prices, arrays.orders, arrays.lists
    fills = arrays.fills
    desk.trades = desk.commission = desk.fees = 0.0
    desk.dividends = desk.in_lieu = desk.borrow = desk.interest = 0.0
    desk.t = t
    desk.traded = 0.0
    desk.is_summed = desk.has_buy_in = desk.has_fresh = 0
    desk.sec_rate = tape.sale_rate[t]
    desk.taf = tape.sale_per_share[t]
    desk.taf_maximum = tape.sale_maximum[t]
    desk.n_active = desk.n_waiting = 0
    if tape.has_split[t] or tape.has_dividend[t]:
        _split_and_pay(
            desk,
            symbols,
            prices,
            orders,
            arrays.actions,
            lists,
            market.split_ratio[t],
            market.dividend[t],
            market.open[t],
            tape.has_split[t],
        )
        if desk.has_closed:
            list_held(desk, symbols, orders, lists)
    if desk.is_started and market.days[t] > 0.0:
        _carry(desk, symbols, prices, lists, tape.borrow_rate, market.days[t])
    _take_up(arrays, tape, t)
    session = market.session[t]
    if desk.exit_after_missing_sessions > 0 and (t == 0 or session != market.session[t - 1]):
        close_vanished(desk, symbols, prices, fills, lists, session)
    if desk.n_open > 0:
        sort_orders(desk, orders, lists, len(symbols))
    exiting = has_exits(desk)
    for moment in range(FORCED, AT_THE_CLOSE + 1):
        desk.moment = moment
        if may_close(desk, moment, exiting):
            h = due(desk, symbols, lists, 0)
            while h >= 0:
                close_due(desk, symbols, orders, fills, lists, tape, h)
                h = due(desk, symbols, lists, h + 1)
        if desk.n_waiting > 0 and moment not in (FORCED, AFTER):
            carry_out(desk, symbols, orders, fills, lists)
        if desk.has_opened:
            list_held(desk, symbols, orders, lists)
    if desk.has_closed:
        list_held(desk, symbols, orders, lists)
    return _mark(desk, symbols, prices, lists, market.close[t], session)


@compiled
def _has_room(arrays: Arrays, new: int) -> bool:
    """Whether the logs hold whatever one more bar may add, with ``new`` orders from outside."""
    desk, count = arrays.desk[0], len(arrays.symbols)
    fills = 5 * count + desk.n_open + new
    room: bool = (
        desk.n_orders + 5 * count + new <= len(arrays.orders)
        and desk.n_fills + fills <= len(arrays.fills)
        and desk.n_actions + count <= len(arrays.actions)
        and desk.n_events + 3 * count + 1 <= len(arrays.events)
    )
    return room


@compiled
def loop(
    arrays: Arrays,
    tape: Tape,
    targets: Targets,
    sent: Orders,
    weights: Floats,
    row: int,
    t: int,
    first: int,
    last: int,
    curve: Floats,
    quantity: Floats,
) -> tuple[int, int]:
    """Run bars until ``last`` or until a log is full; return the next bar and the next row of the targets.

    Args:
        weights: What is wanted; what is left of it after risk is put there.
        curve: To fill, (T, 11): cash, equity, gross value, traded value, flows.
        quantity: To fill, (T, N), or without rows.
    """
    desk, session = arrays.desk[0], tape.market.session
    symbols, prices, orders, lists = arrays.symbols, arrays.prices, arrays.orders, arrays.lists
    while t < last:
        new = 0
        while desk.n_admitted + new < len(sent.bar) and sent.bar[desk.n_admitted + new] < t:
            new += 1
        if not _has_room(arrays, new):
            break
        if new > 0:
            _admit(desk, symbols, prices, orders, lists, sent, t)
        equity, gross = _settle(arrays, tape, t)
        desk.is_started = 1
        if desk.n_active > 0:
            is_session_end = t + 1 == len(session) or session[t + 1] != session[t]
            expire(desk, symbols, orders, lists, is_session_end)
        _judge(desk, symbols, orders, lists, equity, gross)
        if row < len(targets.bar) and targets.bar[row] == t:
            if desk.is_ruined:
                weights[row] = math.nan
            else:
                decide_here(
                    desk,
                    symbols,
                    prices,
                    arrays.plans,
                    orders,
                    arrays.events,
                    lists,
                    weights[row],
                    targets.confidence[row],
                    session[t],
                )
            row += 1
        at = curve[t - first]
        at[0], at[1], at[2], at[3] = desk.cash, equity, gross, desk.traded
        at[4], at[5], at[6] = desk.trades, desk.commission, desk.fees
        at[7], at[8], at[9], at[10] = desk.dividends, desk.in_lieu, desk.borrow, desk.interest
        if len(quantity) > 0:
            for h in range(desk.n_held):
                i = lists[HELD, h]
                quantity[t - first, i] = symbols[i].quantity
        t += 1
    return t, row
