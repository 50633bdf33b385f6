"""Daily volatility of every symbol, from its own prices, known a bar ahead."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from execution.types import Floats
from transforms.operators.compiled import compiled

SESSIONS = 20
LEAST_SESSIONS = 10


def known_volatility(
    *,
    close: Floats,
    dividend: Floats,
    shares: Floats,
    last_close: Floats,
    session: NDArray[np.int64],
) -> Floats:
    """Return the daily volatility (fraction) known at the close of the session before each bar, (T, N).

    It is the sample standard deviation of the symbol's total log returns from session to session over the last 20
    sessions, of those in which it had a bar; 0, for unknown, where there are fewer than 10.

    Args:
        close: Raw closes, (T, N); NaN where a symbol has no bar.
        dividend: Cash per share on the bar's basis, (T, N).
        shares: Shares that one share of the first bar has become, (T, N).
        last_close: The last close up to now on today's split basis, (T, N); NaN before the first.
        session: Number of each bar's session, ascending, (T,).
    """
    if not len(close):
        return np.zeros_like(close)
    worth = last_close * shares
    growth = np.zeros_like(close)
    with np.errstate(divide="ignore", invalid="ignore"):
        np.log(((close + dividend) * shares)[1:] / worth[:-1], out=growth[1:])
    has_return = np.isfinite(growth)
    has_return[0] = False
    starts = np.flatnonzero(np.diff(session, prepend=session[0] - 1))
    number = np.cumsum(np.diff(session, prepend=session[0]) != 0)
    if len(starts) != len(close):
        growth = np.add.reduceat(np.where(has_return, growth, 0.0), starts, axis=0)
        has_return = np.logical_or.reduceat(has_return, starts, axis=0)
        has_return[0] = False
        has_return[1:] &= np.isfinite(last_close[starts[1:] - 1])  # a first session has no close before it
    growth[~has_return] = 0.0
    deviation: Floats = _deviations(growth, has_return.astype(np.float64), SESSIONS, LEAST_SESSIONS)
    known: Floats = deviation[number]
    return known


@compiled
def _deviations(growth: Floats, counts: Floats, window: int, least: int) -> Floats:
    """Return, in row s, the deviation of the ``window`` rows before s, (S, N); 0 where fewer than ``least`` count."""
    sessions, names = growth.shape
    out = np.zeros((sessions, names))
    mean, count, squares = np.empty(names), np.empty(names), np.empty(names)
    for s in range(1, sessions):
        mean[:] = 0.0
        count[:] = 0.0
        squares[:] = 0.0
        first = max(0, s - window)
        for row in range(first, s):
            for n in range(names):
                mean[n] += growth[row, n]
                count[n] += counts[row, n]
        for n in range(names):
            mean[n] /= max(count[n], 1.0)
        for row in range(first, s):
            for n in range(names):
                away = growth[row, n] - mean[n]
                squares[n] += counts[row, n] * away * away
        for n in range(names):
            if count[n] >= least:
                out[s, n] = np.sqrt(squares[n] / (count[n] - 1.0))
    return out
