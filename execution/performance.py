"""How a book did: pure functions over its daily equity and a benchmark's.

Returns are simple, the risk-free rate is 0, standard deviations have one degree of freedom taken off. A
figure that is not defined (fewer than two returns, no variation, an equity not above 0, a benchmark with
gaps, no losing trade) is None, never NaN, infinite or a warning.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from execution.trades import RoundTrip
from execution.types import Floats

SESSIONS_PER_YEAR = 252
_NO_VARIATION = 1e-14  # standard deviations of returns that are nothing but rounding


def returns(equity: Floats) -> Floats:
    """Return simple returns, (T - 1,); NaN where the equity before is not above 0."""
    before = equity[:-1]
    change = np.full(len(before), np.nan)
    np.divide(equity[1:], before, out=change, where=before > 0)
    return change - 1


def total_return(equity: Floats) -> float | None:
    """Return last over first equity, less one."""
    return _defined(equity[-1] / equity[0] - 1) if len(equity) and equity[0] > 0 else None


def cagr(equity: Floats, periods: int = SESSIONS_PER_YEAR) -> float | None:
    """Return the compound annual growth rate: (last / first) ** (periods / (T - 1)) - 1."""
    if len(equity) < 2 or not equity[0] > 0:
        return None
    growth = max(0.0, float(equity[-1] / equity[0]))
    try:
        return _defined(growth ** (periods / (len(equity) - 1)) - 1)
    except OverflowError:
        return None


def volatility(equity: Floats, periods: int = SESSIONS_PER_YEAR) -> float | None:
    """Return the annualised standard deviation of returns."""
    deviation = _deviation(returns(equity))
    return None if deviation is None else deviation * math.sqrt(periods)


def sharpe(equity: Floats, periods: int = SESSIONS_PER_YEAR) -> float | None:
    """Return mean over standard deviation of returns, annualised (Sharpe 1994, over a zero benchmark)."""
    return _ratio_of_mean(returns(equity), periods)


def sortino(equity: Floats, periods: int = SESSIONS_PER_YEAR) -> float | None:
    """Return mean return over downside deviation, annualised (Sortino and Price 1994, with a target of 0).

    The downside deviation is the root of the mean of min(return, 0)² over all returns.
    """
    change = returns(equity)
    if len(change) < 2 or not np.all(np.isfinite(change)):
        return None
    downside = math.sqrt(float(np.mean(np.minimum(change, 0) ** 2)))
    return None if downside <= _NO_VARIATION else float(np.mean(change)) / downside * math.sqrt(periods)


def drawdowns(equity: Floats) -> Floats:
    """Return the distance from the highest equity so far, (T,): a fraction of it, at most 0."""
    peak = np.maximum.accumulate(equity)
    ratio = np.full(len(equity), np.nan)
    np.divide(equity, peak, out=ratio, where=peak > 0)
    return ratio - 1


def max_drawdown(equity: Floats) -> float | None:
    """Return the deepest drawdown, a fraction of the peak, at most 0."""
    return _defined(float(np.min(drawdowns(equity)))) if len(equity) else None


def max_drawdown_sessions(equity: Floats) -> int:
    """Return the longest run of sessions below an earlier peak."""
    longest = run = 0
    for below in (drawdowns(equity) < 0).tolist():
        run = run + 1 if below else 0
        longest = max(longest, run)
    return longest


def calmar(equity: Floats, periods: int = SESSIONS_PER_YEAR) -> float | None:
    """Return CAGR over the absolute deepest drawdown (Young 1991, over the whole history)."""
    growth, fall = cagr(equity, periods), max_drawdown(equity)
    return None if growth is None or not fall else growth / abs(fall)


def market_model(
    equity: Floats, benchmark: Floats, periods: int = SESSIONS_PER_YEAR
) -> tuple[float | None, float | None]:
    """Return annualised alpha and beta: the least-squares line of returns on the benchmark's (Jensen 1968).

    Alpha is the intercept times ``periods``.
    """
    ours, theirs = returns(equity), returns(benchmark)
    if _deviation(ours, allow_zero=True) is None or _deviation(theirs) is None:
        return None, None
    beta = float(np.cov(ours, theirs, ddof=1)[0, 1] / np.var(theirs, ddof=1))
    return float(np.mean(ours) - beta * np.mean(theirs)) * periods, beta


def information_ratio(equity: Floats, benchmark: Floats, periods: int = SESSIONS_PER_YEAR) -> float | None:
    """Return mean over standard deviation of the returns above the benchmark's, annualised (Goodwin 1998)."""
    return _ratio_of_mean(returns(equity) - returns(benchmark), periods)


