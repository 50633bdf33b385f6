"""Random bars for two simulators at once, and what is compared of them."""

from __future__ import annotations

import numpy as np

from execution.kernel.types import Floats, Market, Outcome

Random = np.random.Generator
TOLERANCE = 1e-9  # relative, of prices, quantities and equity


def bars(random: Random, count: int, names: int, *, gap: float = 0.01, step: float = 0.02) -> Market:
    """Return ``count`` bars of ``names`` symbols, all of them traded, on a tenth of a cent.

    Args:
        gap: Deviation of the log of open over close before.
        step: Deviation of a bar's log return.
    """
    shape = (count, names)
    close = random.uniform(20, 200, names) * np.exp(np.cumsum(random.normal(0, step, shape), axis=0))
    opening = np.vstack([close[:1], close[:-1]]) * np.exp(random.normal(0, gap, shape))
    high = np.maximum(opening, close) * np.exp(np.abs(random.normal(0, step / 2, shape)))
    low = np.minimum(opening, close) * np.exp(-np.abs(random.normal(0, step / 2, shape)))
    opening, high, low, close = (np.round(price, 3) for price in (opening, high, low, close))
    return market(opening, high, low, close, volume=random.integers(1_000, 20_000, shape).astype(np.float64))


def market(opening: Floats, high: Floats, low: Floats, close: Floats, *, volume: Floats) -> Market:
    """Return a market of daily bars in which nothing happens but trading, arrays (T, N)."""
    count = len(close)
    return Market(
        open=opening,
        high=high,
        low=low,
        close=close,
        volume=volume,
        vwap=(high + low + close) / 3,
        split_ratio=np.ones(close.shape),
        dividend=np.zeros(close.shape),
        volatility=np.full(close.shape, 0.02),
        is_shortable=np.ones(close.shape, dtype=np.bool_),
        session=np.arange(count),
        days=np.r_[0.0, np.ones(count - 1)],
    )


def assert_same_fills(ours: Outcome, theirs: Floats) -> None:
    """Compare fills, all of them, with rows of (bar, symbol, signed quantity, price, commission)."""
    rows = np.column_stack(
        [ours.fills[name] for name in ("bar", "symbol", "quantity", "price", "commission")]
    ).astype(np.float64)
    assert len(rows) == len(theirs), f"{len(rows)} fills, theirs {len(theirs)}"
    np.testing.assert_allclose(ordered(rows), ordered(theirs), rtol=TOLERANCE, atol=1e-9)


def ordered(rows: Floats) -> Floats:
    """Sort fills by bar, symbol and side."""
    return rows[np.lexsort((np.sign(rows[:, 2]), rows[:, 1], rows[:, 0]))]
