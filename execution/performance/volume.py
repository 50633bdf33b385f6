"""How much money a book could run."""

from __future__ import annotations

import math

import numpy as np

from execution.types import Floats


def capacity(value: Floats, traded: Floats, equity: Floats, participation: float) -> float | None:
    """Return the equity (USD) at which a book's mean participation in its bars' volume reaches ``participation``.

    With weights held fixed a fill grows with equity E: its share of the bar's traded value is
    value / traded x E / equity. The mean over fills, weighted by what they trade of equity, reaches the given
    fraction at the equity returned (in the manner of Vangelisti 2006, "The capacity of an equity strategy").

    Args:
        value: Of each fill (USD), (F,).
        traded: Traded value of the fill's bar and symbol (USD), (F,); fills where it is 0 or unknown say nothing.
        equity: At the close before each fill (USD), (F,).
        participation: Fraction of traded value, above 0.
    """
    known = (traded > 0) & (equity > 0) & (value > 0)
    weight = value[known] / equity[known]
    per_usd = float(np.sum(weight * weight / traded[known]))
    return (
        None
        if not per_usd > 0 or not math.isfinite(per_usd)
        else participation * float(np.sum(weight)) / per_usd
    )
