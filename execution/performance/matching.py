"""The compiled loop that matches fills to round trips; ``trips`` says what comes out."""

from __future__ import annotations

import numpy as np

from execution.performance.arrays import Actions, Fills, Ints
from execution.types import Floats
from transforms.operators.compiled import compiled

_FLAT = 1e-9  # of the largest position: what is left of fractions that were sold in parts
_QUANTITY, _ENTRY_SHARES, _ENTRY_VALUE, _EXIT_SHARES, _EXIT_VALUE, _PNL, _HIGHEST, _LOWEST = range(8)
_FOREVER = 2**62
_CLOSED, _LAST = 3, 5  # of symbol, side, opened, closed, first fill, last fill


@compiled
def match(  # noqa: PLR0917, PLR0915 - a kernel takes arguments by position; one pass over all that happened
    fills: Fills,
    actions: Actions,
    marks: Floats,
    high: Floats,
    low: Floats,
    first: int,
    whole: Ints,
    real: Floats,
) -> int:
    """Fill the trips' columns, (6, F) and (8, F), in the order of opening; return how many there are.

    ``high`` and ``low`` are (N, first + T), so that a symbol's bars lie side by side; (N, 0) where nobody asks for
    extremes.
    """
    bar, symbol, quantity, price = fills.bar, fills.symbol, fills.quantity, fills.price
    seen_until = first + bar + fills.at_close  # row of the first range that was not over at the fill
    names, bars = high.shape
    trip = np.full(names, -1)
    position, basis, seen = np.zeros(names), np.ones(names), np.zeros(names, np.int64)
    made, a = 0, 0
    for f in range(len(bar) + 1):
        until = bar[f] if f < len(bar) else _FOREVER
        while a < len(actions.bar) and actions.bar[a] <= until:
            t, n = actions.bar[a], actions.symbol[a]
            k = trip[n]
            if k >= 0:
                _scan(real, k, high[n], low[n], (seen[n], first + t), basis[n])
                seen[n], position[n] = first + t, actions.quantity[a]
                basis[n] *= actions.ratio[a]
                real[_PNL, k] += actions.cash[a]
                if position[n] == 0:
                    whole[_CLOSED, k], trip[n] = t, -1
            a += 1
        if f == len(bar):
            break
        n, shares, fee = symbol[f], quantity[f], fills.commission[f] + fills.fees[f]
        k = trip[n]
        if k >= 0:
            _scan(real, k, high[n], low[n], (seen[n], seen_until[f]), basis[n])
            seen[n] = seen_until[f]
            _reach(real, k, price[f] * basis[n])
            if position[n] * shares < 0:
                reduced = min(abs(shares), abs(position[n]))
                part, closing = fee * (reduced / abs(shares)), np.sign(shares) * reduced
                real[_EXIT_SHARES, k] += reduced / basis[n]
                real[_EXIT_VALUE, k] += reduced * price[f]
                real[_PNL, k] -= closing * price[f] + part
                position[n] += closing
                if abs(position[n]) <= _FLAT * real[_QUANTITY, k] * basis[n]:
                    whole[_CLOSED, k], whole[_LAST, k] = bar[f], f
                    trip[n], position[n] = -1, 0.0
                shares, fee = shares - closing, fee - part
                if abs(shares) <= _FLAT * real[_QUANTITY, k] * basis[n]:
                    continue
        if trip[n] < 0:
            k, made = made, made + 1
            trip[n], position[n], basis[n], seen[n] = k, 0.0, 1.0, seen_until[f]
            whole[:, k] = (
                n,
                1 if shares > 0 else -1,
                bar[f],
                -1,
                f,
                -1,
            )  # symbol, side, opened, closed, first fill, last fill
            real[_HIGHEST, k], real[_LOWEST, k] = price[f], price[f]
        real[_ENTRY_SHARES, k] += abs(shares) / basis[n]
        real[_ENTRY_VALUE, k] += abs(shares) * price[f]
        real[_PNL, k] -= shares * price[f] + fee
        position[n] += shares
        real[_QUANTITY, k] = max(real[_QUANTITY, k], abs(position[n]) / basis[n])
    for n in range(names):
        k = trip[n]
        if k >= 0:
            _scan(real, k, high[n], low[n], (seen[n], bars), basis[n])
            real[_PNL, k] += position[n] * marks[n]
    return made


@compiled
def _scan(  # noqa: PLR0917 - compiled kernels take their arguments by position
    real: Floats, k: int, high: Floats, low: Floats, bars: tuple[int, int], basis: float
) -> None:
    """Take the ranges of the bars from the first up to the second of ``bars`` into a trip's extremes."""
    highest, lowest = -np.inf, np.inf
    for t in range(bars[0], min(bars[1], len(high))):
        # Neither is true of a NaN, where there is no bar; max and min do not promise that.
        if high[t] > highest:  # noqa: PLR1730
            highest = high[t]
        if low[t] < lowest:  # noqa: PLR1730
            lowest = low[t]
    real[_HIGHEST, k] = max(real[_HIGHEST, k], highest * basis)
    real[_LOWEST, k] = min(real[_LOWEST, k], lowest * basis)


@compiled
def _reach(real: Floats, k: int, price: float) -> None:
    real[_HIGHEST, k] = max(real[_HIGHEST, k], price)
    real[_LOWEST, k] = min(real[_LOWEST, k], price)
