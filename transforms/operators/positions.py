"""Operators that remember: whether a position is held, given when it is entered and left.

A position is 1 while held and 0 while not. Conditions are as in ``conditions``: above 0 is true, NULL is not. It is
NULL before the first bar on which every condition is known, and nothing is entered before; from then on a NULL
changes nothing. Leaving goes before entering: on a bar where both are true nothing is held.
"""

from __future__ import annotations

import numpy as np

from transforms.operators.catalogue import Array, Rows, Segments, number, operator
from transforms.operators.compiled import compiled


@compiled
def _latched(starts: Rows, enter: Array, leave: Array) -> Array:
    out = np.full(len(enter), np.nan)
    for s in range(len(starts) - 1):
        known, held = False, False
        for t in range(starts[s], starts[s + 1]):
            known = known or not (np.isnan(enter[t]) or np.isnan(leave[t]))
            if known:
                held = (held or enter[t] > 0) and not leave[t] > 0
                out[t] = 1.0 if held else 0.0
    return out


@operator(series=("enter", "leave"))
def latched(segments: Segments, enter: Array, leave: Array) -> Array:
    """The position that is entered on one condition and held until another: hysteresis."""
    return _latched(segments.starts, enter, leave)


@compiled
def _latched_within(starts: Rows, session: Array, enter: Array, leave: Array) -> Array:
    out = np.zeros(len(enter))
    for s in range(len(starts) - 1):
        now, held = np.nan, False
        for t in range(starts[s], starts[s + 1]):
            held = held and session[t] == now
            now = session[t]
            held = (held or enter[t] > 0) and not (leave[t] > 0 or np.isnan(now))
            out[t] = 1.0 if held else 0.0
    return out


@operator(series=("session", "enter", "leave"))
def latched_within(segments: Segments, session: Array, enter: Array, leave: Array) -> Array:
    """The position as ``latched``, but never from one session into another; ``session`` as in ``sessions``.

    It is 0, not NULL, before anything is known: a session begins without a position.
    """
    return _latched_within(segments.starts, session, enter, leave)


@compiled
def _trailed(
    starts: Rows, enter: Array, leave: Array, price: Array, unit: Array, multiple: float
) -> tuple[Array, Array]:
    position = np.full(len(enter), np.nan)
    stops = np.full(len(enter), np.nan)
    for s in range(len(starts) - 1):
        known, held, stop = False, False, np.nan
        for t in range(starts[s], starts[s + 1]):
            level = price[t] - multiple * unit[t]
            known = known or not (np.isnan(enter[t]) or np.isnan(leave[t]) or np.isnan(level))
            if not known:
                continue
            if leave[t] > 0 or (held and price[t] < stop):
                held = False
            elif held:
                stop = stop if np.isnan(level) else max(stop, level)
            elif enter[t] > 0 and not np.isnan(level):
                held, stop = True, level
            position[t] = 1.0 if held else 0.0
            if held:
                stops[t] = stop
    return position, stops


@operator(
    series=("enter", "leave", "price", "unit"),
    parameters=(number("multiple", 0, 1_000),),
    outputs=("trailed", "trailing_stop"),
)
def _trailing(
    segments: Segments, enter: Array, leave: Array, price: Array, unit: Array, multiple: float
) -> tuple[Array, Array]:
    """The position as ``latched``, also left when the price falls below its stop; and that stop, NULL without one.

    The stop is the highest that price - multiple × unit has been since the entry: it rises with the price and never
    falls (the chandelier exit, with the average true range as the unit). A bar's price is held against the stop of
    the bars before. The mirror image, for a short position, takes the price with a minus sign. A bar on which price
    or unit is NULL neither moves the stop nor enters.
    """
    return _trailed(segments.starts, enter, leave, price, unit, multiple)
