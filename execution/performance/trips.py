"""Round trips as arrays, matched from fills by one compiled loop, and the figures over them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from execution.performance.arrays import Actions, Fills, Ints
from execution.types import Floats, defined


class Trips(NamedTuple):
    """Positions from flat to flat, or to the other side, (K,) each, by opening, then by symbol.

    Prices and quantity are on the split basis of the opening.

    Attributes:
        side: 1 long, -1 short.
        opened, closed: Bars; ``closed`` is -1 while the position is open.
        first_fill, last_fill: Which fills opened and closed it; -1 while it is open or where a split ended it.
        quantity: Largest absolute position (shares).
        entry_price, exit_price: Mean price of the fills that enlarged and that reduced it (USD per share); NaN
            where none reduced it.
        pnl: USD after slippage, commission and fees, with dividends and cash in lieu; what is open counts at
            the last mark.
        return_on_entry: ``pnl`` over the value of the entry fills.
        sessions: Sessions at whose close the position stood.
        mae, mfe: Worst and best excursion of the price while held, from the entry price, as fractions of it:
            at most and at least 0, NaN where nobody asked (Sweeney 1996, "Maximum adverse excursion").
    """

    symbol: Ints
    side: Ints
    opened: Ints
    closed: Ints
    first_fill: Ints
    last_fill: Ints
    quantity: Floats
    entry_price: Floats
    exit_price: Floats
    pnl: Floats
    return_on_entry: Floats
    sessions: Ints
    mae: Floats
    mfe: Floats


def match_trips(
    fills: Fills,
    actions: Actions,
    *,
    marks: Floats,
    session: Ints,
    high: Floats | None = None,
    low: Floats | None = None,
    first: int = 0,
) -> Trips:
    """Return the round trips of a book that began flat.

    A fill through zero closes one trip and opens the next; its costs are shared by shares. Excursions take in the
    prices of the trip's fills and the ranges of bars, from that of the entry (the next one's, where the entry was at
    the close or the VWAP) to the last before the exit (the exit's own, where that was at the close or the VWAP).

    Args:
        marks: Last price of each symbol (USD), (N,).
        session: Number of each bar's session, ascending, (T,).
        high, low: Of each bar on its own split basis, (first + T, N); NaN where there is none. Without them the
            excursions are not known, which saves most of the time. In Fortran order nothing is copied.
        first: Their row of the book's first bar.
    """
    from execution.performance.matching import match  # compiled: slow to load

    whole = np.zeros((6, len(fills.bar)), dtype=np.int64)
    real = np.zeros((8, len(fills.bar)))
    nothing = np.zeros((len(marks), 0))
    highs = nothing if high is None else np.ascontiguousarray(high.T)
    lows = nothing if low is None else np.ascontiguousarray(low.T)
    made = match(fills, actions, marks, highs, lows, first, whole, real)
    symbol, side, opened, closed, first_fill, last_fill = whole[:, :made]
    quantity, entry_shares, entry_value, exit_shares, exit_value, pnl, highest, lowest = real[:, :made]
    end = np.where(closed < 0, (session[-1] if len(session) else 0) + 1, session[closed])
    with np.errstate(invalid="ignore", divide="ignore"):
        entry, left = entry_value / entry_shares, exit_value / exit_shares
    is_known = high is not None and low is not None
    down = np.minimum(lowest / entry - 1, 0) if is_known else np.full(made, np.nan)
    up = np.maximum(highest / entry - 1, 0) if is_known else np.full(made, np.nan)
    columns = (
        symbol, side, opened, closed, first_fill, last_fill, quantity, entry, left, pnl, pnl / entry_value,
        end - session[opened], np.where(side > 0, down, -up), np.where(side > 0, up, -down),
    )  # fmt: skip
    order = np.lexsort((np.where(closed < 0, len(session), closed), symbol, opened))
    return Trips._make(column[order] for column in columns)


def trade_figures(trips: Trips) -> dict[str, float | None]:
    """Return what closed trades came to, by name; None where there is none of the kind.

    ``hit_rate``: fraction with a profit; ``profit_factor``: profits over losses; ``payoff_ratio``: mean profit
    over mean loss; ``expectancy``: mean profit or loss (USD); ``expectancy_return``: mean return on entry;
    ``holding_sessions``: mean sessions held; ``mae``, ``mfe``: mean worst and best excursion; ``mae_winners``:
    mean worst excursion of those with a profit; ``mfe_losers``: mean best of those with a loss. ``trades``
    counts the open ones too.
    """
    closed = trips.closed >= 0
    pnl = trips.pnl[closed]
    won, lost = pnl > 0, pnl < 0
    profit, loss = float(np.sum(pnl[won])), -float(np.sum(pnl[lost]))
    mae, mfe = trips.mae[closed], trips.mfe[closed]
    mean_profit, mean_loss = _mean(pnl[won]), _mean(pnl[lost])
    return {
        "trades": float(len(trips.pnl)),
        "hit_rate": _mean(won),
        "profit_factor": profit / loss if loss > 0 else None,
        "payoff_ratio": mean_profit / -mean_loss if mean_profit is not None and mean_loss else None,
        "expectancy": _mean(pnl),
        "expectancy_return": _mean(trips.return_on_entry[closed]),
        "holding_sessions": _mean(trips.sessions[closed]),
        "mae": _mean(mae),
        "mfe": _mean(mfe),
        "mae_winners": _mean(mae[won]),
        "mfe_losers": _mean(mfe[lost]),
    }


def _mean(values: np.ndarray) -> float | None:
    return defined(float(np.mean(values))) if len(values) else None
