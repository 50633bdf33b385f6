"""What the same trades would have been like in another order."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from execution.performance import Trips
from execution.types import Floats

_AT_A_TIME = 500_000  # trades drawn at once: bounds the memory
_LEAST_TRADES = 10
PERCENTILES = tuple(range(101))


@dataclass(frozen=True)
class TradeOrders:
    """Drawdown and ruin over random orders of a book's trades.

    Attributes:
        drawdowns: Deepest drawdown (fraction, at most 0) by percentile of the paths from the worst (0) to the mildest
            (100), (101,).
        ruin: Part of the paths on which equity fell below the configured fraction of its start.
        observed: Deepest drawdown of the order in which they really came, counted the same way.
    """

    drawdowns: Floats
    ruin: float
    observed: float
    trades: int

    @property
    def drawdown_95(self) -> float:
        """The drawdown (at most 0) that one path in twenty exceeds."""
        return float(self.drawdowns[5])


def trade_returns(trips: Trips, equity: Floats, initial_cash: float) -> Floats:
    """Return what each trade earned as a fraction of equity at the close before it was opened, (K,).

    Those opened with nothing left are left out.
    """
    before = np.append(initial_cash, equity[:-1])[trips.opened]
    earned: Floats = trips.pnl[before > 0] / before[before > 0]
    return earned


def shuffled(earned: Floats, *, paths: int, ruin_fraction: float, seed: int) -> TradeOrders | None:
    """Compound the trades one after the other in ``paths`` random orders; None for fewer than ten trades.

    Trades that were really held at the same time follow each other here; a path that loses everything stays at 0.
    """
    if len(earned) < _LEAST_TRADES:
        return None
    random = np.random.default_rng(seed)
    deepest, lowest = np.zeros(paths), np.zeros(paths)
    at_a_time = max(1, _AT_A_TIME // len(earned))
    for done in range(0, paths, at_a_time):
        part = slice(done, min(paths, done + at_a_time))
        drawn = random.permuted(np.tile(earned, (part.stop - part.start, 1)), axis=1)
        deepest[part], lowest[part] = _paths(drawn)
    observed, _ = _paths(earned[None, :])
    return TradeOrders(
        drawdowns=np.quantile(deepest, np.array(PERCENTILES) / 100),
        ruin=float(np.mean(lowest < ruin_fraction)),
        observed=float(observed[0]),
        trades=len(earned),
    )


def _paths(drawn: Floats) -> tuple[Floats, Floats]:
    """Return deepest drawdown and lowest equity of each path, (paths,)."""
    growth = np.cumprod(np.maximum(1 + drawn, 0), axis=1)
    peak = np.maximum(np.maximum.accumulate(growth, axis=1), 1.0)
    deepest: Floats = np.minimum(np.min(growth / peak, axis=1) - 1, 0.0)
    return deepest, np.min(growth, axis=1)
