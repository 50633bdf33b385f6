"""Contracts of the tables that tell the strategies of one account apart; a book of one strategy has no rows here."""

from __future__ import annotations

from transforms.tables import Table

STRATEGY_TARGETS = Table(
    "execution.strategy_targets",
    "One row per book, decision bar, strategy of several that share the account, and symbol it wants; before risk.",
    ("book", "bar_at", "strategy", "symbol"),
    {
        "book": "VARCHAR",
        "bar_at": "TIMESTAMP",  # decided at this bar's close; with book and symbol, a key of execution.targets
        "session_date": "DATE",
        "strategy": "VARCHAR",
        "symbol": "VARCHAR",
        "score": "DOUBLE",  # the strategy's own at this bar; NULL where it has none
        "confidence": "DOUBLE",
        "weight": "DOUBLE",  # fraction of the strategy's capital, signed
        "share": "DOUBLE",  # the strategy's part of the account
        "target_weight": "DOUBLE",  # weight times share: fraction of equity
    },
)

STRATEGY_RESULTS = Table(
    "execution.strategy_results",
    "One row per book, bar and strategy of several that share the account; profits and interest sum to the account's.",
    ("book", "bar_at", "strategy"),
    {
        "book": "VARCHAR",
        "bar_at": "TIMESTAMP",
        "session_date": "DATE",
        "strategy": "VARCHAR",
        "share": "DOUBLE",  # its part of the account at the close
        "alone": "DOUBLE",  # equity of its own backtest at the close, USD; NULL before its first scores
        "pnl": "DOUBLE",  # in the account, after costs, USD
        "costs": "DOUBLE",  # commission, fees, slippage and borrow, USD
        "value": "DOUBLE",  # of its part of the positions at the close, USD, signed
        "gross": "DOUBLE",  # likewise in absolute values
        "traded": "DOUBLE",  # bought and sold in the market, USD
        "crossed": "DOUBLE",  # bought from and sold to the other strategies, USD
    },
)
