"""What a run knows of the market before its first bar."""

from __future__ import annotations

import math

from execution.kernel.desk import NEVER, Prices
from execution.kernel.types import Bools, Floats, Ints
from transforms.operators.compiled import compiled_with_package as compiled


@compiled
def warm(prices: Prices, close: Floats, ratio: Floats, session: Ints, first: int) -> None:
    """Take last prices and closes before them from the bars before ``first``, as a run over them would have."""
    for i in range(len(prices.last)):
        newest, older = -1, -1
        for t in range(first - 1, -1, -1):
            if close[t, i] > 0.0:
                if newest < 0:
                    newest = t
                else:
                    older = t
                    break
        prices.last[i], prices.before[i], prices.seen[i] = math.nan, math.nan, NEVER
        if newest < 0:
            continue
        last, before = close[newest, i], math.nan
        if older >= 0:
            before = close[older, i]
            for t in range(older + 1, newest + 1):
                if ratio[t, i] != 1.0:
                    before /= ratio[t, i]
        for t in range(newest + 1, first):
            if ratio[t, i] != 1.0:
                last /= ratio[t, i]
                before /= ratio[t, i]
        prices.last[i], prices.before[i], prices.seen[i] = last, before, session[newest]


@compiled
def find_other(values: Floats, usual: float, first: int, last: int, found: Bools) -> None:
    """Say of the rows ``first`` to ``last - 1`` of (T, N) values in which there is another than the usual one.

    Ahead of the bars, for rows that follow each other are read in a fraction of the time.
    """
    for t in range(first, last):
        has_other = False
        for i in range(values.shape[1]):
            has_other |= values[t, i] != usual  # not "or": a loop that may end early takes one at a time
        found[t] = has_other
