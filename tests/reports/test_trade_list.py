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
    """A long trade from the signal of one session to the stop two later; beside it a short, still open."""
    books.equity(warehouse)
    for number, (symbol, side, moves) in enumerate(
        (("AAA", "long", (10.0, -10.0)), ("BBB", "short", (-5.0,))), 1
    ):
        trade = {
            "book": books.BOOK,
            "trade_id": number,
            "symbol": symbol,
            "side": side,
            "strategy": "trend",
            "opened_at": books.bar_at(OPENED),
            "closed_at": books.bar_at(CLOSED) if len(moves) == 2 else None,
            "mae": -0.02,
            "opening_order": f"{symbol}-entry",
            "decided_at": books.bar_at(DECIDED),
            "score": moves[0] / 100,
            "exit_reason": "stop_loss" if len(moves) == 2 else None,
        }
        books.table(warehouse, schemas.TRADES, trade)
        for moved, decided, filled, word in zip(
            moves, (DECIDED, LEFT), (OPENED, CLOSED), ("entry", "exit"), strict=False
        ):
            at = {
                "book": books.BOOK,
                "bar_at": books.bar_at(decided),
                "session_date": decided,
                "symbol": symbol,
            }
            target = {"confidence": 0.5, "target_weight": moved / 50}
            books.table(warehouse, schemas.TARGETS, {**at, **target})
            order = {
                "client_order_id": f"{symbol}-{word}",
                "order_type": "market",
                "reason": f"why {symbol} {word}",
            }
            books.table(warehouse, schemas.ORDERS, {**at, **order})
            fill = {
                "fill_id": f"{symbol}-{word}-1",
                "client_order_id": f"{symbol}-{word}",
                "quantity": moved,
            }
            books.table(
                warehouse,
                schemas.FILLS,
                {**at, **fill, "bar_at": books.bar_at(filled), "session_date": filled},
            )
    return warehouse


def test_a_trade_is_traced_to_its_signal_decision_orders_and_exit(told: Warehouse) -> None:
    trade = load_trades(told, books.BOOK).row(1, named=True)

    expected = {
        "trade_id": 1,
        "symbol": "AAA",
        "opened_on": OPENED,
        "closed_on": CLOSED,
        "decided_on": DECIDED,
        "strategy": "trend",
        "score": 0.1,
        "target_weight": 0.2,
        "mae": -0.02,
        "entry_order": "AAA-entry",
        "entry_note": "why AAA entry",
        "exit_reason": "stop_loss",
        "exit_decided_on": LEFT,
        "exit_order": "AAA-exit",
        "exit_note": "why AAA exit",
    }
    assert {name: trade[name] for name in expected} == expected


def test_an_open_short_is_listed_first_with_its_entry_and_no_exit(told: Warehouse) -> None:
    trade = load_trades(told, books.BOOK).row(0, named=True)

    assert (trade["trade_id"], trade["entry_note"], trade["score"]) == (2, "why BBB entry", -0.05)
    assert (trade["closed_on"], trade["exit_order"], trade["exit_reason"]) == (None, None, None)


def test_a_fill_of_the_other_side_on_the_same_bar_is_not_taken_for_the_exit(told: Warehouse) -> None:
    entry = {"book": books.BOOK, "fill_id": "AAA-z", "client_order_id": "AAA-again", "quantity": 3.0}
    books.table(told, schemas.FILLS, {**entry, "bar_at": books.bar_at(CLOSED), "symbol": "AAA"})

    assert load_trades(told, books.BOOK).row(1, named=True)["exit_order"] == "AAA-exit"


def test_a_trade_that_a_split_ended_has_a_reason_and_no_order(told: Warehouse) -> None:
    told.execute("delete from execution.fills where client_order_id = 'AAA-exit'")
    told.execute("update execution.trades set exit_reason = 'split' where symbol = 'AAA'")

    trade = load_trades(told, books.BOOK).row(1, named=True)

    assert (trade["exit_reason"], trade["exit_order"], trade["exit_note"]) == ("split", None, None)


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
