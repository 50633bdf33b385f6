"""Operators that compare a bar with one or two others, or series with each other on the same bar."""

from __future__ import annotations

import numpy as np

from transforms.operators.catalogue import Array, Rows, Segments, bars_before, operator, own_bar, periods
from transforms.operators.compiled import compiled


@compiled
def _lag(starts: Rows, wanted: Rows, x: Array, n: int) -> Array:
    out = np.full(len(x), np.nan)
    for s in range(len(wanted)):
        for t in range(max(wanted[s], starts[s] + n), starts[s + 1]):
            out[t] = x[t - n]
    return out


@operator(series=("x",), parameters=(periods(),), memory=bars_before)
def lagged(segments: Segments, x: Array, n: int) -> Array:
    """x so many bars ago; NULL before there are as many."""
    return _lag(segments.starts, segments.wanted, x, n)


@operator(series=("x",), parameters=(periods(),), memory=bars_before)
def change(segments: Segments, x: Array, n: int) -> Array:
    """x less x so many bars ago."""
    return x - _lag(segments.starts, segments.wanted, x, n)


@operator(series=("x",), parameters=(periods(),), memory=bars_before)
def growth(segments: Segments, x: Array, n: int) -> Array:
    """x over x so many bars ago, less 1; NULL where that was 0."""
    return growth_from(segments, x, x, n)


@operator(series=("x", "y"), memory=own_bar)
def quotient(_: Segments, x: Array, y: Array) -> Array:
    """x over y; NULL where y is 0. For calls within calls: in the select list, SQL divides."""
    out = x / y
    out[y == 0] = np.nan
    return out


@operator(series=("x", "y"), memory=own_bar)
def difference(_: Segments, x: Array, y: Array) -> Array:
    """x less y."""
    return x - y


@operator(series=("y", "slope", "x"), memory=own_bar)
def remainder(_: Segments, y: Array, slope: Array, x: Array) -> Array:
    """What of y is left without slope times x."""
    return y - slope * x


@operator(series=("x",), parameters=(periods(),), memory=bars_before)
def log_growth(segments: Segments, x: Array, n: int) -> Array:
    """Natural logarithm of x over x so many bars ago; NULL unless both are above 0."""
    return log_growth_from(segments, x, x, n)


@operator(series=("x", "y"), parameters=(periods(),), memory=bars_before)
def growth_from(segments: Segments, x: Array, y: Array, n: int) -> Array:
    """x over y so many bars ago, less 1; NULL where that was 0. Over the close before, an open's gap."""
    before = _lag(segments.starts, segments.wanted, y, n)
    before[before == 0] = np.nan
    return x / before - 1


@operator(series=("x", "y"), parameters=(periods(),), memory=bars_before)
def log_growth_from(segments: Segments, x: Array, y: Array, n: int) -> Array:
    """Natural logarithm of x over y so many bars ago; NULL unless both are above 0."""
    before = _lag(segments.starts, segments.wanted, y, n)
    defined = (before > 0) & (x > 0)
    out = np.full(len(x), np.nan)
    np.log(np.divide(x, before, out=out, where=defined), out=out, where=defined)
    return out
