"""The kernel's entry points: named tuples in, compiled loop, named tuples out."""

from __future__ import annotations

from typing import Any

import numpy as np

from execution.kernel.ahead import find_other, warm
from execution.kernel.bar import loop
from execution.kernel.checks import check
from execution.kernel.decisions import decide_here
from execution.kernel.desk import DESK, HELD, LISTS, OPEN_ORDERS, PLAN, SYMBOL, Arrays, Prices, Tape
from execution.kernel.state import State
from execution.kernel.types import (
    ACTION,
    FILL,
    FLOWS,
    ORDER,
    POSITION,
    REPLACED,
    RISK_EVENT,
    CostTable,
    Decision,
    Floats,
    Market,
    Orders,
    Outcome,
    Rules,
    Targets,
)
from transforms.errors import QuantmillError

_ROOM = 1 << 16  # orders that the logs are laid out for at first, at most
_LOGS = ("orders", "fills", "actions", "events")


def run(
    market: Market,
    costs: CostTable,
    rules: Rules,
    state: State,
    *,
    first: int,
    last: int,
    targets: Targets | None = None,
    orders: Orders | None = None,
    keeps_positions: bool = True,
) -> Outcome:
    """Carry a book over the bars ``first`` to ``last - 1``; ``state`` is changed in place.

    Running a range in one go or bar by bar gives the same bits. Rows of the market before ``first`` count as
    history: last prices come from them. Targets of these bars are decided at their closes; an order with
    ``bar`` b enters the book before bar b + 1, which must be one of these bars (others are passed over).

    Args:
        keeps_positions: Whether ``Outcome.quantity`` is filled, (T, N).

    Raises:
        QuantmillError: If an input is not valid, see ``check``; the market itself is checked by ``check_market``.
    """
    check(market, costs, rules, targets=targets, orders=orders)
    total, count = market.close.shape
    if not 0 <= first <= last <= total:
        raise QuantmillError(f"bars {first}..{last} are not within the market's {total}")
    if len(state.quantity) != count:
        raise QuantmillError(f"the book is over {len(state.quantity)} symbols, the market over {count}")
    wanted = _plain(targets or _no_targets(count))
    sent = _plain(orders or _no_orders())
    tape = _tape(market, costs)
    plain = tape.market
    find_other(plain.split_ratio, 1.0, first, last, tape.has_split)
    find_other(plain.dividend, 0.0, first, last, tape.has_dividend)
    decided = int(np.count_nonzero((wanted.bar >= first) & (wanted.bar < last)))
    arrays = _arrays(state, rules, costs, bars=last - first, sent=decided * count + len(sent.bar))
    arrays.desk["n_admitted"] = np.searchsorted(sent.bar, first - 1)
    warm(arrays.prices, plain.close, plain.split_ratio, plain.session, first)
    curve = np.zeros((last - first, 4 + len(FLOWS)))
    quantity = np.zeros((last - first if keeps_positions else 0, count))
    t, row = first, int(np.searchsorted(wanted.bar, first))
    weights = wanted.weight.copy()
    weights[:row] = weights[row + decided :] = np.nan
    while True:
        t, row = loop(arrays, tape, wanted, sent, weights, row, t, first, last, curve, quantity)
        if t == last:
            break
        arrays = _grown(arrays, len(sent.bar))
    _keep(state, arrays)
    desk = arrays.desk[0]
    return Outcome(
        first=first,
        cash=curve[:, 0],
        equity=curve[:, 1],
        gross=curve[:, 2],
        traded=curve[:, 3],
        flows=curve[:, 4:],
        quantity=quantity,
        weights=weights,
        fills=arrays.fills[: desk["n_fills"]],
        orders=arrays.orders[: desk["n_orders"]],
        actions=arrays.actions[: desk["n_actions"]],
        risk_events=arrays.events[: desk["n_events"]],
    )


def decide(
    market: Market, rules: Rules, state: State, t: int, *, weights: Floats, confidence: Floats
) -> Decision:
    """Return what a book decides at the close of row ``t``: what ``run`` does with a row of targets there.

    A ruined book decides nothing.

    Args:
        state: The book after bar ``t``; it is not changed.
        weights: Target weights, (N,), NaN leaves a position alone.
        confidence: In [0, 1], (N,).

    Raises:
        QuantmillError: If an input is not valid, see ``check``.
    """
    count = market.close.shape[1]
    free = _no_costs(market)
    row = Targets(np.array([t]), np.array([weights], np.float64), np.array([confidence], np.float64))
    check(market, free, rules, targets=row)
    if len(state.quantity) != count:
        raise QuantmillError(f"the book is over {len(state.quantity)} symbols, the market over {count}")
    arrays = _arrays(state, rules, free, bars=1, sent=0)
    desk = arrays.desk[0]
    desk["t"] = t
    plain = _tape(market, free).market
    warm(arrays.prices, plain.close, plain.split_ratio, plain.session, t + 1)
    allowed, equity = row.weight[0].copy(), state.cash
    if state.is_ruined:
        allowed[:] = np.nan
    else:
        equity = decide_here(
            desk,
            arrays.symbols,
            arrays.prices,
            arrays.plans,
            arrays.orders,
            arrays.events,
            arrays.lists,
            allowed,
            row.confidence[0],
            int(plain.session[t]),
        )
    before = len(state.orders)
    log = arrays.orders[: desk["n_orders"]]
    new, old = log[before:], log[:before]
    return Decision(
        weights=allowed,
        equity=equity,
        orders=Orders(
            bar=new["bar"].copy(),
            symbol=new["symbol"].copy(),
            quantity=new["quantity"].copy(),
            type=new["type"].copy(),
            limit=new["limit"].copy(),
            stop=new["stop"].copy(),
            trail=new["trail"].copy(),
            time_in_force=new["time_in_force"].copy(),
            reason=new["reason"].copy(),
            goal=new["goal"].copy(),
        ),
        replaced=old["id"][old["status"] == REPLACED].copy(),
        risk_events=arrays.events[: desk["n_events"]].copy(),
    )


