"""Where a book's result and risk come from: by symbol, group, side, strategy and cost.

Every profit or loss is an entry: so much, in this session, of this symbol, on this side. Whatever is attributed is a
sum of entries, so that the parts of each breakdown sum to the whole. A part's contribution to return is its profit over
the first equity; its contribution to risk is the annualised covariance of its return with the book's over the book's
volatility (Litterman 1996, "Hot spots and hedges"), where a return is profit over the book's equity before.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from execution.performance.arrays import Actions, Bools, Fills, Ints
from execution.performance.returns import SESSIONS_PER_YEAR, deviation, returns
from execution.types import Floats

CASH = "cash"  # the part that no symbol has: interest
PRICE = "price"  # the part of the breakdown by cost that is no cost: moves of prices, dividends, cash in lieu
OTHER = "other"  # symbols without a group
_PRICE, _COMMISSION, _FEES, _SLIPPAGE, _BORROW, _INTEREST = range(6)
_KINDS = (PRICE, "commission", "fees", "slippage", "borrow", "interest")
_NOISE = 1e-9  # of a cell's fills: a position that small before the first of them is rounding
_ROUNDING = (
    1e-12  # of the first equity: what a session's profits differ by when they are summed in another order
)


class Entries(NamedTuple):
    """Profits and losses, (M,) each.

    Attributes:
        bar: Row of the book.
        symbol: Column; -1 for what no symbol has.
        side: 1 long, -1 short, 0 for what is neither.
        kind: Place in ``price, commission, fees, slippage, borrow, interest``.
        amount: USD; costs are negative.
    """

    bar: Ints
    symbol: Ints
    side: Ints
    kind: Ints
    amount: Floats


@dataclass(frozen=True)
class Attribution:
    """One part of a book's result.

    Attributes:
        breakdown: ``symbol``, ``group``, ``side``, ``strategy`` or ``cost``.
        name: The part.
        pnl: Profit after costs (USD).
        costs: Commission, fees, slippage and borrow paid (USD).
        contribution_return: Of the book's total return (fraction).
        contribution_risk: Of the book's annualised volatility (fraction); None where that is not defined.
    """

    breakdown: str
    name: str
    pnl: float
    costs: float
    contribution_return: float
    contribution_risk: float | None


def profit_entries(
    *,
    quantity: Floats,
    price: Floats,
    fills: Fills,
    actions: Actions,
    borrow: Floats,
    borrow_rate: Floats,
    interest: Floats,
) -> Entries:
    """Return the profits and losses of a book that began flat; on each bar they sum to the change of its equity.

    A bar on which a position was traded is cut at its fills: what the position before them earned up to the first
    fill's price, then what each position earned up to the next fill or the close, each on its own side. Commission,
    fees and slippage belong to the side that the fill led to, or closed.

    Args:
        quantity: Shares held at each close, (T, N).
        price: Last price at each close (USD per share), (T, N); NaN only where nothing is held.
        borrow: Cash flow of each bar for shorts (USD, at most 0), (T,); shared by value times ``borrow_rate`` (N,).
        interest: Cash flow of each bar on cash and margin (USD, negative where the book paid), (T,).
    """
    count, names = quantity.shape
    value = np.where(quantity == 0, 0.0, quantity * price)
    before = np.vstack([np.zeros((1, names)), value[:-1]])
    held = np.vstack([np.zeros((1, names)), quantity[:-1]])
    paid = np.bincount(actions.bar * names + actions.symbol, actions.cash, count * names).reshape(
        count, names
    )
    cut = _cut(quantity, price, fills)

    # What each cell (bar and symbol) began with, up to its first fill, or to the close where there was none.
    earned = value - before + paid
    began = cut.cell[cut.is_first]
    earned.reshape(-1)[began] = (
        cut.value_before[cut.is_first] - before.reshape(-1)[began] + paid.reshape(-1)[began]
    )
    side = np.sign(np.where(held == 0, quantity, held))
    rows, columns = np.nonzero(earned)
    bar, symbol = cut.cell // names, cut.cell % names
    slippage = cut.fills.slippage
    parts = [
        _entries(rows, columns, side[rows, columns], _PRICE, earned[rows, columns]),
        # The price that a fill got holds its slippage, which is a cost of its own here.
        _entries(bar, symbol, cut.side, _PRICE, cut.gain + slippage),
        _entries(bar, symbol, cut.side, _SLIPPAGE, -slippage),
        _entries(bar, symbol, cut.side, _COMMISSION, -cut.fills.commission),
        _entries(bar, symbol, cut.side, _FEES, -cut.fills.fees),
        _borrowed(borrow, np.maximum(-before, 0) * borrow_rate),
        _entries(np.arange(count), -np.ones(count), np.zeros(count), _INTEREST, interest),
    ]
    return Entries._make(np.concatenate(column) for column in zip(*parts, strict=True))


class _Cut(NamedTuple):
    """Fills by cell, in the order they were booked, and what the position after each earned; (F,) each."""

    fills: Fills
    cell: Ints  # bar x N + symbol
    is_first: Bools  # of its cell
    value_before: Floats  # of the position that the cell's first fill met, at its price; of firsts only
    side: Floats
    gain: Floats


def _cut(quantity: Floats, price: Floats, fills: Fills) -> _Cut:
    cell = fills.bar * quantity.shape[1] + fills.symbol
    order = np.argsort(cell, kind="stable")
    cell, fills = cell[order], Fills._make(column[order] for column in fills)
    is_first = np.diff(cell, prepend=-1) != 0
    is_last = np.append(is_first[1:], True)[: len(cell)]
    firsts = np.flatnonzero(is_first)
    sums = np.add.reduceat(fills.quantity, firsts) if len(cell) else fills.quantity
    total = np.repeat(sums, np.diff(np.append(firsts, len(cell))))
    running = np.cumsum(fills.quantity)
    within = running - np.repeat((running - fills.quantity)[firsts], np.diff(np.append(firsts, len(cell))))
    opening = quantity.reshape(-1)[cell] - total
    opening[np.abs(opening) <= _NOISE * np.abs(total)] = 0.0
    after = opening + within
    after[is_last] = quantity.reshape(-1)[cell[is_last]]
    following = np.append(fills.price[1:], 0.0)[: len(cell)]
    following[is_last] = np.where(after[is_last] == 0, 0.0, price.reshape(-1)[cell[is_last]])
    is_flat = np.abs(after) <= _NOISE * np.abs(fills.quantity)
    return _Cut(
        fills=fills,
        cell=cell,
        is_first=is_first,
        value_before=opening * fills.price,
        side=np.sign(np.where(is_flat, -fills.quantity, after)),
        gain=after * (following - fills.price),
    )


def _borrowed(borrow: Floats, share: Floats) -> Entries:
    """Split each bar's borrow fee over its shorts; what none of them owes belongs to no symbol."""
    total = share.sum(axis=1)
    rows, columns = np.nonzero((share > 0) & (borrow != 0)[:, None])
    part = share[rows, columns] / total[rows] * borrow[rows]
    shorts = _entries(rows, columns, -np.ones(len(rows)), _BORROW, part)
    rest = np.flatnonzero((borrow != 0) & ~(total > 0))
    nobody = np.zeros(len(rest))
    parts = (shorts, _entries(rest, nobody - 1, nobody, _BORROW, borrow[rest]))
    return Entries._make(np.concatenate(column) for column in zip(*parts, strict=True))


