from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path

import pytest

from execution.session_clock import minutes_since_open
from transforms.warehouse import Warehouse

WINTER, SUMMER, UNKNOWN = date(2024, 1, 3), date(2024, 7, 2), date(2024, 7, 3)


@pytest.fixture
def warehouse(tmp_path: Path) -> Iterator[Warehouse]:
    """Sessions of New York: the open is at 14:30 UTC in winter, at 13:30 in summer."""
    with Warehouse(tmp_path / "warehouse.duckdb") as opened:
        opened.execute("create table marts.bars (timeframe varchar)")
        opened.execute("create table staging.stg_raw__sessions (session_date date, open_at timestamp)")
        opened.execute(
            "insert into staging.stg_raw__sessions values "
            "('2024-01-03', '2024-01-03 14:30:00'), ('2024-07-02', '2024-07-02 13:30:00')"
        )
        yield opened


def test_minutes_count_from_the_open_of_each_session(warehouse: Warehouse) -> None:
    warehouse.execute("insert into marts.bars values ('1m')")
    stamps = ["2024-01-03T14:30", "2024-07-02T13:00", "2024-07-02T15:01"]
    at = [datetime.fromisoformat(stamp) for stamp in stamps]
    assert minutes_since_open(warehouse, at, [WINTER, SUMMER, SUMMER]).tolist() == [0, -30, 91]


def test_a_session_that_the_calendar_does_not_tell_counts_as_its_open(warehouse: Warehouse) -> None:
    warehouse.execute("insert into marts.bars values ('1h')")
    assert minutes_since_open(
        warehouse, [datetime.fromisoformat("2024-07-03T18:00")], [UNKNOWN]
    ).tolist() == [0]


def test_a_warehouse_without_a_calendar_knows_no_minutes(tmp_path: Path) -> None:
    with Warehouse(tmp_path / "empty.duckdb") as empty:
        assert minutes_since_open(empty, [datetime.fromisoformat("2024-07-02T15:01")], [SUMMER]).tolist() == [
            0
        ]


def test_daily_bars_begin_with_their_session(warehouse: Warehouse) -> None:
    warehouse.execute("insert into marts.bars values ('1d')")
    assert minutes_since_open(warehouse, [datetime.fromisoformat("2024-07-02")], [SUMMER]).tolist() == [0]
