"""Everything a strategy is put through, in one pass over its arrays: no table is read or written here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np

from execution.performance import by_session, measure_book
from execution.simulator import SimulationResult, simulate
from execution.statistics import book_of
from execution.types import Floats
from execution.validation import correlation, monte_carlo, parts, permutation
from execution.validation.monte_carlo import TradeOrders
from execution.validation.parts import Curve, Figures
from execution.validation.permutation import Permutation
from execution.validation.scenarios import (
    Scenario,
    Setting,
    with_costs,
    with_delay,
    with_flash_crash,
    with_missed_fills,
    with_slippage,
)
from execution.validation_config import ValidationConfig
from transforms.errors import QuantmillError

BASE, PART, STRESS, MONTHS, REGIME = "base", "part", "stress", "months", "regime"


@dataclass(frozen=True)
class Row:
    """One scenario, or one part of the history, and what the book came to.

    Attributes:
        kind: ``base``, ``part``, ``stress``, ``months`` or ``regime``.
        first, last: Sessions that it reaches over; None where it is not covered.
        mean_return, mean_benchmark: Mean monthly returns; of ``months`` only.
    """

    kind: str
    scenario: str
    covered: bool
    figures: Figures | None
    first: date | None
    last: date | None
    mean_return: float | None = None
    mean_benchmark: float | None = None
    note: str = ""


@dataclass(frozen=True)
class Evidence:
    """What the suite found.

    Attributes:
        rows: Base, parts, stress, months and regimes, in this order.
        parts: Name → sessions of train, validation and holdout.
        before_holdout: Train and validation together.
        curve: The book at the closes of its sessions.
        position_correlation: Mean over pairs of what was held together; None where there was no such pair.
    """

    rows: tuple[Row, ...]
    parts: dict[str, slice]
    before_holdout: Figures
    curve: Curve
    permutation: Permutation | None
    trade_orders: TradeOrders | None
    position_correlation: float | None

    @property
    def holdout(self) -> tuple[date, date]:
        """First and last session of the holdout."""
        days = self.curve.dates[self.parts["holdout"]]
        return days[0], days[-1]


def scenarios(config: ValidationConfig) -> dict[str, tuple[Scenario, str]]:
    """Return name → what it changes and a sentence that says so."""
    seed, missed, crash = config.seed, config.missed_fills, config.crash_slippage
    return {
        "slippage x2": (lambda s: with_slippage(s, 2.0), "spread, slippage and impact doubled"),
        "slippage x3": (lambda s: with_slippage(s, 3.0), "spread, slippage and impact tripled"),
        "costs x2": (lambda s: with_costs(s, 2.0), "slippage, commission, fees and borrow rates doubled"),
        "one-bar delay": (with_delay, "every decision a bar later, on the scores of the bar it was due"),
        "missed fills": (
            lambda s: with_missed_fills(s, missed, seed),
            f"nothing can be traded on a random {missed:.0%} of each symbol's bars",
        ),
        "flash crash": (
            lambda s: with_flash_crash(s, crash, seed),
            f"a random session each quarter: everything stopped out at its worst price, slippage x{crash:g}",
        ),
    }


def examine(
    setting: Setting,
    config: ValidationConfig,
    *,
    periods: int,
    participation: float,
    on_step: Callable[[str], None] = lambda _step: None,
) -> Evidence:
    """Put a strategy through the suite.

    Args:
        periods: Sessions per year.
        participation: See ``statistics.capacity_participation``.
        on_step: Told what is in work.

    Raises:
        QuantmillError: If the book has too few sessions for three parts, or a scenario cannot be simulated; the error
            carries a note that names it.
    """
    on_step("as backtested")
    base = _simulated(setting, "as backtested")
    curve = curve_of(base)
    bounds = parts.split(curve.dates, config)
    count = len(curve.dates)
    rows = [_row(BASE, "as backtested", _measured(base, periods, participation), curve.dates)]
    for name, part in bounds.items():
        figures = parts.of_sessions(curve, parts.within(count, part), periods)
        rows.append(_row(PART, name, figures, curve.dates[part]))
    for name, (change, note) in scenarios(config).items():
        on_step(name)
        result = _simulated(change(setting), name)
        rows.append(_row(STRESS, name, _measured(result, periods, participation), curve.dates, note=note))
    rows += [*_month_rows(curve, config, periods), *_regime_rows(curve, config, periods)]
    on_step("random entry")
    random_entry = permutation.against_random_entry(base, count=config.permutations, seed=config.seed)
    on_step("orders of trades")
    orders = monte_carlo.shuffled(
        monte_carlo.trade_returns(base.trips, base.equity, base.initial_cash),
        paths=config.paths,
        ruin_fraction=config.ruin_fraction,
        seed=config.seed,
    )
    return Evidence(
        rows=tuple(rows),
        parts=bounds,
        before_holdout=parts.of_sessions(
            curve, parts.within(count, slice(0, bounds["holdout"].start)), periods
        ),
        curve=curve,
        permutation=random_entry,
        trade_orders=orders,
        position_correlation=correlation.of_positions(held_returns(base)),
    )


def curve_of(result: SimulationResult) -> Curve:
    """Return a simulated book at the closes of its sessions."""
    sessions = by_session(book_of(result))
    dates = tuple(result.panel.session_date[t] for t in (sessions.last + result.first).tolist())
    return Curve(dates, sessions.equity, sessions.benchmark)


def held_returns(result: SimulationResult) -> Floats:
    """Return what each position gained on each bar it was held into, from close to close, (T - 1, N).

    As a fraction of its value, its side's sign in it; NaN where nothing was held over.
    """
    panel, rows = result.panel, result.rows
    held, price = result.quantity[:-1], panel.last_close[rows]
    worth = (price[1:] + panel.dividend[rows][1:]) * panel.split_ratio[rows][1:]
    change = np.full(held.shape, np.nan)
    np.divide(worth, price[:-1], out=change, where=(held != 0) & (price[:-1] > 0))
    signed: Floats = (change - 1) * np.sign(held)
    return signed


def _simulated(setting: Setting, scenario: str) -> SimulationResult:
    try:
        return simulate(
            setting.scores,
            setting.terms,
            book=f"validation/{scenario}",
            config=setting.config,
            first=setting.first,
            orders=setting.orders,
        )
    except QuantmillError as error:
        error.add_note(f"in the scenario {scenario}")
        raise


def _measured(result: SimulationResult, periods: int, participation: float) -> Figures:
    book = book_of(result)
    found = measure_book(book, result.trips, participation=participation, periods=periods)
    return Figures(
        sessions=int(found["sessions"] or 0),
        benchmark_return=found["benchmark_total_return"],
        **{
            name: found[name]
            for name in (
                "total_return",
                "cagr",
                "volatility",
                "sharpe",
                "max_drawdown",
                "turnover",
                "trades",
                "costs",
            )
        },
    )


def _row(kind: str, scenario: str, figures: Figures, dates: Sequence[date], *, note: str = "") -> Row:
    return Row(kind, scenario, covered=True, figures=figures, first=dates[0], last=dates[-1], note=note)


def _days(curve: Curve, inside: parts.Sessions) -> list[date]:
    return [curve.dates[at] for at in np.flatnonzero(inside).tolist()]


def _month_rows(curve: Curve, config: ValidationConfig, periods: int) -> list[Row]:
    by_month = parts.months(curve)
    market = by_month.benchmark
    kinds = {
        "bear months": (market < config.bear_below, f"benchmark below {config.bear_below:+.0%} in the month"),
        "range months": (
            (market >= config.range_low) & (market <= config.range_high),
            f"benchmark {config.range_low:+.0%} to {config.range_high:+.0%} in the month",
        ),
    }
    rows = []
    for name, (chosen, note) in kinds.items():
        inside = chosen[by_month.of_session]
        figures = parts.of_sessions(curve, inside, periods)
        if not chosen.any() or figures.sessions == 0:
            why = "the history has none" if np.isfinite(market).any() else "there is no benchmark"
            rows.append(Row(MONTHS, name, False, None, None, None, note=f"{note}: {why}"))
            continue
        days = _days(curve, inside)
        rows.append(
            Row(
                MONTHS,
                name,
                covered=True,
                figures=figures,
                first=days[0],
                last=days[-1],
                mean_return=float(np.mean(by_month.book[chosen])),
                mean_benchmark=float(np.mean(market[chosen])),
                note=f"{note}: {int(chosen.sum())} months",
            )
        )
    return rows


def _regime_rows(curve: Curve, config: ValidationConfig, periods: int) -> list[Row]:
    rows = []
    for name, days in config.regimes.items():
        inside = parts.regime(curve.dates, days)
        if not (parts.is_covered(curve.dates, days) and inside.any()):
            note = f"{days[0]} to {days[1]}; the book has {curve.dates[0]} to {curve.dates[-1]}"
            rows.append(Row(REGIME, name, False, None, None, None, note=note))
            continue
        rows.append(_row(REGIME, name, parts.of_sessions(curve, inside, periods), _days(curve, inside)))
    return rows
