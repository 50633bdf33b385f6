"""Operators over the last n bars. All are NULL until n values are there and wherever one of the n is NULL.

A value depends on its window alone (doubling.py): a large value leaves no trace in windows without it, and a value is
the same, bit for bit, in a shorter or longer history. Where deviations from the mean of each window are added up,
every window is added up by itself, from its newest value to its oldest; the loops take a block of bars at once and
step through the window outside: the processor adds the windows of several bars side by side.
"""

from __future__ import annotations

import numpy as np

from transforms.operators.catalogue import Array, Rows, Segments, operator, periods, window
from transforms.operators.compiled import compiled
from transforms.operators.doubling import BLOCK, joins_of, means, moments, sums

# The lowest values of windows, and how many bars ago they were.
_Place = tuple[Array, Array]


@compiled
def _add_distances(out: Array, x: Array, origin: Array) -> None:
    for j in range(len(out)):
        out[j] += abs(x[j] - origin[j])


@compiled
def _add_cubes(out: Array, x: Array, origin: Array) -> None:
    for j in range(len(out)):
        distance = x[j] - origin[j]
        out[j] += distance * distance * distance


@compiled
def _sum(starts: Rows, wanted: Rows, x: Array, n: int, joins: Rows) -> Array:
    out = np.full(len(x), np.nan)
    buffers = np.empty((3, BLOCK + n))
    for s in range(len(wanted)):
        end = starts[s + 1]
        for b in range(max(wanted[s], starts[s] + n - 1), end, BLOCK):
            e = min(b + BLOCK, end)
            out[b:e] = sums(x[b - n + 1 : e], joins, buffers)[: e - b]
    return out


@operator(series=("x",), parameters=(periods(),), memory=window)
def rolling_sum(segments: Segments, x: Array, n: int) -> Array:
    """Sum of the last n values."""
    return _sum(segments.starts, segments.wanted, x, n, joins_of(n))


@compiled
def _mean(starts: Rows, wanted: Rows, x: Array, n: int, joins: Rows) -> Array:
    out = np.full(len(x), np.nan)
    buffers = np.empty((3, BLOCK + n))
    for s in range(len(wanted)):
        end = starts[s + 1]
        for b in range(max(wanted[s], starts[s] + n - 1), end, BLOCK):
            e = min(b + BLOCK, end)
            out[b:e] = means(x[b - n + 1 : e], joins, buffers)[: e - b]
    return out


@operator(series=("x",), parameters=(periods(),), memory=window)
def rolling_mean(segments: Segments, x: Array, n: int) -> Array:
    """Mean of the last n values; exactly x where nothing moved."""
    return _mean(segments.starts, segments.wanted, x, n, joins_of(n))


@compiled
def _mean_deviation(starts: Rows, wanted: Rows, x: Array, n: int, joins: Rows) -> Array:
    out = np.full(len(x), np.nan)
    buffers = np.empty((3, BLOCK + n))
    for s in range(len(wanted)):
        end = starts[s + 1]
        for b in range(max(wanted[s], starts[s] + n - 1), end, BLOCK):
            e = min(b + BLOCK, end)
            mean = means(x[b - n + 1 : e], joins, buffers)[: e - b]
            out[b:e] = 0.0
            for i in range(n):
                _add_distances(out[b:e], x[b - i : e - i], mean)
            for t in range(b, e):
                out[t] /= n
    return out


@operator(series=("x",), parameters=(periods(),), memory=window)
def rolling_mean_deviation(segments: Segments, x: Array, n: int) -> Array:
    """Mean absolute distance of the last n values from their mean; exactly 0 where nothing moved."""
    return _mean_deviation(segments.starts, segments.wanted, x, n, joins_of(n))


@compiled
def _variance(starts: Rows, wanted: Rows, x: Array, n: int, joins: Rows, divisor: int) -> Array:
    out = np.full(len(x), np.nan)
    buffers = np.empty((3, 2, BLOCK + n))
    for s in range(len(wanted)):
        end = starts[s + 1]
        for b in range(max(wanted[s], starts[s] + n - 1), end, BLOCK):
            e = min(b + BLOCK, end)
            out[b:e] = moments(x[b - n + 1 : e], joins, buffers)[1, : e - b]
            for t in range(b, e):
                out[t] /= divisor
    return out


