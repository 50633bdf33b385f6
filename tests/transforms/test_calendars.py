# ruff: noqa: DTZ001 - stamps of the contract are naive UTC
from __future__ import annotations

from datetime import date, datetime

import polars as pl
import pytest

from transforms import schemas
from transforms.calendars import exchange_timezone, sessions
from transforms.errors import ConfigError


def test_day_after_thanksgiving_closes_early_and_thanksgiving_is_missing() -> None:
    found = sessions("XNYS", date(2024, 11, 27), date(2024, 11, 29))

    assert found.rows() == [
        ("XNYS", date(2024, 11, 27), datetime(2024, 11, 27, 14, 30), datetime(2024, 11, 27, 21), False),
        ("XNYS", date(2024, 11, 29), datetime(2024, 11, 29, 14, 30), datetime(2024, 11, 29, 18), True),
    ]


def test_columns_are_those_of_the_contract() -> None:
    found = sessions("XNYS", date(2024, 1, 1), date(2024, 1, 31))

    assert found.columns == list(schemas.SESSIONS.columns)
    assert found["open_at"].dtype == pl.Datetime("us")


def test_day_of_mourning_has_no_session() -> None:
    days = sessions("XNYS", date(2025, 1, 8), date(2025, 1, 10))["session_date"].to_list()

    assert days == [date(2025, 1, 8), date(2025, 1, 10)]


def test_summer_opens_an_hour_earlier_in_utc() -> None:
    assert sessions("XNYS", date(2024, 3, 11), date(2024, 3, 11))["open_at"].item() == datetime(
        2024, 3, 11, 13, 30
    )


def test_sessions_reach_back_beyond_the_librarys_default_of_20_years() -> None:
    # Closed for four sessions after 11 September 2001.
    days = sessions("XNYS", date(2001, 9, 10), date(2001, 9, 17))["session_date"].to_list()

    assert days == [date(2001, 9, 10), date(2001, 9, 17)]


def test_always_open_calendar_has_every_day_from_midnight_to_midnight() -> None:
    found = sessions("24/7", date(2024, 2, 28), date(2024, 3, 1))

    assert found["session_date"].to_list() == [date(2024, 2, 28), date(2024, 2, 29), date(2024, 3, 1)]
    assert found.row(1)[2:] == (datetime(2024, 2, 29), datetime(2024, 3, 1), False)


@pytest.mark.parametrize(
    ("start", "end"),
    [(date(2024, 3, 9), date(2024, 3, 10)), (date(2024, 3, 8), date(2024, 3, 7))],
    ids=["weekend", "end before start"],
)
def test_range_without_session_is_empty(start: date, end: date) -> None:
    assert sessions("XNYS", start, end).is_empty()


def test_alias_keeps_the_name_that_was_asked_for() -> None:
    assert sessions("NYSE", date(2024, 3, 8), date(2024, 3, 8))["calendar"].item() == "NYSE"


def test_exchange_zone_is_the_calendars() -> None:
    assert exchange_timezone("XNYS") == "America/New_York"
    assert exchange_timezone("24/7") == "UTC"


@pytest.mark.parametrize(
    ("calendar", "start", "end", "told"),
    [
        ("XNY", date(2024, 1, 1), date(2024, 1, 5), "'XNY' is no calendar .* Did you mean: XNYS"),
        ("XNYS", date(2024, 1, 1), date(2190, 1, 5), "knows sessions until .* asked for 2190-01-05"),
        ("XNYS", date(2180, 1, 1), date(2190, 1, 5), "knows sessions until"),
        ("XTKS", date(1990, 1, 1), date(2000, 1, 5), "knows sessions from 1997-01-01, was asked for 1990"),
        ("XNYS", date(1, 1, 1), date(2000, 1, 5), "knows sessions from 1800-01-01, was asked for 0001"),
    ],
)
def test_what_a_calendar_does_not_know_is_an_error_that_says_so(
    calendar: str, start: date, end: date, told: str
) -> None:
    with pytest.raises(ConfigError, match=told):
        sessions(calendar, start, end)
