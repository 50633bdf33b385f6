"""Operators over the last n changes from one bar to the next: how often, and how far, a series rose and fell.

n changes need n + 1 bars. All are NULL until those are there and wherever one of them is NULL.
"""

from __future__ import annotations

import numpy as np

from transforms.operators.catalogue import Array, Rows, Segments, bars_before, operator, periods
from transforms.operators.compiled import compiled
from transforms.operators.doubling import BLOCK, joins_of, sums


@compiled
def _falls_by(out: Array, x: Array, before: Array) -> None:
    for j in range(len(out)):
        fall = before[j] - x[j]
        out[j] = 0.0 if fall < 0.0 else fall


@compiled
def _falls(out: Array, x: Array, before: Array) -> None:
    for j in range(len(out)):
        fall = before[j] - x[j]
        out[j] = fall if np.isnan(fall) else (1.0 if fall > 0.0 else 0.0)


@compiled
def _both_sums(
    starts: Rows, wanted: Rows, x: Array, n: int, joins: Rows, counted: bool
) -> tuple[Array, Array]:
    """Sums over the last n changes: of rises and of falls, by how much or (``counted``) how many."""
    up, down = np.full(len(x), np.nan), np.full(len(x), np.nan)
    buffers, sides = np.empty((3, BLOCK + n)), np.empty(BLOCK + n)
    for s in range(len(wanted)):
        end = starts[s + 1]
        for b in range(max(wanted[s], starts[s] + n), end, BLOCK):
            e = min(b + BLOCK, end)
            later, before = x[b - n + 1 : e], x[b - n : e - 1]
            one_side = sides[: len(later)]
            for up_or_down, first, second in ((up, before, later), (down, later, before)):
                if counted:
                    _falls(one_side, first, second)
                else:
                    _falls_by(one_side, first, second)
                up_or_down[b:e] = sums(one_side, joins, buffers)[: e - b]
    return up, down


def gains_and_losses(segments: Segments, x: Array, n: int) -> tuple[Array, Array]:
    """Return the sum of the rises among the last n changes, and of the falls (positive too)."""
    return _both_sums(segments.starts, segments.wanted, x, n, joins_of(n), False)


@operator(
    series=("x",),
    parameters=(periods(),),
    outputs=("rolling_rises", "rolling_falls", "rolling_net_rises"),
    memory=bars_before,
)
def _rises_and_falls(segments: Segments, x: Array, n: int) -> tuple[Array, Array, Array]:
    """Share of the rises among the last n changes, of the falls, and the one less the other; no change is neither."""
    up, down = _both_sums(segments.starts, segments.wanted, x, n, joins_of(n), True)
    up /= n
    down /= n
    return up, down, up - down
