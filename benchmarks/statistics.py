"""What it costs to measure a book: ``python -m benchmarks.statistics``.

One seeded book of 500 symbols over 2,520 sessions with 5,000 fills. Times are of one core, after a first call that
loads the compiled loop. Figures that empyrical and quantstats have too are compared with theirs; beyond 1e-9 the
command exits 1.
"""

from __future__ import annotations

import sys
import time
import warnings
from collections.abc import Callable
from statistics import median
from typing import Any

import empyrical
import numpy as np
import pandas as pd
import quantstats.stats as qs

from benchmarks.measure import table
from execution import performance as perf

SESSIONS, SYMBOLS, FILLS = 2520, 500, 5000
_PEERS: dict[str, dict[str, Callable[[Any], Any]]] = {
    "empyrical": {
        "cagr": empyrical.annual_return,
        "volatility": empyrical.annual_volatility,
        "sharpe": empyrical.sharpe_ratio,
        "sortino": empyrical.sortino_ratio,
        "calmar": empyrical.calmar_ratio,
        "omega": empyrical.omega_ratio,
        "max_drawdown": empyrical.max_drawdown,
        "var_95": empyrical.value_at_risk,
        "cvar_95": empyrical.conditional_value_at_risk,
        "tail_ratio": empyrical.tail_ratio,
    },
    "quantstats": {
        "cagr": qs.cagr,
        "volatility": qs.volatility,
        "sharpe": qs.sharpe,
        "sortino": qs.sortino,
        "calmar": qs.calmar,
        "omega": qs.omega,
        "max_drawdown": qs.max_drawdown,
        "skew": qs.skew,
        "kurtosis": qs.kurtosis,
        "tail_ratio": qs.tail_ratio,
    },
}


def book() -> tuple[perf.Book, np.ndarray, np.ndarray, np.ndarray]:
    """Return a seeded book with its positions, highs and lows; each fill opens or closes 100 shares."""
    random = np.random.default_rng(0)
    close = 50 * np.exp(np.cumsum(random.normal(0, 0.01, (SESSIONS, SYMBOLS)), axis=0))
    bar = np.sort(random.integers(1, SESSIONS, FILLS))
    symbol = random.integers(0, SYMBOLS, FILLS)
    change, held = np.zeros((SESSIONS, SYMBOLS)), np.zeros(SYMBOLS)
    shares = np.zeros(FILLS)
    for n in range(FILLS):
        shares[n] = -held[symbol[n]] or 100.0
        held[symbol[n]] += shares[n]
        change[bar[n], symbol[n]] += shares[n]
    price = close[bar, symbol] * (1 + np.sign(shares) * 5e-4)
    paid, none_at_close = np.ones(FILLS), np.zeros(FILLS, dtype=np.int64)
    fills = perf.Fills(bar, symbol, shares, price, close[bar, symbol], paid, np.zeros(FILLS), none_at_close)
    none, nothing = np.zeros(0, dtype=np.int64), np.zeros(SESSIONS)
    paid = np.bincount(bar, -shares * price - 1, SESSIONS)
    quantity = np.cumsum(change, axis=0)
    value = (quantity * close).sum(axis=1)
    equity = 5e6 + np.cumsum(paid) + value
    made = perf.Book(
        session=np.arange(SESSIONS),
        initial_cash=5e6,
        equity=equity,
        benchmark=close.mean(axis=1),
        traded=np.bincount(bar, fills.value, SESSIONS),
        gross_exposure=value / equity,
        net_exposure=value / equity,
        borrow=nothing,
        interest=nothing,
        dollar_volume=close * 1e6,
        marks=close[-1],
        fills=fills,
        actions=perf.Actions(none, none, *(np.zeros(0),) * 3),
    )
    return made, quantity, close, np.asfortranarray(close * 1.01)


def timed(call: Callable[[], Any], repeats: int) -> str:
    """Return the median of several calls in milliseconds, after one that does not count."""
    call()
    taken = []
    for _ in range(repeats):
        began = time.perf_counter()
        call()
        taken.append(time.perf_counter() - began)
    return f"{median(taken) * 1e3:,.2f}"


def main() -> None:
    """Print the table; exit 1 where a figure is not the peers'."""
    made, quantity, close, high = book()
    low = np.asfortranarray(close * 0.99)
    of: dict[str, Any] = {"marks": made.marks, "session": made.session}
    trips = perf.match_trips(made.fills, made.actions, **of)
    nothing = np.zeros(SESSIONS)

    def attribution() -> Any:
        entries = perf.profit_entries(
            quantity=quantity,
            price=close,
            fills=made.fills,
            actions=made.actions,
            borrow=nothing,
            borrow_rate=np.zeros(SYMBOLS),
            interest=nothing,
        )
        names = [f"S{n:03}" for n in range(SYMBOLS)]
        given: dict[str, Any] = {"session": made.session, "symbols": names, "strategy": "s", "groups": {}}
        return perf.attribute(entries, equity=made.equity, **given)

    ours = perf.measure_book(made, trips, participation=0.01)
    series = pd.Series(perf.returns(made.equity), index=pd.bdate_range("2010-01-04", periods=SESSIONS - 1))
    rows = [
        ["match_trips", timed(lambda: perf.match_trips(made.fills, made.actions, **of), 100)],
        [
            "match_trips with excursions",
            timed(lambda: perf.match_trips(made.fills, made.actions, **of, high=high, low=low), 50),
        ],
        [
            f"measure_book, {len(ours)} figures",
            timed(lambda: perf.measure_book(made, trips, participation=0.01), 100),
        ],
        ["attribution, four breakdowns", timed(attribution, 10)],
        [
            "intervals, 1,000 histories",
            timed(lambda: perf.intervals(made.equity, samples=1000, level=0.95, seed=0), 5),
        ],
    ]
    wrong = []
    warnings.simplefilter("ignore")
    for name, figures in _PEERS.items():
        rows.append(
            [
                f"{name}, {len(figures)} figures",
                timed(lambda f=figures: [one(series) for one in f.values()], 10),
            ]
        )
        theirs = {figure: float(one(series)) for figure, one in figures.items()}
        wrong += [
            f"{name}: {f} {ours[f]} {v}"
            for f, v in theirs.items()
            if not np.isclose(ours[f], v, rtol=1e-9, atol=0)
        ]
    print(table(["what", "ms"], rows))
    if wrong:
        sys.exit("\n".join(wrong))


if __name__ == "__main__":
    main()
