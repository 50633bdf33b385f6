"""Every figure of a book by name."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from execution.performance.arrays import Book, by_session
from execution.performance.relative import capture, information_ratio, market_model, tracking_error
from execution.performance.returns import (
    SESSIONS_PER_YEAR,
    cagr,
    calmar,
    conditional_value_at_risk,
    kurtosis,
    max_drawdown,
    max_drawdown_sessions,
    omega,
    sharpe,
    skew,
    sortino,
    tail_ratio,
    total_return,
    value_at_risk,
    volatility,
)
from execution.performance.significance import probabilistic_sharpe
from execution.performance.trips import Trips, trade_figures
from execution.performance.volume import capacity as capacity_of
from execution.types import Floats, defined


class Costs(NamedTuple):
    """What a book paid over its whole life (USD).

    Attributes:
        commission, fees: To the broker, and to regulators and exchanges.
        slippage: Fill prices against reference prices.
        borrow: For shares sold short.
        interest: On margin, less what cash earned; negative where it earned more.
    """

    commission: float = 0.0
    fees: float = 0.0
    slippage: float = 0.0
    borrow: float = 0.0
    interest: float = 0.0


def measure(
    *,
    equity: Floats,
    benchmark: Floats,
    turnover: Floats,
    gross_exposure: Floats,
    net_exposure: Floats,
    trips: Trips,
    costs: Costs,
    capacity: float | None = None,
    periods: int = SESSIONS_PER_YEAR,
) -> dict[str, float | None]:
    """Return every metric of a book by name; None where it is not defined.

    Args:
        equity: At each session's close (USD), (S,); returns are from one to the next.
        benchmark: On any scale, (S,).
        turnover: Traded value (bought plus sold) over equity of each session, (S,); its mean is annualised.
        gross_exposure, net_exposure: Fraction of equity at each bar's close, (B,).
        capacity: See ``execution.performance.capacity``.
    """
    alpha, beta = market_model(equity, benchmark, periods)
    up, down = capture(equity, benchmark, periods)
    per_session, lean, fat = sharpe(equity, 1), skew(equity), kurtosis(equity)
    probable = None
    if per_session is not None and lean is not None and fat is not None:
        probable = probabilistic_sharpe(per_session, count=len(equity) - 1, skew=lean, kurtosis=fat)
    return {
        "sessions": float(len(equity)),
        "initial_equity": defined(equity[0]),
        "final_equity": defined(equity[-1]),
        "total_return": total_return(equity),
        "cagr": cagr(equity, periods),
        "volatility": volatility(equity, periods),
        "sharpe": sharpe(equity, periods),
        "probabilistic_sharpe": probable,
        "sortino": sortino(equity, periods),
        "omega": omega(equity),
        "max_drawdown": max_drawdown(equity),
        "max_drawdown_sessions": float(max_drawdown_sessions(equity)),
        "calmar": calmar(equity, periods),
        "var_95": value_at_risk(equity, 0.95),
        "var_99": value_at_risk(equity, 0.99),
        "cvar_95": conditional_value_at_risk(equity, 0.95),
        "cvar_99": conditional_value_at_risk(equity, 0.99),
        "skew": lean,
        "kurtosis": fat,
        "tail_ratio": tail_ratio(equity),
        "turnover": defined(float(np.mean(turnover)) * periods),
        "exposure": defined(float(np.mean(gross_exposure))),
        "net_exposure": defined(float(np.mean(net_exposure))),
        "capacity": capacity,
        **trade_figures(trips),
        "commission": costs.commission,
        "fees": costs.fees,
        "slippage": costs.slippage,
        "borrow": costs.borrow,
        "interest": costs.interest,
        "costs": sum(costs[:4]),
        "alpha": alpha,
        "beta": beta,
        "information_ratio": information_ratio(equity, benchmark, periods),
        "tracking_error": tracking_error(equity, benchmark, periods),
        "up_capture": up,
        "down_capture": down,
        "benchmark_total_return": total_return(benchmark),
        "benchmark_cagr": cagr(benchmark, periods),
        "benchmark_volatility": volatility(benchmark, periods),
        "benchmark_sharpe": sharpe(benchmark, periods),
        "benchmark_max_drawdown": max_drawdown(benchmark),
    }


def measure_book(
    book: Book, trips: Trips, *, participation: float, periods: int = SESSIONS_PER_YEAR
) -> dict[str, float | None]:
    """Return every metric of a simulated account by name; see ``measure``.

    Figures are of the closes of sessions, but exposures of those of bars.

    Args:
        trips: Its round trips, as ``match_trips`` finds them.
        participation: Share of traded value at which its capacity is reached, above 0.
    """
    sessions, fills = by_session(book), book.fills
    before = np.append(book.initial_cash, book.equity[:-1])[fills.bar]
    count = int(book.session[-1]) + 1
    measured = measure(
        equity=sessions.equity,
        benchmark=sessions.benchmark,
        turnover=sessions.turnover[-count:],
        # Of every bar: a book that is flat overnight is not without exposure.
        gross_exposure=book.gross_exposure,
        net_exposure=book.net_exposure,
        trips=trips,
        costs=Costs(
            commission=float(np.sum(fills.commission)),
            fees=float(np.sum(fills.fees)),
            slippage=float(np.sum(fills.slippage)),
            borrow=0.0 - float(np.sum(book.borrow)),
            interest=0.0 - float(np.sum(book.interest)),
        ),
        capacity=capacity_of(fills.value, book.dollar_volume[fills.bar, fills.symbol], before, participation),
        periods=periods,
    )
    return measured | {"sessions": float(count)}
