"""Seasonal decomposition that looks back only: x = trend + seasonal + residual."""

from __future__ import annotations

import numpy as np

from transforms.operators.catalogue import Array, Rows, Segments, operator, periods
from transforms.operators.compiled import compiled
from transforms.operators.rolling import rolling_mean


@compiled
def _seasonal(starts: Rows, detrended: Array, period: int) -> Array:
    """Mean of the earlier detrended values of a bar's phase; a phase is the bar's number modulo the period."""
    out = np.full(len(detrended), np.nan)
    totals, counts = np.empty(period), np.empty(period)
    for s in range(len(starts) - 1):
        totals[:] = 0.0
        counts[:] = 0.0
        for t in range(starts[s], starts[s + 1]):
            phase = (t - starts[s]) % period
            if np.isnan(detrended[t]):
                continue
            if counts[phase] > 0:
                out[t] = totals[phase] / counts[phase]
            totals[phase] += detrended[t]
            counts[phase] += 1
    return out


@operator(
    series=("x",),
    parameters=(periods("period", low=2),),
    outputs=("seasonal_trend", "seasonal_component", "seasonal_residual"),
)
def seasonal_decomposition(segments: Segments, x: Array, period: int) -> tuple[Array, Array, Array]:
    """Trend: mean of the last ``period`` values. Seasonal: mean distance from it on earlier bars of the same phase.

    The residual is what is left of x: how far this bar is from what was known of its season before. Seasonal and
    residual begin one period after the trend, with the second value of a phase. A NULL is left out of its phase.
    Source: classical additive decomposition (Persons 1919; Kendall and Stuart, The Advanced Theory of Statistics,
    volume 3) with the trend's window trailing instead of centred, which would look ahead.
    """
    trend = rolling_mean(Segments.whole(segments.starts), x, period)
    detrended = x - trend
    seasonal = _seasonal(segments.starts, detrended, period)
    return trend, seasonal, detrended - seasonal
