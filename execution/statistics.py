"""What a simulated book came to: every figure and table of it, from the simulation's arrays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from execution.combination import CombinedScores
from execution.ownership import Parts, parts_of
from execution.performance import (
    Attribution,
    Book,
    Interval,
    Period,
    attribute,
    by_period,
    by_session,
    intervals,
    measure_book,
    profit_entries,
)
from execution.simulator import SimulationResult
from execution.statistics_config import StatisticsConfig


@dataclass(frozen=True)
class Statistics:
    """What is known of a book.

    Attributes:
        metrics: Name → value, None where it is not defined; see ``performance.measure``.
        periods: By month and year.
        attribution: By symbol, side, strategy, cost and (where there are any) group.
        intervals: Confidence intervals of some of the metrics.
        parts: What each of several strategies that share the book did; None for a lone one.
    """

    metrics: dict[str, float | None]
    periods: list[Period]
    attribution: list[Attribution]
    intervals: list[Interval]
    parts: Parts | None


def statistics_of(
    result: SimulationResult,
    *,
    config: StatisticsConfig,
    groups: Mapping[str, str],
    periods: int,
) -> Statistics:
    """Measure a simulated book.

    Args:
        groups: Symbol → group, for attribution.
        periods: Sessions per year.
    """
    panel, rows = result.panel, result.rows
    book = book_of(result)
    sessions = by_session(book)
    entries = profit_entries(
        quantity=result.quantity,
        price=panel.last_close[rows],
        fills=book.fills,
        actions=book.actions,
        borrow=book.borrow,
        borrow_rate=result.borrow_rate,
        interest=book.interest,
    )
    scores = result.scores
    parts, shared = None, None
    if isinstance(scores, CombinedScores):
        parts = parts_of(result, scores)
        shared = {name: (parts.pnl[:, s], parts.costs[:, s]) for s, name in enumerate(scores.members)}
    dates = [panel.session_date[t] for t in (sessions.last + result.first).tolist()]
    return Statistics(
        metrics=measure_book(
            book, result.trips, participation=config.capacity_participation, periods=periods
        ),
        periods=by_period(
            dates,
            equity=sessions.equity,
            benchmark=sessions.benchmark,
            turnover=sessions.turnover,
            periods=periods,
        ),
        attribution=attribute(
            entries,
            session=sessions.of_bar,
            equity=sessions.equity,
            symbols=panel.symbols,
            strategy=result.scores.strategy,
            groups=groups,
            periods=periods,
            shared=shared,
        ),
        intervals=intervals(
            sessions.equity,
            samples=config.bootstrap_samples,
            level=config.level,
            seed=config.bootstrap_seed,
            block=config.bootstrap_block,
            periods=periods,
        ),
        parts=parts,
    )


def book_of(result: SimulationResult) -> Book:
    """Return a simulation as the arrays that are measured."""
    panel, rows = result.panel, result.rows
    return Book(
        session=panel.session[rows] - panel.session[result.first],
        initial_cash=result.initial_cash,
        equity=result.equity,
        benchmark=result.benchmark,
        traded=result.traded,
        gross_exposure=result.gross_exposure,
        net_exposure=result.net_exposure,
        borrow=result.flow("borrow"),
        interest=result.flow("interest"),
        dollar_volume=panel.traded_value[rows],
        marks=panel.last_close[-1],
        fills=result.fills,
        actions=result.actions,
    )
