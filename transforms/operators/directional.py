"""Wilder's directional movement: which of two bars' highs and lows went further, smoothed over its true range.

NULLs are treated as in smoothing.py: skipped at first, and later a new start. Equal to TA-Lib, unstable period 0, but
where nothing moved: NULL here, 0 there.
"""

from __future__ import annotations

import numpy as np

from transforms.operators.catalogue import Array, Rows, Segments, operator, periods
from transforms.operators.compiled import compiled


@compiled
def _directional(starts: Rows, high: Array, low: Array, close: Array, n: int) -> tuple[Array, Array, Array]:
    plus_di, minus_di, adx = (
        np.full(len(high), np.nan),
        np.full(len(high), np.nan),
        np.full(len(high), np.nan),
    )
    for s in range(len(starts) - 1):
        known, plus, minus, ranges, average = 0, 0.0, 0.0, 0.0, 0.0
        for t in range(starts[s] + 1, starts[s + 1]):
            up, down = high[t] - high[t - 1], low[t - 1] - low[t]
            true_range = max(high[t], close[t - 1]) - min(low[t], close[t - 1])
            if np.isnan(up + down + close[t - 1]):
                known, plus, minus, ranges, average = 0, 0.0, 0.0, 0.0, 0.0
                continue
            known += 1
            if known >= n:
                plus -= plus / n
                minus -= minus / n
                ranges -= ranges / n
            if down > 0 and down > up:
                minus += down
            elif up > 0 and up > down:
                plus += up
            ranges += true_range
            if known < n:
                continue
            if ranges > 0:
                plus_di[t] = 100 * (plus / ranges)
                minus_di[t] = 100 * (minus / ranges)
            # A bar without a direction adds nothing to the seed, and leaves the average as it is.
            has_direction = ranges > 0 and plus + minus > 0
            index = 100 * (abs(plus - minus) / (plus + minus)) if has_direction else 0.0
            if known < 2 * n:
                average += (index - average) / (known - n + 1)
            elif has_direction:
                average += (index - average) / n
            if known >= 2 * n - 1 and has_direction:
                adx[t] = average
    return plus_di, minus_di, adx


@operator(
    series=("high", "low", "close"),
    parameters=(periods(low=2),),
    outputs=("plus_di", "minus_di", "adx"),
)
def directional_movement(
    segments: Segments, high: Array, low: Array, close: Array, n: int
) -> tuple[Array, Array, Array]:
    """Upward and downward movement in percent of the true range, and the average strength of either (adx).

    All 0 to 100, smoothed by Wilder's sums over n bars; adx is their index's smoothing over n more. NULL while no bar
    had a range (di), or a direction (adx). Source: Wilder (1978), New Concepts in Technical Trading Systems.
    """
    return _directional(segments.starts, high, low, close, n)
