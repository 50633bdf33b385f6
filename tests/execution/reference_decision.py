"""Weights → orders in the reference simulator: risk rules, then sizes and levels."""

from __future__ import annotations

import math

from tests.execution.reference_book import (
    DUST,
    LIMIT,
    MARGIN_CALL,
    MARKET,
    REPLACED,
    STOP,
    STOP_LIMIT,
    TARGET,
    TRAILING_STOP,
    Book,
    Tape,
    lot_of,
    to_lots,
)

RULES = (
    "no_price",
    "stale_price",
    "price_move",
    "min_price",
    "min_confidence",
    "max_position_weight",
    "max_gross",
)
WHOLE_BOOK = -1


def decide(book: Book, tape: Tape, t: int, weights: list[float], confidence: list[float]) -> None:
    """Change the weights by the risk rules and send the orders that lead there."""
    equity = prudent_equity(book, tape)
    kept = [after_margin_call(book, i) for i in tape.symbols]
    if equity > 0:
        held = [quantity * book.price(i) / equity if quantity else 0.0 for i, quantity in enumerate(kept)]
    else:
        weights = [0.0] * len(weights)
        held = [float((quantity > 0) - (quantity < 0)) for quantity in kept]
    allowed = after_risk(book, tape, t, weights, held, confidence)
    book.weights.append(allowed)
    for i in tape.symbols:
        if math.isfinite(allowed[i]):
            replace_orders(book, t, i)
            order_towards(book, tape, t, i, allowed[i], equity)
    book.forget_ended()


def after_margin_call(book: Book, i: int) -> float:
    """What is held, less what a margin call of this close will trade."""
    calls = [order.rest for order in book.open_orders if order.symbol == i and order.reason == MARGIN_CALL]
    return book.held(i) + math.fsum(calls)


def moved_too_far(book: Book, tape: Tape, i: int) -> bool:
    before = book.previous[i]
    return bool(before > 0 and abs(book.last[i] / before - 1) > tape.rules.max_price_move)


def prudent_equity(book: Book, tape: Tape) -> float:
    parts = [book.cash]
    for i in tape.symbols:
        value = book.value(i)
        if book.held(i) != 0 and moved_too_far(book, tape, i):
            value = min(value, book.held(i) * book.previous[i])
        parts.append(value)
    return math.fsum(parts)


def after_risk(
    book: Book, tape: Tape, t: int, weights: list[float], held: list[float], confidence: list[float]
) -> list[float]:
    rules = tape.rules
    allowed = list(weights)

    def change(i: int, rule: str, after: float) -> None:
        book.risk_events.append((t, i, RULES.index(rule), allowed[i], after))
        allowed[i] = after

    concerned = [i for i in tape.symbols if not math.isnan(weights[i]) and (weights[i] != 0 or held[i] != 0)]
    doubts = {i: doubt for i in concerned if (doubt := doubt_of_price(book, tape, t, i))}
    for rule in ("no_price", "stale_price", "price_move"):
        for i in concerned:
            if doubts.get(i) == rule:
                change(i, rule, math.nan)
    for i in tape.symbols:
        smaller = no_larger(allowed[i], held[i])
        if book.last[i] < rules.min_price and smaller != allowed[i] and not math.isnan(allowed[i]):
            change(i, "min_price", smaller)
    for i in tape.symbols:
        smaller = no_larger(allowed[i], held[i])
        is_sure = confidence[i] >= rules.min_confidence
        if not is_sure and smaller != allowed[i] and not math.isnan(allowed[i]):
            change(i, "min_confidence", smaller)
    for i in tape.symbols:
        if abs(allowed[i]) > rules.max_position_weight:
            change(i, "max_position_weight", math.copysign(rules.max_position_weight, allowed[i]))
    return cap_gross(book, tape, t, allowed, held)


def doubt_of_price(book: Book, tape: Tape, t: int, i: int) -> str | None:
    since = book.last_session[i]
    if since is None:
        return "no_price"
    if tape.session[t] - since > tape.rules.max_stale_sessions:
        return "stale_price"
    return "price_move" if moved_too_far(book, tape, i) else None


def no_larger(weight: float, held: float) -> float:
    """The weight nearest to ``weight`` that neither opens nor enlarges what is held."""
    if math.isnan(weight):
        return weight
    low, high = min(held, 0.0), max(held, 0.0)
    return min(max(weight, low), high)


def cap_gross(book: Book, tape: Tape, t: int, allowed: list[float], held: list[float]) -> list[float]:
    limit = tape.rules.max_gross
    frozen = math.fsum(abs(h) for w, h in zip(allowed, held, strict=True) if math.isnan(w))
    active = math.fsum(abs(w) for w in allowed if not math.isnan(w))
    if active == 0 or frozen + active <= limit * (1 + 1e-12):
        return allowed
    scale = max(0.0, limit - frozen) / active
    after = frozen + active * scale
    book.risk_events.append((t, WHOLE_BOOK, RULES.index("max_gross"), frozen + active, after))
    return [weight * scale for weight in allowed]


def replace_orders(book: Book, t: int, i: int) -> None:
    for order in book.open_orders:
        if order.symbol == i and (order.reason == TARGET or order.is_rest_of_exit):
            order.end(t, REPLACED)


def order_towards(book: Book, tape: Tape, t: int, i: int, weight: float, equity: float) -> None:
    rules, price = tape.rules, book.last[i]
    held = after_margin_call(book, i)
    common = {"time_in_force": rules.time_in_force, "reason": TARGET}
    if weight == 0:
        if held != 0:
            book.add_order(t, i, -held, MARKET, goal=0.0, **common)
        return
    if not price > 0:
        return
    lot = lot_of(rules)
    change = to_lots(to_lots(weight * equity / price, lot) - held, lot)
    value = abs(change) * price
    if abs(change) < DUST or value < rules.min_trade_weight * equity or value < rules.min_notional:
        return
    side, kind = (1 if change > 0 else -1), rules.order_type
    levels: dict[str, float] = {}
    if kind in (LIMIT, STOP_LIMIT):
        levels["limit"] = price * (1 - side * rules.limit_distance)
    if kind in (STOP, STOP_LIMIT):
        levels["stop"] = price * (1 + side * rules.stop_distance)
    if kind == TRAILING_STOP:
        levels |= {"trail": rules.trail, "best": price}
    book.add_order(t, i, change, kind, goal=held + change, **levels, **common)
