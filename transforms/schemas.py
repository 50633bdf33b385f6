"""Table contracts of everything that Python writes: columns, types, key, grain.

The marts' contracts stand in ``models_sql`` beside their SQL; these are the tables that dbt reads or that
learning, execution and operations write. ``Warehouse.create_contracts`` makes them all.
"""

from __future__ import annotations

from transforms.schemas_ops import (
    ALERTS,
    BUILT_PAGES,
    BUILT_QUARANTINE,
    BUILT_TICKER_SPANS,
    CHECKPOINTS,
    GATE_RESULTS,
    LANDED_PAGES,
    RUNS,
    STAGES,
    TRIALS,
)
from transforms.schemas_sensitivity import SENSITIVITY, SENSITIVITY_SUMMARY
from transforms.schemas_strategies import STRATEGY_RESULTS, STRATEGY_TARGETS
from transforms.schemas_validation import HOLDOUT_USES, STRESS, TRADE_ORDERS, VALIDATION
from transforms.tables import Table as Table  # noqa: PLC0414 - read through this module

_PROVENANCE = {
    "known_at": "TIMESTAMP",  # when the row reached us, UTC
    "batch_id": "VARCHAR",  # with page and page_row: which row of which landed file
    "page": "INTEGER",
    "page_row": "INTEGER",
}

BARS = Table(
    "raw.bars",
    "One row per source, dataset, timeframe, symbol, bar and revision (known_at), as received.",
    ("source", "dataset", "timeframe", "symbol", "bar_at", "known_at"),
    {
        "source": "VARCHAR",
        "dataset": "VARCHAR",  # which body of the source's data; rows of two datasets never mix
        "timeframe": "VARCHAR",
        "symbol": "VARCHAR",
        "bar_at": "TIMESTAMP",  # start of the bar, UTC; daily bars: midnight in the exchange's zone
        "session_date": "DATE",
        "open": "DOUBLE",
        "high": "DOUBLE",
        "low": "DOUBLE",
        "close": "DOUBLE",
        "volume": "DOUBLE",
        "defect": "VARCHAR",  # what could not be read in the received row, NULL if nothing
        **_PROVENANCE,
    },
)

CORPORATE_ACTIONS = Table(
    "raw.corporate_actions",
    "One row per source, dataset, symbol, ex-date, kind and revision. value: a split's new shares per old share, "
    "a dividend's cash per share (USD), NULL for a symbol change, which has a new_symbol instead.",
    ("source", "dataset", "symbol", "ex_date", "kind", "known_at"),
    {
        "source": "VARCHAR",
        "dataset": "VARCHAR",
        "symbol": "VARCHAR",
        "ex_date": "DATE",
        "kind": "VARCHAR",  # split | dividend | symbol_change
        "value": "DOUBLE",
        "new_symbol": "VARCHAR",  # what the instrument trades as from ex_date on
        "defect": "VARCHAR",
        **_PROVENANCE,
    },
)

SESSIONS = Table(
    "raw.sessions",
    "One row per calendar and session.",
    ("calendar", "session_date"),
    {
        "calendar": "VARCHAR",
        "session_date": "DATE",
        "open_at": "TIMESTAMP",
        "close_at": "TIMESTAMP",
        "is_half_day": "BOOLEAN",
    },
)

QUARANTINE_BARS = Table(
    "quarantine.bars",
    "One row per quarantined row of raw.bars and expectation that it failed.",
    ("batch_id", "page", "page_row", "expectation"),
    {**BARS.columns, "expectation": "VARCHAR", "reason": "VARCHAR"},
)

QUARANTINE_CORPORATE_ACTIONS = Table(
    "quarantine.corporate_actions",
    "One row per quarantined row of raw.corporate_actions and expectation that it failed.",
    ("batch_id", "page", "page_row", "expectation"),
    {**CORPORATE_ACTIONS.columns, "expectation": "VARCHAR", "reason": "VARCHAR"},
)

PREDICTIONS = Table(
    "ml.predictions",
    "One row per model, symbol and bar: the out-of-sample score of the fold that may see it.",
    ("model_id", "symbol", "bar_at"),
    {
        "model_id": "VARCHAR",
        "fold": "INTEGER",
        "symbol": "VARCHAR",
        "bar_at": "TIMESTAMP",
        "session_date": "DATE",
        "probability": "DOUBLE",  # of a positive label
        "score": "DOUBLE",  # 2 * probability - 1
        "confidence": "DOUBLE",  # |score|
    },
)

FOLDS = Table(
    "ml.folds",
    "One row per model and walk-forward fold; dates are first and last sessions, inclusive.",
    ("model_id", "fold"),
    {
        "model_id": "VARCHAR",
        "fold": "INTEGER",
        "train_start": "DATE",
        "train_end": "DATE",
        "validation_start": "DATE",
        "validation_end": "DATE",
        "test_start": "DATE",
        "test_end": "DATE",
        "train_rows": "BIGINT",
        "validation_rows": "BIGINT",
        "test_rows": "BIGINT",
        "purged_rows": "BIGINT",
        "best_iteration": "INTEGER",
    },
)

