"""How a book did: pure functions over arrays, and every figure by name (``measure``)."""

from execution.performance.arrays import Actions, Book, Fills, Sessions, by_session
from execution.performance.attribution import Attribution, Entries, attribute, profit_entries
from execution.performance.bootstrap import Interval, block_length, intervals
from execution.performance.measures import Costs, measure, measure_book
from execution.performance.periods import Period, by_period
from execution.performance.relative import capture, information_ratio, market_model, tracking_error
from execution.performance.returns import (
    SESSIONS_PER_YEAR,
    cagr,
    calmar,
    conditional_value_at_risk,
    drawdowns,
    kurtosis,
    max_drawdown,
    max_drawdown_sessions,
    omega,
    returns,
    sharpe,
    skew,
    sortino,
    tail_ratio,
    total_return,
    value_at_risk,
    volatility,
)
from execution.performance.significance import deflated_sharpe, expected_max_sharpe, probabilistic_sharpe
from execution.performance.trips import Trips, match_trips, trade_figures
from execution.performance.volume import capacity

__all__ = [
    "SESSIONS_PER_YEAR",
    "Actions",
    "Attribution",
    "Book",
    "Costs",
    "Entries",
    "Fills",
    "Interval",
    "Period",
    "Sessions",
    "Trips",
    "attribute",
    "block_length",
    "by_period",
    "by_session",
    "cagr",
    "calmar",
    "capacity",
    "capture",
    "conditional_value_at_risk",
    "deflated_sharpe",
    "drawdowns",
    "expected_max_sharpe",
    "information_ratio",
    "intervals",
    "kurtosis",
    "market_model",
    "match_trips",
    "max_drawdown",
    "max_drawdown_sessions",
    "measure",
    "measure_book",
    "omega",
    "probabilistic_sharpe",
    "profit_entries",
    "returns",
    "sharpe",
    "skew",
    "sortino",
    "tail_ratio",
    "total_return",
    "tracking_error",
    "trade_figures",
    "value_at_risk",
    "volatility",
]
