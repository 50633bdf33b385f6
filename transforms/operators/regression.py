"""Operators that lay a line through the last n bars, on another series or on time, and say how well it lies.

All are NULL until n values are there and wherever one of the n is NULL. Means, squares and products of a window are
put together from those of shorter ones (doubling.py): nothing cancels, and a value depends on its window alone.
"""

from __future__ import annotations

import numpy as np

from transforms.operators.catalogue import Array, Rows, Segments, operator, periods, window
from transforms.operators.compiled import compiled
from transforms.operators.doubling import BLOCK, join_moments, joins_of

# A standard deviation below this part of the mean is what rounding leaves of a constant.
_ROUNDING = 1e-12


@compiled
def _join_products(
    out: Array, old: Array, new: Array, x_old: Array, x_new: Array, y_old: Array, y_new: Array, weight: float
) -> None:
    for j in range(len(out)):
        out[j] = old[j] + new[j] + (x_new[j] - x_old[j]) * (y_new[j] - y_old[j]) * weight


@compiled
def _join_with_time(out: Array, old: Array, new: Array, x_old: Array, x_new: Array, weight: float) -> None:
    for j in range(len(out)):
        out[j] = old[j] + new[j] + (x_new[j] - x_old[j]) * weight


@compiled
def _pair_windows(x: Array, y: Array, joins: Rows, buffers: Array) -> tuple[Array, Array, Array]:
    """Moments of all windows: mean and squares of x, of y, and products of their distances from the means."""
    bars = len(x)
    buffers[0] = 0.0
    buffers[0, 0, 0, :bars] = x
    buffers[0, 1, 0, :bars] = y
    out = 0
    for k in range(len(joins)):
        out, old, new, old_size, new_size = joins[k]
        count = bars - old_size - new_size + 1
        for series in range(2):
            join_moments(
                buffers[out, series], buffers[old, series], buffers[new, series], old_size, new_size, count
            )
        newer = slice(old_size, old_size + count)
        _join_products(
            buffers[out, 2, 0, :count],
            buffers[old, 2, 0, :count],
            buffers[new, 2, 0, newer],
            buffers[old, 0, 0, :count],
            buffers[new, 0, 0, newer],
            buffers[old, 1, 0, :count],
            buffers[new, 1, 0, newer],
            old_size * new_size / (old_size + new_size),
        )
    return buffers[out, 0], buffers[out, 1], buffers[out, 2, 0]


@compiled
def _moves(squares: float, mean: float, n: int) -> bool:
    """Whether a window with this sum of squared distances is more than a constant; False for NaN."""
    return bool(squares > n * (_ROUNDING * mean) ** 2)


@compiled
def _correlate(
    out: Array, products: Array, x_mean: Array, x_squares: Array, y_mean: Array, y_squares: Array, n: int
) -> None:
    for j in range(len(out)):
        value = products[j] / (np.sqrt(x_squares[j]) * np.sqrt(y_squares[j]))
        value = 1.0 if value > 1.0 else value
        value = -1.0 if value < -1.0 else value
        moves = _moves(x_squares[j], x_mean[j], n) & _moves(y_squares[j], y_mean[j], n)
        out[j] = value if moves else np.nan


@compiled
def _correlation(starts: Rows, wanted: Rows, x: Array, y: Array, n: int, joins: Rows) -> Array:
    out = np.full(len(x), np.nan)
    buffers = np.empty((3, 3, 2, BLOCK + n))
    for s in range(len(wanted)):
        end = starts[s + 1]
        for b in range(max(wanted[s], starts[s] + n - 1), end, BLOCK):
            e = min(b + BLOCK, end)
            xs, ys, products = _pair_windows(x[b - n + 1 : e], y[b - n + 1 : e], joins, buffers)
            _correlate(out[b:e], products, xs[0], xs[1], ys[0], ys[1], n)
    return out


@operator(series=("x", "y"), parameters=(periods(low=2),), memory=window)
def rolling_correlation(segments: Segments, x: Array, y: Array, n: int) -> Array:
    """Pearson's correlation of x and y over the last n bars, -1 to 1; NULL where one of them did not move."""
    return _correlation(segments.starts, segments.wanted, x, y, n, joins_of(n))


@compiled
def _slope_on_series(out: Array, products: Array, x_mean: Array, x_squares: Array, n: int) -> None:
    for j in range(len(out)):
        out[j] = products[j] / x_squares[j] if _moves(x_squares[j], x_mean[j], n) else np.nan