def _writable(values: Any) -> Any:
    """Return an array as the kernel was compiled for: contiguous and writable; without a copy where it is."""
    kinds = {"f": np.float64, "i": np.int64, "u": np.int64, "b": np.bool_}
    return np.require(values, kinds[np.asarray(values).dtype.kind], ["C", "W"])


def _plain(arrays: Any) -> Any:
    return type(arrays)._make(_writable(values) for values in arrays)


def _no_targets(count: int) -> Targets:
    return Targets(np.zeros(0, np.int64), np.zeros((0, count)), np.zeros((0, count)))


def _no_orders() -> Orders:
    ints, floats = np.zeros(0, np.int64), np.zeros(0)
    return Orders(ints, ints, floats, ints, floats, floats, floats, ints, ints, floats)


def _no_costs(market: Market) -> CostTable:
    """Costs for a decision, which asks for none."""
    total, count = market.close.shape
    nothing = np.zeros(total)
    return CostTable(
        per_share=0.0,
        per_order=0.0,
        rate=0.0,
        minimum=0.0,
        maximum=np.inf,
        maximum_rate=np.inf,
        sale_rate=nothing,
        sale_per_share=nothing,
        sale_maximum=nothing,
        spread=np.zeros((1, count)),
        bucket=np.zeros(total, np.int64),
        slippage=0.0,
        slippage_volatility=0.0,
        impact=0.0,
        borrow_rate=np.zeros(count),
    )


def _tape(market: Market, costs: CostTable) -> Tape:
    arrays = (
        costs.sale_rate,
        costs.sale_per_share,
        costs.sale_maximum,
        costs.spread,
        costs.bucket,
        costs.borrow_rate,
    )
    unknown = np.zeros((2, len(market.close)), np.bool_)
    return Tape(_plain(market), *unknown, *(_writable(values) for values in arrays))


def _arrays(state: State, rules: Rules, costs: CostTable, *, bars: int, sent: int) -> Arrays:
    """Lay out the arrays of a run; logs begin with what it may need, within reason, and grow.

    Pages of a log that are never written to take no memory.
    """
    desk = np.zeros(1, DESK)
    for scalars in (rules, costs):
        for name, value in zip(scalars._fields, scalars, strict=True):
            if name in (DESK.names or ()):
                desk[name] = value
    # Whole shares are lots of one at least.
    desk["lot"] = max(rules.lot, 1.0) if rules.whole_shares else rules.lot
    desk["cash"] = state.cash
    desk["next_order"] = state.next_order
    desk["is_started"] = state.is_started
    desk["is_ruined"] = state.is_ruined
    count, open_now = len(state.quantity), len(state.orders)
    desk["n_orders"] = desk["n_open"] = open_now
    symbols = np.zeros(count, SYMBOL)
    symbols["quantity"] = state.quantity
    for name in POSITION.names or ():
        symbols[name] = state.positions[name]
    slack = 6 * count + open_now + 1 + 4 * min(bars, 256)
    room = slack + min(sent, _ROOM)
    orders = np.empty(room, ORDER)
    orders[:open_now] = state.orders
    lists = np.empty((LISTS, room), np.int64)
    lists[OPEN_ORDERS, :open_now] = np.arange(open_now)
    held = np.flatnonzero(state.quantity)
    lists[HELD, : len(held)] = held
    desk["n_held"] = len(held)
    return Arrays(
        desk=desk,
        symbols=symbols,
        prices=Prices(np.zeros(count), np.zeros(count), np.zeros(count, np.int64)),
        plans=np.zeros(count, PLAN),
        orders=orders,
        fills=np.empty(room, FILL),
        actions=np.empty(slack, ACTION),
        events=np.empty(slack, RISK_EVENT),
        lists=lists,
    )


def _grown(arrays: Arrays, sent: int) -> Arrays:
    """Return the arrays with room in the logs for more bars: those of a named tuple cannot grow in the loop."""
    desk, count = arrays.desk[0], len(arrays.symbols)
    slack = 6 * count + 1 + int(desk["n_open"]) + sent
    larger: dict[str, Any] = {}
    for name in _LOGS:
        log, used = getattr(arrays, name), int(desk[f"n_{name}"])
        if len(log) < used + slack:
            larger[name] = np.empty(2 * used + slack, log.dtype)
            larger[name][:used] = log[:used]
    rows = len(larger.get("orders", arrays.orders))
    lists = np.empty((LISTS, rows), np.int64)
    lists[:, : arrays.lists.shape[1]] = arrays.lists
    return arrays._replace(lists=lists, **larger)


def _keep(state: State, arrays: Arrays) -> None:
    """Carry the account over into the state."""
    desk = arrays.desk[0]
    state.cash = float(desk["cash"])
    state.quantity = arrays.symbols["quantity"].copy()
    for name in POSITION.names or ():
        state.positions[name] = arrays.symbols[name]
    state.orders = arrays.orders[arrays.lists[OPEN_ORDERS, : desk["n_open"]]]
    state.orders["tried_bar"] = -1
    state.next_order = int(desk["next_order"])
    state.is_started = bool(desk["is_started"])
    state.is_ruined = bool(desk["is_ruined"])
