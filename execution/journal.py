"""The order journal: what was decided, what was sent, what came back. The truth about orders.

``var/journal.sqlite`` is written, durably, before anything is sent; ``execution.*`` in the warehouse is its
mirror. Intents, events, fills, splits, closes and decisions are only ever added to: triggers refuse anything
else. The one thing that changes is ``states``, the last event of each order.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from datetime import date, datetime
from pathlib import Path
from typing import Any

from execution import order_states
from execution.durable import DurableFile
from execution.journal_records import (
    ADDED,
    FILL_COLUMNS,
    ORDER_COLUMNS,
    TABLES,
    JournaledClose,
    JournaledDecision,
    JournaledOrder,
    fill_from,
    fill_row,
    order_from,
    order_row,
    stamp,
)
from execution.types import Fill, Order
from transforms.errors import QuantmillError, RiskHaltError
from transforms.warehouse import utc_now

_ORDERS, _FILLS = ", ".join(ORDER_COLUMNS), ", ".join(FILL_COLUMNS)
_TOLERANCE = 1e-9
"""Relative: fractional quantities through splits carry rounding of this order at most."""


class Journal:
    """The journal of every book of one home."""

    def __init__(self, path: Path) -> None:
        self._file = DurableFile(
            path,
            TABLES,
            purpose="the order journal",
            remedy="If another run holds it, wait; if it is damaged, restore a backup. Nothing was sent",
            columns=ADDED,
        )

    def close(self) -> None:
        self._file.close()

    def transaction(self) -> AbstractContextManager[None]:
        """Commit what the block records, durably, or none of it; one commit instead of several."""
        return self._file.transaction()

    def record_decision(
        self, book: str, broker: str, decision: JournaledDecision, orders: Sequence[Order], run_id: str
    ) -> None:
        """Record, in one transaction, that a bar was decided and every order that this led to.

        Repeating it with the same orders changes nothing.

        Raises:
            QuantmillError: where an order's id is known with other content; both are named.
        """
        row = (book, stamp(decision.bar_at), decision.session_date.isoformat(), decision.outcome)
        with self._file.transaction():
            for order in orders:
                self._record_intent(book, broker, decision.strategy, order, run_id=run_id)
            self._file.execute(
                "insert or ignore into decisions values (?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    *row,
                    decision.strategy,
                    run_id,
                    stamp(utc_now()),
                    json.dumps(decision.detail, allow_nan=False),
                ),
            )

    def record_own(self, book: str, broker: str, strategy: str, orders: Iterable[Order], run_id: str) -> None:
        """Record, in one transaction, orders that the account brought about by itself: exits, margin calls, buy-ins.

        They begin as accepted: nobody sends them. Repeating it changes nothing.
        """
        with self._file.transaction():
            for order in orders:
                self._record_intent(
                    book, broker, strategy, order, run_id=run_id, first_state=order_states.ACCEPTED
                )

    def _record_intent(
        self,
        book: str,
        broker: str,
        strategy: str,
        order: Order,
        *,
        run_id: str,
        first_state: str = order_states.INTENDED,
    ) -> None:
        if not (math.isfinite(order.quantity) and order.quantity > 0 and order.side in {"buy", "sell"}):
            raise RiskHaltError(
                f"order {order.client_order_id}: {order.side} {order.quantity} {order.symbol} is no order "
                "(side must be buy or sell, quantity finite and above 0); nothing was sent"
            )
        content = (*order_row(order), book, broker, strategy)
        known = self._file.row(
            f"select {_ORDERS}, book, broker, strategy from intents where client_order_id = ?",
            (order.client_order_id,),
        )
        if known == content:
            return
        if known is not None:
            raise QuantmillError(
                f"order {order.client_order_id} is journaled as {_told(known)}; "
                f"the same id cannot also be {_told(content)}"
            )
        marks = ", ".join("?" for _ in range(len(content) + 2))
        self._file.execute(
            f"insert into intents ({_ORDERS}, book, broker, strategy, run_id, recorded_at) values ({marks})",
            (*content, run_id, stamp(utc_now())),
        )
        self._append_event(order.client_order_id, first_state, "")

    def outcomes(self, book: str) -> dict[datetime, str]:
        """Return bar → outcome of every bar at which somebody asked for a book's decision."""
        rows = self._file.rows("select bar_at, outcome from decisions where book = ?", (book,))
        return {datetime.fromisoformat(bar): outcome for bar, outcome in rows}

    def decisions(self, book: str) -> list[JournaledDecision]:
        """Return a book's decisions, oldest first."""
        columns = "bar_at, session_date, outcome, strategy, detail"
        sql = f"select {columns} from decisions where book = ? order by bar_at"
        return [
            JournaledDecision(
                datetime.fromisoformat(bar), date.fromisoformat(day), outcome, strategy, json.loads(detail)
            )
            for bar, day, outcome, strategy, detail in self._file.rows(sql, (book,))
        ]

    def cancellations(self, book: str) -> list[str]:
        """Return the orders that a book's last decision takes back, be it done or not."""
        row = self._file.row(
            "select detail from decisions where book = ? order by bar_at desc limit 1", (book,)
        )
        return [] if row is None else list(json.loads(row[0]).get("cancels", []))

    def advance(self, client_order_id: str, status: str, detail: str = "") -> None:
        """Record, durably, that an order has come to ``status``. The status it already has is no step.

        Raises:
            IllegalTransitionError: where no order makes that step.
        """
        with self._file.transaction():
            before = self.status(client_order_id)
            if before is None:
                raise QuantmillError(
                    f"order {client_order_id} is not in the journal; journal it before sending it"
                )
            if before == status != order_states.SENT:
                return
            order_states.require_transition(client_order_id, before, status)
            self._append_event(client_order_id, status, detail)

    def _append_event(self, client_order_id: str, status: str, detail: str) -> None:
        self._file.execute(
            "insert into events (client_order_id, at, status, detail) values (?, ?, ?, ?)",
            (client_order_id, stamp(utc_now()), status, detail),
        )
        self._file.execute(
            "insert or replace into states values (?, ?, ?)", (client_order_id, status, detail)
        )

    def status(self, client_order_id: str) -> str | None:
        """Return an order's status, None where the journal does not know it."""
        row = self._file.row("select status from states where client_order_id = ?", (client_order_id,))
        return None if row is None else str(row[0])

    def orders(self, book: str, *, is_open: bool = False) -> list[JournaledOrder]:
        """Return a book's orders, oldest first; with ``is_open`` those that are not final."""
        final = ", ".join(f"'{status}'" for status in sorted(order_states.TERMINAL))
        condition = f"and s.status not in ({final})" if is_open else ""
        columns = ", ".join(f"i.{name}" for name in ORDER_COLUMNS)
        sql = (
            f"select {columns}, s.status, s.detail from intents i join states s using (client_order_id) "
            f"where i.book = ? {condition} order by i.rowid"
        )
        return [JournaledOrder(order_from(row[:-2]), *row[-2:]) for row in self._file.rows(sql, (book,))]

    def events(self, client_order_id: str) -> list[tuple[str, str]]:
        """Return an order's (status, detail) pairs in the order in which they were recorded."""
        sql = "select status, detail from events where client_order_id = ? order by sequence"
        return [(status, detail) for status, detail in self._file.rows(sql, (client_order_id,))]

    def record_fills(self, book: str, fills: Iterable[Fill]) -> list[Fill]:
        """Record, in one transaction, the fills that are new, advance their orders, and return them.

        A fill counts whatever state its order has (a cancelled order's late fill moved the position too); a
        final state stays.

        Raises:
            RiskHaltError: for a fill of an unknown order, of the wrong symbol or side, beyond the order's
                quantity, or whose id is known with other content. Nothing of the batch is recorded then.
        """
        new = []
        with self._file.transaction():
            for fill in fills:
                known = self._file.row(
                    f"select {_FILLS} from fills where book = ? and fill_id = ?", (book, fill.fill_id)
                )
                content = fill_row(fill)
                if known is not None and fill_row(fill_from(known)) == content:
                    continue
                if known is not None:
                    raise RiskHaltError(f"fill {fill.fill_id} is journaled as {known}, now it is {content}")
                self._record_fill(book, fill, content)
                new.append(fill)
        return new

    def _record_fill(self, book: str, fill: Fill, content: tuple[Any, ...]) -> None:
        row = self._file.row(
            "select i.symbol, i.side, i.quantity, i.bar_at, s.status from intents i join states s "
            "using (client_order_id) where i.book = ? and client_order_id = ?",
            (book, fill.client_order_id),
        )
        if row is None:
            raise RiskHaltError(
                f"fill {fill.fill_id}: book {book} never ordered {fill.client_order_id!r}; someone else "
                "trades in this account, or the journal is not this account's"
            )
        symbol, side, ordered, bar_at, status = row
        sign = 1.0 if side == "buy" else -1.0
        numbers = (fill.quantity, fill.price, fill.commission, fill.slippage, fill.fees, fill.reference_price)
        if fill.symbol != symbol or not fill.quantity * sign > 0 or not all(map(math.isfinite, numbers)):
            raise RiskHaltError(
                f"fill {fill.fill_id}: {fill.quantity} {fill.symbol} at {fill.price} cannot fill "
                f"{fill.client_order_id} ({side} {symbol})"
            )
        earlier = self._file.rows(
            "select quantity, bar_at from fills where client_order_id = ? and book = ?",
            (fill.client_order_id, book),
        )
        filled = sum(
            abs(quantity) / self._split_between(book, symbol, bar_at, at)
            for quantity, at in [*earlier, (fill.quantity, stamp(fill.bar_at))]
        )
        if filled > ordered * (1 + _TOLERANCE):
            raise RiskHaltError(
                f"fill {fill.fill_id}: {fill.client_order_id} ordered {ordered:g} {symbol} and would be "
                f"filled to {filled:g}; the overfill is refused. Compare account and journal first"
            )
        marks = ", ".join("?" for _ in range(len(content) + 2))
        self._file.execute(
            f"insert into fills (book, {_FILLS}, recorded_at) values ({marks})",
            (book, *content, stamp(utc_now())),
        )
        if status not in order_states.TERMINAL:
            is_whole = filled >= ordered * (1 - _TOLERANCE)
            self.advance(
                fill.client_order_id,
                order_states.FILLED if is_whole else order_states.PARTIALLY_FILLED,
                f"{fill.quantity:g} at {fill.price:g}",
            )

    def _split_between(self, book: str, symbol: str, after: str, until: str) -> float:
        """Return shares on the basis of ``until`` per share of ``after``: an order may fill after a split."""
        sql = "select ratio from splits where book = ? and symbol = ? and bar_at > ? and bar_at <= ?"
        ratio = 1.0
        for (step,) in self._file.rows(f"{sql} order by bar_at", (book, symbol, after, until)):
            ratio *= step
        return ratio

    def record_bar(
        self,
        book: str,
        close: JournaledClose,
        splits: dict[str, float],
        fills: Iterable[Fill],
        *,
        whole_shares: bool,
    ) -> list[Fill]:
        """Record, in one transaction, what one bar did to a book: splits, fills, and its account.

        Args:
            splits: Symbol → new shares per old, for symbols that split before this bar's open.
            whole_shares: Whether a split's fractions of shares were paid out in cash.
            fills: Every fill the broker knows; known ones are passed over.

        Returns:
            The new fills.
        """
        at = stamp(close.bar_at)
        with self._file.transaction():
            self._file.execute_many(
                "insert or ignore into splits values (?, ?, ?, ?, ?)",
                [(book, at, symbol, ratio, int(whole_shares)) for symbol, ratio in sorted(splits.items())],
            )
            new = self.record_fills(book, fills)
            self._file.execute(
                "insert or ignore into closes values (?, ?, ?, ?)",
                (book, at, close.session_date.isoformat(), json.dumps(close.account, allow_nan=False)),
            )
        return new

    def last_bar(self, book: str) -> datetime | None:
        """Return the last bar that was recorded for a book, None for a book without any."""
        row = self._file.row("select max(bar_at) from closes where book = ?", (book,))
        return None if row is None or row[0] is None else datetime.fromisoformat(row[0])

    def closes(self, book: str) -> list[JournaledClose]:
        """Return a book's closes, oldest first."""
        sql = "select bar_at, session_date, account from closes where book = ? order by bar_at"
        return [
            JournaledClose(datetime.fromisoformat(bar), date.fromisoformat(day), json.loads(account))
            for bar, day, account in self._file.rows(sql, (book,))
        ]

    def fills(self, book: str) -> list[Fill]:
        """Return a book's unique fills, by bar and then as they were recorded."""
        sql = f"select {_FILLS} from fills where book = ? order by bar_at, rowid"
        return [fill_from(row) for row in self._file.rows(sql, (book,))]

    def fill_movements(self, book: str) -> list[tuple[str, str, float]]:
        """Return (bar, symbol, signed shares) of a book's unique fills, for ``positions_from``."""
        rows = self._file.rows("select bar_at, symbol, quantity from fills where book = ?", (book,))
        return [(bar, symbol, shares) for bar, symbol, shares in rows]

    def split_movements(self, book: str) -> list[tuple[str, str, float, bool]]:
        """Return (bar, symbol, ratio, whether fractions were paid out) of the splits that a book has seen."""
        rows = self._file.rows("select bar_at, symbol, ratio, is_whole from splits where book = ?", (book,))
        return [(bar, symbol, ratio, bool(is_whole)) for bar, symbol, ratio, is_whole in rows]


def _told(content: Sequence[Any]) -> str:
    values = dict(zip(ORDER_COLUMNS, content, strict=False))
    book, broker, strategy = content[len(ORDER_COLUMNS) :]
    why = f"{strategy}, book {book} at {broker}: {values['reason'] or 'no reason'}"
    what = f"{values['order_type']} {values['side']} {values['quantity']:g} {values['symbol']}"
    return f"{what} of {values['session_date']} ({why})"
