"""Parts of a book's history: train, validation, holdout; bear and range months; named regimes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
from numpy.typing import NDArray

from execution.performance import cagr, max_drawdown, returns, sharpe, total_return, volatility
from execution.types import Floats
from execution.validation_config import ValidationConfig
from transforms.errors import ConfigError, QuantmillError

PARTS = ("train", "validation", "holdout")
# What a part needs for a Sharpe ratio to be more than an anecdote.
_LEAST_SESSIONS = 20
# Holidays and weekends at the ends of a regime.
_SLACK = timedelta(days=7)

Sessions = NDArray[np.bool_]


@dataclass(frozen=True)
class Figures:
    """What a book came to over some sessions; None where it is not defined.

    Attributes:
        benchmark_return: The benchmark's total return over the same sessions.
        turnover, trades, costs: Of a whole simulation only.
    """

    sessions: int
    total_return: float | None
    cagr: float | None
    volatility: float | None
    sharpe: float | None
    max_drawdown: float | None
    benchmark_return: float | None
    turnover: float | None = None
    trades: float | None = None
    costs: float | None = None


@dataclass(frozen=True)
class Curve:
    """A book at the closes of its sessions, (S,) each, as in ``execution.performance.Sessions``.

    Attributes:
        equity: USD.
        benchmark: On any scale; NaN where it is not known.
    """

    dates: tuple[date, ...]
    equity: Floats
    benchmark: Floats


def split(dates: Sequence[date], config: ValidationConfig) -> dict[str, slice]:
    """Return the sessions of train, validation and holdout, which follow each other and are everything.

    Raises:
        ConfigError: If the configured dates leave a part without 20 sessions.
        QuantmillError: If there are too few sessions for three parts of 20.
    """
    count = len(dates)
    if config.validation_start is not None and config.holdout_start is not None:
        days = [date.fromisoformat(config.validation_start), date.fromisoformat(config.holdout_start)]
        cuts = [int(np.searchsorted(np.array(dates), np.array(day))) for day in days]
    else:
        cuts = [round(count * config.train), round(count * (config.train + config.validation))]
    edges = [0, *cuts, count]
    found = {name: slice(edges[n], edges[n + 1]) for n, name in enumerate(PARTS)}
    for name, part in found.items():
        if part.stop - part.start >= _LEAST_SESSIONS:
            continue
        said = (
            f"{part.stop - part.start} of the book's {count} sessions ({dates[0]} to {dates[-1]}) are {name}"
        )
        if config.validation_start is not None:
            raise ConfigError(
                f"validation.validation_start and validation.holdout_start: {said}; at least 20 are needed"
            )
        raise QuantmillError(f"{said}; each part needs 20: validate on a longer history")
    return found


def within(count: int, part: slice) -> Sessions:
    """Return whether each of ``count`` sessions is in a part, (S,)."""
    inside = np.zeros(count, dtype=np.bool_)
    inside[part] = True
    return inside


def of_sessions(curve: Curve, inside: Sessions, periods: int) -> Figures:
    """Measure the returns of some sessions, each from the close before, put one after the other.

    Args:
        inside: (S,); the book's first session has no return.
        periods: Sessions per year.
    """
    chosen = inside[1:]
    equity, benchmark = _chained(curve.equity, chosen), _chained(curve.benchmark, chosen)
    if len(equity) < 2:
        return Figures(0, None, None, None, None, None, None)
    return Figures(
        sessions=len(equity) - 1,
        total_return=total_return(equity),
        cagr=cagr(equity, periods),
        volatility=volatility(equity, periods),
        sharpe=sharpe(equity, periods),
        max_drawdown=max_drawdown(equity),
        benchmark_return=total_return(benchmark) if np.all(np.isfinite(benchmark)) else None,
    )


def _chained(values: Floats, chosen: Sessions) -> Floats:
    """Return growth of 1 over the chosen changes, beginning with 1."""
    grown: Floats = np.append(1.0, np.cumprod(1 + returns(values)[chosen]))
    return grown


@dataclass(frozen=True)
class Months:
    """Calendar months of a book, (M,) each.

    Attributes:
        of_session: Which month each session is in, (S,).
        book, benchmark: Returns, from the last close before the month (the first of all: from its first).
    """

    of_session: NDArray[np.int64]
    book: Floats
    benchmark: Floats


def months(curve: Curve) -> Months:
    """Return a book's months."""
    month = np.array(curve.dates, dtype="datetime64[M]").astype(np.int64)
    of_session = np.cumsum(np.diff(month, prepend=month[:1]) != 0)
    last = np.append(np.flatnonzero(np.diff(of_session)), len(of_session) - 1)
    before = np.append(0, last[:-1])
    with np.errstate(invalid="ignore", divide="ignore"):
        return Months(
            of_session,
            curve.equity[last] / curve.equity[before] - 1,
            curve.benchmark[last] / curve.benchmark[before] - 1,
        )


def is_covered(dates: Sequence[date], days: Sequence[str]) -> bool:
    """Whether the book's sessions reach from the first to the last day of a regime, but for a week at either end."""
    start, end = (date.fromisoformat(day) for day in days)
    return dates[0] <= start + _SLACK and dates[-1] >= end - _SLACK


def regime(dates: Sequence[date], days: Sequence[str]) -> Sessions:
    """Return whether each session is within a regime, (S,)."""
    start, end = (np.datetime64(day) for day in days)
    at = np.array(dates, dtype="datetime64[D]")
    inside: Sessions = (at >= start) & (at <= end)
    return inside
