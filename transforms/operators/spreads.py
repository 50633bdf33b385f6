"""Operators on how far a price is from what it should be: from another one's, or from its session's mean."""

from __future__ import annotations

import numpy as np

from transforms.operators.catalogue import Array, Rows, Segments, operator, periods, window
from transforms.operators.compiled import compiled, compiled_sum

# A line's residuals below this part of y's own deviations are what rounding leaves of an exact fit.
_ROUNDING = 1e-12


@compiled_sum
def _line(y: Array, x: Array) -> tuple[float, float, float, float]:
    """Return the slope of y on x and a constant, the means of y and x, and y's sum of squares."""
    n = len(y)
    mean_x, mean_y = 0.0, 0.0
    for i in range(n):
        mean_x += x[i] - x[0]
        mean_y += y[i] - y[0]
    mean_x, mean_y = x[0] + mean_x / n, y[0] + mean_y / n
    xx, xy, yy = 0.0, 0.0, 0.0
    for i in range(n):
        dx, dy = x[i] - mean_x, y[i] - mean_y
        xx += dx * dx
        xy += dx * dy
        yy += dy * dy
    return (xy / xx if xx > 0 else np.nan), mean_y, mean_x, yy


@compiled
def _subtract_line(out: Array, y: Array, x: Array, slope: float, mean_y: float, mean_x: float) -> None:
    for i in range(len(out)):
        out[i] = y[i] - mean_y - slope * (x[i] - mean_x)


@compiled_sum
def _sum_of_squares(x: Array) -> float:
    total = 0.0
    for i in range(len(x)):
        total += x[i] * x[i]
    return total


@compiled_sum
def _dickey_fuller(e: Array) -> float:
    """t of g in e[i] - e[i - 1] = g × e[i - 1] + noise."""
    levels, products = 0.0, 0.0
    for i in range(1, len(e)):
        levels += e[i - 1] * e[i - 1]
        products += e[i - 1] * (e[i] - e[i - 1])
    g = products / levels
    noise = 0.0
    for i in range(1, len(e)):
        u = e[i] - e[i - 1] - g * e[i - 1]
        noise += u * u
    variance = noise / (len(e) - 2)
    return g / np.sqrt(variance / levels) if variance > 0 else np.nan


@compiled
def _spread(starts: Rows, wanted: Rows, y: Array, x: Array, n: int) -> tuple[Array, Array, Array]:
    slopes, zscores, ts = np.full(len(y), np.nan), np.full(len(y), np.nan), np.full(len(y), np.nan)
    e = np.empty(n)
    for s in range(len(wanted)):
        for t in range(max(wanted[s], starts[s] + n - 1), starts[s + 1]):
            y_window, x_window = y[t - n + 1 : t + 1], x[t - n + 1 : t + 1]
            slope, mean_y, mean_x, squares = _line(y_window, x_window)
            if np.isnan(slope):
                continue
            _subtract_line(e, y_window, x_window, slope, mean_y, mean_x)
            slopes[t] = slope
            left = _sum_of_squares(e)
            if left > squares * _ROUNDING * _ROUNDING:
                zscores[t] = e[n - 1] / np.sqrt(left / (n - 2))
                ts[t] = _dickey_fuller(e)
    return slopes, zscores, ts


@operator(
    series=("y", "x"),
    parameters=(periods(low=4),),
    outputs=("hedge_ratio", "spread_zscore", "spread_dickey_fuller"),
    memory=window,
)
def _spread_of_pair(segments: Segments, y: Array, x: Array, n: int) -> tuple[Array, Array, Array]:
    """Two series that may belong together, by the least-squares line of y on x over the last n bars: its slope; the
    newest residual in the residuals' standard deviations; and how firmly residuals come back to 0.

    The last is the t statistic of Dickey and Fuller on the residuals, without a constant or lags: the second step of
    Engle and Granger (1987), Econometrica 55. The lower below about -3.3, the less likely they only drift apart. NULL
    where x did not move; z-score and t also where the line fits exactly.
    """
    return _spread(segments.starts, segments.wanted, y, x, n)


@compiled
def _session_zscore(starts: Rows, session: Array, x: Array, price: Array, volume: Array) -> Array:
    out = np.full(len(x), np.nan)
    for s in range(len(starts) - 1):
        now, weight, mean, squares = np.nan, 0.0, 0.0, 0.0
        for t in range(starts[s], starts[s + 1]):
            if np.isnan(session[t]):
                continue
            if session[t] != now:
                now, weight, mean, squares = session[t], 0.0, 0.0, 0.0
            if volume[t] > 0 and not np.isnan(price[t]):
                # West (1979), Communications of the ACM 22: means and squares without cancellation.
                weight += volume[t]
                distance = price[t] - mean
                mean += distance * (volume[t] / weight)
                squares += volume[t] * distance * (price[t] - mean)
            if weight > 0 and squares > weight * (_ROUNDING * mean) ** 2:
                out[t] = (x[t] - mean) / np.sqrt(squares / weight)
    return out


@operator(series=("session", "x", "price", "volume"))
def session_vwap_zscore(segments: Segments, session: Array, x: Array, price: Array, volume: Array) -> Array:
    """x from the session's volume-weighted mean price so far, in the volume-weighted deviations of prices from it.

    ``session`` as in ``sessions``. Bars without volume or price add nothing. NULL outside of a session and until its
    prices have moved.
    """
    return _session_zscore(segments.starts, session, x, price, volume)
