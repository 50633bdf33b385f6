"""How far into its session a bar begins: what costs by time of day go by."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime

import numpy as np
from numpy.typing import NDArray

from transforms.config import BAR_MINUTES
from transforms.warehouse import Warehouse


def minutes_since_open(
    warehouse: Warehouse, bar_at: Sequence[datetime], sessions: Sequence[date]
) -> NDArray[np.int64]:
    """Return the whole minutes from the session's open to each bar's start, (T,); negative before the open.

    Bars of a day and longer begin with their session: 0. So does a bar of a session whose open the exchange's
    calendar does not tell.

    Args:
        bar_at: Start of each bar, UTC, (T,).
        sessions: The exchange's date of each bar, (T,).
    """
    minutes = np.zeros(len(bar_at), dtype=np.int64)
    if not all(warehouse.has_table(name) for name in ("marts.bars", "staging.stg_raw__sessions")):
        return minutes
    if warehouse.value("select any_value(timeframe) from marts.bars") not in BAR_MINUTES:
        return minutes
    calendar = warehouse.read("select session_date, open_at from staging.stg_raw__sessions")
    opens = dict(zip(calendar["session_date"].to_list(), calendar["open_at"].to_list(), strict=True))
    for t, (at, session) in enumerate(zip(bar_at, sessions, strict=True)):
        open_at = opens.get(session)
        if open_at is not None:
            minutes[t] = (at - open_at).total_seconds() // 60
    return minutes
