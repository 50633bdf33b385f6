"""Confidence intervals by the stationary bootstrap: blocks of returns drawn anew, of random lengths.

Sources: Politis and Romano (1994), "The stationary bootstrap", JASA 89(428); Politis and White (2004) with the
correction of Patton, Politis and White (2009) for the mean length of blocks, as ``arch`` works it out.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from execution.performance.returns import NO_VARIATION, SESSIONS_PER_YEAR, deviation, returns
from execution.types import Floats

_AT_A_TIME = 250_000  # returns drawn at once: bounds the memory


@dataclass(frozen=True)
class Interval:
    """Where a metric lies with probability ``level``, by the percentiles of its bootstrap distribution.

    Attributes:
        block: Mean length of the blocks that were drawn (sessions).
    """

    metric: str
    low: float
    high: float
    level: float
    samples: int
    block: float


def block_length(equity: Floats) -> float:
    """Return the mean length of blocks that suits the returns' dependence (sessions, at least 1)."""
    from arch.bootstrap import optimal_block_length

    best = float(optimal_block_length(returns(equity))["stationary"].iloc[0])
    return max(1.0, best) if math.isfinite(best) else 1.0


def stationary_draws(
    count: int, samples: int, block: float, random: np.random.Generator
) -> NDArray[np.int64]:
    """Return which observations each sample is made of, (samples, count); after the last comes the first.

    Blocks begin anywhere and have geometrically distributed lengths with mean ``block``.
    """
    at = np.arange(count)
    starts = random.integers(0, count, (samples, count))
    begins = random.random((samples, count)) < 1 / block
    begins[:, 0] = True
    since = np.maximum.accumulate(np.where(begins, at, 0), axis=1)
    return (np.take_along_axis(starts, since, axis=1) + at - since) % count


def intervals(
    equity: Floats,
    *,
    samples: int,
    level: float,
    seed: int,
    block: float | None = None,
    periods: int = SESSIONS_PER_YEAR,
) -> list[Interval]:
    """Return the confidence intervals of ``sharpe``, ``cagr`` and ``max_drawdown``.

    The same arguments give the same bits. Nothing is returned for a curve of fewer than ten returns, without
    variation, or that was not above 0 all the time.

    Args:
        equity: At each session's close, (T,).
        samples: Histories drawn; 0 for no intervals.
        level: Probability inside the interval, such as 0.95.
        block: Mean length of blocks (sessions); None for ``block_length``.
    """
    change = returns(equity)
    if samples == 0 or len(change) < 10 or deviation(change) is None or not np.all(equity > 0):
        return []
    mean_block = block_length(equity) if block is None else block
    random = np.random.default_rng(seed)
    at_a_time = max(1, _AT_A_TIME // len(change))
    found = [
        _figures(
            change[stationary_draws(len(change), min(at_a_time, samples - done), mean_block, random)], periods
        )
        for done in range(0, samples, at_a_time)
    ]
    tail = (1 - level) / 2
    rows = []
    for name in ("sharpe", "cagr", "max_drawdown"):
        drawn = np.concatenate([figures[name] for figures in found])
        low, high = np.quantile(drawn, [tail, 1 - tail])
        rows.append(Interval(name, float(low), float(high), level, samples, mean_block))
    return rows


def _figures(change: Floats, periods: int) -> dict[str, Floats]:
    """Return the metrics of many series of returns, (samples, count) → (samples,) each."""
    growth = np.cumprod(1 + change, axis=1)
    peak = np.maximum(np.maximum.accumulate(growth, axis=1), 1.0)
    spread = np.std(change, axis=1, ddof=1)
    # A sample that drew one return over and over varies by nothing: its ratio has no bound, as its mean has.
    ratio = np.mean(change, axis=1) / np.maximum(spread, NO_VARIATION) * math.sqrt(periods)
    return {
        "sharpe": ratio,
        "cagr": growth[:, -1] ** (periods / change.shape[1]) - 1,
        "max_drawdown": np.min(growth / peak, axis=1) - 1,
    }
