"""A backtest from tables to tables: bars and scores in, ``execution.*`` of one book out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import numpy as np

from execution import tables
from execution.combination import load_strategy
from execution.config import BookConfig, StrategyConfig
from execution.panel import load_panel
from execution.performance import SESSIONS_PER_YEAR
from execution.rules import load_terms
from execution.simulator import simulate
from execution.statistics import statistics_of
from execution.statistics_config import StatisticsConfig
from execution.trials import Trial, TrialResult, enter
from transforms import schemas, schemas_strategies
from transforms.errors import QuantmillError
from transforms.paths import Home
from transforms.warehouse import Warehouse


@dataclass(frozen=True)
class BacktestResult:
    """What a backtest came to; the tables hold the rest.

    Attributes:
        metrics: Name → value, None where it is not defined; see ``performance.measure``.
        first_session, last_session: The simulated range; it begins with the first scores.
    """

    book: str
    metrics: dict[str, float | None]
    first_session: date
    last_session: date
    sessions: int
    rebalances: int
    orders: int
    fills: int
    trades: int


def run_backtest(
    warehouse: Warehouse,
    home: Home,
    *,
    book: str,
    strategy: StrategyConfig,
    model_id: str | None,
    config: BookConfig,
    periods: int = SESSIONS_PER_YEAR,
    statistics: StatisticsConfig | None = None,
    trial: Trial | None = None,
) -> BacktestResult:
    """Simulate a strategy and replace the book's rows of ``execution.*``, all of them in one transaction.

    Args:
        home: Where slippage models lie.
        book: ``backtest/<id>``.
        model_id: Whose predictions to trade, where ``strategy.scores`` is ``predictions``.
        periods: Sessions per year, for annualised metrics.
        statistics: How it is measured; None for the defaults.
        trial: The config that is tried, for the ledger; None for a backtest that nobody could choose, such as one
            under stress.

    Raises:
        QuantmillError: If there are no bars or no scores, or a decision fails.
    """
    panel = load_panel(warehouse)
    terms = load_terms(warehouse, home, panel, config)
    scores = load_strategy(warehouse, terms, strategy=strategy, model_id=model_id, config=config)
    scored = np.flatnonzero(scores.has_score)
    if scored.size == 0:
        raise QuantmillError(
            f"strategy {strategy.name} has no score from {panel.session_date[0]} to {panel.session_date[-1]}; "
            "build more scores"
        )
    result = simulate(scores, terms, book=book, config=config, first=int(scored[0]))
    measured = statistics_of(
        result,
        config=statistics or StatisticsConfig(),
        groups=config.portfolio.limits.groups,
        periods=periods,
    )
    narrative, names = tables.narrate(result), tables.name_orders(result)
    with warehouse.transaction():
        metrics = measured.metrics | _deflated(warehouse, book, trial, measured.metrics, periods)
        for table, frame in (
            (schemas.TARGETS, tables.targets(result, narrative)),
            (schemas_strategies.STRATEGY_TARGETS, tables.strategy_targets(result)),
            (schemas_strategies.STRATEGY_RESULTS, tables.strategy_results(result, measured.parts)),
            (schemas.RISK_DECISIONS, tables.risk_decisions(result, narrative)),
            (schemas.ORDERS, tables.orders(result, names, narrative)),
            (schemas.FILLS, tables.fills(result, names)),
            (schemas.TRADES, tables.trades(result, names)),
            (schemas.POSITIONS, tables.positions(result)),
            (schemas.EQUITY, tables.equity(result)),
            (schemas.CASH_FLOWS, tables.cash_flows(result)),
            (schemas.PERFORMANCE, tables.metrics(book, metrics)),
            (schemas.PERIODS, tables.periods(book, measured.periods)),
            (schemas.ATTRIBUTION, tables.attribution(book, measured.attribution)),
            (schemas.INTERVALS, tables.intervals(book, measured.intervals)),
        ):
            warehouse.replace_where(table, {"book": book}, frame)
    sessions = panel.session[result.rows]
    return BacktestResult(
        book=book,
        metrics=metrics,
        first_session=panel.session_date[result.first],
        last_session=panel.session_date[-1],
        sessions=int(sessions[-1] - sessions[0]) + 1,
        rebalances=len(result.decided),
        orders=len(names.placed) + sum(own.fill >= 0 for own in names.own),
        fills=len(names.filled),
        trades=len(result.trips.pnl),
    )


def _deflated(
    warehouse: Warehouse,
    book: str,
    trial: Trial | None,
    metrics: Mapping[str, float | None],
    periods: int,
) -> dict[str, float | None]:
    """Enter the trial and return what it makes of the book's Sharpe ratio; undefined without one."""
    if trial is None:
        return dict.fromkeys(("deflated_sharpe", "expected_max_sharpe", "trials"))
    return enter(warehouse, [(trial, TrialResult.of(book, metrics, periods))])[book]
