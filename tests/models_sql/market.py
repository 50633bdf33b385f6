"""A small market with everything in it that adjustment and features must bear."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from flows.dbt import BuildResult, BuildVars, build
from flows.dbt_state import target_path
from transforms.config import EngineConfig, UniverseConfig
from transforms.paths import Home
from transforms.schemas import (
    BARS,
    CORPORATE_ACTIONS,
    QUARANTINE_BARS,
    QUARANTINE_CORPORATE_ACTIONS,
    SESSIONS,
)
from transforms.versions import digest
from transforms.warehouse import Warehouse

KNOWN_AT = datetime.fromisoformat("2030-01-01")
UNIVERSE = UniverseConfig(name="all", benchmark="IDX")
VARS = BuildVars(source="test", dataset="default", timeframe="1d", calendar="24/7", universe=UNIVERSE)


def day(number: int) -> date:
    """Return the date of session ``number``."""
    return date(2020, 1, 1) + timedelta(days=number)


def bar(symbol: str, number: int, close: float, **others: Any) -> dict[str, Any]:
    """Return one raw row; open, high, low follow the close unless given."""
    row = {
        "source": "test",
        "dataset": "default",
        "timeframe": "1d",
        "symbol": symbol,
        "bar_at": datetime.combine(day(number), datetime.min.time()),
        "session_date": day(number),
        "open": close,
        "high": close,
        "low": close,
        "close": close,
        "volume": 1000.0,
        "defect": None,
        "known_at": KNOWN_AT,
        "batch_id": "b",
        "page": 0,
    }
    return row | others


def action(symbol: str, number: int, kind: str, value: float | None, **others: Any) -> dict[str, Any]:
    """Return one raw corporate action with its ex-date on session ``number``."""
    row = {
        "source": "test",
        "dataset": "default",
        "symbol": symbol,
        "ex_date": day(number),
        "kind": kind,
        "value": value,
        "defect": None,
        "known_at": KNOWN_AT,
        "batch_id": "a",
        "page": 0,
    }
    return row | others


def symbol_change(symbol: str, number: int, new_symbol: str, **others: Any) -> dict[str, Any]:
    """Return the raw action by which ``symbol`` trades as ``new_symbol`` from session ``number`` on."""
    return action(symbol, number, "symbol_change", None, new_symbol=new_symbol, **others)


def random_bars(
    symbol: str, count: int, seed: int, *, first: int = 0, splits: dict[int, float] | None = None
) -> list[dict[str, Any]]:
    """Return ``count`` bars of a random walk whose raw prices jump where ``splits`` says so."""
    random = np.random.default_rng(seed)
    close = 50 * np.exp(np.cumsum(random.normal(0, 0.02, count)))
    for number, ratio in (splits or {}).items():
        close[number - first :] /= ratio
    opening = close * np.exp(random.normal(0, 0.005, count))
    high = np.maximum(opening, close) * np.exp(np.abs(random.normal(0, 0.005, count)))
    low = np.minimum(opening, close) * np.exp(-np.abs(random.normal(0, 0.005, count)))
    volume = np.round(np.exp(random.normal(13, 0.5, count)))
    return [
        bar(
            symbol,
            first + i,
            float(close[i]),
            open=float(opening[i]),
            high=float(high[i]),
            low=float(low[i]),
            volume=float(volume[i]),
        )
        for i in range(count)
    ]


def whole_market() -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return bars and actions: two ordinary symbols, a late one, one that stands still, and the benchmark."""
    bars = [
        *random_bars("IDX", 400, 1),
        *random_bars("AAA", 400, 2, splits={150: 4.0}),
        *random_bars("BBB", 400, 3),
        *random_bars("LATE", 120, 4, first=280),
        # Stands still for 100 bars and trades nothing on 30 of them.
        *[bar("FLAT", i, 20.0, volume=0.0 if 40 <= i < 70 else 500.0) for i in range(100)],
        *random_bars("FLAT", 60, 5, first=100),
    ]
    # A day without a bar, and one without the benchmark's.
    bars = [
        row
        for row in bars
        if (row["symbol"], row["session_date"]) not in {("BBB", day(200)), ("IDX", day(300))}
    ]
    actions = [
        action("AAA", 150, "split", 4.0),
        *[action("AAA", number, "dividend", 0.11) for number in (60, 149, 151, 250, 340)],
        action("BBB", 200, "dividend", 0.5),  # no bar: takes effect the day after
        action("BBB", 0, "split", 10.0),  # on the first bar: changes nothing
    ]
    return bars, actions


@dataclass
class Lab:
    """A warehouse of its own to load raw rows into and to build."""

    home: Home
    warehouse: Warehouse
    engine: EngineConfig

    @classmethod
    def at(cls, root: Path, *, threads: int) -> Lab:
        home, engine = Home(root), EngineConfig(threads=threads, memory_limit="1GB")
        return cls(home, Warehouse(home.warehouse, engine), engine)

    def load(self, bars: list[dict[str, Any]], actions: list[dict[str, Any]] | None = None) -> None:
        """Make the raw tables hold exactly these rows, nothing quarantined.

        Raw data is otherwise only appended to: the next build must not go by what the last one took in.
        """
        shutil.rmtree(self.home.dbt / "state", ignore_errors=True)
        for table in (BARS, CORPORATE_ACTIONS, SESSIONS, QUARANTINE_BARS, QUARANTINE_CORPORATE_ACTIONS):
            self.warehouse.execute(f"delete from {table.name}")
        for table, rows in ((BARS, bars), (CORPORATE_ACTIONS, actions or [])):
            numbered = [row | {"page_row": row.get("page_row", i)} for i, row in enumerate(rows)]
            self.warehouse.append(table, pl.DataFrame(numbered, infer_schema_length=None))
        # The calendar is published ahead.
        last = max((row["session_date"] for row in bars), default=day(0))
        days = sorted(
            {row["session_date"] for row in bars} | {last + timedelta(days=i) for i in range(1, 63)}
        )
        self.warehouse.append(
            SESSIONS,
            pl.DataFrame({"calendar": ["24/7"] * len(days), "session_date": days, "is_half_day": False}),
        )

    def build(self, build_vars: BuildVars = VARS, **options: Any) -> BuildResult:
        """Build; dbt finds its parse of the project with these vars again, which it would throw away for others'."""
        parse = target_path(self.home) / "partial_parse.msgpack"
        kept = self.home.dbt / "parses" / digest(build_vars.as_dict())
        if kept.exists():
            shutil.copyfile(kept, parse)
        result = build(self.home, self.warehouse, build_vars, engine=self.engine, **options)
        kept.parent.mkdir(exist_ok=True)
        shutil.copyfile(parse, kept)
        return result

    def table(self, name: str, where: str = "true") -> pl.DataFrame:
        """Return a mart's rows in the order of its key."""
        return self.warehouse.read(f"select * from {name} where {where} order by symbol, bar_at")
