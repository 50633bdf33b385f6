"""Operators that are true (1), false (0) or unknown (NULL): what strategies enter and leave on.

They take what other operators return, so that a rule of several conditions stays one call per condition:
``both(above(adj_close, lagged(rolling_max(adj_high, 20), 1)), above(adj_close, rolling_mean(adj_close, 200)))``.
A comparison with NULL is NULL; ``both`` and ``either`` follow SQL's three-valued logic.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from transforms.operators.catalogue import Array, Rows, Segments, number, one_before, operator, own_bar
from transforms.operators.compiled import compiled

_LEVEL = number("level", -1e300, 1e300)


def _known(truth: npt.NDArray[np.bool_], *series: Array) -> Array:
    out = truth.astype(np.float64)
    for x in series:
        out[np.isnan(x)] = np.nan
    return out


@operator(series=("x", "y"), memory=own_bar)
def above(segments: Segments, x: Array, y: Array) -> Array:
    """Whether x is above y."""
    return _known(x > y, x, y)


@operator(series=("x", "y"), memory=own_bar)
def below(segments: Segments, x: Array, y: Array) -> Array:
    """Whether x is below y."""
    return _known(x < y, x, y)


@operator(series=("x",), parameters=(_LEVEL,), memory=own_bar)
def at_least(segments: Segments, x: Array, level: float) -> Array:
    """Whether x is the level or above it."""
    return _known(x >= level, x)


@operator(series=("x",), parameters=(_LEVEL,), memory=own_bar)
def at_most(segments: Segments, x: Array, level: float) -> Array:
    """Whether x is the level or below it."""
    return _known(x <= level, x)


@operator(series=("first", "second"), memory=own_bar)
def both(segments: Segments, first: Array, second: Array) -> Array:
    """Whether both conditions hold; false as soon as one is false, else NULL where one is NULL."""
    unknown = np.isnan(first) | np.isnan(second)
    false = (first == 0) | (second == 0)
    return np.where(false, 0.0, np.where(unknown, np.nan, 1.0))


@operator(series=("first", "second"), memory=own_bar)
def either(segments: Segments, first: Array, second: Array) -> Array:
    """Whether one of the conditions holds; true as soon as one is true, else NULL where one is NULL."""
    unknown = np.isnan(first) | np.isnan(second)
    true = (first > 0) | (second > 0)
    return np.where(true, 1.0, np.where(unknown, np.nan, 0.0))


@compiled
def _became(starts: Rows, wanted: Rows, condition: Array) -> Array:
    out = np.full(len(condition), np.nan)
    for s in range(len(wanted)):
        for t in range(max(wanted[s], starts[s] + 1), starts[s + 1]):
            now, before = condition[t], condition[t - 1]
            if not (np.isnan(now) or np.isnan(before)):
                out[t] = 1.0 if now > 0 and before == 0 else 0.0
    return out


@operator(series=("x", "y"), memory=one_before)
def crossed_above(segments: Segments, x: Array, y: Array) -> Array:
    """Whether x is above y now and was not on the bar before; NULL unless both bars are known."""
    return _became(segments.starts, segments.wanted, _known(x > y, x, y))


@operator(series=("x", "y"), memory=one_before)
def crossed_below(segments: Segments, x: Array, y: Array) -> Array:
    """Whether x is below y now and was not on the bar before; NULL unless both bars are known."""
    return _became(segments.starts, segments.wanted, _known(x < y, x, y))
