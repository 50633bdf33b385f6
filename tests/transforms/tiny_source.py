"""A source of a handful of literal rows, for tests of what lies behind the sources."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import ClassVar

import polars as pl

from transforms.config import SourceConfig
from transforms.frames import ACTIONS_SCHEMA, BARS_SCHEMA
from transforms.sources.base import Coverage, Page


def bars(*rows: tuple[str | None, int | None, float | None]) -> pl.DataFrame:
    """Return bars from (symbol, day of March 2024, close); rows without a day have a defect."""
    content = []
    for symbol, day, close in rows:
        stamp = None if day is None else datetime(2024, 3, 1) + timedelta(days=day - 1)  # noqa: DTZ001
        session = None if stamp is None else stamp.date()
        defect = "bar_at: 'never' is no time" if stamp is None else None
        content.append((symbol, stamp, session, close, close, close, close, 100.0, defect))
    return pl.DataFrame(content, schema=BARS_SCHEMA, orient="row")


def actions(*rows: tuple[str, int, str, float]) -> pl.DataFrame:
    """Return corporate actions from (symbol, day of March 2024, kind, value)."""
    content = [(symbol, date(2024, 3, day), kind, value, None, None) for symbol, day, kind, value in rows]
    return pl.DataFrame(content, schema=ACTIONS_SCHEMA, orient="row")


@dataclass
class TinyConfig(SourceConfig):
    """A request to ``TinySource``; ``edition`` picks what it gives."""

    implementation: ClassVar[str] = "tests.transforms.tiny_source:TinySource"

    name: str = "tiny"
    edition: str = "first"


EDITIONS: dict[str, dict[str, list[pl.DataFrame]]] = {
    "first": {
        "corporate_actions": [actions(("A", 5, "split", 2.0), ("B", 6, "dividend", 0.25))],
        "bars": [
            bars(("A", 4, 10.0), ("A", 5, 5.1), ("A", 6, 5.2), ("B", 4, 20.0)),
            bars(("B", 5, 20.5), ("B", 5, 20.5), ("B", 6, float("nan")), ("C", 4, 1.0)),
            bars(("C", 5, 1.5), ("C", 5, 1.6), ("C", None, 1.7), (None, 6, 1.8)),
        ],
    },
    # B's fifth is restated, C's contradiction resolved, a day added; the rest repeats the first edition.
    "second": {
        "corporate_actions": [actions(("A", 5, "split", 2.0), ("B", 6, "dividend", 0.26))],
        "bars": [
            bars(("A", 4, 10.0), ("A", 5, 5.1), ("A", 6, 5.2), ("B", 4, 20.0), ("B", 5, 20.75)),
            bars(("B", 6, float("nan")), ("B", 7, 21.0), ("C", 4, 1.0), ("C", 5, 1.6)),
        ],
    },
    "small": {
        "corporate_actions": [actions(("A", 5, "split", 2.0))],
        "bars": [bars(("A", 4, 10.0), ("A", 5, 5.1), ("B", 4, 20.0))],
    },
    "empty": {"corporate_actions": [], "bars": []},
}


class TinySource:
    """Gives one of ``EDITIONS``, page by page."""

    def __init__(self, config: TinyConfig) -> None:
        self._edition = config.edition

    def coverage(self) -> Coverage:
        return Coverage(("A", "B", "C"), ("1d",), date(2024, 3, 4), date(2024, 3, 7), self._edition)

    def pages(self, kind: str, *, after: int = -1) -> Iterator[Page]:
        for number, frame in enumerate(EDITIONS[self._edition][kind]):
            if number > after:
                yield Page(kind, number, frame)


def weekdays(calendar: str, start: date, end: date) -> pl.DataFrame:
    """Stand in for ``calendars.sessions`` where its second of start-up would be the whole test."""
    days = pl.date_range(start, end, eager=True)
    opening = days.cast(pl.Datetime("us"))
    return pl.DataFrame(
        {
            "calendar": [calendar] * len(days),
            "session_date": days,
            "open_at": opening,
            "close_at": opening + timedelta(hours=6),
            "is_half_day": [False] * len(days),
        }
    ).filter(pl.col("session_date").dt.weekday() <= 5)
