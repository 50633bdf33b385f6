"""Target weights → risk rules → orders, at the close of a bar (step 10).

Rules, in order: price sanity (``no_price``, ``stale_price``, ``price_move``: the symbol is left alone, weight NaN),
``min_price`` and ``min_confidence`` (the position may shrink or close but not open or grow),
``max_position_weight`` (cut), ``max_gross`` (all scaled down alike; positions left alone count and cannot be scaled).
"""

from __future__ import annotations

import math
from typing import Any

from execution.kernel.book import end, enter, sweep
from execution.kernel.desk import DUST, HELD, OPEN_ORDERS, WEIGHED, Prices
from execution.kernel.fills import whole
from execution.kernel.types import (
    EXPLICIT,
    LIMIT,
    MARGIN_CALL,
    MAX_GROSS,
    MAX_POSITION_WEIGHT,
    MIN_CONFIDENCE,
    MIN_PRICE,
    NO_PRICE,
    PRICE_MOVE,
    REPLACED,
    STALE_PRICE,
    STOP,
    STOP_LIMIT,
    TARGET,
    TRAILING_STOP,
    Floats,
    Ints,
    Records,
)
from transforms.operators.compiled import compiled_with_package as compiled


@compiled
def _moved_too_far(desk: Any, prices: Prices, i: int) -> bool:
    """Whether the last close-to-close move is implausible; a first close made none."""
    last, before = prices.last[i], prices.before[i]
    too_far: bool = before > 0.0 and abs(last / before - 1.0) > desk.max_price_move
    return too_far


@compiled
def _prudent_equity(desk: Any, symbols: Records, prices: Prices, lists: Ints) -> float:
    """Return cash + Σ quantity × last price, where a price that jumped counts with the worse of its last two values."""
    total, lost = desk.cash, 0.0
    for h in range(desk.n_held):
        i = lists[HELD, h]
        quantity = symbols[i].quantity
        value = quantity * prices.last[i]
        if _moved_too_far(desk, prices, i):
            value = min(value, quantity * prices.before[i])
        added = total + value
        part = added - total
        lost += (total - (added - part)) + (value - part)
        total = added
    prudent: float = total + lost
    return prudent


@compiled
def _event(desk: Any, events: Records, i: int, rule: int, before: float, after: float) -> None:
    event = events[desk.n_events]
    desk.n_events += 1
    event.bar = desk.t
    event.symbol = i
    event.rule = rule
    event.before = before
    event.after = after


@compiled
def _no_larger(weight: float, held: float) -> float:
    """Return the weight nearest to ``weight`` that neither opens nor enlarges what is held."""
    if held >= 0.0:
        return min(max(weight, 0.0), held)
    return max(min(weight, 0.0), held)


@compiled
def _price_rule(desk: Any, prices: Prices, i: int, session: int) -> int:
    """Return the rule that a symbol's prices break, -1 if none."""
    if not prices.last[i] > 0.0:
        return NO_PRICE
    if session - prices.seen[i] > desk.max_stale_sessions:
        return STALE_PRICE
    return PRICE_MOVE if _moved_too_far(desk, prices, i) else -1


@compiled
def _check_prices(
    desk: Any, prices: Prices, plans: Records, events: Records, lists: Ints, weights: Floats, session: int
) -> None:
    is_broken = False
    for k in range(desk.n_weighed):
        i = lists[WEIGHED, k]
        if not math.isnan(weights[i]) and _price_rule(desk, prices, i, session) >= 0:
            is_broken = is_broken or weights[i] != 0.0 or plans[i].weight_held != 0.0
    if not is_broken:
        return
    for rule in (NO_PRICE, STALE_PRICE, PRICE_MOVE):
        for k in range(desk.n_weighed):
            i = lists[WEIGHED, k]
            is_concerned = weights[i] != 0.0 or plans[i].weight_held != 0.0
            if math.isnan(weights[i]) or not is_concerned:
                continue
            if _price_rule(desk, prices, i, session) == rule:
                _event(desk, events, i, rule, weights[i], math.nan)
                weights[i] = math.nan


@compiled
def _limited(desk: Any, price: float, plan: Any, weight: float, confidence: float, rule: int) -> float:
    """Return what one of the rules leaves of a weight."""
    allowed = weight
    if rule == MAX_POSITION_WEIGHT:
        allowed = min(max(weight, -desk.max_position_weight), desk.max_position_weight)
    elif price < desk.min_price if rule == MIN_PRICE else not confidence >= desk.min_confidence:
        allowed = _no_larger(weight, plan.weight_held)
    return allowed


@compiled
def _limit(
    desk: Any,
    prices: Prices,
    plans: Records,
    events: Records,
    lists: Ints,
    weights: Floats,
    confidence: Floats,
) -> None:
    is_limited = False
    for k in range(desk.n_weighed):
        i = lists[WEIGHED, k]
        is_cut = abs(weights[i]) > desk.max_position_weight
        is_held_back = prices.last[i] < desk.min_price or not confidence[i] >= desk.min_confidence
        is_limited = is_limited or is_cut or is_held_back
    if not is_limited:
        return
    for rule in (MIN_PRICE, MIN_CONFIDENCE, MAX_POSITION_WEIGHT):
        for k in range(desk.n_weighed):
            i = lists[WEIGHED, k]
            weight = weights[i]
            allowed = _limited(desk, prices.last[i], plans[i], weight, confidence[i], rule)
            if allowed != weight and not math.isnan(weight):
                _event(desk, events, i, rule, weight, allowed)
                weights[i] = allowed


