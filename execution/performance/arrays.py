"""What a book did, as arrays: the input of whatever is measured over fills and positions."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from execution.types import Floats

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


class Fills(NamedTuple):
    """Fills in the order they were booked, (F,) each.

    Attributes:
        bar, symbol: Row and column of the book's matrices.
        quantity: Shares, signed.
        price: USD per share, slippage included.
        reference: USD per share without slippage.
        commission, fees: USD.
        at_close: 1 where it was filled at the bar's close or VWAP, 0 where at the open or within the bar.
    """

    bar: Ints
    symbol: Ints
    quantity: Floats
    price: Floats
    reference: Floats
    commission: Floats
    fees: Floats
    at_close: Ints

    @property
    def value(self) -> Floats:
        """Traded value (USD), (F,)."""
        return np.abs(self.quantity) * self.price

    @property
    def slippage(self) -> Floats:
        """What the distance of price from reference cost (USD), (F,)."""
        return self.quantity * (self.price - self.reference)


class Actions(NamedTuple):
    """Splits and dividends that met positions, by bar, (A,) each; on a bar they come before its fills.

    Attributes:
        ratio: New shares per old; 1 for a dividend.
        quantity: Position afterwards (shares).
        cash: Paid to the book (USD; negative: by it), cash in lieu included.
    """

    bar: Ints
    symbol: Ints
    ratio: Floats
    quantity: Floats
    cash: Floats


class Book(NamedTuple):
    """A simulated account over T bars of N symbols; rows of fills and actions count from its first bar.

    Attributes:
        session: Number of each bar's session, from 0, (T,).
        initial_cash: USD before the first bar.
        equity: USD at each close, (T,).
        benchmark: At each close, on any scale, (T,).
        traded: USD bought and sold on each bar, (T,).
        gross_exposure, net_exposure: Fractions of equity at each close, (T,).
        borrow, interest: Cash flows of each bar (USD), (T,), signed as the kernel's are: negative where the book paid.
        dollar_volume: Traded value of each bar (USD), (T, N); NaN where there is none.
        marks: Last price of each symbol (USD), (N,).
    """

    session: Ints
    initial_cash: float
    equity: Floats
    benchmark: Floats
    traded: Floats
    gross_exposure: Floats
    net_exposure: Floats
    borrow: Floats
    interest: Floats
    dollar_volume: Floats
    marks: Floats
    fills: Fills
    actions: Actions


class Sessions(NamedTuple):
    """A book by session, (S,) each.

    Where the first session has several bars, its first one is an entry of its own before it: nothing is traded on a
    book's first bar, and what the rest of that session brought must count. Both have one date then.

    Attributes:
        of_bar: Entry of each bar, (T,).
        last: Its last bar.
        equity, benchmark: At its last close.
        turnover: Traded value over equity, summed over its bars; NaN where equity was not above 0.
    """

    of_bar: Ints
    last: Ints
    equity: Floats
    benchmark: Floats
    turnover: Floats


def by_session(book: Book) -> Sessions:
    """Return a book by session."""
    of_bar = book.session.copy()
    if np.count_nonzero(of_bar == 0) > 1:
        of_bar[1:] += 1
    last = np.append(np.flatnonzero(np.diff(of_bar)), len(of_bar) - 1)
    turnover = np.full(len(book.equity), np.nan)
    np.divide(book.traded, book.equity, out=turnover, where=book.equity > 0)
    starts = np.append(0, last[:-1] + 1)
    return Sessions(of_bar, last, book.equity[last], book.benchmark[last], np.add.reduceat(turnover, starts))
