"""Whether a book's entries are better than random ones with the same symbols, sides, sizes and holding times."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from execution.panel import Panel
from execution.simulator import SimulationResult
from execution.types import Floats

_AT_A_TIME = 500_000  # entries drawn at once: bounds the memory


@dataclass(frozen=True)
class Permutation:
    """What random entry came to beside the book.

    Attributes:
        p_value: (1 + random books at least as good) / (1 + random books) (Phipson and Smyth 2010, "Permutation
            p-values should never be zero").
        observed: The book's own figure: sum over trades of weight times the return of the price, before costs.
        random_mean, random_deviation: Of the random books' figures.
        trades: That were moved about.
    """

    p_value: float
    observed: float
    random_mean: float
    random_deviation: float
    trades: int


@dataclass(frozen=True)
class _Held:
    """One symbol's positions, (K,) each, and the bars that they could have been held on.

    Attributes:
        length: Bars from open to open.
        weight: Signed fraction of equity at the opening.
        path: Sum of the symbol's returns up to each bar from which it could be held, (L + 1,).
    """

    start: NDArray[np.int64]
    length: NDArray[np.int64]
    weight: Floats
    path: Floats


def against_random_entry(result: SimulationResult, *, count: int, seed: int) -> Permutation | None:
    """Compare a book with ``count`` books of random entries; None where nothing was held over a bar.

    In a random book every symbol is held as often, for as long, with the same sides and opening weights, in a random
    order and with the time in between shared out at random (never two positions in a symbol at once). So entries,
    holding times and mean exposure are the same, and only the moments differ. Both are valued alike: by returns
    from open to open, dividends included, before costs (which are the same for as many trades); a fill within a bar
    counts from, or to, the next open.
    """
    held = _positions(result)
    if not held:
        return None
    observed = sum(
        float(np.sum(one.weight * (one.path[one.start + one.length] - one.path[one.start]))) for one in held
    )
    random = np.random.default_rng(seed)
    drawn = np.zeros(count)
    for one in held:
        at_a_time = max(1, _AT_A_TIME // len(one.length))
        for done in range(0, count, at_a_time):
            part = slice(done, min(count, done + at_a_time))
            drawn[part] += _drawn(one, part.stop - part.start, random)
    # Where every draw is the book itself, rounding must not decide.
    tie = 1e-9 * max(1.0, abs(observed))
    return Permutation(
        p_value=(1 + int(np.count_nonzero(drawn >= observed - tie))) / (1 + count),
        observed=observed,
        random_mean=float(np.mean(drawn)),
        random_deviation=float(np.std(drawn)),
        trades=sum(len(one.length) for one in held),
    )


def _drawn(held: _Held, count: int, random: np.random.Generator) -> Floats:
    """Return the figures of random placements of one symbol's positions, (count,)."""
    trades = len(held.length)
    free = len(held.path) - 1 - int(held.length.sum())
    order = random.permuted(np.tile(np.arange(trades), (count, 1)), axis=1)
    length = held.length[order]
    begun = np.cumsum(length, axis=1) - length
    start = np.sort(random.integers(0, free + 1, (count, trades)), axis=1) + begun
    gained: Floats = np.sum(held.weight[order] * (held.path[start + length] - held.path[start]), axis=1)
    return gained


def _positions(result: SimulationResult) -> list[_Held]:
    panel, trips = result.panel, result.trips
    bars = len(result.equity)
    paths, tradable = _paths(panel, result.rows)
    # The weight that was decided: a mean over the holding would be larger where the price rose, and so favour the book.
    bought = np.minimum(np.abs(result.fills.quantity[trips.first_fill]), trips.quantity)
    before = np.append(result.initial_cash, result.equity[:-1])[trips.opened]
    weights = np.zeros(len(before))
    np.divide(bought * result.fills.price[trips.first_fill], before, out=weights, where=before > 0)
    opened = trips.opened + _behind_the_open(result, trips.opened, trips.first_fill)
    ended = trips.closed + _behind_the_open(result, trips.closed, trips.last_fill)
    closed = np.where(trips.closed < 0, bars, ended)
    found = []
    for symbol in np.unique(trips.symbol[closed > opened]).tolist():
        mine = (trips.symbol == symbol) & (closed > opened)
        start, length = opened[mine], (closed - opened)[mine]
        low = int(np.argmax(tradable[:, symbol]))
        high = bars - int(np.argmax(tradable[::-1, symbol]))
        # What is held beyond the symbol's last bar (it vanished) could not be held elsewhere.
        high = max(high, int((start + length).max()))
        found.append(
            _Held(start - low, length, trips.side[mine] * weights[mine], paths[low : high + 1, symbol].copy())
        )
    return found


def _behind_the_open(
    result: SimulationResult, bar: NDArray[np.int64], fill: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Whether fills took place after their bars' open, (K,); False where there is no fill.

    A level is touched because the price moved there: counting that bar from its open would credit the book with moves
    before its entries and spare it those before its exits.
    """
    opens = result.panel.open[result.rows][bar, result.trips.symbol]
    behind: NDArray[np.bool_] = (fill >= 0) & (result.fills.reference[fill] != opens)
    return behind


def _paths(panel: Panel, rows: slice) -> tuple[Floats, NDArray[np.bool_]]:
    """Return returns summed up to each open and, last, to the final close, (T + 1, N); and where one can trade."""
    shares = np.cumprod(panel.split_ratio[rows], axis=0)
    tradable = panel.open[rows] > 0
    price = np.where(tradable, panel.open[rows], np.nan) * shares
    price = np.vstack([price, panel.last_close[rows][-1] * shares[-1]])
    known = np.maximum.accumulate(np.where(np.isfinite(price), np.arange(len(price))[:, None], -1), axis=0)
    carried = np.where(known >= 0, np.take_along_axis(price, np.maximum(known, 0), axis=0), np.nan)
    paid = np.vstack([panel.dividend[rows] * shares, np.zeros((1, price.shape[1]))])
    change = np.nan_to_num((carried[1:] + paid[1:]) / carried[:-1] - 1)
    return np.vstack([np.zeros((1, price.shape[1])), np.cumsum(change, axis=0)]), tradable
