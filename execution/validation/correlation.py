"""How alike what is held is, and how alike strategies are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

import numpy as np

from execution.performance import returns
from execution.types import Floats

_LEAST_COMMON = 60  # sessions


def of_positions(held_returns: Floats) -> float | None:
    """Return the mean correlation of positions over pairs, weighted by the bars on which both were held.

    Args:
        held_returns: Return of each position on each bar, its side's sign in it, (T, N); NaN where it was not held.

    Returns:
        None where no pair was held together for 60 bars.
    """
    is_held = np.isfinite(held_returns)
    kept = np.flatnonzero(is_held.sum(axis=0) >= _LEAST_COMMON)
    if len(kept) < 2:
        return None
    there = is_held[:, kept].astype(np.float64)
    value = np.where(is_held[:, kept], held_returns[:, kept], 0.0)
    common = there.T @ there
    with np.errstate(invalid="ignore", divide="ignore"):
        # Row i, column j: moments of i over the bars on which i and j were held.
        mean = (value.T @ there) / common
        variance = ((value**2).T @ there) / common - mean**2
        covariance = (value.T @ value) / common - mean * mean.T
        correlation = covariance / np.sqrt(variance * variance.T)
    upper = np.triu(np.ones_like(common, dtype=np.bool_), 1)
    counts = upper & (common >= _LEAST_COMMON) & np.isfinite(correlation)
    counts &= np.minimum(variance, variance.T) > 1e-18
    if not counts.any():
        return None
    return float(np.average(np.clip(correlation[counts], -1, 1), weights=common[counts]))


def of_strategies(
    dates: Sequence[date], equity: Floats, others: Mapping[str, tuple[Sequence[date], Floats]]
) -> tuple[str, float] | None:
    """Return which other book's returns are most like ours, and their correlation, over common sessions.

    Args:
        dates, equity: Ours, (S,).
        others: Name → the same of another book.

    Returns:
        None where no book has 60 sessions in common, or none varies.
    """
    ours = dict(zip(dates[1:], returns(equity).tolist(), strict=True))
    found: list[tuple[float, str]] = []
    for name, (their_dates, their_equity) in others.items():
        theirs = zip(their_dates[1:], returns(their_equity).tolist(), strict=True)
        pairs = np.array([(ours[day], change) for day, change in theirs if day in ours])
        pairs = pairs[np.all(np.isfinite(pairs), axis=1)] if len(pairs) else pairs
        if len(pairs) < _LEAST_COMMON or np.min(np.std(pairs, axis=0)) < 1e-12:
            continue
        found.append((float(np.corrcoef(pairs.T)[0, 1]), name))
    if not found:
        return None
    highest, name = max(found)
    return name, highest
