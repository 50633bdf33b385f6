"""Operators over the last n bars. All are NULL until n values are there and wherever one of the n is NULL.

Sums run over one window at a time and start at its newest bar's side: a value depends on its window alone, whatever
came before it (a large value leaves no trace in windows without it), and equals itself in a shorter or longer history.
"""

from __future__ import annotations

import numpy as np

from transforms.operators.catalogue import Array, Rows, Segments, operator, periods
from transforms.operators.compiled import compiled_sum


@compiled_sum
def _mean(starts: Rows, wanted: Rows, x: Array, n: int) -> Array:
    out = np.full(len(x), np.nan)
    for s in range(len(wanted)):
        for t in range(max(wanted[s], starts[s] + n - 1), starts[s + 1]):
            total = 0.0
            for i in range(t - n + 1, t + 1):
                total += x[i]
            out[t] = total / n
    return out


@operator(series=("x",), parameters=(periods(),))
def rolling_mean(segments: Segments, x: Array, n: int) -> Array:
    """Mean of the last n values."""
    return _mean(segments.starts, segments.wanted, x, n)
