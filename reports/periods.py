"""Calendar periods for bars of a plot."""

from __future__ import annotations

from datetime import date

import polars as pl

# The longest of these that leaves at least as many bars; in days.
_STEPS = {"1y": (4, 365), "1mo": (4, 30), "1w": (4, 7), "1d": (0, 1)}
NAMES = {"1y": "year", "1mo": "month", "1w": "week", "1d": "day"}


def bar_width(sessions: pl.Series, *, longest: str = "1mo") -> str:
    """Return how long a period one bar should stand for: ``1d``, ``1w``, ``1mo`` or ``1y`` at most ``longest``.

    Args:
        sessions: Dates, ascending.
        longest: One of them.
    """
    if sessions.is_empty():
        return "1d"
    first, last = sessions[0], sessions[-1]
    days = (last - first).days if isinstance(first, date) and isinstance(last, date) else 0
    allowed = list(_STEPS)[list(_STEPS).index(longest) :]
    return next(step for step in allowed if days >= _STEPS[step][0] * _STEPS[step][1])
