"""A broker of our own: the simulator's kernel, one bar at a time, with a book that survives restarts.

The book is ``var/brokers/<account>.sqlite``. What happens to it on a bar is ``execution.kernel.run``, as in the
backtest; this module only remembers. A bar's settlement is one transaction: after a kill the market has
either moved to a bar or not.
"""

from __future__ import annotations

import json
import math
from dataclasses import asdict, replace
from datetime import datetime

import numpy as np

from execution import order_states
from execution.brokers.base import Settled
from execution.config import SimulatedBrokerConfig
from execution.durable import DurableFile
from execution.journal_records import (
    FILL_COLUMNS,
    ORDER_COLUMNS,
    fill_from,
    fill_row,
    order_from,
    order_row,
)
from execution.kernel import State, dump_state, load_state, new_state, run, withdraw
from execution.kernel.types import FLOWS, ORDER_TYPES, REASONS, TIMES_IN_FORCE, Outcome, Records
from execution.orders import kernel_orders, order_note, order_status
from execution.own_orders import OwnOrder, own_orders
from execution.rules import Terms
from execution.types import Account, Fill, Order
from transforms.errors import RiskHaltError
from transforms.failpoints import failpoint
from transforms.paths import Home

_TABLES = f"""
create table if not exists account (
    only integer primary key check (only = 1), initial_cash real not null, symbols text not null,
    state text not null, row integer not null, last_bar text, settled text not null);
create table if not exists orders (
    {", ".join(f"{column} {kind}" for column, kind in ORDER_COLUMNS.items())},
    number integer, is_own integer not null, status text not null, note text not null,
    primary key (client_order_id));
create index if not exists orders_by_status on orders (status);
create table if not exists fills (
    sequence integer primary key autoincrement, fill_id text not null unique,
    {", ".join(f"{column} {kind}" for column, kind in FILL_COLUMNS.items() if column != "fill_id")});
create index if not exists fills_by_order on fills (client_order_id);
"""
_ORDERS, _FILLS = ", ".join(ORDER_COLUMNS), ", ".join(FILL_COLUMNS)
_OPEN = f"status in ('{order_states.ACCEPTED}', '{order_states.PARTIALLY_FILLED}')"
_WITHDRAWN = "replaced by a later decision"