@compiled
def _residual_on_series(out: Array, slope: Array, y: Array, y_mean: Array, x: Array, x_mean: Array) -> None:
    for j in range(len(out)):
        out[j] = y[j] - y_mean[j] - slope[j] * (x[j] - x_mean[j])


@compiled
def _line(starts: Rows, wanted: Rows, y: Array, x: Array, n: int, joins: Rows) -> tuple[Array, Array]:
    slope, residual = np.full(len(x), np.nan), np.full(len(x), np.nan)
    buffers = np.empty((3, 3, 2, BLOCK + n))
    for s in range(len(wanted)):
        end = starts[s + 1]
        for b in range(max(wanted[s], starts[s] + n - 1), end, BLOCK):
            e = min(b + BLOCK, end)
            xs, ys, products = _pair_windows(x[b - n + 1 : e], y[b - n + 1 : e], joins, buffers)
            _slope_on_series(slope[b:e], products, xs[0], xs[1], n)
            _residual_on_series(residual[b:e], slope[b:e], y[b:e], ys[0], x[b:e], xs[0])
    return slope, residual


@operator(
    series=("y", "x"),
    parameters=(periods(low=2),),
    outputs=("rolling_beta", "rolling_residual"),
    memory=window,
)
def _rolling_line(segments: Segments, y: Array, x: Array, n: int) -> tuple[Array, Array]:
    """Least-squares line of y on x over the last n bars: its slope, and what of the newest y it does not explain.

    NULL where x did not move.
    """
    return _line(segments.starts, segments.wanted, y, x, n, joins_of(n))


@compiled
def _time_windows(y: Array, joins: Rows, buffers: Array) -> tuple[Array, Array]:
    """Moments of all windows: mean and squares of y, and products of its distances and time's from the means."""
    bars = len(y)
    buffers[0] = 0.0
    buffers[0, 0, 0, :bars] = y
    out = 0
    for k in range(len(joins)):
        out, old, new, old_size, new_size = joins[k]
        count = bars - old_size - new_size + 1
        join_moments(buffers[out, 0], buffers[old, 0], buffers[new, 0], old_size, new_size, count)
        newer = slice(old_size, old_size + count)
        _join_with_time(
            buffers[out, 1, 0, :count],
            buffers[old, 1, 0, :count],
            buffers[new, 1, 0, newer],
            buffers[old, 0, 0, :count],
            buffers[new, 0, 0, newer],
            # The middle of the newer part lies half of both sizes after the middle of the older one.
            old_size * new_size / 2,
        )
    return buffers[out, 0], buffers[out, 1, 0]


@compiled
def _slope_on_time(slope: Array, residual: Array, y: Array, products: Array, y_mean: Array, n: int) -> None:
    time_squares, newest = n * (n * n - 1.0) / 12.0, (n - 1) / 2.0
    for j in range(len(slope)):
        value = products[j] / time_squares
        slope[j] = value
        residual[j] = y[j] - y_mean[j] - value * newest


@compiled
def _fit_on_time(out: Array, slope: Array, products: Array, y_mean: Array, y_squares: Array, n: int) -> None:
    for j in range(len(out)):
        value = slope[j] * products[j] / y_squares[j]
        value = 1.0 if value > 1.0 else value
        out[j] = value if _moves(y_squares[j], y_mean[j], n) else np.nan


@compiled
def _trend(starts: Rows, wanted: Rows, y: Array, n: int, joins: Rows) -> tuple[Array, Array, Array]:
    slope, fit, residual = np.full(len(y), np.nan), np.full(len(y), np.nan), np.full(len(y), np.nan)
    buffers = np.empty((3, 2, 2, BLOCK + n))
    for s in range(len(wanted)):
        end = starts[s + 1]
        for b in range(max(wanted[s], starts[s] + n - 1), end, BLOCK):
            e = min(b + BLOCK, end)
            ys, products = _time_windows(y[b - n + 1 : e], joins, buffers)
            _slope_on_time(slope[b:e], residual[b:e], y[b:e], products, ys[0], n)
            _fit_on_time(fit[b:e], slope[b:e], products, ys[0], ys[1], n)
    return slope, fit, residual


@operator(
    series=("y",),
    parameters=(periods(low=2),),
    outputs=("rolling_slope", "rolling_rsquare", "rolling_trend_residual"),
    memory=window,
)
def _rolling_trend(segments: Segments, y: Array, n: int) -> tuple[Array, Array, Array]:
    """Least-squares line through the last n values, one bar apart: slope per bar, R², newest value less the line.

    Where nothing moved, slope and residual are 0 and R² is NULL.
    """
    return _trend(segments.starts, segments.wanted, y, n, joins_of(n))
