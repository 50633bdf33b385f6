"""A broker of our own: it fills at the next open, and its book survives restarts.

The book is ``var/brokers/<account>.sqlite``. What the market does to it is ``execution.market``, as in the
backtest; this module only remembers. A bar's settlement is one transaction: after a kill the market has
either moved to a bar or not.
"""

from __future__ import annotations

import math
from datetime import datetime

import numpy as np

from execution import order_states
from execution.config import CostsConfig, PortfolioConfig, SimulatedBrokerConfig
from execution.durable import DurableFile
from execution.journal_records import FILL_COLUMNS, fill_from, order_from
from execution.market import apply_actions, apply_fill, fill, outcome
from execution.types import Account, Fill, Order, Snapshot
from transforms.errors import RiskHaltError
from transforms.failpoints import failpoint
from transforms.paths import Home

_TABLES = """
create table if not exists book (
    only integer primary key check (only = 1), cash real not null, initial_cash real not null, last_bar text);
create table if not exists positions (symbol text primary key, quantity real not null);
create table if not exists orders (
    client_order_id text primary key, symbol text not null, side text not null, quantity real not null,
    bar_at text not null, session_date text not null, reason text not null, order_type text not null,
    status text not null, note text not null);
create index if not exists orders_by_status on orders (status);
create table if not exists fills (
    sequence integer primary key autoincrement, fill_id text not null unique, client_order_id text not null,
    symbol text not null, quantity real not null, price real not null, commission real not null,
    slippage real not null, bar_at text not null, session_date text not null);
"""


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
        self._file = DurableFile(
            home.brokers / f"{config.account}.sqlite",
            _TABLES,
            purpose="the book of a simulated account",
            remedy=f"If it is damaged, restore a backup, or use another broker.account than {config.account}",
        )
        with self._file.transaction():
            self._file.execute(
                "insert or ignore into book values (1, ?, ?, null)", (initial_cash, initial_cash)
            )
        self._fills: list[Fill] = []
        self._fills_read = 0

    def close(self) -> None:
        self._file.close()

    @property
    def last_bar(self) -> datetime | None:
        """The bar that the market has come to, None before the first."""
        last = self._book()[1]
        return None if last is None else datetime.fromisoformat(last)

    def _book(self) -> tuple[float, str | None]:
        ((cash, last_bar),) = self._file.rows("select cash, last_bar from book")
        return cash, last_bar

    def submit(self, order: Order) -> str:
        """Take an order for the next bar, durably; a known ``client_order_id`` changes nothing."""
        with self._file.transaction():
            known = self.find(order.client_order_id)
            if known is not None:
                return known
            status, note = order_states.ACCEPTED, ""
            if order.side not in {"buy", "sell"} or order.order_type != "market":
                status, note = order_states.REJECTED, "only market orders to buy or sell are taken"
            elif not (math.isfinite(order.quantity) and order.quantity > 0):
                status, note = order_states.REJECTED, "the quantity must be finite and above 0"
            self._file.execute(
                "insert into orders values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    order.client_order_id,
                    order.symbol,
                    order.side,
                    order.quantity if math.isfinite(order.quantity) else 0.0,
                    order.bar_at.isoformat(),
                    order.session_date.isoformat(),
                    order.reason,
                    order.order_type,
                    status,
                    note,
                ),
            )
        return status

    def find(self, client_order_id: str) -> str | None:
        """Return an order's status, None where it was never taken."""
        row = self._file.row("select status from orders where client_order_id = ?", (client_order_id,))
        return None if row is None else str(row[0])

    def note(self, client_order_id: str) -> str:
        """Return why an order was rejected or not (wholly) filled; empty where there is nothing to say."""
        row = self._file.row("select note from orders where client_order_id = ?", (client_order_id,))
        return "" if row is None else str(row[0])

    def fills(self) -> list[Fill]:
        """Return every fill of this account, oldest first."""
        sql = f"select sequence, {FILL_COLUMNS} from fills where sequence > ? order by sequence"
        for sequence, *row in self._file.rows(sql, (self._fills_read,)):
            self._fills.append(fill_from(tuple(row)))
            self._fills_read = sequence
        return list(self._fills)

    def account(self, symbols: tuple[str, ...]) -> Account:
        """Return cash and positions over ``symbols``.

        Raises:
            RiskHaltError: where a position is held in none of them; it could neither be valued nor closed.
        """
        held = dict(self._file.rows("select symbol, quantity from positions"))
        stray = sorted(held.keys() - set(symbols))
        if stray:
            raise RiskHaltError(
                f"{self._file.path}: the account holds {held[stray[0]]:g} shares of {stray[0]}, which has no "
                "bars here; ingest its bars, or trade with another broker.account"
            )
        return Account(symbols, self._book()[0], np.array([held.get(symbol, 0.0) for symbol in symbols]))

    def settle(self, snapshot: Snapshot, costs: CostsConfig, portfolio: PortfolioConfig) -> None:
        """Move the market to ``snapshot``'s bar: corporate actions, then open orders at this bar's open.

        Orders live for one bar; what is not filled then is cancelled. A bar that the market has passed
        changes nothing. Every bar must be settled, in order: an action in one left out would be lost.
        """
        last = self.last_bar
        if last is not None and snapshot.bar_at <= last:
            return
        with self._file.transaction():
            account = self.account(snapshot.symbols)
            apply_actions(account, snapshot, portfolio)
            orders = self._open_orders()
            fills = fill(orders, account, snapshot, costs, portfolio)
            for filled in fills:
                apply_fill(account, filled)
            self._store(account, fills, snapshot.bar_at)
            by_order = {filled.client_order_id: filled for filled in fills}
            for order in orders:
                status, note = outcome(order, by_order.get(order.client_order_id), snapshot, portfolio)
                self._file.execute(
                    "update orders set status = ?, note = ? where client_order_id = ?",
                    (status, note, order.client_order_id),
                )
            failpoint("broker.settle.before_commit")
        failpoint("broker.settle.after_commit")

    def _open_orders(self) -> list[Order]:
        rows = self._file.rows(
            "select client_order_id, symbol, side, quantity, bar_at, session_date, reason, order_type "
            "from orders where status = ? order by rowid",
            (order_states.ACCEPTED,),
        )
        return [order_from(row) for row in rows]

    def _store(self, account: Account, fills: list[Fill], bar_at: datetime) -> None:
        self._file.execute("update book set cash = ?, last_bar = ?", (account.cash, bar_at.isoformat()))
        self._file.execute("delete from positions")
        self._file.execute_many(
            "insert into positions values (?, ?)",
            [(account.symbols[i], float(account.quantity[i])) for i in np.flatnonzero(account.quantity)],
        )
        self._file.execute_many(
            f"insert into fills ({FILL_COLUMNS}) values (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                (
                    filled.fill_id,
                    filled.client_order_id,
                    filled.symbol,
                    float(filled.quantity),
                    float(filled.price),
                    float(filled.commission),
                    float(filled.slippage),
                    filled.bar_at.isoformat(),
                    filled.session_date.isoformat(),
                )
                for filled in fills
            ],
        )
