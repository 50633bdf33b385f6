"""Operators over the last n changes from one bar to the next: how often, and how far, a series rose and fell.

n changes need n + 1 bars. All are NULL until those are there and wherever one of them is NULL. Sums are put together
as regression.py's: from those of 1, 2, 4 … changes, so that each depends on its window alone.
"""

from __future__ import annotations

import numpy as np

from transforms.operators.catalogue import Array, Rows, Segments, operator, periods
from transforms.operators.compiled import compiled
from transforms.operators.doubling import joins_of

# Bars per block: what the buffers take stays in the processor's second cache.
_BLOCK = 1024


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
def _add(out: Array, old: Array, new: Array) -> None:
    for j in range(len(out)):
        out[j] = old[j] + new[j]


@compiled
def _both_sums(
    starts: Rows, wanted: Rows, x: Array, n: int, joins: Rows, counted: bool
) -> tuple[Array, Array]:
    """Sums over the last n changes: of rises and of falls, by how much or (``counted``) how many."""
    up, down = np.full(len(x), np.nan), np.full(len(x), np.nan)
    buffers = np.empty((3, _BLOCK + n))
    for s in range(len(wanted)):
        end = starts[s + 1]
        for b in range(max(wanted[s], starts[s] + n), end, _BLOCK):
            e = min(b + _BLOCK, end)
            later, before = x[b - n + 1 : e], x[b - n : e - 1]
            changes = len(later)
            for side in range(2):
                first, second = (before, later) if side == 0 else (later, before)
                if counted:
                    _falls(buffers[0, :changes], first, second)
                else:
                    _falls_by(buffers[0, :changes], first, second)
                filled = 0
                for k in range(len(joins)):
                    filled, old, new, old_size, new_size = joins[k]
                    count = changes - old_size - new_size + 1
                    _add(
                        buffers[filled, :count],
                        buffers[old, :count],
                        buffers[new, old_size : old_size + count],
                    )
                if side == 0:
                    up[b:e] = buffers[filled, : e - b]
                else:
                    down[b:e] = buffers[filled, : e - b]
    return up, down


def gains_and_losses(segments: Segments, x: Array, n: int) -> tuple[Array, Array]:
    """Return the sum of the rises among the last n changes, and of the falls (positive too)."""
    return _both_sums(segments.starts, segments.wanted, x, n, joins_of(n), False)


@operator(
    series=("x",),
    parameters=(periods(),),
    outputs=("rolling_rises", "rolling_falls", "rolling_net_rises"),
)
def _rises_and_falls(segments: Segments, x: Array, n: int) -> tuple[Array, Array, Array]:
    """Share of the rises among the last n changes, of the falls, and the one less the other; no change is neither."""
    up, down = _both_sums(segments.starts, segments.wanted, x, n, joins_of(n), True)
    up /= n
    down /= n
    return up, down, up - down
