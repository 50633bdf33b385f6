"""The journal of a book as tables, ``execution.*``, for analysts and the report."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import polars as pl

from execution.journal import Journal
from execution.journal_records import JournaledClose, JournaledDecision
from execution.order_states import FILLED, TERMINAL
from transforms import schemas, schemas_strategies
from transforms.warehouse import Warehouse


def mirror(journal: Journal, warehouse: Warehouse, book: str) -> None:
    """Replace a book's rows in ``execution.*`` by what the journal says, in one transaction.

    Written are orders, fills, targets, strategy_targets, risk_decisions, positions, equity and cash_flows. The
    benchmark's close is scaled to the equity of the book's first bar: the initial cash, for an account that began with
    nothing else.
    """
    decisions, closes = journal.decisions(book), journal.closes(book)
    tables = [
        (schemas.ORDERS, _orders(journal, book)),
        (schemas.FILLS, _fills(journal, book)),
        (schemas.TARGETS, _targets(book, decisions)),
        (schemas_strategies.STRATEGY_TARGETS, _strategy_targets(book, decisions)),
        (schemas.RISK_DECISIONS, _risk_decisions(book, decisions)),
        (schemas.POSITIONS, _positions(book, closes)),
        (schemas.EQUITY, _equity(book, closes)),
        (schemas.CASH_FLOWS, _cash_flows(book, closes)),
    ]
    with warehouse.transaction():
        for table, rows in tables:
            frame = pl.DataFrame(list(rows), table.polars, orient="row")
            warehouse.replace_where(table, {"book": book}, frame)


_Rows = Iterable[tuple[Any, ...]]


def _orders(journal: Journal, book: str) -> _Rows:
    for entry in journal.orders(book):
        order = entry.order
        when = (order.bar_at, order.session_date)
        what = (order.symbol, order.side, order.quantity, order.order_type)
        levels = (order.limit_price, order.stop_price, order.trail, order.time_in_force, order.cause)
        is_unfilled = entry.status in TERMINAL - {FILLED}
        reason = "; ".join(filter(None, (order.reason, entry.note if is_unfilled else "")))
        yield (book, order.client_order_id, *when, *what, *levels, entry.status, reason)


def _fills(journal: Journal, book: str) -> _Rows:
    for fill in journal.fills(book):
        when = (fill.bar_at, fill.session_date)
        what = (fill.symbol, fill.quantity, fill.price, fill.commission, fill.slippage)
        yield (
            *(book, fill.fill_id, fill.client_order_id, *when, *what),
            *(fill.reference_price, fill.fees, fill.reason),
        )


def _targets(book: str, decisions: list[JournaledDecision]) -> _Rows:
    for decision in decisions:
        for symbol, score, confidence, weight, reason in decision.detail.get("targets", []):
            what = (symbol, decision.strategy, score, confidence, weight, reason)
            yield (book, decision.bar_at, decision.session_date, *what)


def _strategy_targets(book: str, decisions: list[JournaledDecision]) -> _Rows:
    for decision in decisions:
        for row in decision.detail.get("strategies", []):
            yield (book, decision.bar_at, decision.session_date, *row)


def _risk_decisions(book: str, decisions: list[JournaledDecision]) -> _Rows:
    for decision in decisions:
        for row in decision.detail.get("risk", []):
            yield (book, decision.bar_at, decision.session_date, *row)


def _positions(book: str, closes: list[JournaledClose]) -> _Rows:
    for close in closes:
        for row in close.account["positions"]:
            yield (book, close.bar_at, close.session_date, *row)


def _equity(book: str, closes: list[JournaledClose]) -> _Rows:
    priced = (close.account["benchmark"] for close in closes if close.account["benchmark"] is not None)
    first = next(priced, None)
    scale = closes[0].account["equity"] / first if first else None
    for close in closes:
        account = close.account
        level = account["benchmark"]
        benchmark = level * scale if level is not None and scale is not None else None
        columns = ("equity", "cash", "gross_exposure", "net_exposure", "turnover")
        yield (book, close.bar_at, close.session_date, *(account[name] for name in columns), benchmark)


def _cash_flows(book: str, closes: list[JournaledClose]) -> _Rows:
    for close in closes:
        for kind, amount in close.account.get("flows", {}).items():
            if amount != 0:
                yield (book, close.bar_at, close.session_date, kind, amount)
