"""The portfolio that every simulator runs; numpy only, for it is read in the peers' environments too.

Weights are decided at a close and traded at the next open. Peers that trade at the price they decide on are given the
next open as the price of a bar (``next_open``), and where they know no slippage it is added to the commission.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

CASH = 1e7
RATE = 0.0005  # commission, of value
SLIPPAGE = 0.0001  # of price
_LOOK_BACK, _INVESTED = 126, 0.98


class Inputs(NamedTuple):
    """Bars and weights, (T, N) each."""

    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats
    weight: Floats  # decided at the close of a row; NaN on the other rows

    @property
    def next_open(self) -> Floats:
        """The price at which what a row decides is traded, the last close on the last row."""
        return np.vstack([self.open[1:], self.close[-1:]])


def weights(close: Floats, *, positions: int, every: int) -> Floats:
    """Return equal weights of the ``positions`` symbols that rose most in half a year, every so many bars."""
    chosen = np.full(close.shape, np.nan)
    for t in range(_LOOK_BACK, len(close), every):
        rise = close[t] / close[t - _LOOK_BACK]
        chosen[t] = 0.0
        chosen[t, np.argsort(-rise, kind="stable")[:positions]] = _INVESTED / positions
    return chosen


def read(folder: Path) -> Inputs:
    """Return what ``portfolio.npz`` in a folder holds."""
    with np.load(folder / "portfolio.npz") as held:
        return Inputs(**{name: held[name] for name in Inputs._fields})


def write(folder: Path, inputs: Inputs) -> None:
    """Write ``portfolio.npz`` into a folder."""
    np.savez(folder / "portfolio.npz", **inputs._asdict())


def keep(out: Path, curve: Any) -> None:
    """Write what is compared between engines: equity by bar, or at the end of each pair of a grid."""
    with out.open("wb") as file:
        np.save(file, np.asarray(curve, dtype=np.float64).reshape(-1))
