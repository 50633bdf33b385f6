"""Small books for tests, from literals."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from execution.performance import Actions, Fills, Trips, match_trips
from execution.types import Floats


def fills(*rows: tuple[float, ...]) -> Fills:
    """Fills of bar, symbol, quantity, price and, if not the price and 0, reference, commission, fees, at_close."""
    whole = [(*row, *(row[3], 0.0, 0.0, 0)[len(row) - 4 :]) for row in rows]
    columns = Fills._make(np.array(whole, dtype=float).reshape(len(rows), 8).T.copy())
    ints = {name: getattr(columns, name).astype(np.int64) for name in ("bar", "symbol", "at_close")}
    return columns._replace(**ints)


def actions(*rows: tuple[float, ...]) -> Actions:
    """Actions from rows of bar, symbol, ratio, quantity, cash."""
    columns = np.array(rows, dtype=float).reshape(len(rows), 5).T
    return Actions(columns[0].astype(np.int64), columns[1].astype(np.int64), *map(np.array, columns[2:]))


def trips_of(
    *rows: tuple[float, ...],
    acts: Actions | None = None,
    marks: Sequence[float] = (0.0, 0.0),
    high: Floats | None = None,
    low: Floats | None = None,
    bars: int = 10,
) -> Trips:
    """Round trips over ``bars`` sessions of as many symbols as there are marks; no bar has a range unless given."""
    unknown = np.full((bars, len(marks)), np.nan)
    return match_trips(
        fills(*rows),
        actions() if acts is None else acts,
        marks=np.array(marks, dtype=float),
        session=np.arange(bars),
        high=unknown if high is None else high,
        low=unknown if low is None else low,
    )


def no_trips() -> Trips:
    return trips_of()
