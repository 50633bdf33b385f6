"""A small market of minute bars: short sessions, a half day, missing minutes, and bars before and after hours.

Its models are rendered and carried out without dbt, which would take seconds to parse the project for each config.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any, Self

import numpy as np
import polars as pl

from tests.models_sql.rendering import render, render_model, text_of
from transforms.config import UniverseConfig
from transforms.features import FeaturesConfig
from transforms.operators.refresh import refresh
from transforms.warehouse import Warehouse

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
INTRADAY = "int_features_intraday"
LONGER = "int_features_multi_timeframe"


@dataclass(frozen=True)
class Session:
    """One session of a calendar, UTC."""

    session_date: date
    open_at: datetime
    close_at: datetime


def short_sessions(first: date, count: int, half_days: Sequence[int] = ()) -> list[Session]:
    """Return weekday sessions of 100 minutes from 14:30, of 50 on the days numbered in ``half_days``."""
    sessions: list[Session] = []
    day = first
    while len(sessions) < count:
        if day.weekday() < 5:
            minutes = 50 if len(sessions) in half_days else 100
            open_at = datetime.combine(day, time(14, 30))
            sessions.append(Session(day, open_at, open_at + timedelta(minutes=minutes)))
        day += timedelta(days=1)
    return sessions


def bar_of(symbol: str, session: date, bar_at: datetime, close: float, **others: Any) -> dict[str, Any]:
    """Return one bar; open, high, low follow the close unless given."""
    row = {"symbol": symbol, "bar_at": bar_at, "session_date": session}
    row |= dict.fromkeys(("open", "high", "low", "close"), float(close)) | {"volume": 100.0}
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
            span = {"open": first, "high": max(first, price) * 1.0004, "low": min(first, price) * 0.9997}
            volume = float(np.round(random.exponential(500)))
            if random.random() > 1 / 6:
                rows.append(bar_of(symbol, session.session_date, at, price, volume=volume, **span))
            at += timedelta(minutes=1)
    return rows


class Exchange:
    """A warehouse with bars, which need no adjustment, their calendar, and the models over both."""

    def __init__(self, warehouse: Warehouse) -> None:
        self._warehouse = warehouse

    @classmethod
    @contextmanager
    def at(cls, directory: Path) -> Iterator[Self]:
        with Warehouse(directory / "w.duckdb") as warehouse:
            yield cls(warehouse)

    def load(self, bars: list[dict[str, Any]], sessions: list[Session]) -> None:
        """Hold these bars and this calendar."""
        calendar = [dataclasses.asdict(session) for session in sessions]
        self._warehouse.cursor.register("loaded_bars", pl.DataFrame(bars, infer_schema_length=None))
        self._warehouse.cursor.register("loaded_sessions", pl.DataFrame(calendar))
        prices = ", ".join(f"{name} as adj_{name}" for name in ("open", "high", "low", "close", "volume"))
        # No model over minutes reads the timeframe's column: how long a bar is says the config.
        self._warehouse.execute(
            f"create or replace table intermediate.int_bars_adjusted as select 'x' as timeframe, *, {prices} "
            "from loaded_bars"
        )
        self._warehouse.execute(
            "create or replace table staging.stg_raw__sessions as select * from loaded_sessions"
        )

    def build(
        self,
        features: FeaturesConfig = FEATURES,
        timeframe: str = "1m",
        changed_from: dict[str, datetime] | None = None,
    ) -> dict[str, pl.DataFrame]:
        """Make the views and tables of the chosen sets, and the mart of longer bars; return the tables.

        Args:
            features: What to build.
            timeframe: Length of a bar.
            changed_from: Bring tables up to date from these moments on; None makes them anew.
        """
        groups = {"universe": UniverseConfig(name="all"), "features": features}
        vars_ = {name: dataclasses.asdict(group) for name, group in groups.items()}
        vars_ |= {"timeframe": timeframe, "strategy": {"signals": {}}}
        longer = render("{{ longer_timeframes() | join(' ') }}", vars_).split()
        chosen = features.higher_timeframes if "multi_timeframe" in features.sets else []
        views = ["int_feature_bars", "int_timed_bars", *(f"int_bars_resampled_{name}" for name in longer)]
        tables = [f"int_resampled_features_{name}" for name in chosen]
        tables += [f"int_features_{name}" for name in features.sets]
        for model in views:
            sql = render_model(model, vars_)
            self._warehouse.execute(f"create or replace view intermediate.{model} as {sql}")
        self._warehouse.execute(
            f"create or replace view marts.bars_resampled as {render_model('bars_resampled', vars_)}"
        )
        if changed_from is not None:
            rows = {"symbol": list(changed_from), "changed_from": list(changed_from.values())}
            self._warehouse.cursor.register("changes", pl.DataFrame(rows))
            self._warehouse.execute(
                "create or replace table intermediate.int_changed_symbols as select * from changes"
            )
        for model in tables:
            reach = re.search(r"reach_back=(\d+)", text_of(model))
            refresh(
                self._warehouse.cursor,
                sql=render_model(model, vars_),
                target=f"intermediate.{model}",
                full=changed_from is None,
                reach_back=int(reach[1]) if reach else 0,
            )
        return {
            model: self._warehouse.read(f"select * from intermediate.{model} order by symbol, bar_at")
            for model in tables
        }

    def resampled(self, timeframe: str) -> pl.DataFrame:
        """Return the longer bars of a timeframe in the order of their key."""
        sql = "select * from marts.bars_resampled where timeframe = ? order by symbol, bar_at"
        return self._warehouse.read(sql, [timeframe])
