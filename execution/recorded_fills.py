"""A book's recorded fills, as ``execution.slippage`` learns from them."""

from __future__ import annotations

import polars as pl

from execution.session_clock import minutes_since_open
from transforms.warehouse import Warehouse

_LIMITED = ("limit", "stop_limit")  # they fill at their limit or better: what they pay is no slippage


def recorded_fills(warehouse: Warehouse, book: str) -> pl.DataFrame:
    """Return the fills of a book that had to take the market's price, by fill.

    What has vanished is written off at a last price that nobody traded at.

    Returns:
        ``symbol``, ``minute`` (after the session's open), ``quantity`` (signed), ``price`` and ``slippage`` (USD
        against the reference price).
    """
    placeholders = ", ".join("?" for _ in _LIMITED)
    fills = warehouse.read(
        "select fills.symbol, fills.bar_at, fills.session_date, fills.quantity, fills.price, fills.slippage "
        "from execution.fills left join execution.orders using (book, client_order_id) "
        f"where book = ? and coalesce(orders.order_type, '') not in ({placeholders}) "
        "and fills.reason is distinct from 'vanished' "
        "order by fills.fill_id",
        [book, *_LIMITED],
    )
    minutes = minutes_since_open(warehouse, fills["bar_at"].to_list(), fills["session_date"].to_list())
    return fills.with_columns(minute=pl.Series(minutes, dtype=pl.Int64)).drop("bar_at", "session_date")