METRICS = Table(
    "ml.metrics",
    "One row per model, fold (-1: all folds together) and metric; NULL where undefined.",
    ("model_id", "fold", "metric"),
    {"model_id": "VARCHAR", "fold": "INTEGER", "metric": "VARCHAR", "value": "DOUBLE"},
)

FEATURE_IMPORTANCE = Table(
    "ml.feature_importance",
    "One row per model, fold and feature: share of total gain (or of absolute coefficient).",
    ("model_id", "fold", "feature"),
    {"model_id": "VARCHAR", "fold": "INTEGER", "feature": "VARCHAR", "importance": "DOUBLE"},
)

MODELS = Table(
    "ml.models",
    "One row per trained model (a set of fold models); the manifest is JSON.",
    ("model_id",),
    {
        "model_id": "VARCHAR",
        "name": "VARCHAR",
        "path": "VARCHAR",  # relative to the home
        "sha256": "VARCHAR",  # of the manifest file
        "manifest": "VARCHAR",
        "trained_at": "TIMESTAMP",
        "is_champion": "BOOLEAN",
    },
)

TARGETS = Table(
    "execution.targets",
    "One row per book, decision bar and symbol with a score or a position: the weight after risk.",
    ("book", "bar_at", "symbol"),
    {
        "book": "VARCHAR",  # backtest/<id> or <broker>/<account>
        "bar_at": "TIMESTAMP",  # decided at this bar's close
        "session_date": "DATE",
        "symbol": "VARCHAR",
        "strategy": "VARCHAR",
        "score": "DOUBLE",
        "confidence": "DOUBLE",
        "target_weight": "DOUBLE",  # fraction of equity, signed
        "reason": "VARCHAR",
    },
)

RISK_DECISIONS = Table(
    "execution.risk_decisions",
    "One row per book, decision bar, symbol ('*': the whole book) and rule that changed or refused something.",
    ("book", "bar_at", "symbol", "rule"),
    {
        "book": "VARCHAR",
        "bar_at": "TIMESTAMP",
        "session_date": "DATE",
        "symbol": "VARCHAR",
        "rule": "VARCHAR",
        "before": "DOUBLE",
        "after": "DOUBLE",
        "reason": "VARCHAR",
    },
)

ORDERS = Table(
    "execution.orders",
    "One row per book and order.",
    ("book", "client_order_id"),
    {
        "book": "VARCHAR",
        "client_order_id": "VARCHAR",
        "bar_at": "TIMESTAMP",  # decided at this bar's close
        "session_date": "DATE",
        "symbol": "VARCHAR",
        "side": "VARCHAR",  # buy | sell
        "quantity": "DOUBLE",  # shares, positive
        "order_type": "VARCHAR",
        "limit_price": "DOUBLE",  # USD, NULL where the type has none
        "stop_price": "DOUBLE",
        "trail": "DOUBLE",  # fraction of the best price
        "time_in_force": "VARCHAR",  # day | gtc
        "cause": "VARCHAR",  # target, or what closed a position without a decision: stop_loss, margin_call, …
        "status": "VARCHAR",
        "reason": "VARCHAR",
    },
)

FILLS = Table(
    "execution.fills",
    "One row per book and fill.",
    ("book", "fill_id"),
    {
        "book": "VARCHAR",
        "fill_id": "VARCHAR",
        "client_order_id": "VARCHAR",
        "bar_at": "TIMESTAMP",  # the bar that filled it
        "session_date": "DATE",
        "symbol": "VARCHAR",
        "quantity": "DOUBLE",  # shares, signed
        "price": "DOUBLE",  # USD per share, slippage included
        "commission": "DOUBLE",  # USD
        "slippage": "DOUBLE",  # USD against the reference price
        "reference_price": "DOUBLE",  # USD per share before costs: the open, the level touched, the close
        "fees": "DOUBLE",  # USD, of regulators
        "reason": "VARCHAR",  # target, or the exit or account rule that it carried out
    },
)

TRADES = Table(
    "execution.trades",
    "One row per book and round trip: from flat to flat or through zero; open ones have no closed_at.",
    ("book", "trade_id"),
    {
        "book": "VARCHAR",
        "trade_id": "INTEGER",
        "symbol": "VARCHAR",
        "strategy": "VARCHAR",
        "side": "VARCHAR",  # long | short
        "opened_at": "TIMESTAMP",
        "closed_at": "TIMESTAMP",
        "quantity": "DOUBLE",  # largest absolute position, shares at the opening's split basis
        "entry_price": "DOUBLE",
        "exit_price": "DOUBLE",
        "pnl": "DOUBLE",  # USD after commission and slippage, dividends included
        "return": "DOUBLE",  # pnl over entry value
        "sessions": "INTEGER",
        "mae": "DOUBLE",  # worst excursion from the entry price while held, fraction, at most 0
        "mfe": "DOUBLE",  # best excursion, at least 0
        "opening_order": "VARCHAR",  # client_order_id of the order that opened it
        "decided_at": "TIMESTAMP",  # bar of the decision behind that order; with the symbol, a key of execution.targets
        "score": "DOUBLE",  # at that decision
        "exit_reason": "VARCHAR",  # of the fill that closed it; split where a split left nothing; NULL while open
    },
)

