"""A small clean market of real New York sessions around a half day and an unscheduled closure."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from functools import cache
from math import sin
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl

from expectations.config import GateConfig
from expectations.gate import GateResult, check_bars
from transforms import schemas
from transforms.paths import Home
from transforms.warehouse import Warehouse

START, END = date(2024, 9, 3), date(2025, 2, 14)
KNOWN_AT = datetime.fromisoformat("2025-03-03 09:00")
SYMBOLS = ("AAA", "BBB", "CCC", "D-X")
IDENTITY = ["batch_id", "page", "page_row"]


@cache
def sessions() -> pl.DataFrame:
    """Return the sessions, as exchange_calendars knows them."""
    import exchange_calendars

    calendar = exchange_calendars.get_calendar("XNYS")
    schedule = calendar.schedule.loc["2024-08-20":"2025-03-31"]
    days = [stamp.date() for stamp in schedule.index]
    return pl.DataFrame(
        {
            "calendar": ["XNYS"] * len(days),
            "session_date": days,
            "open_at": list(schedule["open"].dt.tz_localize(None).dt.to_pydatetime()),
            "close_at": list(schedule["close"].dt.tz_localize(None).dt.to_pydatetime()),
            "is_half_day": [stamp in calendar.early_closes for stamp in schedule.index],
        },
        schema_overrides={"open_at": pl.Datetime("us"), "close_at": pl.Datetime("us")},
    )


def days() -> list[date]:
    """Return the market's session dates in order."""
    return [day for day in sessions()["session_date"] if START <= day <= END]


def midnight(day: date) -> datetime:
    """Return New York's midnight as naive UTC: 04:00 in summer, 05:00 in winter."""
    return datetime.combine(day, time(), ZoneInfo("America/New_York")).astimezone(UTC).replace(tzinfo=None)


def bars(symbols: tuple[str, ...] = SYMBOLS, source: str = "test", dataset: str = "default") -> pl.DataFrame:
    """Return clean daily bars: gentle waves, every session present."""
    rows: list[dict[str, Any]] = []
    for phase, symbol in enumerate(symbols):
        for number, day in enumerate(days()):
            close = 50.0 * (1 + 0.02 * sin(number + phase))
            rows.append(
                {
                    "source": source,
                    "dataset": dataset,
                    "timeframe": "1d",
                    "symbol": symbol,
                    "bar_at": midnight(day),
                    "session_date": day,
                    "open": close - 0.1,
                    "high": close + 0.5,
                    "low": close - 0.5,
                    "close": close,
                    "volume": 1000.0 + number,
                    "defect": None,
                    "known_at": KNOWN_AT,
                    "batch_id": "b1",
                    "page": phase,
                    "page_row": number,
                }
            )
    return pl.DataFrame(rows, schema=polars_schema(schemas.BARS))


def polars_schema(table: schemas.Table) -> dict[str, Any]:
    kinds = {
        "VARCHAR": pl.String,
        "INTEGER": pl.Int32,
        "DOUBLE": pl.Float64,
        "BOOLEAN": pl.Boolean,
        "TIMESTAMP": pl.Datetime("us"),
        "DATE": pl.Date,
    }
    return {name: kinds[kind] for name, kind in table.columns.items()}


def load(warehouse: Warehouse, frame: pl.DataFrame, table: schemas.Table = schemas.BARS) -> None:
    """Put ``frame`` and the calendar into the warehouse, in place of what was there."""
    warehouse.execute(f"delete from {table.name}")
    warehouse.execute("delete from raw.sessions")
    warehouse.append(schemas.SESSIONS, sessions())
    warehouse.append(table, frame)


def check(
    warehouse: Warehouse,
    home: Home,
    *,
    run_id: str = "run",
    source: str = "test",
    dataset: str = "default",
    **limits: Any,
) -> GateResult:
    """Check the bars; Data Docs only where asked for."""
    gate = GateConfig(**{"name": "test", "data_docs": False, **limits})
    return check_bars(
        warehouse,
        home,
        source=source,
        dataset=dataset,
        timeframe="1d",
        calendar="XNYS",
        gate=gate,
        run_id=run_id,
    )


def quarantined(warehouse: Warehouse, table: str = "quarantine.bars") -> pl.DataFrame:
    """Return the quarantine in its order."""
    return warehouse.read(f"select * from {table} order by batch_id, page, page_row, expectation")


def outcome(warehouse: Warehouse, expectation: str, run_id: str = "run") -> dict[str, Any]:
    """Return one row of ops.gate_results."""
    sql = "select * from ops.gate_results where run_id = ? and expectation = ?"
    return warehouse.read(sql, [run_id, expectation]).row(0, named=True)