def _entries(bar: Ints, symbol: Ints | Floats, side: Floats, kind: int, amount: Floats) -> Entries:
    """Return the entries whose amount is not 0."""
    some = np.flatnonzero(amount)
    return Entries(
        bar[some],
        symbol[some].astype(np.int64),
        side[some].astype(np.int64),
        np.full(len(some), kind, dtype=np.int64),
        amount[some],
    )


def attribute(
    entries: Entries,
    *,
    session: Ints,
    equity: Floats,
    symbols: Sequence[str],
    strategy: str,
    groups: Mapping[str, str],
    periods: int = SESSIONS_PER_YEAR,
    shared: Mapping[str, tuple[Floats, Floats]] | None = None,
) -> list[Attribution]:
    """Return the parts of each breakdown; its contributions sum to the total return and to the volatility.

    Both count from the first close, as ``total_return`` and ``volatility`` do: what was earned up to there is left
    out. Parts without an entry are left out, and ``group`` where no symbol has one.

    Args:
        session: Number of each bar's session from 0, (T,): ``arrays.Sessions.of_bar``.
        equity: At each session's close (USD), (S,).
        symbols: Of the entries' columns, (N,).
        strategy: Whose book it is.
        groups: Symbol → group.
        periods: Sessions per year.
        shared: Where several strategies share the book, of each the profit and the costs of every bar (USD), (T,).
    """
    if not len(equity) or not equity[0] > 0:
        return []
    of_session = session[entries.bar]
    known = of_session > 0
    of_session, amount = of_session[known], entries.amount[known]
    symbol, side, kind = entries.symbol[known], entries.side[known], entries.kind[known]
    to_return = amount / equity[0]
    weight = _risk_weights(equity, periods)
    to_risk = None if weight is None else amount * weight[of_session - 1]
    cost = np.where((kind >= _COMMISSION) & (kind <= _BORROW), -amount, 0.0)
    count = len(symbols)
    has_symbol = symbol >= 0
    group_names = [*sorted(set(groups.values()) - {OTHER}), OTHER, CASH]
    group_of = np.array(
        [group_names.index(groups.get(name, OTHER)) for name in symbols] + [-1], dtype=np.int64
    )
    breakdowns: list[tuple[str, Ints, list[str]]] = [
        ("symbol", np.where(has_symbol, symbol, count), [*symbols, CASH]),
        ("side", np.where(side == 0, 2, (side < 0).astype(np.int64)), ["long", "short", CASH]),
        ("cost", kind, list(_KINDS)),
    ]
    if groups:
        breakdowns.append(("group", group_of[symbol] % len(group_names), group_names))
    if shared is None:
        breakdowns.append(("strategy", np.where(has_symbol, 0, 1), [strategy, CASH]))
    found = []
    for breakdown, code, names in breakdowns:
        sums = [np.bincount(code, values, len(names)) for values in (amount, cost, to_return)]
        risks = None if to_risk is None else np.bincount(code, to_risk, len(names)).tolist()
        for n in np.flatnonzero(np.bincount(code, minlength=len(names))).tolist():
            pnl, costs, gained = (float(column[n]) for column in sums)
            found.append(
                Attribution(breakdown, names[n], pnl, costs, gained, None if risks is None else risks[n])
            )
    if shared is not None:
        whole: Floats = np.bincount(of_session, amount, len(equity)).astype(np.float64)
        found += _of_strategies(shared, whole, session=session, equity=equity, weight=weight)
    return found


