"""A small market of minute bars: short sessions, a half day, missing minutes, and bars before and after hours."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

import numpy as np
import polars as pl

from flows.dbt import BuildVars
from tests.models_sql.market import KNOWN_AT, Lab
from transforms.config import UniverseConfig
from transforms.features import FeaturesConfig
from transforms.schemas import BARS, SESSIONS

FEATURES = FeaturesConfig(
    name="test",
    sets=["intraday", "multi_timeframe"],
    opening_range_minutes=20,
    momentum_minutes=[5, 30],
    volume_profile_sessions=3,
    regime_short_bars=10,
    regime_long_bars=60,
    higher_timeframes=["5m", "15m", "session", "week"],
)
VARS = BuildVars(
    source="test",
    dataset="default",
    timeframe="1m",
    calendar="SHORT",
    universe=UniverseConfig(name="all"),
    features=FEATURES,
)
OPENS = time(14, 30)


@dataclass(frozen=True)
class Session:
    """One session of a calendar, UTC."""

    day: date
    open_at: datetime
    close_at: datetime
    is_half_day: bool = False


def short_sessions(first: date, count: int, half_days: Sequence[int] = ()) -> list[Session]:
    """Return weekday sessions of 100 minutes, of 50 on the days numbered in ``half_days``."""
    sessions: list[Session] = []
    day = first
    while len(sessions) < count:
        if day.weekday() < 5:
            half = len(sessions) in half_days
            open_at = datetime.combine(day, OPENS)
            sessions.append(Session(day, open_at, open_at + timedelta(minutes=50 if half else 100), half))
        day += timedelta(days=1)
    return sessions


def bar_of(symbol: str, session: date, bar_at: datetime, close: float, **others: Any) -> dict[str, Any]:
    """Return one raw minute bar; open, high, low follow the close unless given."""
    row = {
        "source": "test",
        "dataset": "default",
        "timeframe": "1m",
        "symbol": symbol,
        "bar_at": bar_at,
        "session_date": session,
        "open": close,
        "high": close,
        "low": close,
        "close": close,
        "volume": 100.0,
        "defect": None,
        "known_at": KNOWN_AT,
        "batch_id": "b",
        "page": 0,
    }
    return row | others


def random_minutes(symbol: str, sessions: list[Session], seed: int) -> list[dict[str, Any]]:
    """Return a random walk from 10 minutes before each open to 10 after each close; one minute in six is missing."""
    random = np.random.default_rng(seed)
    rows: list[dict[str, Any]] = []
    price = 100.0
    for session in sessions:
        at = session.open_at - timedelta(minutes=10)
        while at < session.close_at + timedelta(minutes=10):
            first = price * float(np.exp(random.normal(0, 0.0005)))
            price = first * float(np.exp(random.normal(0, 0.001)))
            high, low = max(first, price) * 1.0004, min(first, price) * 0.9997
            volume = float(np.round(random.exponential(500)))
            if random.random() > 1 / 6:
                rows.append(
                    bar_of(symbol, session.day, at, price, open=first, high=high, low=low, volume=volume)
                )
            at += timedelta(minutes=1)
    return rows


def load(lab: Lab, bars: list[dict[str, Any]], sessions: list[Session], **others: Any) -> None:
    """Load bars, and a calendar that knows them all."""
    lab.load(bars, **others)
    lab.warehouse.execute("delete from raw.sessions")
    columns = {
        "calendar": [VARS.calendar] * len(sessions),
        "session_date": [session.day for session in sessions],
        "open_at": [session.open_at for session in sessions],
        "close_at": [session.close_at for session in sessions],
        "is_half_day": [session.is_half_day for session in sessions],
    }
    lab.warehouse.append(SESSIONS, pl.DataFrame(columns))


def with_features(**changes: Any) -> BuildVars:
    """Return ``VARS`` with other parameters of features."""
    return dataclasses.replace(VARS, features=dataclasses.replace(FEATURES, **changes))


def append(lab: Lab, bars: list[dict[str, Any]], batch: int) -> None:
    """Add rows as one more batch, known later than all before."""
    stamp = {"batch_id": f"more-{batch}", "known_at": KNOWN_AT + timedelta(seconds=batch)}
    numbered = [row | stamp | {"page_row": i} for i, row in enumerate(bars)]
    lab.warehouse.append(BARS, pl.DataFrame(numbered))
