# ruff: noqa: DTZ001 - stamps of the contract are naive UTC
"""Stamps of vendors → one right session per bar, whatever zone this process runs in."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from transforms.errors import ConfigError, DataGateError
from transforms.stamps import Stamps, read_stamps

NEW_YORK = "America/New_York"


def read(
    values: list[object] | pl.Series,
    *,
    timeframe: str = "1d",
    timezone: str | None = None,
    exchange: str = NEW_YORK,
) -> Stamps:
    received = values if isinstance(values, pl.Series) else pl.Series("stamp", values, strict=False)
    return read_stamps(
        received, timezone=timezone, timeframe=timeframe, exchange_timezone=exchange, where="here"
    )


@pytest.fixture(params=["UTC", "America/New_York", "Asia/Tokyo", "Pacific/Apia"])
def process_zone(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Run in a process whose local time is another."""
    monkeypatch.setenv("TZ", request.param)
    time.tzset()
    yield request.param
    monkeypatch.undo()
    time.tzset()


DAILIES = [
    "2024-03-08",
    "20240308",
    "2024-03-08 00:00",
    "2024-03-08T00:00:00",
    "2024-03-08T00:00:00Z",
    "2024-03-08 00:00:00+00:00",
    "2024-03-08T05:00:00Z",
    "2024-03-08T00:00:00-05:00",
    "2024-03-08T00:00:00-0500",
    "2024-03-08 16:00",
    "2024-03-08T21:00:00Z",
    "1709856000",
    "1709874000000",
    "1709874000000000",
    "1709874000000000000",
    " 2024-03-08 ",
]


@pytest.mark.usefixtures("process_zone")
def test_every_way_to_write_a_daily_bar_gives_one_session() -> None:
    stamps = read(list(DAILIES))

    assert stamps.session_date.to_list() == [date(2024, 3, 8)] * len(DAILIES)
    assert stamps.bar_at.to_list() == [datetime(2024, 3, 8, 5)] * len(DAILIES)
    assert stamps.problem.null_count() == len(DAILIES)


@pytest.mark.usefixtures("process_zone")
@pytest.mark.parametrize(
    "column",
    [
        pl.Series([date(2024, 7, 1)]),
        pl.Series([datetime(2024, 7, 1)]),
        pl.Series([datetime(2024, 7, 1)]).cast(pl.Datetime("ns")),
        pl.Series([datetime(2024, 7, 1, tzinfo=UTC)]),
        pl.Series([datetime(2024, 7, 1, 4, tzinfo=UTC)]),
        pl.Series([datetime(2024, 7, 1, 5, tzinfo=UTC)]),
        pl.Series([datetime(2024, 7, 1, 4, tzinfo=UTC)]).dt.convert_time_zone(NEW_YORK),
        pl.Series([datetime(2024, 7, 1)]).dt.replace_time_zone("Asia/Tokyo"),
        pl.Series([1719792000]),
    ],
    ids=[
        "date",
        "naive",
        "naive ns",
        "UTC midnight",
        "04 UTC",
        "05 UTC",
        "New York",
        "Tokyo midnight",
        "epoch",
    ],
)
def test_every_type_of_a_daily_column_gives_one_session(column: pl.Series) -> None:
    stamps = read(column)

    assert stamps.session_date.to_list() == [date(2024, 7, 1)]
    assert stamps.bar_at.to_list() == [datetime(2024, 7, 1, 4)]


def test_naive_daily_stamp_in_a_named_zone_is_taken_to_the_exchange() -> None:
    # 02:00 in Tokyo is still the day before in New York; midnight denotes its own date all the same.
    stamps = read(["2024-03-08 02:00", "2024-03-08"], timezone="Asia/Tokyo")

    assert stamps.session_date.to_list() == [date(2024, 3, 7), date(2024, 3, 8)]


def test_midnight_that_clocks_skip_starts_the_day_an_hour_later() -> None:
    stamps = read(["2018-11-04"], exchange="America/Sao_Paulo")

    assert stamps.session_date.to_list() == [date(2018, 11, 4)]
    assert stamps.bar_at.to_list() == [datetime(2018, 11, 4, 3)]


