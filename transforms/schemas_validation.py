"""Table contracts of the validation suite: schemas ``execution`` and ``ops``."""

from __future__ import annotations

from transforms.tables import Table

VALIDATION = Table(
    "execution.validation",
    "One row per validated book and criterion: its value, its limit, and whether it was kept.",
    ("book", "criterion"),
    {
        "book": "VARCHAR",
        "place": "INTEGER",  # order in which they are read
        "criterion": "VARCHAR",
        "value": "DOUBLE",  # NULL where it is not covered or not defined
        "rule": "VARCHAR",  # at most | at least
        "limit": "DOUBLE",
        "passed": "BOOLEAN",  # NULL where the data does not cover it: neither a pass nor a failure
        "note": "VARCHAR",
    },
)

STRESS = Table(
    "execution.stress",
    "One row per validated book and scenario: the book as backtested, parts of its history, and worse worlds.",
    ("book", "kind", "scenario"),
    {
        "book": "VARCHAR",
        "place": "INTEGER",  # order in which they are read
        "kind": "VARCHAR",  # base | part | stress | months | regime
        "scenario": "VARCHAR",
        "covered": "BOOLEAN",  # whether the data covers it; figures are NULL where not
        "first_session": "DATE",
        "last_session": "DATE",
        "sessions": "INTEGER",
        "total_return": "DOUBLE",
        "cagr": "DOUBLE",
        "volatility": "DOUBLE",  # annualised
        "sharpe": "DOUBLE",
        "max_drawdown": "DOUBLE",  # at most 0
        "benchmark_return": "DOUBLE",  # over the same sessions
        "turnover": "DOUBLE",  # per year; of whole simulations only, as trades and costs
        "trades": "DOUBLE",
        "costs": "DOUBLE",  # USD
        "note": "VARCHAR",
    },
)

TRADE_ORDERS = Table(
    "execution.trade_orders",
    "One row per validated book and percentile of its drawdown over random orders of its trades.",
    ("book", "percentile"),
    {
        "book": "VARCHAR",
        "percentile": "INTEGER",  # 0 the worst path, 100 the mildest
        "max_drawdown": "DOUBLE",  # fraction, at most 0
    },
)

HOLDOUT_USES = Table(
    "ops.holdout_uses",
    "One row per strategy, data, config and holdout that it was measured on: a holdout is worth something once.",
    ("strategy", "data", "config", "first_session", "last_session"),
    {
        "strategy": "VARCHAR",
        "data": "VARCHAR",  # digest as in ops.trials
        "config": "VARCHAR",  # digest, ops.trials.trial
        "first_session": "DATE",
        "last_session": "DATE",
        "run_id": "VARCHAR",  # which used it first
        "used_at": "TIMESTAMP",
    },
)
