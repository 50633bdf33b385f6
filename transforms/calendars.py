"""Sessions of exchange calendars, as ``raw.sessions`` holds them."""

from __future__ import annotations

from datetime import date
from functools import lru_cache
from typing import Any

import polars as pl

from transforms.errors import ConfigError, nearest

_SCHEMA = {
    "calendar": pl.String(),
    "session_date": pl.Date(),
    "open_at": pl.Datetime("us"),
    "close_at": pl.Datetime("us"),
    "is_half_day": pl.Boolean(),
}
_EARLIEST = date(1800, 1, 1)  # nanoseconds, as calendars count, reach back to 1677


def sessions(calendar: str, start: date, end: date) -> pl.DataFrame:
    """Return the sessions of ``calendar`` from ``start`` to ``end``, both inclusive.

    Args:
        calendar: exchange_calendars name or alias (``XNYS``, ``NYSE``, ``24/7``).
        start: First date.
        end: Last date.

    Returns:
        One row per session with the columns of ``schemas.SESSIONS``, in order of time; ``open_at`` and
        ``close_at`` are naive UTC, and a half day is one that closes earlier than is regular.

    Raises:
        ConfigError: The calendar is unknown, or does not reach back to ``start`` or ahead to ``end``.
    """
    if end < start:
        return pl.DataFrame(schema=_SCHEMA)
    last = _calendar(calendar).last_session.date()
    if end > last:
        raise ConfigError(
            f"calendar {calendar!r} knows sessions until {last}, was asked for {end}: holidays beyond are "
            "not published yet; choose an earlier source.end (or source.last_session)"
        )
    known = _calendar(calendar, start)
    schedule: Any = known.schedule
    schedule = schedule[(schedule.index >= start.isoformat()) & (schedule.index <= end.isoformat())]
    half_days = schedule.index.isin(known.early_closes)
    return pl.DataFrame(
        {
            "calendar": pl.Series([calendar], dtype=pl.String).new_from_index(0, len(schedule)),
            "session_date": _moments(schedule.index).cast(pl.Date),
            "open_at": _moments(schedule["open"].dt.tz_localize(None)),
            "close_at": _moments(schedule["close"].dt.tz_localize(None)),
            "is_half_day": pl.Series(half_days, dtype=pl.Boolean),
        },
        schema=_SCHEMA,
    )


def exchange_timezone(calendar: str) -> str:
    """Return the IANA zone whose dates are ``calendar``'s session dates (``UTC`` for ``24/7``).

    Raises:
        ConfigError: The calendar is unknown.
    """
    return str(_calendar(calendar).tz.key)


def _calendar(name: str, start: date | None = None) -> Any:
    """Return exchange_calendars' calendar, reaching back to ``start`` (by itself only 20 years)."""
    import exchange_calendars
    from exchange_calendars.errors import InvalidCalendarName

    try:
        if start is None:
            return _build(name, None)
        first = _build(name, None).bound_min()
        earliest = _EARLIEST if first is None else max(first.date(), _EARLIEST)
        if start < earliest:
            raise ConfigError(
                f"calendar {name!r} knows sessions from {earliest}, was asked for {start}; choose a later "
                "source.start"
            )
        # A range without any session, like a weekend, is an error there: begin a year earlier.
        return _build(name, max(date(start.year - 1, 1, 1), earliest))
    except InvalidCalendarName as error:
        allowed = exchange_calendars.get_calendar_names(include_aliases=True)
        raise ConfigError(
            f"source.calendar {name!r} is no calendar of exchange_calendars.{nearest(name, allowed)}"
        ) from error
    except (NotImplementedError, ValueError) as error:
        # Some calendars' holiday rules need another pandas than the installed one.
        raise ConfigError(
            f"source.calendar {name!r} cannot be computed by the installed exchange_calendars "
            f"({type(error).__name__}: {error}); choose another calendar"
        ) from error


@lru_cache(maxsize=8)  # a calendar takes some tenths of a second
def _build(name: str, start: date | None) -> Any:
    import exchange_calendars

    return exchange_calendars.get_calendar(name, start=None if start is None else start.isoformat())


def _moments(values: Any) -> pl.Series:
    """Return a pandas index or column of naive moments as a polars column."""
    return pl.Series(values.to_numpy().astype("datetime64[us]"))
