"""Operators that order the last n values: rank of the newest, quantiles.

All are NULL until n values are there and wherever one of the n is NULL. Orders know no rounding: each value is the
same in a shorter or longer history.
"""

from __future__ import annotations

import numpy as np

from transforms.operators.catalogue import Array, Rows, Segments, number, operator, periods, window
from transforms.operators.compiled import compiled

# Bars per block: what the buffers take stays in the processor's first cache.
_BLOCK = 1024


@compiled
def _count(twice: Array, x: Array, newest: Array) -> None:
    """Add to ``twice`` 2 where an earlier value is lower, 1 where it is the same, NaN where one is NaN."""
    for j in range(len(twice)):
        low = 1.0 if x[j] < newest[j] else 0.0
        not_high = 1.0 if x[j] <= newest[j] else 0.0
        twice[j] += low + not_high


@compiled
def _rank(starts: Rows, wanted: Rows, x: Array, n: int) -> Array:
    out = np.full(len(x), np.nan)
    for s in range(len(wanted)):
        end = starts[s + 1]
        for b in range(max(wanted[s], starts[s] + n - 1), end, _BLOCK):
            e = min(b + _BLOCK, end)
            newest, twice = x[b:e], out[b:e]
            twice[:] = 2.0
            for i in range(1, n):
                _count(twice, x[b - i : e - i], newest)
            twice /= 2 * n
        known = 0
        for t in range(max(wanted[s] - n + 1, starts[s]), end):
            known = known + 1 if x[t] == x[t] else 0
            if known < n:
                out[t] = np.nan
    return out


@operator(series=("x",), parameters=(periods(),), memory=window)
def rolling_rank(segments: Segments, x: Array, n: int) -> Array:
    """Rank of the newest of the last n values over n, from 1 / n to 1; equal values share their mean rank."""
    return _rank(segments.starts, segments.wanted, x, n)


@compiled
def _insert(ordered: Array, held: int, value: float) -> None:
    """Put ``value`` in its place among the first ``held`` ordered ones."""
    place = held
    while place > 0 and ordered[place - 1] > value:
        ordered[place] = ordered[place - 1]
        place -= 1
    ordered[place] = value


@compiled
def _replace(ordered: Array, old: float, new: float) -> None:
    """Take ``old`` out of the ordered values and put ``new`` in its place."""
    place, last = 0, len(ordered) - 1
    for i in range(len(ordered)):
        place += ordered[i] < old
    while place < last and ordered[place + 1] < new:
        ordered[place] = ordered[place + 1]
        place += 1
    while place > 0 and ordered[place - 1] > new:
        ordered[place] = ordered[place - 1]
        place -= 1
    ordered[place] = new


@compiled
def _quantiles(starts: Rows, wanted: Rows, x: Array, n: int, shares: Array) -> Array:
    out = np.full((len(shares), len(x)), np.nan)
    ordered = np.empty(n)
    places = shares * (n - 1)
    lower = np.minimum(np.floor(places).astype(np.int64), n - 1)
    upper = np.minimum(lower + 1, n - 1)
    parts = places - lower
    for s in range(len(wanted)):
        known = 0
        for t in range(max(wanted[s] - n + 1, starts[s]), starts[s + 1]):
            if x[t] != x[t]:
                known = 0
                continue
            if known < n:
                _insert(ordered, known, x[t])
                known += 1
            elif x[t] != x[t - n]:
                _replace(ordered, x[t - n], x[t])
            if known == n and t >= wanted[s]:
                for q in range(len(shares)):
                    low = ordered[lower[q]]
                    out[q, t] = low + (ordered[upper[q]] - low) * parts[q]
    return out


@operator(series=("x",), parameters=(periods(), number("share", 0, 1)), memory=window)
def rolling_quantile(segments: Segments, x: Array, n: int, share: float) -> Array:
    """Value below which this share of the last n values lies; linear between neighbours, as numpy's default."""
    quantile: Array = _quantiles(segments.starts, segments.wanted, x, n, np.array([share]))[0]
    return quantile


@operator(
    series=("x",),
    parameters=(periods(),),
    outputs=("rolling_upper_quintile", "rolling_lower_quintile"),
    memory=window,
)
def _rolling_quintiles(segments: Segments, x: Array, n: int) -> tuple[Array, Array]:
    """The quantiles that a fifth of the last n values lies above, or below: those of 0.8 and 0.2, ordered once."""
    upper, lower = _quantiles(segments.starts, segments.wanted, x, n, np.array([0.8, 0.2]))
    return upper, lower
