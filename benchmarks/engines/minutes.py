"""The grid of crossovers that simulators run on minute bars of one symbol; numpy only."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from benchmarks.engines.portfolio import Floats

RATE, SLIPPAGE = 0.0005, 0.0001
PAIRS = [(fast, slow) for fast in range(5, 105, 4) for slow in range(120, 920, 20)]
_SEED = 20_262


def write(folder: Path, count: int) -> None:
    """Write ``minutes.npz`` into a folder: seeded opens and closes of so many minute bars, (T,)."""
    random = np.random.default_rng(_SEED)
    close = 100 * np.exp(np.cumsum(random.normal(0, 4e-4, count)))
    opening = np.r_[close[0], close[:-1]] * np.exp(random.normal(0, 5e-5, count))
    np.savez(folder / "minutes.npz", open=opening, close=close)


def read(folder: Path) -> tuple[Floats, Floats]:
    """Return opens and closes."""
    with np.load(folder / "minutes.npz") as held:
        return held["open"], held["close"]


def chosen(count: int) -> list[tuple[int, int]]:
    """Return so many of the pairs, evenly spread."""
    return PAIRS[:: max(1, len(PAIRS) // count)][:count]