@pytest.mark.usefixtures("process_zone")
def test_intraday_stamps_become_utc_and_the_exchanges_date() -> None:
    naive = read(
        ["2024-03-08 09:30", "2024-03-11 09:30", "20240311 20:30:01.5"], timeframe="1m", timezone=NEW_YORK
    )
    aware = read(["2024-03-09T00:30:00Z", "2024-03-08T20:00:00+05:30"], timeframe="1m")

    assert naive.bar_at.to_list() == [
        datetime(2024, 3, 8, 14, 30),
        datetime(2024, 3, 11, 13, 30),
        datetime(2024, 3, 12, 0, 30, 1, 500_000),
    ]
    assert naive.session_date.to_list() == [date(2024, 3, 8), date(2024, 3, 11), date(2024, 3, 11)]
    assert aware.bar_at.to_list() == [datetime(2024, 3, 9, 0, 30), datetime(2024, 3, 8, 14, 30)]
    assert aware.session_date.to_list() == [date(2024, 3, 8), date(2024, 3, 8)]


def test_times_that_clocks_skip_or_show_twice_are_problems_and_their_neighbours_are_not() -> None:
    stamps = read(
        ["2024-03-10 02:30", "2024-03-10 03:00", "2024-11-03 01:30", "2024-11-03 02:00"],
        timeframe="1m",
        timezone=NEW_YORK,
    )

    assert stamps.bar_at.to_list() == [None, datetime(2024, 3, 10, 7), None, datetime(2024, 11, 3, 7)]
    assert stamps.session_date.null_count() == 2
    assert stamps.problem.to_list() == [
        f"'2024-03-10 02:30' does not exist in {NEW_YORK} (clocks skip it)",
        None,
        f"'2024-11-03 01:30' is ambiguous in {NEW_YORK} (clocks show it twice)",
        None,
    ]


@pytest.mark.parametrize(
    "text",
    ["soon", "2024-02-30", "2024-03-08 24:00", "03/08/2024", "17098", "0001-01-01", "9999-12-31", "2024-3-8"],
)
def test_text_that_is_no_time_is_a_problem_that_quotes_it(text: str) -> None:
    stamps = read([text, "2024-03-08"])

    assert stamps.bar_at.to_list() == [None, datetime(2024, 3, 8, 5)]
    assert stamps.problem.to_list() == [f"'{text}' is no time stamp between 1800 and 2200", None]


def test_empty_cells_are_null_without_a_problem() -> None:
    stamps = read(["", " ", None, "2024-03-08"])

    assert stamps.bar_at.null_count() == 3
    assert stamps.problem.null_count() == 4


def test_naive_intraday_stamps_without_a_zone_are_a_config_error() -> None:
    with pytest.raises(ConfigError, match=r"here .*source\.timezone"):
        read(["2024-03-08 09:30"], timeframe="1m")


@pytest.mark.parametrize(
    ("column", "told"),
    [
        (pl.Series([1.5]), "holds Float64, which is no time stamp"),
        (pl.Series([True]), "holds Boolean"),
        (pl.Series([date(2024, 3, 8)]), "holds dates without times, but source.timeframe is 1m"),
    ],
)
def test_columns_that_can_hold_no_stamps_are_refused(column: pl.Series, told: str) -> None:
    with pytest.raises(DataGateError, match=told):
        read(column, timeframe="1m", timezone="UTC")


@given(
    moment=st.datetimes(datetime(1990, 1, 1), datetime(2060, 1, 1)),
    zone=st.sampled_from([NEW_YORK, "Europe/London", "Asia/Kolkata", "Australia/Lord_Howe", "UTC"]),
)
def test_local_times_are_read_as_zoneinfo_reads_them(moment: datetime, zone: str) -> None:
    """Oracle: the standard library's zoneinfo, with PEP 495's test for gaps and folds."""
    moment = moment.replace(microsecond=0)
    first, second = (moment.replace(tzinfo=ZoneInfo(zone), fold=fold) for fold in (0, 1))
    unclear = first.utcoffset() != second.utcoffset()
    expected = None if unclear else first.astimezone(UTC).replace(tzinfo=None)

    stamps = read([moment.isoformat(sep=" ")], timeframe="1m", timezone=zone)

    assert stamps.bar_at.to_list() == [expected]
    assert (stamps.problem.item() is not None) == unclear


@given(
    moment=st.datetimes(datetime(1990, 1, 1), datetime(2060, 1, 1)), minutes=st.integers(-14 * 60, 14 * 60)
)
def test_iso_text_with_an_offset_is_read_as_the_standard_library_reads_it(
    moment: datetime, minutes: int
) -> None:
    sign = "-" if minutes < 0 else "+"
    text = f"{moment.isoformat()}{sign}{abs(minutes) // 60:02}:{abs(minutes) % 60:02}"

    stamps = read([text], timeframe="1m")

    assert stamps.bar_at.to_list() == [moment - timedelta(minutes=minutes)]
