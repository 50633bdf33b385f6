"""A book by year and by month."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np

from execution.performance.returns import max_drawdown, total_return, volatility
from execution.types import Floats

WHOLE_YEAR = 0  # the month of a row that speaks of its year


@dataclass(frozen=True)
class Period:
    """One calendar month, or year, of a book.

    Figures count from the last close before it (in the first period from the first close) to its last one; None
    where they are not defined.

    Attributes:
        month: 1 to 12, 0 for the whole year.
        sessions: Of the period.
        total_return, benchmark_return: Fractions. Compounded over the months of a year they give the year's.
        volatility: Annualised.
        max_drawdown: Within the period, a fraction at most 0.
        turnover: Traded value over equity, summed over the period.
    """

    year: int
    month: int
    first_session: date
    last_session: date
    sessions: int
    total_return: float | None
    benchmark_return: float | None
    volatility: float | None
    max_drawdown: float | None
    turnover: float | None


def by_period(
    sessions: Sequence[date],
    *,
    equity: Floats,
    benchmark: Floats,
    turnover: Floats,
    periods: int,
) -> list[Period]:
    """Return each month and each year of a book, in order; a year stands after its months.

    Args:
        sessions: Ascending, (T,); the first two are one where ``arrays.Sessions`` says so.
        equity, benchmark: At each session's close, (T,).
        turnover: Traded value over equity of each session, (T,).
        periods: Sessions per year.
    """

    def period(year: int, month: int, first: int, last: int) -> Period:
        since = slice(max(0, first - 1), last + 1)
        traded = float(np.sum(turnover[first : last + 1]))
        return Period(
            year=year,
            month=month,
            first_session=sessions[first],
            last_session=sessions[last],
            sessions=len(set(sessions[first : last + 1])),
            total_return=total_return(equity[since]),
            benchmark_return=total_return(benchmark[since]),
            volatility=volatility(equity[since], periods),
            max_drawdown=max_drawdown(equity[since]),
            turnover=traded if np.isfinite(traded) else None,
        )

    rows: list[Period] = []
    months = [(day.year, day.month) for day in sessions]
    starts = [n for n in range(len(months)) if n == 0 or months[n] != months[n - 1]]
    ends = [*(start - 1 for start in starts[1:]), len(months) - 1]
    began = 0
    for number, (first, last) in enumerate(zip(starts, ends, strict=False)):
        year, month = months[first]
        rows.append(period(year, month, first, last))
        if number + 1 == len(starts) or months[starts[number + 1]][0] != year:
            rows.append(period(year, WHOLE_YEAR, began, last))
            began = last + 1
    return rows
