"""Exponential and Wilder's smoothing, seeded as in TA-Lib: the plain mean of the first n values comes first.

A smoothed value rests on all values before it, back to the first. NULLs before that are skipped. A NULL further on
ends a history: the operator is NULL there and starts anew with the next value, as if the symbol's bars began with it.
(TA-Lib stays NaN for ever.) Equal to TA-Lib otherwise, with its unstable period at 0, but where TA-Lib says 0 because a
quotient is not defined: that is NULL here.
"""

from __future__ import annotations

import numpy as np

from transforms.errors import QuantmillError
from transforms.operators.catalogue import Array, Rows, Segments, one_before, operator, periods
from transforms.operators.compiled import compiled


@compiled
def _smooth(starts: Rows, x: Array, n: int, weight: float) -> Array:
    """Smooth x; ``weight`` is that of the newest value."""
    out = np.full(len(x), np.nan)
    for s in range(len(starts) - 1):
        known, first, total, value = 0, 0.0, 0.0, 0.0
        for t in range(starts[s], starts[s + 1]):
            if np.isnan(x[t]):
                known = 0
                continue
            known += 1
            if known == 1:
                # The seed is taken from the first value: exactly x where nothing moved.
                first, total = x[t], 0.0
            if known <= n:
                total += x[t] - first
                value = first + total / n
            else:
                value += weight * (x[t] - value)
            if known >= n:
                out[t] = value
    return out


@operator(series=("x",), parameters=(periods(),))
def ema(segments: Segments, x: Array, n: int) -> Array:
    """Exponential mean of x with weight 2 / (n + 1), seeded with the mean of the first n values."""
    return _smooth(segments.starts, x, n, 2 / (n + 1))


@operator(series=("x",), parameters=(periods(),))
def wilder(segments: Segments, x: Array, n: int) -> Array:
    """Wilder's smoothing of x, weight 1 / n, seeded with the mean of the first n values.

    Source: Wilder (1978), New Concepts in Technical Trading Systems.
    """
    return _smooth(segments.starts, x, n, 1 / n)


@compiled
def _rsi(starts: Rows, x: Array, n: int) -> Array:
    out = np.full(len(x), np.nan)
    for s in range(len(starts) - 1):
        known, gain, loss, before = 0, 0.0, 0.0, np.nan
        for t in range(starts[s], starts[s + 1]):
            move = x[t] - before
            before = x[t]
            if np.isnan(move):
                known, gain, loss = 0, 0.0, 0.0
                continue
            known += 1
            if known <= n:
                gain += max(move, 0.0) / n
                loss += max(-move, 0.0) / n
            else:
                gain += (max(move, 0.0) - gain) / n
                loss += (max(-move, 0.0) - loss) / n
            if known >= n and gain + loss > 0:
                out[t] = 100 * (gain / (gain + loss))
    return out


@operator(series=("x",), parameters=(periods(low=2),))
def rsi(segments: Segments, x: Array, n: int) -> Array:
    """Relative strength index of x, 0 to 100: smoothed gains in all smoothed moves; NULL while x never moved.

    Source: Wilder (1978). TA-Lib gives 0 for NULL, and where all smoothed moves are below 1e-14.
    """
    return _rsi(segments.starts, x, n)


@compiled
def _macd(starts: Rows, x: Array, fast: int, slow: int, signal: int) -> tuple[Array, Array, Array]:
    line, smoothed, histogram = np.full(len(x), np.nan), np.full(len(x), np.nan), np.full(len(x), np.nan)
    for s in range(len(starts) - 1):
        known, slow_mean, fast_mean, signal_mean = 0, 0.0, 0.0, 0.0
        for t in range(starts[s], starts[s + 1]):
            if np.isnan(x[t]):
                known, slow_mean, fast_mean, signal_mean = 0, 0.0, 0.0, 0.0
                continue
            known += 1
            if known <= slow:
                slow_mean += (x[t] - slow_mean) / known
                # Both means start on one bar: the fast one's seed ends where the slow one's does.
                since = known - slow + fast
                if since > 0:
                    fast_mean += (x[t] - fast_mean) / since
            else:
                slow_mean += (x[t] - slow_mean) * (2 / (slow + 1))
                fast_mean += (x[t] - fast_mean) * (2 / (fast + 1))
            if known < slow:
                continue
            line[t] = fast_mean - slow_mean
            since = known - slow + 1
            if since <= signal:
                signal_mean += (line[t] - signal_mean) / since
            else:
                signal_mean += (line[t] - signal_mean) * (2 / (signal + 1))
            if since >= signal:
                smoothed[t] = signal_mean
                histogram[t] = line[t] - signal_mean
    return line, smoothed, histogram


@operator(
    series=("x",),
    parameters=(periods("fast"), periods("slow", low=2), periods("signal")),
    outputs=("macd", "macd_signal", "macd_hist"),
)
def macd_family(
    segments: Segments, x: Array, fast: int, slow: int, signal: int
) -> tuple[Array, Array, Array]:
    """Fast less slow exponential mean of x; the exponential mean of that (signal); the one less the other (hist).

    The line is known from the slow mean's first bar on; TA-Lib shows it from the signal's first bar on.
    Source: Appel (1979), The Moving Average Convergence Divergence Trading Method.

    Raises:
        QuantmillError: ``fast`` is not below ``slow``.
    """
    if fast >= slow:
        raise QuantmillError(f"operator macd: fast must be below slow ({slow}), was {fast}")
    return _macd(segments.starts, x, fast, slow, signal)


@compiled
def _true_range(starts: Rows, high: Array, low: Array, close: Array) -> Array:
    out = np.full(len(high), np.nan)
    for s in range(len(starts) - 1):
        for t in range(starts[s] + 1, starts[s + 1]):
            # Plain comparisons would lose a NaN.
            before = close[t - 1]
            if not np.isnan(high[t] + low[t] + before):
                out[t] = max(high[t], before) - min(low[t], before)
    return out


@operator(series=("high", "low", "close"), memory=one_before)
def true_range(segments: Segments, high: Array, low: Array, close: Array) -> Array:
    """Range of a bar with the close before it; NULL on a symbol's first bar. Source: Wilder (1978)."""
    return _true_range(segments.starts, high, low, close)


@operator(series=("high", "low", "close"), parameters=(periods(),))
def atr(segments: Segments, high: Array, low: Array, close: Array, n: int) -> Array:
    """Average true range: Wilder's smoothing of the true range. Source: Wilder (1978)."""
    return _smooth(segments.starts, _true_range(segments.starts, high, low, close), n, 1 / n)