def hit_rate(trades: Sequence[RoundTrip]) -> float | None:
    """Return the fraction of closed trades with a profit."""
    closed = [trade.pnl for trade in trades if trade.closed_at is not None]
    return sum(pnl > 0 for pnl in closed) / len(closed) if closed else None


def profit_factor(trades: Sequence[RoundTrip]) -> float | None:
    """Return the sum of profits over the sum of losses of closed trades; None without a loss."""
    closed = [trade.pnl for trade in trades if trade.closed_at is not None]
    losses = -math.fsum(pnl for pnl in closed if pnl < 0)
    return math.fsum(pnl for pnl in closed if pnl > 0) / losses if losses > 0 else None


def measure(
    *,
    equity: Floats,
    benchmark: Floats,
    turnover: Floats,
    gross_exposure: Floats,
    trades: Sequence[RoundTrip],
    commission: float,
    slippage: float,
    periods: int = SESSIONS_PER_YEAR,
) -> dict[str, float | None]:
    """Return every metric of a book by name.

    Args:
        equity: At each session's close (USD), (T,).
        benchmark: On any scale, (T,).
        turnover: Traded value (bought plus sold) over equity of each session, (T,); its mean is annualised.
        gross_exposure: Fraction of equity at each close, (T,).
        commission, slippage: Sums over all fills (USD).
    """
    alpha, beta = market_model(equity, benchmark, periods)
    return {
        "sessions": float(len(equity)),
        "initial_equity": _defined(equity[0]),
        "final_equity": _defined(equity[-1]),
        "total_return": total_return(equity),
        "cagr": cagr(equity, periods),
        "volatility": volatility(equity, periods),
        "sharpe": sharpe(equity, periods),
        "sortino": sortino(equity, periods),
        "max_drawdown": max_drawdown(equity),
        "max_drawdown_sessions": float(max_drawdown_sessions(equity)),
        "calmar": calmar(equity, periods),
        "turnover": _defined(float(np.mean(turnover)) * periods),
        "exposure": _defined(float(np.mean(gross_exposure))),
        "trades": float(len(trades)),
        "hit_rate": hit_rate(trades),
        "profit_factor": profit_factor(trades),
        "commission": commission,
        "slippage": slippage,
        "costs": commission + slippage,
        "alpha": alpha,
        "beta": beta,
        "information_ratio": information_ratio(equity, benchmark, periods),
        "benchmark_total_return": total_return(benchmark),
        "benchmark_cagr": cagr(benchmark, periods),
        "benchmark_volatility": volatility(benchmark, periods),
        "benchmark_sharpe": sharpe(benchmark, periods),
        "benchmark_max_drawdown": max_drawdown(benchmark),
    }


def _defined(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _deviation(change: Floats, *, allow_zero: bool = False) -> float | None:
    """Return the standard deviation, None where not defined or (unless allowed) nothing but rounding."""
    if len(change) < 2 or not np.all(np.isfinite(change)):
        return None
    deviation = float(np.std(change, ddof=1))
    return deviation if deviation > _NO_VARIATION or allow_zero else None


def _ratio_of_mean(change: Floats, periods: int) -> float | None:
    deviation = _deviation(change)
    return None if deviation is None else float(np.mean(change)) / deviation * math.sqrt(periods)
