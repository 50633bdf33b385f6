"""Operators over all bars so far. A NULL counts for nothing: it is NULL on its own bar and skipped afterwards."""

from __future__ import annotations

import numpy as np

from transforms.operators.catalogue import Array, Rows, Segments, operator
from transforms.operators.compiled import compiled


@compiled
def _cumulative_sum(starts: Rows, x: Array) -> Array:
    out = np.full(len(x), np.nan)
    for s in range(len(starts) - 1):
        total = 0.0
        for t in range(starts[s], starts[s + 1]):
            if not np.isnan(x[t]):
                total += x[t]
                out[t] = total
    return out


@operator(series=("x",))
def cumulative_sum(segments: Segments, x: Array) -> Array:
    """Sum of x over the symbol's bars so far."""
    return _cumulative_sum(segments.starts, x)


@compiled
def _running_max(starts: Rows, x: Array) -> Array:
    out = np.full(len(x), np.nan)
    for s in range(len(starts) - 1):
        highest = -np.inf
        for t in range(starts[s], starts[s + 1]):
            if not np.isnan(x[t]):
                highest = max(highest, x[t])
                out[t] = highest
    return out


@operator(series=("x",))
def running_max(segments: Segments, x: Array) -> Array:
    """Highest x of the symbol's bars so far."""
    return _running_max(segments.starts, x)
