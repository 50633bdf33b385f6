"""When a book is rebalanced: decided by two dates alone, so that a replay from any day agrees."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from transforms.config import require_choice

_MONDAY = 4  # 1970-01-05, in days since 1970-01-01


def rebalances(dates: NDArray[np.datetime64], rebalance: str) -> NDArray[np.bool_]:
    """Return whether a book is rebalanced at the close of each bar, (T,).

    Args:
        dates: The session of each bar, ascending, as ``datetime64[D]``, (T,).
        rebalance: ``bar`` (every bar), ``daily`` (the first bar of every session), or that of the first session of
            each ``weekly`` (ISO week) or ``monthly`` period. The first bar of all is always one.

    Raises:
        ConfigError: If ``rebalance`` is none of these.
    """
    require_choice(rebalance, ("bar", "daily", "weekly", "monthly"), "portfolio.rebalance")
    chosen = np.ones(len(dates), dtype=np.bool_)
    if rebalance == "bar":
        return chosen
    period: NDArray[Any] = dates.astype(np.int64)
    if rebalance == "weekly":
        period = (period - _MONDAY) // 7
    elif rebalance == "monthly":
        period = dates.astype("datetime64[M]").astype(np.int64)
    chosen[1:] = period[1:] != period[:-1]
    return chosen
