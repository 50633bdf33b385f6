"""What the order journal holds: its tables, and the records that are read from them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from execution.types import Fill, Order

_APPEND_ONLY = ("intents", "events", "fills", "splits", "decisions", "closes")

TABLES = """
create table if not exists intents (
    client_order_id text primary key, book text not null, broker text not null, strategy text not null,
    session_date text not null, bar_at text not null, symbol text not null, side text not null,
    quantity real not null, order_type text not null, reason text not null, run_id text not null,
    recorded_at text not null);
create index if not exists intents_by_book on intents (book, bar_at);
create table if not exists events (
    sequence integer primary key autoincrement, client_order_id text not null references intents,
    at text not null, status text not null, detail text not null);
create table if not exists states (
    client_order_id text primary key, status text not null, detail text not null);
create index if not exists states_by_status on states (status);
create table if not exists fills (
    book text not null, fill_id text not null, client_order_id text not null, symbol text not null,
    quantity real not null, price real not null, commission real not null, slippage real not null,
    bar_at text not null, session_date text not null, recorded_at text not null, primary key (book, fill_id));
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


FILL_COLUMNS = "fill_id, client_order_id, symbol, quantity, price, commission, slippage, bar_at, session_date"
"""A fill's columns, in the order of ``Fill``'s fields, in the journal and in a simulated broker's book."""


def fill_from(row: tuple[Any, ...]) -> Fill:
    """Return the fill that a row of ``FILL_COLUMNS`` holds."""
    fill_id, client_order_id, symbol, quantity, price, commission, slippage, bar_at, session_date = row
    return Fill(
        fill_id=fill_id,
        client_order_id=client_order_id,
        symbol=symbol,
        quantity=quantity,
        price=price,
        commission=commission,
        slippage=slippage,
        bar_at=datetime.fromisoformat(bar_at),
        session_date=date.fromisoformat(session_date),
    )


def order_from(row: tuple[Any, ...]) -> Order:
    """Return the order that a row holds whose columns are those of ``Order``, in its fields' order."""
    client_order_id, symbol, side, quantity, bar_at, session_date, reason, order_type = row
    return Order(
        client_order_id=client_order_id,
        symbol=symbol,
        side=side,
        quantity=quantity,
        bar_at=datetime.fromisoformat(bar_at),
        session_date=date.fromisoformat(session_date),
        reason=reason,
        order_type=order_type,
    )
