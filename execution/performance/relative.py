"""Figures of a book against a benchmark; the rules of ``returns`` hold here too."""

from __future__ import annotations

import math

import numpy as np

from execution.performance.returns import SESSIONS_PER_YEAR, deviation, ratio_of_mean, returns
from execution.types import Floats


def market_model(
    equity: Floats, benchmark: Floats, periods: int = SESSIONS_PER_YEAR
) -> tuple[float | None, float | None]:
    """Return annualised alpha and beta: the least-squares line of returns on the benchmark's (Jensen 1968).

    Alpha is the intercept times ``periods``.
    """
    ours, theirs = returns(equity), returns(benchmark)
    if deviation(ours, allow_zero=True) is None or deviation(theirs) is None:
        return None, None
    away = theirs - np.mean(theirs)
    beta = float(np.sum(away * (ours - np.mean(ours))) / np.sum(away * away))
    return float(np.mean(ours) - beta * np.mean(theirs)) * periods, beta


def information_ratio(equity: Floats, benchmark: Floats, periods: int = SESSIONS_PER_YEAR) -> float | None:
    """Return mean over standard deviation of the returns above the benchmark's, annualised (Goodwin 1998)."""
    return ratio_of_mean(returns(equity) - returns(benchmark), periods)


def tracking_error(equity: Floats, benchmark: Floats, periods: int = SESSIONS_PER_YEAR) -> float | None:
    """Return the annualised standard deviation of the returns above the benchmark's."""
    spread = deviation(returns(equity) - returns(benchmark), allow_zero=True)
    return None if spread is None else spread * math.sqrt(periods)


def capture(
    equity: Floats, benchmark: Floats, periods: int = SESSIONS_PER_YEAR
) -> tuple[float | None, float | None]:
    """Return up and down capture: annual growth over the benchmark's, on sessions it rose and on those it fell.

    Growth is compounded over the chosen sessions alone (Morningstar's upside and downside capture ratios).
    """
    ours, theirs = returns(equity), returns(benchmark)
    if not (np.all(np.isfinite(ours)) and np.all(np.isfinite(theirs))):
        return None, None

    def ratio(chosen: np.ndarray) -> float | None:
        growth, market = _growth(ours[chosen], periods), _growth(theirs[chosen], periods)
        return None if growth is None or not market else growth / market

    return ratio(theirs > 0), ratio(theirs < 0)


def _growth(change: Floats, periods: int) -> float | None:
    if not len(change):
        return None
    with np.errstate(over="ignore"):
        grown = float(np.prod(1 + change)) if np.all(change > -1) else 0.0
        growth = float(np.float64(grown) ** (periods / len(change))) - 1
    return growth if math.isfinite(growth) else None
