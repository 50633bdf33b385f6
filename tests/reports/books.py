"""One small book, its model and its run, written out."""

from __future__ import annotations

import json
from datetime import date, datetime, time
from typing import Any

import polars as pl

from transforms import schemas, schemas_ops
from transforms.schemas_strategies import STRATEGY_RESULTS
from transforms.warehouse import Warehouse

RUN = "20240301T000000-research-aaaa"
BOOK = "backtest/b1"
MODEL = "m1"
TRADING = "simulated/paper"
SESSIONS = [date(2024, 1, 30), date(2024, 1, 31), date(2024, 2, 1), date(2024, 2, 29)]
METRICS: dict[str, float | None] = {
    "cagr": 0.12345,
    "sharpe": 0.7149,
    "max_drawdown": -0.25,
    "turnover": 15.62,
    "sessions": 2514.0,
    "costs": 8560.4,
    "hit_rate": None,
    "benchmark_cagr": 0.0626,
}


def bar_at(session: date) -> datetime:
    """Return midnight in New York as UTC, which is where a daily bar starts."""
    return datetime.combine(session, time(5))


def table(warehouse: Warehouse, contract: schemas.Table, *rows: dict[str, Any]) -> None:
    """Append rows; columns not given are NULL."""
    warehouse.append(contract, pl.DataFrame(list(rows), infer_schema_length=None))


def equity(
    warehouse: Warehouse,
    *,
    benchmark: tuple[float | None, ...] | None = (50.0, 51.0, 51.0, 56.1),
    values: tuple[float, ...] = (100.0, 110.0, 99.0, 104.5),
    book: str = BOOK,
) -> None:
    marks = benchmark or (None,) * 4
    frame = pl.DataFrame(
        {
            "book": [book] * 4,
            "bar_at": [bar_at(day) for day in SESSIONS],
            "session_date": SESSIONS,
            "equity": values,
            "benchmark": marks,
        },
        schema_overrides={"benchmark": pl.Float64},
    )
    warehouse.append(schemas.EQUITY, frame)


def metrics(warehouse: Warehouse, values: dict[str, float | None], *, book: str = BOOK) -> None:
    rows = [{"book": book, "metric": name, "value": value} for name, value in values.items()]
    table(warehouse, schemas.PERFORMANCE, *rows)


def model(
    warehouse: Warehouse, values: dict[str, float | None], *, model_id: str = MODEL, fold: int = -1
) -> None:
    rows = [
        {"model_id": model_id, "fold": fold, "metric": name, "value": value} for name, value in values.items()
    ]
    table(warehouse, schemas.METRICS, *rows)


def folds(warehouse: Warehouse) -> None:
    common = {"model_id": MODEL, "train_rows": 100, "test_rows": 40, "purged_rows": 3, "best_iteration": 7}
    windows = {
        "train_start": date(2022, 1, 3),
        "train_end": date(2022, 12, 30),
        "test_start": date(2023, 1, 10),
        "test_end": date(2023, 6, 30),
    }
    table(warehouse, schemas.FOLDS, {**common, **windows, "fold": 0})
    model(warehouse, {"auc": 0.61, "information_coefficient": None}, fold=0)
    model(warehouse, {"auc": 0.5875, "information_coefficient": 0.031, "rows": 39.0})
    importance = {"model_id": MODEL, "fold": 0}
    table(
        warehouse,
        schemas.FEATURE_IMPORTANCE,
        {**importance, "feature": "momentum", "importance": 0.75},
        {**importance, "feature": "volatility", "importance": 0.25},
    )


def orders(
    warehouse: Warehouse, *, symbol: str = "AAA", reason: str = "score 0.1 rank 1", book: str = BOOK
) -> None:
    decided, filled = SESSIONS[0], SESSIONS[1]
    at = {"book": book, "bar_at": bar_at(decided), "session_date": decided, "symbol": symbol}
    table(warehouse, schemas.TARGETS, {**at, "score": 0.1, "target_weight": 0.475, "reason": reason})
    order = {
        "client_order_id": f"o-{book}",
        "side": "buy",
        "quantity": 10.0,
        "status": "filled",
        "reason": reason,
    }
    table(warehouse, schemas.ORDERS, {**at, **order})
    fill = {
        "fill_id": "f1",
        "client_order_id": f"o-{book}",
        "quantity": 10.0,
        "price": 4.75,
        "commission": 1.0,
    }
    moved = {**at, "bar_at": bar_at(filled), "session_date": filled}
    table(warehouse, schemas.FILLS, {**moved, **fill, "slippage": 0.5})
    table(warehouse, schemas.RISK_DECISIONS, {**at, "rule": "max_position_weight", "reason": reason})