class SimulatedBroker:
    """One simulated account.

    Args:
        config: Names the account.
        home: Where its book lies.
        initial_cash: Cash (USD) of an account that is opened now; an account that exists keeps its own.
    """

    is_simulated = True

    def __init__(self, config: SimulatedBrokerConfig, home: Home, *, initial_cash: float) -> None:
        self.name = config.name
        self._book = f"{config.name}/{config.account}"
        self._file = DurableFile(
            home.brokers / f"{config.account}.sqlite",
            _TABLES,
            purpose="the book of a simulated account",
            remedy=f"If it is damaged, restore a backup, or use another broker.account than {config.account}",
        )
        if self._file.row("select 1 from sqlite_master where type = 'table' and name = 'book'"):
            raise RiskHaltError(
                f"{self._file.path}: the account was kept by an earlier version, which knew no entry prices; go on "
                "with another broker.account"
            )
        empty = Settled(initial_cash, 0.0, dict.fromkeys(FLOWS, 0.0))
        with self._file.transaction():
            self._file.execute(
                "insert or ignore into account values (1, ?, '[]', ?, -1, null, ?)",
                (initial_cash, dump_state(new_state(0, initial_cash)), json.dumps(asdict(empty))),
            )
        self._fills: list[Fill] = []
        self._fills_read = 0
        self._own: list[Order] = []
        self._own_read = 0

    def close(self) -> None:
        self._file.close()

    @property
    def last_bar(self) -> datetime | None:
        """The bar that the market has come to, None before the first."""
        ((last,),) = self._file.rows("select last_bar from account")
        return None if last is None else datetime.fromisoformat(last)

    def settled(self) -> Settled:
        """Return what the last bar left of the account."""
        ((text,),) = self._file.rows("select settled from account")
        return Settled(**json.loads(text))

    def submit(self, order: Order) -> str:
        """Take an order for the next bar, durably; a known ``client_order_id`` changes nothing."""
        with self._file.transaction():
            known = self.find(order.client_order_id)
            if known is not None:
                return known
            status, note = order_states.ACCEPTED, ""
            refusal = _refusal(order)
            if refusal:
                status, note = order_states.REJECTED, refusal
                order = order if math.isfinite(order.quantity) else replace(order, quantity=0.0)
            self._insert(order, number=None, is_own=False, status=status, note=note)
        return status

    def cancel(self, client_order_id: str) -> str | None:
        """Take an open order back, durably; return its status then, None where it was never taken."""
        with self._file.transaction():
            row = self._file.row(
                "select number, status from orders where client_order_id = ?", (client_order_id,)
            )
            if row is None or row[1] in order_states.TERMINAL:
                return None if row is None else str(row[1])
            number, note = row[0], _WITHDRAWN
            if number is not None:
                ((text, last_row),) = self._file.rows("select state, row from account")
                state = load_state(text)
                (ended,) = withdraw(state, np.array([number]), bar=last_row)
                note = _note(ended)
                self._file.execute("update account set state = ?", (dump_state(state),))
            self._end(client_order_id, order_states.CANCELLED, note)
        return order_states.CANCELLED

    def find(self, client_order_id: str) -> str | None:
        """Return an order's status, None where it was never taken."""
        row = self._file.row("select status from orders where client_order_id = ?", (client_order_id,))
        return None if row is None else str(row[0])

    def note(self, client_order_id: str) -> str:
        """Return why an order was rejected or not (wholly) filled; empty where there is nothing to say."""
        row = self._file.row("select note from orders where client_order_id = ?", (client_order_id,))
        return "" if row is None else str(row[0])

    def own_orders(self) -> list[Order]:
        """Return every order that the account brought about by itself, oldest first."""
        sql = f"select rowid, {_ORDERS} from orders where is_own = 1 and rowid > ? order by rowid"
        for place, *row in self._file.rows(sql, (self._own_read,)):
            self._own.append(order_from(tuple(row)))
            self._own_read = place
        return list(self._own)

    def fills(self) -> list[Fill]:
        """Return every fill of this account, oldest first."""
        sql = f"select sequence, {_FILLS} from fills where sequence > ? order by sequence"
        for sequence, *row in self._file.rows(sql, (self._fills_read,)):
            self._fills.append(fill_from(tuple(row)))
            self._fills_read = sequence
        return list(self._fills)

    def account(self, symbols: tuple[str, ...]) -> Account:
        """Return cash and positions over ``symbols``.

        Raises:
            RiskHaltError: where a position is held in none of them; it could neither be valued nor closed.
        """
        state = self._state(symbols)
        return Account(symbols, state.cash, state.quantity)

    def state(self, symbols: tuple[str, ...], t: int) -> tuple[State, dict[int, str]]:
        """Return the book at the close of row ``t``, the last bar, and the client order ids of its open orders."""
        rows = self._file.rows(
            f"select number, client_order_id from orders where number is not null and {_OPEN}"
        )
        return self._state(symbols, t), dict(rows)

    def _state(self, symbols: tuple[str, ...], t: int | None = None) -> State:
        """Return the book over ``symbols``, its rows counted so that the last bar is row ``t``."""
        ((names, text, row),) = self._file.rows("select symbols, state, row from account")
        known, state = tuple(json.loads(names)), load_state(text)
        if known != symbols:
            state = self._moved(state, known, symbols)
        if t is not None and row >= 0 and row != t:
            state.orders["bar"] += t - row
        return state

    def _moved(self, state: State, known: tuple[str, ...], symbols: tuple[str, ...]) -> State:
        """Return the book over other symbols than it was kept over."""
        place = {symbol: i for i, symbol in enumerate(symbols)}
        moved = new_state(len(symbols), 0.0)
        for i in np.flatnonzero(state.quantity).tolist():
            if known[i] not in place:
                raise RiskHaltError(
                    f"{self._file.path}: the account holds {state.quantity[i]:g} shares of {known[i]}, which has no "
                    "bars here; ingest its bars, or trade with another broker.account"
                )
            moved.quantity[place[known[i]]] = state.quantity[i]
            moved.positions[place[known[i]]] = state.positions[i]
        moved.orders = state.orders.copy()
        for k, i in enumerate(state.orders["symbol"].tolist()):
            if known[i] not in place:
                raise RiskHaltError(
                    f"{self._file.path}: the account has an open order in {known[i]}, which has no bars here; ingest "
                    "its bars, or trade with another broker.account"
                )
            moved.orders["symbol"][k] = place[known[i]]
        moved.cash, moved.next_order = state.cash, state.next_order
        moved.is_started, moved.is_ruined = state.is_started, state.is_ruined
        return moved

    def settle(self, terms: Terms, t: int) -> None:
        """Move the market to the close of bar ``t``: everything that happens to an account on a bar.

        A bar that the market has passed changes nothing. Every bar must be settled, in order: an action in one left
        out would be lost.
        """
        panel = terms.panel
        last = self.last_bar
        if last is not None and panel.bar_at[t] <= last:
            return
        with self._file.transaction():
            state = self._state(panel.symbols, t - 1)
            waiting = self._file.rows(
                f"select {_ORDERS} from orders where number is null and {_OPEN} order by symbol, rowid"
            )
            orders = [order_from(row) for row in waiting]
            if stray := sorted({order.symbol for order in orders} - set(panel.symbols)):
                raise RiskHaltError(
                    f"{self._file.path}: the account has an open order in {stray[0]}, which has no bars here; ingest "
                    "its bars, or trade with another broker.account"
                )
            names = dict(
                self._file.rows(
                    f"select number, client_order_id from orders where number is not null and {_OPEN}"
                )
            )
            names |= {state.next_order + k: order.client_order_id for k, order in enumerate(orders)}
            outcome = run(
                terms.market,
                terms.costs,
                terms.rules,
                state,
                first=t,
                last=t + 1,
                orders=kernel_orders(orders, panel.symbols, t - 1) if orders else None,
            )
            self._keep(terms, t, state, outcome, names)
            failpoint("broker.settle.before_commit")
        failpoint("broker.settle.after_commit")

    def _keep(self, terms: Terms, t: int, state: State, outcome: Outcome, names: dict[int, str]) -> None:
        """Store the account, its orders and its fills as a bar left them."""
        panel = terms.panel
        flows = dict(zip(FLOWS, outcome.flows[0].tolist(), strict=True))
        settled = Settled(float(outcome.equity[0]), float(outcome.traded[0]), flows)
        self._file.execute(
            "update account set symbols = ?, state = ?, row = ?, last_bar = ?, settled = ?",
            (
                json.dumps(panel.symbols),
                dump_state(state),
                t,
                panel.bar_at[t].isoformat(),
                json.dumps(asdict(settled)),
            ),
        )
        own = own_orders(outcome, panel, self._book)
        for one in own:
            self._insert_own(one)
        names |= {one.number: one.order.client_order_id for one in own if one.number >= 0}
        for record in outcome.orders:
            number = int(record["id"])
            self._file.execute(
                "update orders set number = ?, status = ?, note = ? where client_order_id = ?",
                (
                    number,
                    order_status(int(record["status"]), float(record["filled"])),
                    _note(record),
                    names[number],
                ),
            )
        at_once = {one.fill: one.order.client_order_id for one in own if one.fill >= 0}
        self._store_fills(terms, t, outcome, names, at_once)

    def _insert_own(self, own: OwnOrder) -> None:
        is_filled = own.fill >= 0
        self._insert(
            own.order,
            number=None if is_filled else own.number,
            is_own=True,
            status=order_states.FILLED if is_filled else order_states.ACCEPTED,
            note="",
        )

    def _store_fills(
        self, terms: Terms, t: int, outcome: Outcome, names: dict[int, str], at_once: dict[int, str]
    ) -> None:
        panel, rows = terms.panel, []
        counts: dict[str, int] = {}
        for place, record in enumerate(outcome.fills):
            name = at_once[place] if place in at_once else names[int(record["order"])]
            if name not in counts:
                ((counts[name],),) = self._file.rows(
                    "select count(*) from fills where client_order_id = ?", (name,)
                )
            counts[name] += 1
            quantity, price, reference = (float(record[key]) for key in ("quantity", "price", "reference"))
            filled = Fill(
                fill_id=f"{name}-{counts[name]}",
                client_order_id=name,
                symbol=panel.symbols[int(record["symbol"])],
                quantity=quantity,
                price=price,
                commission=float(record["commission"]),
                slippage=quantity * (price - reference),
                bar_at=panel.bar_at[t],
                session_date=panel.session_date[t],
                reference_price=reference,
                fees=float(record["fees"]),
                reason=REASONS[int(record["reason"])],
            )
            rows.append(fill_row(filled))
        marks = ", ".join("?" for _ in FILL_COLUMNS)
        self._file.execute_many(f"insert into fills ({_FILLS}) values ({marks})", rows)

    def _insert(self, order: Order, *, number: int | None, is_own: bool, status: str, note: str) -> None:
        marks = ", ".join("?" for _ in range(len(ORDER_COLUMNS) + 4))
        self._file.execute(
            f"insert into orders ({_ORDERS}, number, is_own, status, note) values ({marks})",
            (*order_row(order), number, int(is_own), status, note),
        )

    def _end(self, client_order_id: str, status: str, note: str) -> None:
        self._file.execute(
            "update orders set status = ?, note = ? where client_order_id = ?",
            (status, note, client_order_id),
        )


def _note(record: Records) -> str:
    return order_note(
        int(record["status"]),
        int(record["obstacle"]),
        filled=float(record["filled"]),
        remaining=float(record["remaining"]),
    )


def _refusal(order: Order) -> str:
    """Return why an order cannot be taken; empty if it can."""
    if order.side not in {"buy", "sell"}:
        return "only orders to buy or sell are taken"
    if order.order_type not in ORDER_TYPES:
        return f"only orders of the types {', '.join(ORDER_TYPES)} are taken"
    if order.time_in_force not in TIMES_IN_FORCE or order.cause not in REASONS:
        return "its time in force or cause is unknown"
    if not (math.isfinite(order.quantity) and order.quantity > 0):
        return "the quantity must be finite and above 0"
    needed = {
        "limit": (order.limit_price,),
        "stop": (order.stop_price,),
        "stop_limit": (order.limit_price, order.stop_price),
        "trailing_stop": (order.trail,),
    }
    for level in needed.get(order.order_type, ()):
        if level is None or not (math.isfinite(level) and level > 0):
            return f"an order of the type {order.order_type} needs its levels, finite and above 0"
    return ""
