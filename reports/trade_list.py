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
with closing as (
    select symbol, bar_at, quantity > 0 as is_buy, last(client_order_id order by fill_id) as client_order_id
    from execution.fills
    where book = $book
    group by symbol, bar_at, quantity > 0
),
orders as (select * from execution.orders where book = $book),
sessions as (
    select bar_at, any_value(session_date) as session_date from execution.equity where book = $book group by bar_at
)
select
    trades.trade_id, trades.symbol, trades.strategy, trades.side,
    coalesce(opened.session_date, trades.opened_at::date) as opened_on,
    coalesce(closed.session_date, trades.closed_at::date) as closed_on,
    trades.opened_at, trades.closed_at, trades.quantity, trades.entry_price, trades.exit_price, trades.pnl,
    trades."return", trades.sessions, trades.mae, trades.mfe,
    coalesce(decided.session_date, trades.decided_at::date) as decided_on, trades.decided_at,
    trades.score, targets.confidence, targets.target_weight,
    trades.opening_order as entry_order, entry.order_type as entry_order_type, entry.reason as entry_note,
    trades.exit_reason, leaving.session_date as exit_decided_on, leaving.client_order_id as exit_order,
    leaving.order_type as exit_order_type, leaving.reason as exit_note
from execution.trades as trades
left join sessions as opened on opened.bar_at = trades.opened_at
left join sessions as closed on closed.bar_at = trades.closed_at
left join sessions as decided on decided.bar_at = trades.decided_at
left join execution.targets as targets
    on targets.book = trades.book and targets.bar_at = trades.decided_at and targets.symbol = trades.symbol
left join orders as entry on entry.client_order_id = trades.opening_order
left join closing
    on closing.symbol = trades.symbol and closing.bar_at = trades.closed_at
    and closing.is_buy = (trades.side = 'short')
left join orders as leaving on leaving.client_order_id = closing.client_order_id
where trades.book = $book
order by trades.closed_at desc nulls first, trades.trade_id desc
limit $rows
"""


def load_trades(warehouse: Warehouse, book: str, rows: int = NEWEST) -> pl.DataFrame:
    """Return the newest trades of a book, open ones first, each with what led to it.

    ``decided_on, decided_at, score, confidence, target_weight`` are those of the decision behind the order that
    opened it (``entry_order``, ``entry_order_type``, ``entry_note``); ``exit_reason`` is what ended it in a word,
    ``exit_…`` are those of the order that did. NULL where there is none, such as the exit of an open trade.
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