def trades(warehouse: Warehouse, number: int = 1, *, symbol: str = "AAA") -> None:
    # At 22:00 UTC: a midnight east of Greenwich, whose session is the day after.
    trade = {
        "book": BOOK,
        "symbol": symbol,
        "side": "long",
        "opened_at": datetime.fromisoformat("2024-01-30T22:00"),
        "quantity": 10.0,
        "entry_price": 4.75,
        "pnl": 1234.5,
        "return": 0.0321,
        "sessions": 2,
    }
    table(warehouse, schemas.TRADES, *({**trade, "trade_id": n} for n in range(1, number + 1)))


STRATEGIES = {
    "late": [None, None, 100.0, 103.0, 101.0, 106.0],
    "trend": [100.0, 101.0, 99.0, 104.0, 103.0, 107.0],
}


def strategies(warehouse: Warehouse) -> None:
    """Two strategies share the account, two bars a session; one begins on the second session."""
    rows = [
        {
            "book": BOOK,
            "bar_at": datetime.fromisoformat(f"2024-01-0{2 + bar // 2} 1{5 + bar % 2}:00"),
            "session_date": date(2024, 1, 2 + bar // 2),
            "strategy": name,
            "share": 0.1 * bar,
            "alone": alone[bar],
            "pnl": 10.0 * bar,
            "costs": 1.0,
            "traded": 100.0,
            "crossed": 5.0 * (bar == 3),
        }
        for name, alone in STRATEGIES.items()
        for bar in range(6)
    ]
    warehouse.append(STRATEGY_RESULTS, STRATEGY_RESULTS.frame(rows))


def gate(warehouse: Warehouse, run_id: str, suite: str, *results: tuple[str, str, bool]) -> None:
    rows = [
        {
            "run_id": run_id,
            "suite": suite,
            "expectation": name,
            "severity": severity,
            "passed": passed,
            "failed_rows": 0 if passed else 5,
            "details": None if passed else f"{name} of {run_id}",
        }
        for name, severity, passed in results
    ]
    table(warehouse, schemas_ops.GATE_RESULTS, *rows)


def quarantine(
    warehouse: Warehouse, *, dataset: str = "default", symbol: str = "AAA", reason: str = "high 1 < low 2"
) -> None:
    row = {
        "source": "sample",
        "dataset": dataset,
        "symbol": symbol,
        "expectation": "high_is_highest",
        "reason": reason,
    }
    table(warehouse, schemas.QUARANTINE_BARS, row)


def manifest() -> dict[str, Any]:
    return {
        "run_id": RUN,
        "flow": "research",
        "config": {
            "source": {"name": "sample", "timeframe": "1d", "symbols": ["AAA", "SPX"]},
            "universe": {"name": "all", "benchmark": "SPX"},
            "strategy": {"name": "model"},
            "as_of": None,
        },
        "config_hash": "c0ffee",
        "dataset": "default",
        "data_version": "d1",
        "code_version": "e1",
        "libraries": {"polars": "1.0"},
        "stages": {"ingest": {"seconds": 0.5, "skipped": False}, "build": {"seconds": 0.1, "skipped": True}},
    }


def run(
    warehouse: Warehouse,
    run_id: str,
    *,
    book: str | None = BOOK,
    number: int = 1,
    state: str = "done",
    config: dict[str, Any] | None = None,
    **more: Any,
) -> None:
    """A row of the ledger; a higher ``number`` started later."""
    row = {
        "run_id": run_id,
        "flow": "backtest",
        "started_at": bar_at(date(2024, 3, number)),
        "state": state,
        "book": book,
        "config": json.dumps(config or manifest()["config"]),
        "data_version": "d1",
        "code_version": "e1",
    }
    table(warehouse, schemas_ops.RUNS, {**row, **more})
