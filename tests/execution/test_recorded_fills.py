from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path

import polars as pl
import pytest

from execution.recorded_fills import recorded_fills
from transforms import schemas
from transforms.warehouse import Warehouse

AT, DAY = datetime.fromisoformat("2024-07-02T14:00"), date(2024, 7, 2)
BOOK = "live/paper"


def rows(table: schemas.Table, *given: dict[str, object]) -> pl.DataFrame:
    """Rows of a table, with columns that were not given empty."""
    common = {"book": BOOK, "bar_at": AT, "session_date": DAY, "symbol": "A"}
    return pl.DataFrame([{name: {**common, **row}.get(name) for name in table.columns} for row in given])


@pytest.fixture
def warehouse(tmp_path: Path) -> Iterator[Warehouse]:
    with Warehouse(tmp_path / "warehouse.duckdb") as opened:
        opened.execute("create table marts.bars (timeframe varchar)")
        opened.execute("insert into marts.bars values ('1m')")
        opened.execute("create table staging.stg_raw__sessions (session_date date, open_at timestamp)")
        opened.execute("insert into staging.stg_raw__sessions values ('2024-07-02', '2024-07-02 13:30:00')")
        yield opened


def fill(name: str, order: str, **changes: object) -> dict[str, object]:
    return {
        "fill_id": name,
        "client_order_id": order,
        "quantity": 5.0,
        "price": 10.0,
        "slippage": 0.1,
    } | changes


def test_fills_that_took_the_markets_price_are_returned_with_their_minute(warehouse: Warehouse) -> None:
    warehouse.append(
        schemas.ORDERS,
        rows(
            schemas.ORDERS,
            {"client_order_id": "m", "order_type": "market"},
            {"client_order_id": "l", "order_type": "limit"},
            {"client_order_id": "x", "order_type": "stop_limit"},
            {"client_order_id": "l", "order_type": "market", "book": "other/book"},
        ),
    )
    warehouse.append(
        schemas.FILLS,
        rows(
            schemas.FILLS,
            fill("1", "m", quantity=-5.0),
            fill("2", "l"),
            fill("3", "x"),
            fill("4", "an exit, without an order"),
            fill("5", "m", book="other/book"),
            fill("6", "written off", reason="vanished"),
        ),
    )
    found = recorded_fills(warehouse, BOOK)
    assert found.to_dict(as_series=False) == {
        "symbol": ["A", "A"],
        "quantity": [-5.0, 5.0],
        "price": [10.0, 10.0],
        "slippage": [0.1, 0.1],
        "minute": [30, 30],
    }


def test_a_book_nobody_knows_has_no_fills(warehouse: Warehouse) -> None:
    assert recorded_fills(warehouse, "nobody/there").is_empty()
