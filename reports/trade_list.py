"""The list of trades: each with the signal, the decision, the orders and the fills that made it.

The page carries the list as JSON and shows it page by page (``templates/trades.js``): thousands of rows would make a
slow page as markup.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import polars as pl

from transforms.warehouse import Warehouse

NEWEST = 20_000  # trades that a page carries; the whole of them is in the table

# A daily bar starts at the exchange's midnight, which in UTC is some hour or even the day before.
_TRADES = """
with filled as (
    select
        symbol, bar_at, quantity > 0 as is_buy,
        first(client_order_id order by fill_id) as first_order,
        last(client_order_id order by fill_id) as last_order
    from execution.fills
    where book = $book
    group by symbol, bar_at, quantity > 0
),
decided as (
    select
        orders.client_order_id, orders.session_date, orders.order_type, orders.reason,
        targets.strategy, targets.score, targets.confidence, targets.target_weight
    from execution.orders as orders
    left join execution.targets as targets
        on targets.book = orders.book and targets.bar_at = orders.bar_at and targets.symbol = orders.symbol
    where orders.book = $book
),
sessions as (
    select bar_at, any_value(session_date) as session_date from execution.equity where book = $book group by bar_at
)
select
    trades.trade_id, trades.symbol, trades.side,
    coalesce(opened.session_date, trades.opened_at::date) as opened_on,
    coalesce(closed.session_date, trades.closed_at::date) as closed_on,
    trades.opened_at, trades.closed_at, trades.quantity, trades.entry_price, trades.exit_price, trades.pnl,
    trades."return", trades.sessions,
    entry.strategy, entry.score, entry.confidence, entry.target_weight, entry.session_date as decided_on,
    entry.client_order_id as entry_order, entry.order_type as entry_order_type, entry.reason as entry_reason,
    leaving.session_date as exit_decided_on, leaving.client_order_id as exit_order,
    leaving.order_type as exit_order_type, leaving.reason as exit_reason
from execution.trades as trades
left join sessions as opened on opened.bar_at = trades.opened_at
left join sessions as closed on closed.bar_at = trades.closed_at
left join filled as entered
    on entered.symbol = trades.symbol and entered.bar_at = trades.opened_at
    and entered.is_buy = (trades.side = 'long')
left join decided as entry on entry.client_order_id = entered.first_order
left join filled as exited
    on exited.symbol = trades.symbol and exited.bar_at = trades.closed_at
    and exited.is_buy = (trades.side = 'short')
left join decided as leaving on leaving.client_order_id = exited.last_order
where trades.book = $book
order by trades.closed_at desc nulls first, trades.trade_id desc
limit $rows
"""


def load_trades(warehouse: Warehouse, book: str, rows: int = NEWEST) -> pl.DataFrame:
    """Return the newest trades of a book, open ones first, each with what led to it.

    ``decided_on, strategy, score, confidence, target_weight`` are those of the decision behind the order that opened
    it (``entry_order``, ``entry_order_type``, ``entry_reason``); ``exit_…`` those of the order that closed it. NULL
    where there is none, such as the exit of an open trade.
    """
    return warehouse.read(_TRADES, {"book": book, "rows": rows})


def as_json(trades: pl.DataFrame) -> str:
    """Return ``{"columns": […], "rows": [[…], …]}`` for a ``<script>`` element: no ``<``, ``>`` or ``&`` is in it.

    Numbers are rounded to six decimals, dates and times are ISO texts.
    """
    plain = trades.with_columns(
        pl.col(pl.Float64).round(6).fill_nan(None),
        pl.col(pl.Date).dt.to_string("%Y-%m-%d"),
        pl.col(pl.Datetime).dt.to_string("%Y-%m-%d %H:%M"),
    )
    content: dict[str, Sequence[Any]] = {"columns": plain.columns, "rows": plain.rows()}
    written = json.dumps(content, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return written.replace("&", r"\u0026").replace("<", r"\u003c").replace(">", r"\u003e")
