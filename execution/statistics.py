"""What a simulated book came to: every figure and table of it, from the simulation's arrays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from execution.performance import (
    Actions,
    Attribution,
    Costs,
    Fills,
    Interval,
    Period,
    attribute,
    by_period,
    capacity,
    intervals,
    match_trips,
    measure,
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


def measure_book(
    result: SimulationResult, *, config: StatisticsConfig, groups: Mapping[str, str], periods: int
) -> Statistics:
    """Measure a book, on the last bar of each session; turnover is a session's sum.

    Args:
        groups: Symbol → group, for attribution.
        periods: Sessions per year.
    """
    panel, rows = result.panel, result.rows
    session = panel.session[rows] - panel.session[result.first]
    last = np.append(np.flatnonzero(np.diff(session)), len(session) - 1)
    starts = np.append(0, last[:-1] + 1)
    fills, actions = _fills(result), _actions(result)
    equity, benchmark = result.equity[last], result.benchmark[last]
    turnover = np.add.reduceat(result.turnover, starts)
    price = panel.last_close[rows]
    trips = match_trips(
        fills, actions, marks=price[-1], session=session, high=panel.high[rows], low=panel.low[rows]
    )
    nothing = np.zeros(len(session))
    entries = profit_entries(
        quantity=result.quantity,
        price=price,
        fills=fills,
        actions=actions,
        borrow=nothing,
        borrow_rate=np.zeros(len(panel.symbols)),
        interest=nothing,
    )
    metrics = measure(
        equity=equity,
        benchmark=benchmark,
        turnover=turnover,
        gross_exposure=result.gross_exposure[last],
        net_exposure=result.net_exposure[last],
        trips=trips,
        costs=Costs(
            commission=float(np.sum(fills.commission)),
            fees=float(np.sum(fills.fees)),
            slippage=float(np.sum(fills.slippage)),
        ),
        capacity=_capacity(result, fills, config.capacity_participation),
        periods=periods,
    )
    sampled = intervals(
        equity,
        samples=config.bootstrap_samples,
        level=config.level,
        seed=config.bootstrap_seed,
        block=config.bootstrap_block,
        periods=periods,
    )
    dates = [panel.session_date[t] for t in (last + result.first).tolist()]
    return Statistics(
        metrics=metrics,
        periods=by_period(dates, equity=equity, benchmark=benchmark, turnover=turnover, periods=periods),
        attribution=attribute(
            entries,
            session=session,
            equity=equity,
            symbols=panel.symbols,
            strategy=result.scores.strategy,
            groups=groups,
            periods=periods,
        ),
        intervals=sampled,
    )


def _capacity(result: SimulationResult, fills: Fills, participation: float) -> float | None:
    panel = result.panel
    traded = (panel.volume * panel.close)[fills.bar + result.first, fills.symbol]
    before = np.append(result.initial_cash, result.equity[:-1])[fills.bar]
    return capacity(fills.value, traded, before, participation)


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
