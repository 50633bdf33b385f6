"""A simulation as frames in the shape of the table contracts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl

from execution.performance import Attribution, Interval, Period
from execution.simulator import SimulationResult
from execution.trades import RoundTrip
from transforms import schemas

_POLARS: dict[str, Any] = {
    "VARCHAR": pl.String,
    "TIMESTAMP": pl.Datetime("us"),
    "DATE": pl.Date,
    "DOUBLE": pl.Float64,
    "INTEGER": pl.Int32,
}


def targets(result: SimulationResult) -> pl.DataFrame:
    """Return ``execution.targets``: one row per rebalance and symbol with a score or a position.

    ``target_weight`` is NULL where risk left the position alone.
    """
    bars, places, weights, reasons = [], [], [], []
    for t, decision in result.decisions:
        spoken = [i for i, reason in enumerate(decision.reasons) if reason]
        bars.append(np.full(len(spoken), t))
        places.append(np.array(spoken, dtype=np.int64))
        weights.append(decision.weights[spoken])
        reasons += [decision.reasons[i] for i in spoken]
    rows = np.concatenate([*bars, np.zeros(0, dtype=np.int64)])
    i = np.concatenate([*places, np.zeros(0, dtype=np.int64)])
    columns = {
        **_bars(result, rows),
        "symbol": [result.panel.symbols[place] for place in i.tolist()],
        "strategy": [result.scores.strategy] * len(rows),
        "score": result.scores.score[rows, i],
        "confidence": result.scores.confidence[rows, i],
        "target_weight": np.concatenate([*weights, np.zeros(0)]),
        "reason": reasons,
    }
    return _frame(schemas.TARGETS, result.book, columns)


def risk_decisions(result: SimulationResult) -> pl.DataFrame:
    """Return ``execution.risk_decisions``: one row per rule that changed something."""
    changes = [(t, change) for t, decision in result.decisions for change in decision.risk]
    columns = {
        **_bars(result, [t for t, _ in changes]),
        "symbol": [change.symbol for _, change in changes],
        "rule": [change.rule for _, change in changes],
        "before": np.array([change.before for _, change in changes]),
        "after": np.array([change.after for _, change in changes]),
        "reason": [change.reason for _, change in changes],
    }
    return _frame(schemas.RISK_DECISIONS, result.book, columns)


def orders(result: SimulationResult) -> pl.DataFrame:
    """Return ``execution.orders``; the reason says too what kept an order from being filled."""
    ended = [(entry.order, entry) for entry in result.orders]
    columns = {
        "client_order_id": [order.client_order_id for order, _ in ended],
        "bar_at": [order.bar_at for order, _ in ended],
        "session_date": [order.session_date for order, _ in ended],
        "symbol": [order.symbol for order, _ in ended],
        "side": [order.side for order, _ in ended],
        "quantity": np.array([order.quantity for order, _ in ended]),
        "order_type": [order.order_type for order, _ in ended],
        "status": [entry.status for _, entry in ended],
        "reason": ["; ".join(filter(None, (order.reason, entry.note))) for order, entry in ended],
    }
    return _frame(schemas.ORDERS, result.book, columns)


def fills(result: SimulationResult) -> pl.DataFrame:
    """Return ``execution.fills``."""
    names = [name for name in schemas.FILLS.columns if name != "book"]
    columns = {name: [getattr(fill, name) for fill in result.fills] for name in names}
    return _frame(schemas.FILLS, result.book, columns)


def trades(book: str, trips: Sequence[RoundTrip]) -> pl.DataFrame:
    """Return ``execution.trades``, numbered from 1 in the order of ``trips``."""
    columns = {
        "trade_id": list(range(1, len(trips) + 1)),
        "return": [trip.return_on_entry for trip in trips],
        **{
            name: [getattr(trip, name) for trip in trips]
            for name in schemas.TRADES.columns
            if name not in {"book", "trade_id", "return"}
        },
    }
    return _frame(schemas.TRADES, book, columns)


def positions(result: SimulationResult) -> pl.DataFrame:
    """Return ``execution.positions``: one row per bar and symbol held at its close."""
    row, i = np.nonzero(result.quantity)
    value = result.market_value[row, i]
    equity = result.equity[row]
    weight = np.full(len(row), np.nan)
    np.divide(value, equity, out=weight, where=equity > 0)
    columns = {
        **_bars(result, row + result.first),
        "symbol": [result.panel.symbols[place] for place in i.tolist()],
        "quantity": result.quantity[row, i],
        "price": result.panel.last_close[row + result.first, i],
        "market_value": value,
        "weight": weight,
    }
    return _frame(schemas.POSITIONS, result.book, columns)


def equity(result: SimulationResult) -> pl.DataFrame:
    """Return ``execution.equity``: one row per bar."""
    columns = {
        **_bars(result, np.arange(result.first, result.first + len(result.equity))),
        "equity": result.equity,
        "cash": result.cash,
        "gross_exposure": result.gross_exposure,
        "net_exposure": result.net_exposure,
        "turnover": result.turnover,
        "benchmark": result.benchmark,
    }
    return _frame(schemas.EQUITY, result.book, columns)


def metrics(book: str, values: Mapping[str, float | None]) -> pl.DataFrame:
    """Return ``execution.metrics``, by name."""
    names = sorted(values)
    return _frame(schemas.PERFORMANCE, book, {"metric": names, "value": [values[name] for name in names]})


def periods(book: str, rows: Sequence[Period]) -> pl.DataFrame:
    """Return ``execution.periods``."""
    return _records(schemas.PERIODS, book, rows, {"return": "total_return"})


def attribution(book: str, rows: Sequence[Attribution]) -> pl.DataFrame:
    """Return ``execution.attribution``."""
    return _records(schemas.ATTRIBUTION, book, rows, {})


def intervals(book: str, rows: Sequence[Interval]) -> pl.DataFrame:
    """Return ``execution.intervals``."""
    return _records(schemas.INTERVALS, book, rows, {})


def _records(
    table: schemas.Table, book: str, rows: Sequence[Any], attributes: Mapping[str, str]
) -> pl.DataFrame:
    """Return a frame of dataclasses; columns are named as their attributes unless ``attributes`` says otherwise."""
    columns = [name for name in table.columns if name != "book"]
    return _frame(
        table, book, {name: [getattr(row, attributes.get(name, name)) for row in rows] for name in columns}
    )


def _bars(result: SimulationResult, rows: Any) -> dict[str, Any]:
    """Return the time columns of the panel's ``rows``."""
    places = np.asarray(rows, dtype=np.int64).tolist()
    return {
        "bar_at": [result.panel.bar_at[t] for t in places],
        "session_date": [result.panel.session_date[t] for t in places],
    }


def _frame(table: schemas.Table, book: str, columns: Mapping[str, Any]) -> pl.DataFrame:
    """Return the columns in the contract's order and types, NaN as NULL."""
    height = len(next(iter(columns.values())))
    kinds = {name: _POLARS[kind] for name, kind in table.columns.items()}
    data = {"book": [book] * height, **columns}
    frame = pl.DataFrame({name: data[name] for name in table.columns}, schema=kinds)
    return frame.with_columns(pl.col(pl.Float64).fill_nan(None))
