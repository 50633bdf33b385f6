"""Operators of Alpha158, Microsoft's qlib's feature set, that are of no more general use.

As qlib does, they add 1e-12 to denominators that can be 0: where nothing moved, they are 0.
"""

from __future__ import annotations

import numpy as np

from transforms.operators.catalogue import (
    Array,
    Rows,
    Segments,
    bars_before,
    one_before,
    operator,
    own_bar,
    periods,
    window,
)
from transforms.operators.changes import gains_and_losses
from transforms.operators.compiled import compiled
from transforms.operators.rolling import (
    bars_since_first_max,
    bars_since_first_min,
    rolling_mean,
    rolling_std,
)

_TINY = 1e-12


@operator(
    series=("x",),
    parameters=(periods(),),
    outputs=("rolling_gain_share", "rolling_loss_share", "rolling_net_gain_share"),
    memory=bars_before,
)
def _shares(segments: Segments, x: Array, n: int) -> tuple[Array, Array, Array]:
    """Sum of the rises in the sum of the last n absolute changes, that of the falls, and the one less the other."""
    gains, losses = gains_and_losses(segments, x, n)
    moves = gains + losses
    moves += _TINY
    gains /= moves
    losses /= moves
    return gains, losses, gains - losses


@operator(series=("x",), parameters=(periods(),), memory=window)
def place_of_max(segments: Segments, x: Array, n: int) -> Array:
    """Place of the highest of the last n values over n, from 1 / n (the oldest) to 1; the first of equals counts."""
    return _place(bars_since_first_max(segments, x, n), n)


@operator(series=("x",), parameters=(periods(),), memory=window)
def place_of_min(segments: Segments, x: Array, n: int) -> Array:
    """As place_of_max, of the lowest."""
    return _place(bars_since_first_min(segments, x, n), n)


def _place(bars_since: Array, n: int) -> Array:
    np.subtract(n, bars_since, out=bars_since)
    bars_since /= n
    return bars_since


@operator(series=("x", "low", "high"), memory=own_bar)
def place_between(_: Segments, x: Array, low: Array, high: Array) -> Array:
    """Where x lies between low (0) and high (1)."""
    return (x - low) / (high - low + _TINY)


@operator(series=("x",), parameters=(periods(low=2),), memory=window)
def rolling_dispersion(segments: Segments, x: Array, n: int) -> Array:
    """Sample standard deviation of the last n values over their mean."""
    return rolling_std(segments, x, n) / (rolling_mean(segments, x, n) + _TINY)


@compiled
def _log_of_ratio_plus_one(starts: Rows, wanted: Rows, x: Array) -> Array:
    out = np.full(len(x), np.nan)
    for s in range(len(wanted)):
        for t in range(max(wanted[s], starts[s] + 1), starts[s + 1]):
            if x[t - 1] > 0:
                out[t] = np.log(x[t] / x[t - 1] + 1)
    return out


@operator(series=("x",), memory=one_before)
def log_of_ratio_plus_one(segments: Segments, x: Array) -> Array:
    """ln(x over x of the bar before, plus 1), which a volume of 0 does not break; NULL on the bar after it."""
    return _log_of_ratio_plus_one(segments.starts, segments.wanted, x)


@compiled
def _weighted_move(starts: Rows, wanted: Rows, x: Array, weight: Array) -> Array:
    out = np.full(len(x), np.nan)
    for s in range(len(wanted)):
        for t in range(max(wanted[s], starts[s] + 1), starts[s + 1]):
            if x[t - 1] != 0:
                out[t] = abs(x[t] / x[t - 1] - 1) * weight[t]
    return out


@operator(series=("x", "weight"), memory=one_before)
def weighted_move(segments: Segments, x: Array, weight: Array) -> Array:
    """Absolute relative change of x since the bar before, times the weight of this bar; NULL where x was 0."""
    return _weighted_move(segments.starts, segments.wanted, x, weight)