@operator(series=("x",), parameters=(periods(low=2),), memory=window)
def rolling_variance(segments: Segments, x: Array, n: int) -> Array:
    """Sample variance (divisor n - 1) of the last n values; exactly 0 where nothing moved."""
    return _variance(segments.starts, segments.wanted, x, n, joins_of(n), n - 1)


@operator(series=("x",), parameters=(periods(low=2),), memory=window)
def rolling_std(segments: Segments, x: Array, n: int) -> Array:
    """Sample standard deviation (divisor n - 1) of the last n values; exactly 0 where nothing moved."""
    out = _variance(segments.starts, segments.wanted, x, n, joins_of(n), n - 1)
    np.sqrt(out, out=out)
    return out


@operator(series=("x",), parameters=(periods(),), memory=window)
def rolling_std_population(segments: Segments, x: Array, n: int) -> Array:
    """Population standard deviation (divisor n) of the last n values; exactly 0 where nothing moved."""
    out = _variance(segments.starts, segments.wanted, x, n, joins_of(n), n)
    np.sqrt(out, out=out)
    return out


@compiled
def _zscore(starts: Rows, wanted: Rows, x: Array, n: int, joins: Rows) -> Array:
    out = np.full(len(x), np.nan)
    buffers = np.empty((3, 2, BLOCK + n))
    for s in range(len(wanted)):
        end = starts[s + 1]
        for b in range(max(wanted[s], starts[s] + n - 1), end, BLOCK):
            e = min(b + BLOCK, end)
            mean, squares = moments(x[b - n + 1 : e], joins, buffers)
            for t in range(b, e):
                # Squares of tiny distances may vanish where the distances have not.
                if squares[t - b] > 0:
                    out[t] = (x[t] - mean[t - b]) / np.sqrt(squares[t - b] / (n - 1))
    return out


@operator(series=("x",), parameters=(periods(low=2),), memory=window)
def rolling_zscore(segments: Segments, x: Array, n: int) -> Array:
    """x less the mean of the last n values, in their sample standard deviations; NULL where nothing moved."""
    return _zscore(segments.starts, segments.wanted, x, n, joins_of(n))


@compiled
def _skew(starts: Rows, wanted: Rows, x: Array, n: int, joins: Rows) -> Array:
    out = np.full(len(x), np.nan)
    buffers = np.empty((3, 2, BLOCK + n))
    adjustment = n * np.sqrt(n - 1.0) / (n - 2.0)
    for s in range(len(wanted)):
        end = starts[s + 1]
        for b in range(max(wanted[s], starts[s] + n - 1), end, BLOCK):
            e = min(b + BLOCK, end)
            mean, squares = moments(x[b - n + 1 : e], joins, buffers)
            out[b:e] = 0.0
            for i in range(n):
                _add_cubes(out[b:e], x[b - i : e - i], mean)
            for t in range(b, e):
                scale = squares[t - b] ** 1.5
                out[t] = adjustment * out[t] / scale if scale > 0 else np.nan
    return out


@operator(series=("x",), parameters=(periods(low=3),), memory=window)
def rolling_skew(segments: Segments, x: Array, n: int) -> Array:
    """Adjusted Fisher-Pearson skewness of the last n values (as pandas); NULL where nothing moved."""
    return _skew(segments.starts, segments.wanted, x, n, joins_of(n))


@compiled
def _lower(out: Array, a: Array, b: Array) -> None:
    for j in range(len(out)):
        # Written so that a NaN on either side stays.
        out[j] = a[j] if a[j] < b[j] or np.isnan(a[j]) else b[j]


@compiled
def _minimum(starts: Rows, wanted: Rows, x: Array, n: int) -> Array:
    """Minima of windows of 1, 2, 4 … bars, each from two of the size before; overlaps do no harm to a minimum."""
    out = np.full(len(x), np.nan)
    longest = 0
    for s in range(len(wanted)):
        longest = max(longest, starts[s + 1] - starts[s])
    these, next_ = np.empty(longest), np.empty(longest)
    for s in range(len(wanted)):
        end = starts[s + 1]
        first = max(wanted[s], starts[s] + n - 1)
        if first >= end:
            continue
        # Entry j of these is the minimum of the bars from j - size + 1 to j, counted from the oldest bar needed.
        start = first - n + 1
        count = end - start
        these[:count] = x[start:end]
        size = 1
        while 2 * size <= n:
            _lower(next_[2 * size - 1 : count], these[size - 1 : count - size], these[2 * size - 1 : count])
            these, next_ = next_, these
            size *= 2
        _lower(out[first:end], these[size - 1 : count - n + size], these[n - 1 : count])
    return out


