"""Operators across the symbols of one bar. A NULL takes no part: it stays NULL and counts for nobody else.

Sums run over the symbols in ascending order, so that a value is the same, bit for bit, whoever else has a bar that
takes no part.
"""

from __future__ import annotations

import numpy as np

from transforms.operators.catalogue import Array, Rows, Segments, number, operator
from transforms.operators.compiled import compiled

# Standard deviations below this part of the largest value are what rounding leaves of equal values.
_ROUNDING = 1e-12


@compiled
def _take(values: Array, places: Rows, x: Array, start: int, end: int) -> int:
    """Copy what is not NULL of rows [start, end), with its place; return how many."""
    count = 0
    for t in range(start, end):
        if x[t] == x[t]:
            values[count] = x[t]
            places[count] = t
            count += 1
    return count


@compiled
def _longest(starts: Rows) -> int:
    longest = 0
    for s in range(len(starts) - 1):
        longest = max(longest, starts[s + 1] - starts[s])
    return longest


@compiled
def _ranks(starts: Rows, x: Array) -> tuple[Array, Array]:
    fraction, percent = np.full(len(x), np.nan), np.full(len(x), np.nan)
    values, places = np.empty(_longest(starts)), np.empty(_longest(starts), dtype=np.int64)
    for s in range(len(starts) - 1):
        count = _take(values, places, x, starts[s], starts[s + 1])
        if count < 2:
            continue
        order = np.argsort(values[:count])
        first = 0
        while first < count:
            last = first
            while last + 1 < count and values[order[last + 1]] == values[order[first]]:
                last += 1
            for i in range(first, last + 1):
                place = places[order[i]]
                fraction[place] = (first + last + 2) / 2 / count
                percent[place] = first / (count - 1)
            first = last + 1
    return fraction, percent


@operator(series=("x",), outputs=("rank_across", "percent_rank_across"), across=True)
def _ranks_across(segments: Segments, x: Array) -> tuple[Array, Array]:
    """Rank of x among the bar's symbols, equals sharing the middle, over their number: above 0 to 1; and the share of
    the others that is lower: 0 to 1. NULL where there is nobody to be compared with.
    """
    return _ranks(segments.starts, x)


@compiled
def _mean_and_std(values: Array) -> tuple[float, float]:
    """Mean and sample standard deviation; the latter is exactly 0 where all are equal."""
    count, origin = len(values), values[0]
    total, largest = 0.0, 0.0
    for value in values:
        total += value - origin
        largest = max(largest, abs(value))
    mean = origin + total / count
    squares = 0.0
    for value in values:
        squares += (value - mean) * (value - mean)
    std = np.sqrt(squares / (count - 1))
    return mean, std if std > _ROUNDING * largest else 0.0


@compiled
def _zscore(starts: Rows, x: Array) -> Array:
    out = np.full(len(x), np.nan)
    values, places = np.empty(_longest(starts)), np.empty(_longest(starts), dtype=np.int64)
    for s in range(len(starts) - 1):
        count = _take(values, places, x, starts[s], starts[s + 1])
        if count < 2:
            continue
        mean, std = _mean_and_std(values[:count])
        if std > 0:
            for i in range(count):
                out[places[i]] = (values[i] - mean) / std
    return out


@operator(series=("x",), across=True)
def zscore_across(segments: Segments, x: Array) -> Array:
    """x less the mean of the bar's symbols, in their sample standard deviations; NULL where all are equal."""
    return _zscore(segments.starts, x)


@compiled
def _clip(out: Array, values: Array, places: Rows, low: float, high: float) -> None:
    for i in range(len(values)):
        out[places[i]] = min(max(values[i], low), high)


@compiled
def _within_deviations(starts: Rows, x: Array, limit: float) -> Array:
    out = np.full(len(x), np.nan)
    values, places = np.empty(_longest(starts)), np.empty(_longest(starts), dtype=np.int64)
    for s in range(len(starts) - 1):
        count = _take(values, places, x, starts[s], starts[s + 1])
        mean, std = _mean_and_std(values[:count]) if count > 1 else (0.0, 0.0)
        reach = limit * std if std > 0 else np.inf
        _clip(out, values[:count], places[:count], mean - reach, mean + reach)
    return out


@operator(series=("x",), parameters=(number("deviations", 0.1, 100),), across=True)
def winsorised_by_deviations(segments: Segments, x: Array, deviations: float) -> Array:
    """x, but no further from the mean of the bar's symbols than so many of their sample standard deviations."""
    return _within_deviations(segments.starts, x, deviations)


@compiled
def _quantile(ascending: Array, q: float) -> float:
    """Quantile with linear interpolation between neighbours (Hyndman and Fan 1996, type 7)."""
    position = q * (len(ascending) - 1)
    below = int(np.floor(position))
    above = min(below + 1, len(ascending) - 1)
    value: float = ascending[below] + (position - below) * (ascending[above] - ascending[below])
    return value


@compiled
def _within_quantiles(starts: Rows, x: Array, q: float) -> Array:
    out = np.full(len(x), np.nan)
    values, places = np.empty(_longest(starts)), np.empty(_longest(starts), dtype=np.int64)
    for s in range(len(starts) - 1):
        count = _take(values, places, x, starts[s], starts[s + 1])
        if count > 0:
            ascending = np.sort(values[:count])
            low, high = _quantile(ascending, q), _quantile(ascending, 1 - q)
            _clip(out, values[:count], places[:count], low, high)
    return out


@operator(series=("x",), parameters=(number("quantile", 0, 0.5),), across=True)
def winsorised_by_quantile(segments: Segments, x: Array, quantile: float) -> Array:
    """x, but not beyond this quantile of the bar's symbols on either side."""
    return _within_quantiles(segments.starts, x, quantile)
