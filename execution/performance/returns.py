"""Figures of one equity curve.

Returns are simple, the risk-free rate is 0, standard deviations have one degree of freedom taken off. A
figure that is not defined (fewer than two returns, no variation, an equity not above 0, a curve with gaps)
is None, never NaN, infinite or a warning. ``docs/performance.md`` compares the definitions with others'.
"""

from __future__ import annotations

import math

import numpy as np

from execution.types import Floats, defined

SESSIONS_PER_YEAR = 252
NO_VARIATION = 1e-14  # standard deviations of returns that are nothing but rounding


def returns(equity: Floats) -> Floats:
    """Return simple returns, (T - 1,); NaN where the equity before is not above 0."""
    before = equity[:-1]
    change = np.full(len(before), np.nan)
    np.divide(equity[1:], before, out=change, where=before > 0)
    return change - 1


def total_return(equity: Floats) -> float | None:
    """Return last over first equity, less one."""
    return defined(equity[-1] / equity[0] - 1) if len(equity) and equity[0] > 0 else None


def cagr(equity: Floats, periods: int = SESSIONS_PER_YEAR) -> float | None:
    """Return the compound annual growth rate: (last / first) ** (periods / (T - 1)) - 1."""
    if len(equity) < 2 or not equity[0] > 0:
        return None
    growth = max(0.0, float(equity[-1] / equity[0]))
    try:
        return defined(growth ** (periods / (len(equity) - 1)) - 1)
    except OverflowError:
        return None


def volatility(equity: Floats, periods: int = SESSIONS_PER_YEAR) -> float | None:
    """Return the annualised standard deviation of returns."""
    spread = deviation(returns(equity))
    return None if spread is None else spread * math.sqrt(periods)


def sharpe(equity: Floats, periods: int = SESSIONS_PER_YEAR) -> float | None:
    """Return mean over standard deviation of returns, annualised (Sharpe 1994, over a zero benchmark)."""
    return ratio_of_mean(returns(equity), periods)


def sortino(equity: Floats, periods: int = SESSIONS_PER_YEAR) -> float | None:
    """Return mean return over downside deviation, annualised (Sortino and Price 1994, with a target of 0).

    The downside deviation is the root of the mean of min(return, 0)² over all returns.
    """
    change = _known(equity)
    if change is None:
        return None
    downside = math.sqrt(float(np.mean(np.minimum(change, 0) ** 2)))
    return None if downside <= NO_VARIATION else float(np.mean(change)) / downside * math.sqrt(periods)


def omega(equity: Floats) -> float | None:
    """Return the sum of gains over the sum of losses (Keating and Shadwick 2002, with a threshold of 0)."""
    change = _known(equity)
    if change is None:
        return None
    losses = -float(np.sum(np.minimum(change, 0)))
    return None if losses <= NO_VARIATION else float(np.sum(np.maximum(change, 0))) / losses


def drawdowns(equity: Floats) -> Floats:
    """Return the distance from the highest equity so far, (T,): a fraction of it, at most 0."""
    peak = np.maximum.accumulate(equity)
    ratio = np.full(len(equity), np.nan)
    np.divide(equity, peak, out=ratio, where=peak > 0)
    return ratio - 1


def max_drawdown(equity: Floats) -> float | None:
    """Return the deepest drawdown, a fraction of the peak, at most 0."""
    return defined(float(np.min(drawdowns(equity)))) if len(equity) else None


def max_drawdown_sessions(equity: Floats) -> int:
    """Return the longest run of sessions below an earlier peak."""
    below = np.concatenate([[False], drawdowns(equity) < 0, [False]]).astype(np.int8)
    turns = np.diff(below)
    runs = np.flatnonzero(turns < 0) - np.flatnonzero(turns > 0)
    return int(np.max(runs)) if runs.size else 0


def calmar(equity: Floats, periods: int = SESSIONS_PER_YEAR) -> float | None:
    """Return CAGR over the absolute deepest drawdown (Young 1991, over the whole history)."""
    growth, fall = cagr(equity, periods), max_drawdown(equity)
    return None if growth is None or not fall else growth / abs(fall)


def value_at_risk(equity: Floats, level: float = 0.95) -> float | None:
    """Return the historical value at risk of one session: the (1 - level) quantile of returns.

    A return, so a loss is negative; between two returns interpolated linearly.
    """
    change = _known(equity)
    return None if change is None else _quantile(change, 1 - level)


def conditional_value_at_risk(equity: Floats, level: float = 0.95) -> float | None:
    """Return the mean of the worst returns (Rockafellar and Uryasev 2000): floor((1 - level) (n - 1)) + 1 of them."""
    change = _known(equity)
    if change is None:
        return None
    # The product may fall short of a whole number by rounding alone: 0.05 x 100 is 1 - 0.95 times 100.
    last = math.floor((1 - level) * (len(change) - 1) + 1e-9)
    return float(np.mean(np.partition(change, last)[: last + 1]))


def skew(equity: Floats) -> float | None:
    """Return the skewness of returns, corrected for bias (Joanes and Gill 1998, G1)."""
    change = returns(equity)
    if deviation(change) is None or (n := len(change)) < 3:
        return None
    away = change - np.mean(change)
    third = float(np.mean(away * away * away)) / math.pow(float(np.mean(away * away)), 1.5)
    return third * (math.sqrt(n * (n - 1)) / (n - 2))


def kurtosis(equity: Floats) -> float | None:
    """Return the excess kurtosis of returns (0 if normal), corrected for bias (Joanes and Gill 1998, G2)."""
    change = returns(equity)
    if deviation(change) is None or (n := len(change)) < 4:
        return None
    away = change - np.mean(change)
    squared = away * away
    excess = float(np.mean(squared * squared)) / float(np.mean(squared)) ** 2 - 3
    return (n - 1) / ((n - 2) * (n - 3)) * ((n + 1) * excess + 6)


def tail_ratio(equity: Floats) -> float | None:
    """Return the 95 % quantile of returns over the 5 % quantile, both absolute."""
    change = _known(equity)
    if change is None:
        return None
    low, high = abs(_quantile(change, 0.05)), abs(_quantile(change, 0.95))
    return high / low if low > NO_VARIATION else None


def deviation(change: Floats, *, allow_zero: bool = False) -> float | None:
    """Return the standard deviation, None where not defined or (unless allowed) nothing but rounding."""
    if len(change) < 2 or not np.all(np.isfinite(change)):
        return None
    spread = float(np.std(change, ddof=1))
    return spread if spread > NO_VARIATION or allow_zero else None


def ratio_of_mean(change: Floats, periods: int) -> float | None:
    """Return mean over standard deviation, annualised; None where that is not defined."""
    spread = deviation(change)
    return None if spread is None else float(np.mean(change)) / spread * math.sqrt(periods)


def _known(equity: Floats) -> Floats | None:
    """Return the returns, None for fewer than two or any that is not defined."""
    change = returns(equity)
    return change if len(change) >= 2 and np.all(np.isfinite(change)) else None


def _quantile(values: Floats, probability: float) -> float:
    """Return the quantile, interpolated linearly between neighbours (type 7 of Hyndman and Fan 1996).

    numpy's own takes several times as long for a few thousand values.
    """
    place = probability * (len(values) - 1)
    below = math.floor(place)
    above = min(below + 1, len(values) - 1)
    parted = np.partition(values, (below, above))
    return float(parted[below] + (parted[above] - parted[below]) * (place - below))
