"""Table contracts of what the system knows of itself: schema ``ops``."""

from __future__ import annotations

from transforms.tables import Table

RUNS = Table(
    "ops.runs",
    "One row per run.",
    ("run_id",),
    {
        "run_id": "VARCHAR",
        "flow": "VARCHAR",
        "started_at": "TIMESTAMP",
        "finished_at": "TIMESTAMP",
        "seconds": "DOUBLE",
        "state": "VARCHAR",  # running | done | failed | killed
        "exit_code": "INTEGER",
        "message": "VARCHAR",
        "config": "VARCHAR",  # JSON, resolved, without secrets
        "config_hash": "VARCHAR",
        "data_version": "VARCHAR",
        "code_version": "VARCHAR",
        "model_id": "VARCHAR",
        "book": "VARCHAR",
        "stages": "VARCHAR",  # JSON: stage → seconds and whether it was skipped
        "result": "VARCHAR",  # JSON: the figures of the summary
        "report": "VARCHAR",  # relative to the home
    },
)

STAGES = Table(
    "ops.stages",
    "One row per stage and fingerprint that was carried out to its end; `output` is what it returned.",
    ("stage", "fingerprint"),
    {
        "stage": "VARCHAR",
        "fingerprint": "VARCHAR",
        "run_id": "VARCHAR",
        "finished_at": "TIMESTAMP",
        "seconds": "DOUBLE",
        "is_current": "BOOLEAN",  # whether the stage's shared tables hold this fingerprint's output
        "output": "VARCHAR",  # JSON
    },
)

BUILT_PAGES = Table(
    "ops.built_pages",
    "One row per landed page that the last complete build took in: what is not here has changed since.",
    ("kind", "batch_id", "page"),
    {
        "kind": "VARCHAR",  # bars | corporate_actions
        "batch_id": "VARCHAR",
        "page": "INTEGER",
    },
)

BUILT_TICKER_SPANS = Table(
    "ops.built_ticker_spans",
    "One row per ticker and first date: staging.stg_raw__ticker_spans as the last complete build had it.",
    ("ticker", "valid_from"),
    {
        "ticker": "VARCHAR",
        "valid_from": "DATE",
        "valid_to": "DATE",
        "symbol": "VARCHAR",
    },
)

BUILT_QUARANTINE = Table(
    "ops.built_quarantine",
    "One row per quarantined raw row that the last complete build left out.",
    ("kind", "batch_id", "page", "page_row"),
    {
        "kind": "VARCHAR",  # bars | corporate_actions
        "batch_id": "VARCHAR",
        "page": "INTEGER",
        "page_row": "INTEGER",
    },
)

CHECKPOINTS = Table(
    "ops.checkpoints",
    "One row per source, kind, timeframe, symbol and batch: how far an ingest has come.",
    ("batch_id", "kind", "symbol"),
    {
        "source": "VARCHAR",
        "dataset": "VARCHAR",
        "kind": "VARCHAR",  # bars | corporate_actions
        "timeframe": "VARCHAR",
        "symbol": "VARCHAR",
        "range_start": "DATE",
        "range_end": "DATE",
        "batch_id": "VARCHAR",
        "rows": "BIGINT",
        "last_bar_at": "TIMESTAMP",  # of corporate actions: midnight of the last ex-date
        "updated_at": "TIMESTAMP",
    },
)

LANDED_PAGES = Table(
    "ops.landed_pages",
    "One row per landed page that has been appended to raw; written in the same transaction.",
    ("batch_id", "kind", "page"),
    {
        "batch_id": "VARCHAR",
        "kind": "VARCHAR",  # bars | corporate_actions
        "page": "INTEGER",
        "source": "VARCHAR",
        "dataset": "VARCHAR",
        "timeframe": "VARCHAR",
        "path": "VARCHAR",  # relative to the landing directory
        "sha256": "VARCHAR",
        "rows": "BIGINT",
        "appended": "BIGINT",  # rows that were new to raw
        "known_at": "TIMESTAMP",
    },
)

GATE_RESULTS = Table(
    "ops.gate_results",
    "One row per run, suite and expectation.",
    ("run_id", "suite", "expectation"),
    {
        "run_id": "VARCHAR",
        "suite": "VARCHAR",
        "expectation": "VARCHAR",
        "severity": "VARCHAR",  # row | batch | warn
        "passed": "BOOLEAN",
        "failed_rows": "BIGINT",
        "details": "VARCHAR",
    },
)

ALERTS = Table(
    "ops.alerts",
    "One row per alert.",
    ("run_id", "number"),
    {
        "run_id": "VARCHAR",
        "number": "INTEGER",
        "raised_at": "TIMESTAMP",
        "severity": "VARCHAR",  # warning | error
        "stage": "VARCHAR",
        "message": "VARCHAR",
    },
)

TRIALS = Table(
    "ops.trials",
    "One row per strategy, data and config that was ever backtested: what a Sharpe ratio is deflated by.",
    ("strategy", "data", "trial"),
    {
        "strategy": "VARCHAR",
        "data": "VARCHAR",  # digest of source, dataset, timeframe and universe, whatever their dates
        "trial": "VARCHAR",  # digest of config
        "source": "VARCHAR",
        "dataset": "VARCHAR",
        "timeframe": "VARCHAR",
        "config": "VARCHAR",  # JSON: what of the config shapes the strategy
        "book": "VARCHAR",  # of the newest backtest with it, as are the figures
        "run_id": "VARCHAR",
        "sharpe": "DOUBLE",  # per session; NULL where the book never varied
        "skew": "DOUBLE",
        "kurtosis": "DOUBLE",  # in excess of the normal's 3
        "sessions": "INTEGER",
        "periods": "INTEGER",  # sessions per year
        "created_at": "TIMESTAMP",  # when the config was first tried
        "updated_at": "TIMESTAMP",
    },
)
