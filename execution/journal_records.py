"""What the order journal holds: its tables, and the records that are read from them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from execution.types import Fill, Order

_APPEND_ONLY = ("intents", "events", "fills", "splits", "decisions", "closes")

ORDER_COLUMNS = {
    "client_order_id": "text not null",
    "symbol": "text not null",
    "side": "text not null",
    "quantity": "real not null",
    "bar_at": "text not null",
    "session_date": "text not null",
    "reason": "text not null",
    "order_type": "text not null",
    "limit_price": "real",
    "stop_price": "real",
    "trail": "real",
    "time_in_force": "text not null default 'day'",
    "goal": "real",
    "cause": "text not null default 'target'",
}
"""An order's columns, in the order of ``Order``'s fields, in the journal and in a simulated broker's book."""

FILL_COLUMNS = {
    "fill_id": "text not null",
    "client_order_id": "text not null",
    "symbol": "text not null",
    "quantity": "real not null",
    "price": "real not null",
    "commission": "real not null",
    "slippage": "real not null",
    "bar_at": "text not null",
    "session_date": "text not null",
    "reference_price": "real",
    "fees": "real not null default 0",
    "reason": "text not null default 'target'",
}
"""A fill's columns, in the order of ``Fill``'s fields, likewise."""

ADDED = {
    "intents": {
        name: ORDER_COLUMNS[name]
        for name in ("limit_price", "stop_price", "trail", "time_in_force", "goal", "cause")
    },
    "fills": {name: FILL_COLUMNS[name] for name in ("reference_price", "fees", "reason")},
}
"""Columns that journals of earlier versions lack."""


def _ddl(columns: dict[str, str]) -> str:
    return ", ".join(f"{name} {kind}" for name, kind in columns.items())


TABLES = f"""
create table if not exists intents (
    {_ddl(ORDER_COLUMNS)}, book text not null, broker text not null, strategy text not null,
    run_id text not null, recorded_at text not null, primary key (client_order_id));
create index if not exists intents_by_book on intents (book, bar_at);
create table if not exists events (
    sequence integer primary key autoincrement, client_order_id text not null references intents,
    at text not null, status text not null, detail text not null);
create table if not exists states (
    client_order_id text primary key, status text not null, detail text not null);
create index if not exists states_by_status on states (status);
create table if not exists fills (
    book text not null, {_ddl(FILL_COLUMNS)}, recorded_at text not null, primary key (book, fill_id));
create index if not exists fills_by_order on fills (client_order_id);
create table if not exists splits (
    book text not null, bar_at text not null, symbol text not null, ratio real not null,
    is_whole integer not null, primary key (book, bar_at, symbol));
create table if not exists closes (
    book text not null, bar_at text not null, session_date text not null, account text not null,
    primary key (book, bar_at));
create table if not exists decisions (
    book text not null, bar_at text not null, session_date text not null, outcome text not null,
    strategy text not null, run_id text not null, recorded_at text not null, detail text not null,
    primary key (book, bar_at));
""" + "".join(
    f"create trigger if not exists {table}_no_{verb} before {verb} on {table} "
    f"begin select raise(abort, '{table} is append-only'); end;\n"
    for table in _APPEND_ONLY
    for verb in ("update", "delete")
)


@dataclass(frozen=True)
class JournaledOrder:
    """An order with what the journal knows of it.

    Attributes:
        note: What came with the status: why it was not (wholly) filled, or how.
    """

    order: Order
    status: str
    note: str


@dataclass(frozen=True)
class JournaledClose:
    """A book at one bar's close; ``account`` is what ``execution.desk`` measured of it."""

    bar_at: datetime
    session_date: date
    account: dict[str, Any]


DECIDED, NO_REBALANCE, NO_SCORES, MISSED = "decided", "no_rebalance", "no_scores", "missed"


@dataclass(frozen=True)
class JournaledDecision:
    """What was decided at one bar's close.

    Attributes:
        outcome: ``decided`` (perhaps without an order), ``no_rebalance``, ``no_scores``, or ``missed`` (the
            market had moved on before anyone asked).
        detail: ``targets`` and ``risk`` of what was decided, as ``execution.desk`` recorded them.
    """

    bar_at: datetime
    session_date: date
    outcome: str
    strategy: str
    detail: dict[str, Any]


def fill_from(row: tuple[Any, ...]) -> Fill:
    """Return the fill that a row of ``FILL_COLUMNS`` holds; what an earlier version did not record is worked out."""
    values = dict(zip(FILL_COLUMNS, row, strict=True))
    if values["reference_price"] is None:
        values["reference_price"] = values["price"] - values["slippage"] / values["quantity"]
    return Fill(**_dated(values))


def fill_row(fill: Fill) -> tuple[Any, ...]:
    """Return a fill as a row of ``FILL_COLUMNS``."""
    return _row(fill, FILL_COLUMNS)


def order_from(row: tuple[Any, ...]) -> Order:
    """Return the order that a row of ``ORDER_COLUMNS`` holds."""
    return Order(**_dated(dict(zip(ORDER_COLUMNS, row, strict=True))))


def order_row(order: Order) -> tuple[Any, ...]:
    """Return an order as a row of ``ORDER_COLUMNS``."""
    return _row(order, ORDER_COLUMNS)


def stamp(moment: datetime) -> str:
    """ISO text with a fixed width, so that text order is time order."""
    return moment.isoformat(sep=" ", timespec="microseconds")


def _dated(values: dict[str, Any]) -> dict[str, Any]:
    values["bar_at"] = datetime.fromisoformat(values["bar_at"])
    values["session_date"] = date.fromisoformat(values["session_date"])
    return values


def _row(record: Order | Fill, columns: dict[str, str]) -> tuple[Any, ...]:
    return tuple(_plain(getattr(record, name)) for name in columns)


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return stamp(value)
    return value.isoformat() if isinstance(value, date) else value