@compiled
def _cap_gross(desk: Any, plans: Records, events: Records, lists: Ints, weights: Floats) -> None:
    frozen, active = 0.0, 0.0
    for k in range(desk.n_weighed):
        i = lists[WEIGHED, k]
        if math.isnan(weights[i]):
            frozen += abs(plans[i].weight_held)
        else:
            active += abs(weights[i])
    limit = desk.max_gross
    if active == 0.0 or frozen + active <= limit * (1.0 + 1e-12):
        return
    scale = max(0.0, limit - frozen) / active
    for k in range(desk.n_weighed):
        weights[lists[WEIGHED, k]] *= scale
    _event(desk, events, -1, MAX_GROSS, frozen + active, frozen + active * scale)


@compiled
def _size(desk: Any, prices: Prices, plans: Records, lists: Ints, weights: Floats, equity: float) -> None:
    """Put into ``change`` the signed shares that lead to the weights; 0 where the change is not worth it."""
    for k in range(desk.n_weighed):
        i = lists[WEIGHED, k]
        plans[i].change = 0.0
        held, price = plans[i].held, prices.last[i]
        if math.isnan(weights[i]) or (weights[i] == 0.0 and held == 0.0) or not price > 0.0:
            continue
        if weights[i] == 0.0:
            plans[i].change = -held
            continue
        change = whole(whole(weights[i] * equity / price, desk.lot) - held, desk.lot)
        value = abs(change) * price
        if value >= desk.min_trade_weight * equity and value >= desk.min_notional and abs(change) >= DUST:
            plans[i].change = change


@compiled
def _weigh(
    desk: Any,
    symbols: Records,
    prices: Prices,
    plans: Records,
    orders: Records,
    events: Records,
    lists: Ints,
    weights: Floats,
    confidence: Floats,
    session: int,
) -> float:
    """Apply the risk rules to target weights, in place, and put the shares to trade into ``change``.

    Rules look at what is to be held or is held; the rest is to be nothing and is.
    """
    equity = _prudent_equity(desk, symbols, prices, lists)
    for i in range(len(weights)):
        plan = plans[i]
        plan.held = plan.weight_held = 0.0
    for h in range(desk.n_held):
        i = lists[HELD, h]
        plans[i].held = symbols[i].quantity
    if desk.is_margin:
        for k in range(desk.n_open):
            order = orders[lists[OPEN_ORDERS, k]]
            if order.reason == MARGIN_CALL:
                plans[order.symbol].held += order.remaining
    for h in range(desk.n_held):
        i = lists[HELD, h]
        held = plans[i].held
        if held != 0.0:
            plans[i].weight_held = (
                held * prices.last[i] / equity if equity > 0.0 else math.copysign(1.0, held)
            )
    if not equity > 0.0:
        weights[:] = 0.0
    count = 0
    for i in range(len(weights)):
        lists[WEIGHED, count] = i
        count += (weights[i] != 0.0) | (plans[i].held != 0.0)
    desk.n_weighed = count
    _check_prices(desk, prices, plans, events, lists, weights, session)
    _limit(desk, prices, plans, events, lists, weights, confidence)
    _cap_gross(desk, plans, events, lists, weights)
    _size(desk, prices, plans, lists, weights, equity)
    return equity


@compiled
def _replace(desk: Any, symbols: Records, orders: Records, lists: Ints, weights: Floats) -> None:
    """End the orders that a decision with these weights takes the place of."""
    for k in range(desk.n_open):
        order = orders[lists[OPEN_ORDERS, k]]
        is_ours = order.reason not in (EXPLICIT, MARGIN_CALL)
        if is_ours and not math.isnan(weights[order.symbol]):
            order.status = REPLACED
            end(desk, symbols, order)
    sweep(desk, orders, lists)


@compiled
def _place(
    desk: Any,
    symbols: Records,
    prices: Prices,
    plans: Records,
    orders: Records,
    lists: Ints,
    weights: Floats,
) -> None:
    """Put the orders for ``change`` into the book, by symbol."""
    for k in range(desk.n_weighed):
        i = lists[WEIGHED, k]
        change = plans[i].change
        if change == 0.0:
            continue
        side = 1.0 if change > 0.0 else -1.0
        price = prices.last[i]
        symbols[i].last = price
        enter(desk, symbols[i], orders, lists, i, change, plans[i].held + change)
        order = orders[desk.n_orders - 1]
        order.reason = TARGET
        order.time_in_force = desk.time_in_force
        if weights[i] == 0.0:
            continue
        kind = desk.order_type
        order.type = kind
        if kind in (LIMIT, STOP_LIMIT):
            order.limit = order.limit_level = price * (1.0 - side * desk.limit_distance)
        if kind in (STOP, STOP_LIMIT):
            order.stop = order.level = price * (1.0 + side * desk.stop_distance)
        if kind == TRAILING_STOP:
            order.trail = desk.trail


@compiled
def decide_here(
    desk: Any,
    symbols: Records,
    prices: Prices,
    plans: Records,
    orders: Records,
    events: Records,
    lists: Ints,
    weights: Floats,
    confidence: Floats,
    session: int,
) -> float:
    """Decide at a close: apply the risk rules to ``weights``, in place, and put the orders into the book.

    Returns:
        The prudent equity (USD) that the weights are fractions of. Where it is not above 0, all is closed.
    """
    equity = _weigh(desk, symbols, prices, plans, orders, events, lists, weights, confidence, session)
    _replace(desk, symbols, orders, lists, weights)
    _place(desk, symbols, prices, plans, orders, lists, weights)
    return equity