def _of_strategies(
    shared: Mapping[str, tuple[Floats, Floats]],
    whole: Floats,
    *,
    session: Ints,
    equity: Floats,
    weight: Floats | None,
) -> list[Attribution]:
    """Return the parts of several strategies, and what none of them earned.

    Args:
        whole: What the book earned in each session (USD), (S,); 0 in the first, which does not count.
        weight: Of ``_risk_weights``.
    """

    def part(name: str, pnl: Floats, costs: float) -> Attribution:
        risk = None if weight is None else float(pnl[1:] @ weight)
        earned = math.fsum(pnl[1:].tolist())
        return Attribution("strategy", name, earned, costs, earned / float(equity[0]), risk)

    found = []
    left: Floats = whole.copy()
    for name, (pnl, costs) in shared.items():
        earned: Floats = np.bincount(session, pnl, len(equity)).astype(np.float64)
        left -= earned
        found.append(part(name, earned, float(costs[session > 0].sum())))
    left[0] = 0.0
    left[np.abs(left) <= _ROUNDING * equity[0]] = 0.0
    return [*found, part(CASH, left, 0.0)] if left.any() else found


def _risk_weights(equity: Floats, periods: int) -> Floats | None:
    """Return what a USD earned in each session after the first adds to the volatility, (S - 1,)."""
    change = returns(equity)
    spread = deviation(change)
    if spread is None:
        return None
    away = change - np.mean(change)
    return away / ((len(change) - 1) * spread) * math.sqrt(periods) / equity[:-1]
