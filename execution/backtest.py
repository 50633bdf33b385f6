"""A backtest from tables to tables: bars and scores in, ``execution.*`` of one book out."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import numpy as np

from execution import tables
from execution.config import CostsConfig, PortfolioConfig, RiskConfig, StrategyConfig
from execution.panel import load_panel, load_scores
from execution.performance import SESSIONS_PER_YEAR
from execution.simulator import simulate
from execution.statistics import statistics_of
from execution.statistics_config import StatisticsConfig
from execution.trades import round_trips
from execution.trials import Trial, TrialResult, enter
from transforms import schemas
from transforms.errors import QuantmillError
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
    *,
    book: str,
    strategy: StrategyConfig,
    model_id: str | None,
    portfolio: PortfolioConfig,
    risk: RiskConfig,
    costs: CostsConfig,
    start: date | None = None,
    end: date | None = None,
    periods: int = SESSIONS_PER_YEAR,
    statistics: StatisticsConfig | None = None,
    trial: Trial | None = None,
) -> BacktestResult:
    """Simulate a strategy and replace the book's rows of ``execution.*``, all of them in one transaction.

    Args:
        book: ``backtest/<id>``.
        model_id: Whose predictions to trade, where ``strategy.scores`` is ``predictions``.
        start: Earliest session to decide on; the backtest begins with the first scores from there on.
        end: Last session, None for the newest.
        periods: Sessions per year, for annualised metrics.
        statistics: How it is measured; None for the defaults.
        trial: The config that is tried, for the ledger; None for a backtest that nobody could choose, such as one
            under stress.

    Raises:
        QuantmillError: If there are no bars or no scores in that range, or a decision fails.
    """
    panel = load_panel(warehouse, end=end)
    scores = load_scores(warehouse, panel, strategy=strategy, model_id=model_id, portfolio=portfolio)
    from_start = [start is None or day >= start for day in panel.session_date]
    scored = np.flatnonzero(scores.has_score & np.array(from_start))
    if scored.size == 0:
        raise QuantmillError(
            f"strategy {strategy.name} has no score from {start} to {panel.session_date[-1]}; "
            "choose an earlier start or build more scores"
        )
    result = simulate(
        panel, scores, book=book, portfolio=portfolio, risk=risk, costs=costs, first=int(scored[0])
    )
    sessions = sorted(set(panel.session_date[result.rows]))
    marks = dict(zip(panel.symbols, panel.last_close[-1].tolist(), strict=True))
    trips = round_trips(result.fills, result.actions, marks=marks, sessions=sessions)
    measured = statistics_of(
        result, config=statistics or StatisticsConfig(), groups=portfolio.limits.groups, periods=periods
    )
    with warehouse.transaction():
        metrics = measured.metrics | _deflated(warehouse, book, trial, measured.metrics, periods)
        for table, frame in (
            (schemas.TARGETS, tables.targets(result)),
            (schemas.RISK_DECISIONS, tables.risk_decisions(result)),
            (schemas.ORDERS, tables.orders(result)),
            (schemas.FILLS, tables.fills(result)),
            (schemas.TRADES, tables.trades(book, trips)),
            (schemas.POSITIONS, tables.positions(result)),
            (schemas.EQUITY, tables.equity(result)),
            (schemas.PERFORMANCE, tables.metrics(book, metrics)),
            (schemas.PERIODS, tables.periods(book, measured.periods)),
            (schemas.ATTRIBUTION, tables.attribution(book, measured.attribution)),
            (schemas.INTERVALS, tables.intervals(book, measured.intervals)),
        ):
            warehouse.replace_where(table, {"book": book}, frame)
    return BacktestResult(
        book=book,
        metrics=metrics,
        first_session=sessions[0],
        last_session=sessions[-1],
        sessions=len(sessions),
        rebalances=len(result.decisions),
        orders=len(result.orders),
        fills=len(result.fills),
        trades=len(trips),
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
    sharpe = metrics["sharpe"]
    came_to = TrialResult(
        book=book,
        sharpe=None if sharpe is None else sharpe / math.sqrt(periods),
        skew=metrics["skew"],
        kurtosis=metrics["kurtosis"],
        sessions=int(metrics["sessions"] or 0),
        periods=periods,
    )
    return enter(warehouse, [(trial, came_to)])[book]