POSITIONS = Table(
    "execution.positions",
    "One row per book, session and symbol held at its close.",
    ("book", "bar_at", "symbol"),
    {
        "book": "VARCHAR",
        "bar_at": "TIMESTAMP",
        "session_date": "DATE",
        "symbol": "VARCHAR",
        "quantity": "DOUBLE",
        "price": "DOUBLE",
        "market_value": "DOUBLE",
        "weight": "DOUBLE",
    },
)

EQUITY = Table(
    "execution.equity",
    "One row per book and session, at its close. equity = cash + sum of market values.",
    ("book", "bar_at"),
    {
        "book": "VARCHAR",
        "bar_at": "TIMESTAMP",
        "session_date": "DATE",
        "equity": "DOUBLE",
        "cash": "DOUBLE",
        "gross_exposure": "DOUBLE",  # fraction of equity
        "net_exposure": "DOUBLE",
        "turnover": "DOUBLE",  # traded value over equity, this session
        "benchmark": "DOUBLE",  # the benchmark's close scaled to the initial cash
    },
)

CASH_FLOWS = Table(
    "execution.cash_flows",
    "One row per book, bar and kind of cash flow that was not 0; those of a bar sum to the change of cash.",
    ("book", "bar_at", "kind"),
    {
        "book": "VARCHAR",
        "bar_at": "TIMESTAMP",
        "session_date": "DATE",
        "kind": "VARCHAR",  # trades | commission | fees | dividends | in_lieu | borrow | interest
        "amount": "DOUBLE",  # USD, positive: to the book
    },
)

PERFORMANCE = Table(
    "execution.metrics",
    "One row per book and metric; NULL where undefined.",
    ("book", "metric"),
    {"book": "VARCHAR", "metric": "VARCHAR", "value": "DOUBLE"},
)

PERIODS = Table(
    "execution.periods",
    "One row per book, year and month; month 0 is the whole year.",
    ("book", "year", "month"),
    {
        "book": "VARCHAR",
        "year": "INTEGER",
        "month": "INTEGER",
        "first_session": "DATE",
        "last_session": "DATE",
        "sessions": "INTEGER",
        "return": "DOUBLE",  # from the last close before the period (the first of all: its first) to its last
        "benchmark_return": "DOUBLE",
        "volatility": "DOUBLE",  # annualised
        "max_drawdown": "DOUBLE",  # within the period
        "turnover": "DOUBLE",  # traded value over equity, summed
    },
)

ATTRIBUTION = Table(
    "execution.attribution",
    "One row per book, breakdown and part (name); the parts of a breakdown sum to the book's total.",
    ("book", "breakdown", "name"),
    {
        "book": "VARCHAR",
        "breakdown": "VARCHAR",  # symbol | group | side | strategy | cost
        "name": "VARCHAR",
        "pnl": "DOUBLE",  # USD after costs, from the first close on
        "costs": "DOUBLE",  # commission, fees, slippage and borrow paid, USD
        "contribution_return": "DOUBLE",  # of total_return
        "contribution_risk": "DOUBLE",  # of volatility
    },
)

INTERVALS = Table(
    "execution.intervals",
    "One row per book and metric: its confidence interval by the stationary bootstrap.",
    ("book", "metric"),
    {
        "book": "VARCHAR",
        "metric": "VARCHAR",  # sharpe | cagr | max_drawdown
        "low": "DOUBLE",
        "high": "DOUBLE",
        "level": "DOUBLE",  # probability between low and high
        "samples": "INTEGER",
        "block": "DOUBLE",  # mean length of the blocks drawn, sessions
    },
)

CONTRACTS: tuple[Table, ...] = (
    BARS,
    CORPORATE_ACTIONS,
    SESSIONS,
    QUARANTINE_BARS,
    QUARANTINE_CORPORATE_ACTIONS,
    PREDICTIONS,
    FOLDS,
    METRICS,
    FEATURE_IMPORTANCE,
    MODELS,
    TARGETS,
    RISK_DECISIONS,
    ORDERS,
    FILLS,
    TRADES,
    POSITIONS,
    EQUITY,
    CASH_FLOWS,
    PERFORMANCE,
    PERIODS,
    ATTRIBUTION,
    INTERVALS,
    STRATEGY_TARGETS,
    STRATEGY_RESULTS,
    SENSITIVITY,
    SENSITIVITY_SUMMARY,
    VALIDATION,
    STRESS,
    TRADE_ORDERS,
    RUNS,
    STAGES,
    CHECKPOINTS,
    LANDED_PAGES,
    BUILT_PAGES,
    BUILT_TICKER_SPANS,
    BUILT_QUARANTINE,
    GATE_RESULTS,
    ALERTS,
    TRIALS,
    HOLDOUT_USES,
)

SCHEMAS = ("raw", "quarantine", "staging", "intermediate", "marts", "ml", "execution", "ops")
