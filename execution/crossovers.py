"""A grid of moving-average crossovers on one symbol: thousands of pairs of windows over millions of bars.

The kernel's semantics for one rule, without a book for each pair: decided at a close, filled at the next open, all of
a cash account in fractions of a share, slippage and commission as fractions. Bars pass by in blocks: the averages of
all windows are worked out once per block, and nothing is as large as bars × pairs.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from execution.types import Floats
from transforms.errors import QuantmillError

_BLOCK = 4096  # bars; the averages of some dozens of windows over them stay in a processor's cache


@dataclass(frozen=True)
class CrossoverGrid:
    """What each pair of windows came to, (P,) each.

    Attributes:
        windows: Fast and slow window, bars, (P, 2).
        total_return: Equity at the last close over the initial one, minus 1.
        max_drawdown: Deepest fall of equity at closes from its highest close before, fraction.
        exposure: Fraction of bars at whose close the symbol was held.
        round_trips: Positions that were opened and closed.
    """

    windows: NDArray[np.int64]
    total_return: Floats
    max_drawdown: Floats
    exposure: Floats
    round_trips: NDArray[np.int64]


def crossover_grid(
    opens: Floats,
    closes: Floats,
    windows: Sequence[tuple[int, int]] | NDArray[np.int64],
    *,
    commission_rate: float = 0.0,
    slippage: float = 0.0,
    threads: int = 2,
) -> CrossoverGrid:
    """Hold the symbol while its fast average is above the slow one, for every pair of windows.

    At a close with both averages known: fast above slow buys, at the next open, what all cash pays for; below sells
    everything; equal leaves things as they are. No shorts, no interest.

    Args:
        opens: Of each bar, (T,), on one split basis; every bar exists.
        closes: Likewise.
        windows: Fast and slow window in bars, (P, 2).
        commission_rate: Fraction of a fill's value.
        slippage: Fraction by which a fill is worse than the open.
        threads: Among which the pairs are divided; the result does not depend on it.

    Raises:
        QuantmillError: If prices are not finite and above 0, a pair is not (shorter, longer), a cost is negative or
            from 1 on, or there is nothing to do.
    """
    from execution.kernel.crossovers import ACCOUNT, SUM, average, cross

    pairs = np.array(windows, dtype=np.int64)
    prices = [np.ascontiguousarray(values, dtype=np.float64) for values in (opens, closes)]
    _check(prices, pairs, {"commission_rate": commission_rate, "slippage": slippage}, threads)
    count = len(prices[0])
    lengths, rows = np.unique(pairs, return_inverse=True)
    fast, slow = (np.ascontiguousarray(rows.reshape(pairs.shape)[:, k]) for k in (0, 1))
    accounts = np.zeros(len(pairs), ACCOUNT)
    accounts["cash"] = accounts["peak"] = 1.0
    sums = np.zeros(len(lengths), SUM)
    averages = np.empty((len(lengths), min(_BLOCK, count)))
    parts = [part for part in np.array_split(np.arange(len(pairs)), threads) if part.size]
    terms = (1.0 + slippage, 1.0 - slippage, 1.0 + commission_rate, 1.0 - commission_rate)
    with ThreadPoolExecutor(len(parts)) as pool:
        for first in range(0, count, _BLOCK):
            block = slice(first, min(first + _BLOCK, count))
            means = averages[:, : block.stop - first]
            if means.shape[1] < averages.shape[1]:
                means = np.ascontiguousarray(means)
            average(prices[1], lengths, sums, first, means)
            opened, closed = (price[block] for price in prices)
            # A thread each: the loop lets go of the interpreter's lock.
            done = [
                pool.submit(
                    cross,
                    opened,
                    closed,
                    means,
                    fast[part[0] : part[-1] + 1],
                    slow[part[0] : part[-1] + 1],
                    accounts[part[0] : part[-1] + 1],
                    *terms,
                )
                for part in parts
            ]
            for one in done:
                one.result()
    return CrossoverGrid(
        windows=pairs,
        total_return=accounts["cash"] + accounts["quantity"] * prices[1][-1] - 1.0,
        max_drawdown=accounts["drawdown"].copy(),
        exposure=accounts["held"] / count,
        round_trips=accounts["trips"].copy(),
    )


def _check(prices: list[Floats], pairs: NDArray[np.int64], costs: dict[str, float], threads: int) -> None:
    for name, values in zip(("opens", "closes"), prices, strict=True):
        if values.ndim != 1 or values.shape != prices[0].shape or not values.size:
            raise QuantmillError(
                f"{name} has the shape {values.shape}: opens and closes are (T,), T at least 1"
            )
        bad = np.flatnonzero(~((values > 0) & np.isfinite(values)))
        if bad.size:
            raise QuantmillError(
                f"{name} of bar {bad[0]} is {values[bad[0]]}: prices are finite and above 0; leave the bar out"
            )
    if pairs.ndim != 2 or pairs.shape[1:] != (2,) or not pairs.size:
        raise QuantmillError(f"windows has the shape {pairs.shape}: it is (P, 2), P at least 1")
    bad = np.flatnonzero((pairs[:, 0] < 1) | (pairs[:, 0] >= pairs[:, 1]))
    if bad.size:
        raise QuantmillError(
            f"windows: pair {bad[0]} is {tuple(pairs[bad[0]].tolist())}: a fast window of at least 1, a longer slow one"
        )
    for name, cost in costs.items():
        if not 0 <= cost < 1:
            raise QuantmillError(f"{name} is {cost}: it is a fraction, at least 0 and below 1")
    if threads < 1:
        raise QuantmillError(f"threads is {threads}: it is at least 1")
