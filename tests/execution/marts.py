"""Marts as dbt would build them, from a panel, for tests of what reads them."""

from __future__ import annotations

import numpy as np
import polars as pl

from execution.panel import Panel
from execution.types import Floats
from transforms import schemas
from transforms.warehouse import Warehouse

_BARS = """
create table if not exists marts.bars (
    timeframe varchar, symbol varchar, bar_at timestamp, session_date date, open double, high double,
    low double, close double, volume double, split_ratio double, dividend double, adj_close double,
    is_benchmark boolean, is_member boolean)
"""
_FEATURES = """
create table if not exists marts.features (
    symbol varchar, bar_at timestamp, session_date date, volatility_20 double)
"""
_SIGNALS = """
create table if not exists marts.signals (
    strategy varchar, symbol varchar, bar_at timestamp, session_date date, score double, confidence double)
"""


def write_marts(
    warehouse: Warehouse,
    panel: Panel,
    *,
    score: Floats | None = None,
    volatility: Floats | None = None,
    model_id: str | None = None,
    strategy: str | None = None,
    null_scores: bool = False,
) -> None:
    """Write a panel's bars, its benchmark ``BENCH``, and scores as predictions, signals or both."""
    for ddl in (_BARS, _FEATURES, _SIGNALS):
        warehouse.execute(ddl)
    bars = _long(
        panel,
        np.isfinite(panel.close),
        open=panel.open,
        high=panel.high,
        low=panel.low,
        close=panel.close,
        volume=panel.volume,
        split_ratio=panel.split_ratio,
        dividend=panel.dividend,
        adj_close=panel.close,
    )
    members = bars.with_columns(timeframe=pl.lit("1d"), is_benchmark=False, is_member=True)
    known = np.isfinite(panel.benchmark)
    benchmark = pl.DataFrame(
        {
            "bar_at": [at for at, has in zip(panel.bar_at, known, strict=True) if has],
            "session_date": [day for day, has in zip(panel.session_date, known, strict=True) if has],
            "adj_close": panel.benchmark[known],
        },
        schema={"bar_at": pl.Datetime("us"), "session_date": pl.Date, "adj_close": pl.Float64},
    ).with_columns(timeframe=pl.lit("1d"), symbol=pl.lit("BENCH"), is_benchmark=True, is_member=False)
    _insert(warehouse, "marts.bars", pl.concat([members, benchmark], how="diagonal"))
    vol = np.full_like(panel.close, 0.2) if volatility is None else volatility
    _insert(warehouse, "marts.features", _long(panel, np.isfinite(panel.close), volatility_20=vol))
    if score is None:
        return
    chosen = np.ones_like(score, dtype=bool) if null_scores else np.isfinite(score)
    scores = _long(panel, chosen, score=score, confidence=np.abs(score)).with_columns(
        pl.col("score", "confidence").fill_nan(None)
    )
    if strategy is not None:
        _insert(warehouse, "marts.signals", scores.with_columns(strategy=pl.lit(strategy)))
    if model_id is not None:
        warehouse.append(schemas.PREDICTIONS, scores.with_columns(model_id=pl.lit(model_id), fold=0))


def _long(panel: Panel, where: np.ndarray, **columns: Floats) -> pl.DataFrame:
    rows, places = np.nonzero(where)
    return pl.DataFrame(
        {
            "symbol": [panel.symbols[i] for i in places],
            "bar_at": [panel.bar_at[t] for t in rows],
            "session_date": [panel.session_date[t] for t in rows],
            **{name: values[rows, places] for name, values in columns.items()},
        }
    )


def _insert(warehouse: Warehouse, table: str, frame: pl.DataFrame) -> None:
    warehouse.cursor.register("rows", frame)
    warehouse.execute(f"insert into {table} by name select * from rows")
    warehouse.cursor.unregister("rows")
