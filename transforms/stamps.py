"""Time stamps as vendors write them → one UTC moment and one session per bar.

A *naive* stamp has no zone of its own; an *aware* one is a typed column with a zone, text with an offset,
or an epoch. Text is ISO 8601 (``2024-03-08``, ``20240308``, ``2024-03-08 09:30``, ``2024-03-08T14:30:00.5Z``,
``…+05:30``). An epoch is a whole number of 10 digits (seconds), 13 (milliseconds), 16 (microseconds) or 19
(nanoseconds) since 1970 in UTC, which covers 2001 to 2286 without overlap; shorter ones are not guessed.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import polars as pl

from transforms.errors import ConfigError, DataGateError

_ISO = (
    r"^\s*(?P<date>[0-9]{4}-[0-9]{2}-[0-9]{2}|[0-9]{8})"
    r"(?:[T ](?P<hour>[0-9]{2}):(?P<minute>[0-9]{2})(?::(?P<second>[0-9]{2})(?:\.(?P<fraction>[0-9]{1,9}))?)?"
    r"\s?(?P<zone>Z|UTC|[+-][0-9]{2}(?::?[0-9]{2})?)?)?\s*$"
)
_EARLIEST = datetime(1800, 1, 1)  # noqa: DTZ001 - before: sentinels such as 0001-01-01
_LATEST = datetime(2200, 1, 1)  # noqa: DTZ001 - after: sentinels such as 9999-12-31
_US = pl.Datetime("us")


@dataclass(frozen=True)
class Stamps:
    """What a column of stamps says, one entry per row.

    Attributes:
        bar_at: Start of the bar, naive UTC; daily bars: midnight of the session date at the exchange.
        session_date: The exchange's date.
        problem: Why a stamp could not be read, with the original; NULL where it could or the cell was empty.
    """

    bar_at: pl.Series
    session_date: pl.Series
    problem: pl.Series


def read_stamps(
    received: pl.Series, *, timezone: str | None, timeframe: str, exchange_timezone: str, where: str
) -> Stamps:
    """Read a column of stamps.

    Daily bars: a stamp at exactly 00:00 in its own zone denotes that date, whatever the zone; any other is
    taken to the exchange's zone, and its date there is the session (a naive one without ``timezone`` is
    taken to be there already). So 04:00 or 05:00 UTC, UTC midnight and a plain date give the same session.
    Intraday bars: the session is the date in the exchange's zone; a naive stamp that the zone's clocks skip
    or show twice is unreadable.

    Args:
        received: Dates, datetimes (naive or aware), text, or whole numbers.
        timezone: IANA zone of naive stamps, None if not known.
        timeframe: Length of a bar; ``1d`` is daily.
        exchange_timezone: IANA zone of the session dates.
        where: What to call the column in messages.

    Raises:
        DataGateError: The column's type holds no stamps, or dates only where times are needed.
        ConfigError: Intraday stamps are naive and ``timezone`` is None.
    """
    frame = _parse(received, timeframe, where)
    daily = timeframe == "1d"
    naive = pl.col("wall").is_not_null() & pl.col("instant").is_null()
    if not daily and timezone is None and frame.select(naive.any()).item():
        raise ConfigError(
            f"{where} holds times without a zone; say which it is with source.timezone "
            "(such as source.timezone=America/New_York, or UTC)"
        )
    frame = frame.with_columns(naive=naive)
    local_zone = timezone or exchange_timezone
    local = pl.col("wall").dt.replace_time_zone(local_zone, ambiguous="null", non_existent="null")
    instant = pl.coalesce("instant", _utc(local))
    at_exchange = instant.dt.replace_time_zone("UTC").dt.convert_time_zone(exchange_timezone).dt.date()
    if daily:
        as_written = pl.col("wall").dt.time() == pl.time(0)
        if timezone is None:
            as_written = as_written | pl.col("naive")
        session = pl.when(as_written).then(pl.col("wall").dt.date()).otherwise(at_exchange)
        frame = frame.with_columns(session_date=session)
        frame = frame.with_columns(bar_at=midnight_at(pl.col("session_date"), exchange_timezone))
    else:
        frame = frame.with_columns(session_date=at_exchange, bar_at=instant)
    bad = pl.col("session_date").is_null() & ~pl.col("blank")
    problems = _problems(frame, received, bad, local_zone)
    return Stamps(frame["bar_at"], frame["session_date"], problems)


def _parse(received: pl.Series, timeframe: str, where: str) -> pl.DataFrame:
    """Return blank (empty cell), wall (clock time as written), instant (naive UTC, NULL where naive)."""
    kind = received.dtype
    if kind == pl.Date and timeframe != "1d":
        raise DataGateError(f"{where} holds dates without times, but source.timeframe is {timeframe}")
    if kind in (pl.Date, pl.Datetime):
        frame = pl.DataFrame({"received": received})
        wall, instant = pl.col("received").cast(_US), pl.lit(None, _US)
        if isinstance(kind, pl.Datetime) and kind.time_zone is not None:
            stamp = pl.col("received").dt.cast_time_unit("us")
            wall, instant = stamp.dt.replace_time_zone(None), _utc(stamp)
        parsed = frame.select(pl.col("received").is_null().alias("blank"), wall=wall, instant=instant)
    elif kind == pl.String or kind.is_integer() or kind == pl.Null:
        parsed = _parse_text(received.cast(pl.String))
    else:
        raise DataGateError(
            f"{where} holds {kind}, which is no time stamp; give dates, datetimes, ISO text or whole-number "
            "epochs, or map another column with source.columns"
        )
    in_range = pl.col("wall").is_between(_EARLIEST, _LATEST)
    return parsed.with_columns(
        pl.when(in_range).then(pl.col(name)).otherwise(None).alias(name) for name in ("wall", "instant")
    )


def _parse_text(received: pl.Series) -> pl.DataFrame:
    frame = pl.DataFrame({"received": received}).with_columns(
        pl.col("received").str.extract_groups(_ISO).alias("iso"), epoch=_epoch(pl.col("received"))
    )
    frame = frame.unnest("iso")
    hour, minute, second = (pl.col(name).cast(pl.Int64) for name in ("hour", "minute", "second"))
    fraction = pl.col("fraction").str.pad_end(9, "0").cast(pl.Int64)
    in_day = (hour.fill_null(0) < 24) & (minute.fill_null(0) < 60) & (second.fill_null(0) < 60)
    day = pl.col("date").str.replace_all("-", "").str.to_date("%Y%m%d", strict=False)
    clock = pl.duration(
        hours=hour.fill_null(0),
        minutes=minute.fill_null(0),
        seconds=second.fill_null(0),
        microseconds=fraction.fill_null(0) // 1000,
    )
    wall = pl.when(in_day).then(day.cast(_US) + clock)
    zone = pl.col("zone").str.replace_all(":", "")
    east = pl.when(zone.str.starts_with("-")).then(-1).otherwise(1)
    hours = zone.str.slice(1, 2).cast(pl.Int64, strict=False).fill_null(0)
    minutes = zone.str.slice(3, 2).cast(pl.Int64, strict=False).fill_null(0)
    utc_zone = zone.is_in(["Z", "UTC"])
    offset = pl.when(utc_zone).then(0).when(zone.is_not_null()).then(east * (60 * hours + minutes))
    return frame.select(
        blank=pl.col("received").str.strip_chars().fill_null("") == "",
        wall=pl.coalesce("epoch", wall),
        instant=pl.coalesce("epoch", wall - pl.duration(minutes=offset)),
    )


def _epoch(text: pl.Expr) -> pl.Expr:
    digits = text.str.strip_chars()
    number = digits.str.extract(r"^([0-9]{10}|[0-9]{13}|[0-9]{16}|[0-9]{19})$").cast(pl.Int64, strict=False)
    length = digits.str.len_bytes()
    microseconds = (
        pl.when(length == 10)
        .then(number * 1_000_000)
        .when(length == 13)
        .then(number * 1000)
        .when(length == 16)
        .then(number)
        .otherwise(number // 1000)
    )
    return microseconds.cast(_US)


def _utc(aware: pl.Expr) -> pl.Expr:
    return aware.dt.convert_time_zone("UTC").dt.replace_time_zone(None)


def midnight_at(day: pl.Expr, zone: str) -> pl.Expr:
    """Return the first moment of a date in ``zone`` as naive UTC (01:00 where clocks skip midnight)."""
    start = day.cast(_US)
    first, second = (
        stamp.dt.replace_time_zone(zone, ambiguous="earliest", non_existent="null")
        for stamp in (start, start + pl.duration(hours=1))
    )
    return _utc(pl.coalesce(first, second))


def _problems(frame: pl.DataFrame, received: pl.Series, bad: pl.Expr, zone: str) -> pl.Series:
    """Say what is wrong with each unreadable stamp; NULL for the others."""
    rows = frame.select(bad).to_series()
    if not rows.any():
        return pl.Series([None], dtype=pl.String).new_from_index(0, len(frame))
    earliest = pl.col("wall").dt.replace_time_zone(zone, ambiguous="earliest", non_existent="null")
    what = (
        pl.when(pl.col("wall").is_null())
        .then(pl.lit("is no time stamp between 1800 and 2200"))
        .when(earliest.is_null())
        .then(pl.lit(f"does not exist in {zone} (clocks skip it)"))
        .otherwise(pl.lit(f"is ambiguous in {zone} (clocks show it twice)"))
    )
    text = pl.lit("'") + pl.col("received").str.slice(0, 60) + pl.lit("' ")
    told = pl.when(pl.col("bad")).then(text + what)
    told_frame = frame.with_columns(received=received.cast(pl.String), bad=rows)
    return told_frame.select(told.alias("problem")).to_series()