@operator(series=("x",), parameters=(periods(),), memory=window)
def rolling_min(segments: Segments, x: Array, n: int) -> Array:
    """Lowest of the last n values."""
    return _minimum(segments.starts, segments.wanted, x, n)


@operator(series=("x",), parameters=(periods(),), memory=window)
def rolling_max(segments: Segments, x: Array, n: int) -> Array:
    """Highest of the last n values."""
    out = _minimum(segments.starts, segments.wanted, -x, n)
    np.negative(out, out=out)
    return out


@compiled
def _place(out: _Place, old: _Place, new: _Place, size: int, first_wins: bool) -> None:
    """Minimum of two windows and how many bars ago it was; the older window ends ``size`` bars before."""
    for j in range(len(out[0])):
        a, b = old[0][j], new[0][j]
        take_old = a < b or np.isnan(a) or (first_wins and a == b)
        out[0][j] = a if take_old else b
        out[1][j] = old[1][j] + size if take_old else new[1][j]


@compiled
def _bars_since_minimum(starts: Rows, wanted: Rows, x: Array, n: int, first_wins: bool) -> Array:
    """As ``_minimum``, with the place carried along."""
    out = np.full(len(x), np.nan)
    longest = 0
    for s in range(len(wanted)):
        longest = max(longest, starts[s + 1] - starts[s])
    these, next_ = np.empty(longest), np.empty(longest)
    these_at, next_at = np.empty(longest), np.empty(longest)
    for s in range(len(wanted)):
        end = starts[s + 1]
        first = max(wanted[s], starts[s] + n - 1)
        if first >= end:
            continue
        start = first - n + 1
        count = end - start
        these[:count] = x[start:end]
        these_at[:count] = 0.0
        size = 1
        while 2 * size <= n:
            old, new = slice(size - 1, count - size), slice(2 * size - 1, count)
            _place(
                (next_[new], next_at[new]),
                (these[old], these_at[old]),
                (these[new], these_at[new]),
                size,
                first_wins,
            )
            these, next_ = next_, these
            these_at, next_at = next_at, these_at
            size *= 2
        old, new = slice(size - 1, count - n + size), slice(n - 1, count)
        _place(
            (next_[new], out[first:end]),
            (these[old], these_at[old]),
            (these[new], these_at[new]),
            n - size,
            first_wins,
        )
        for t in range(first, end):
            if np.isnan(next_[t - start]):
                out[t] = np.nan
    return out


@operator(series=("x",), parameters=(periods(),), memory=window)
def bars_since_min(segments: Segments, x: Array, n: int) -> Array:
    """How many bars ago the lowest of the last n values was, 0 to n - 1; of equals the newest counts."""
    return _bars_since_minimum(segments.starts, segments.wanted, x, n, False)


@operator(series=("x",), parameters=(periods(),), memory=window)
def bars_since_max(segments: Segments, x: Array, n: int) -> Array:
    """How many bars ago the highest of the last n values was, 0 to n - 1; of equals the newest counts."""
    return _bars_since_minimum(segments.starts, segments.wanted, -x, n, False)


@operator(series=("x",), parameters=(periods(),), memory=window)
def bars_since_first_min(segments: Segments, x: Array, n: int) -> Array:
    """As bars_since_min; of equals the oldest counts, as in numpy's and pandas' argmin."""
    return _bars_since_minimum(segments.starts, segments.wanted, x, n, True)


@operator(series=("x",), parameters=(periods(),), memory=window)
def bars_since_first_max(segments: Segments, x: Array, n: int) -> Array:
    """As bars_since_max; of equals the oldest counts, as in numpy's and pandas' argmax."""
    return _bars_since_minimum(segments.starts, segments.wanted, -x, n, True)
