"""What a simulated book came to: every figure and table of it, from the simulation's arrays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from execution.performance import (
    Actions,
    Attribution,
    Book,
    Fills,
    Interval,
    Period,
    attribute,
    by_period,
    by_session,
    intervals,
    match_trips,
    measure_book,
    profit_entries,
)
from execution.performance.arrays import Ints
from execution.simulator import SimulationResult
from execution.statistics_config import StatisticsConfig
from execution.types import Floats


@dataclass(frozen=True)
class Statistics:
    """What is known of a book.

    Attributes:
        metrics: Name → value, None where it is not defined; see ``performance.measure``.
        periods: By month and year.
        attribution: By symbol, side, strategy, cost and (where there are any) group.
        intervals: Confidence intervals of some of the metrics.
    """

    metrics: dict[str, float | None]
    periods: list[Period]
    attribution: list[Attribution]
    intervals: list[Interval]


def statistics_of(
    result: SimulationResult, *, config: StatisticsConfig, groups: Mapping[str, str], periods: int
) -> Statistics:
    """Measure a simulated book.

    Args:
        groups: Symbol → group, for attribution.
        periods: Sessions per year.
    """
    panel, rows = result.panel, result.rows
    book = book_of(result)
    sessions = by_session(book)
    trips = match_trips(
        book.fills,
        book.actions,
        marks=book.marks,
        session=book.session,
        high=panel.high[rows],
        low=panel.low[rows],
    )
    entries = profit_entries(
        quantity=result.quantity,
        price=panel.last_close[rows],
        fills=book.fills,
        actions=book.actions,
        borrow=book.borrow,
        borrow_rate=np.zeros(len(panel.symbols)),
        interest=book.interest,
    )
    dates = [panel.session_date[t] for t in (sessions.last + result.first).tolist()]
    return Statistics(
        metrics=measure_book(book, trips, participation=config.capacity_participation, periods=periods),
        periods=by_period(
            dates,
            equity=sessions.equity,
            benchmark=sessions.benchmark,
            turnover=sessions.turnover,
            periods=periods,
        ),
        attribution=attribute(
            entries,
            session=book.session,
            equity=sessions.equity,
            symbols=panel.symbols,
            strategy=result.scores.strategy,
            groups=groups,
            periods=periods,
        ),
        intervals=intervals(
            sessions.equity,
            samples=config.bootstrap_samples,
            level=config.level,
            seed=config.bootstrap_seed,
            block=config.bootstrap_block,
            periods=periods,
        ),
    )


def book_of(result: SimulationResult) -> Book:
    """Return a simulation as the arrays that are measured."""
    panel, rows = result.panel, result.rows
    nothing = np.zeros(len(result.equity))
    return Book(
        session=panel.session[rows] - panel.session[result.first],
        initial_cash=result.initial_cash,
        equity=result.equity,
        benchmark=result.benchmark,
        traded=result.traded,
        gross_exposure=result.gross_exposure,
        net_exposure=result.net_exposure,
        borrow=nothing,
        interest=nothing,
        dollar_volume=panel.volume[rows] * panel.close[rows],
        marks=panel.last_close[-1],
        fills=_fills(result),
        actions=_actions(result),
    )


def _fills(result: SimulationResult) -> Fills:
    """Return the fills with rows counted from the book's first bar."""
    made = result.fills
    quantity = _column([fill.quantity for fill in made])
    price = _column([fill.price for fill in made])
    return Fills(
        bar=_bars(result, [fill.bar_at for fill in made]),
        symbol=_symbols(result, [fill.symbol for fill in made]),
        quantity=quantity,
        price=price,
        reference=price - _column([fill.slippage for fill in made]) / quantity,
        commission=_column([fill.commission for fill in made]),
        fees=np.zeros(len(made)),
    )


def _actions(result: SimulationResult) -> Actions:
    met = result.actions
    return Actions(
        bar=_bars(result, [action.bar_at for action in met]),
        symbol=_symbols(result, [action.symbol for action in met]),
        ratio=_column([action.ratio for action in met]),
        quantity=_column([action.quantity for action in met]),
        cash=_column([action.cash for action in met]),
    )


def _bars(result: SimulationResult, moments: list[datetime]) -> Ints:
    place = {at: row for row, at in enumerate(result.panel.bar_at[result.rows])}
    return np.array([place[at] for at in moments], dtype=np.int64)


def _symbols(result: SimulationResult, names: list[str]) -> Ints:
    place = {name: column for column, name in enumerate(result.panel.symbols)}
    return np.array([place[name] for name in names], dtype=np.int64)


def _column(values: list[float]) -> Floats:
    return np.array(values, dtype=np.float64)
