from __future__ import annotations

import json
from datetime import date, datetime

import polars as pl
import pytest

from reports.trade_list import as_json, load_trades
from tests.reports import books
from tests.reports.page import HOSTILE
from transforms import schemas
from transforms.warehouse import Warehouse

DECIDED, OPENED, LEFT, CLOSED = books.SESSIONS


@pytest.fixture
def told(warehouse: Warehouse) -> Warehouse:
    """A long trade from the signal of one session to the exit decided two later; beside it a short, still open."""
    books.equity(warehouse)
    for symbol, side, moves in (("AAA", "long", (10.0, -10.0)), ("BBB", "short", (-5.0,))):
        trade = {
            "book": books.BOOK,
            "symbol": symbol,
            "side": side,
            "opened_at": books.bar_at(OPENED),
            "pnl": 5.0,
        }
        closed = {"closed_at": books.bar_at(CLOSED), "trade_id": 1} if len(moves) == 2 else {"trade_id": 2}
        books.table(warehouse, schemas.TRADES, {**trade, **closed})
        for moved, decided, filled, word in zip(
            moves, (DECIDED, LEFT), (OPENED, CLOSED), ("entry", "exit"), strict=False
        ):
            at = {
                "book": books.BOOK,
                "bar_at": books.bar_at(decided),
                "session_date": decided,
                "symbol": symbol,
            }
            target = {
                "strategy": "trend",
                "score": moved / 100,
                "confidence": 0.5,
                "target_weight": moved / 50,
            }
            books.table(warehouse, schemas.TARGETS, {**at, **target})
            order = {
                "client_order_id": f"{symbol}-{word}",
                "order_type": "market",
                "reason": f"why {symbol} {word}",
            }
            books.table(warehouse, schemas.ORDERS, {**at, **order})
            fill = {"fill_id": f"{symbol}-{word}-1", "client_order_id": f"{symbol}-{word}", "quantity": moved}
            books.table(
                warehouse,
                schemas.FILLS,
                {**at, **fill, "bar_at": books.bar_at(filled), "session_date": filled},
            )
    return warehouse


def test_a_trade_is_traced_to_its_signal_decision_orders_and_exit(told: Warehouse) -> None:
    trade = load_trades(told, books.BOOK).row(1, named=True)

    assert (trade["trade_id"], trade["symbol"], trade["opened_on"], trade["closed_on"]) == (
        1,
        "AAA",
        OPENED,
        CLOSED,
    )
    assert (trade["decided_on"], trade["strategy"], trade["score"], trade["target_weight"]) == (
        DECIDED,
        "trend",
        0.1,
        0.2,
    )
    assert (trade["entry_order"], trade["entry_reason"]) == ("AAA-entry", "why AAA entry")
    assert (trade["exit_decided_on"], trade["exit_order"], trade["exit_reason"]) == (
        LEFT,
        "AAA-exit",
        "why AAA exit",
    )


def test_an_open_short_is_listed_first_with_its_entry_and_no_exit(told: Warehouse) -> None:
    trade = load_trades(told, books.BOOK).row(0, named=True)

    assert (trade["trade_id"], trade["entry_order"], trade["score"]) == (2, "BBB-entry", -0.05)
    assert (trade["closed_on"], trade["exit_order"], trade["exit_reason"]) == (None, None, None)


def test_a_fill_of_the_other_side_on_the_same_bar_is_not_taken_for_the_entry(told: Warehouse) -> None:
    reversal = {"book": books.BOOK, "fill_id": "AAA-0", "client_order_id": "AAA-before", "quantity": -3.0}
    books.table(told, schemas.FILLS, {**reversal, "bar_at": books.bar_at(OPENED), "symbol": "AAA"})

    assert load_trades(told, books.BOOK).row(1, named=True)["entry_order"] == "AAA-entry"


def test_only_the_newest_are_read_and_other_books_are_not(told: Warehouse) -> None:
    assert load_trades(told, books.BOOK, rows=1)["trade_id"].to_list() == [2]
    assert load_trades(told, "backtest/other").is_empty()


def test_the_json_keeps_columns_rounds_numbers_and_writes_dates() -> None:
    frame = pl.DataFrame(
        {
            "a": [1 / 3, None, float("nan")],
            "on": [date(2024, 1, 2)] * 3,
            "at": [datetime.fromisoformat("2024-01-02T14:30")] * 3,
        }
    )

    assert json.loads(as_json(frame)) == {
        "columns": ["a", "on", "at"],
        "rows": [
            [0.333333, "2024-01-02", "2024-01-02 14:30"],
            [None, "2024-01-02", "2024-01-02 14:30"],
            [None, "2024-01-02", "2024-01-02 14:30"],
        ],
    }


def test_the_json_cannot_end_its_script_element() -> None:
    text = as_json(pl.DataFrame({"symbol": [HOSTILE]}))

    assert not set("<>&") & set(text)
    assert json.loads(text)["rows"] == [[HOSTILE]]
