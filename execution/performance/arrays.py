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
    """

    bar: Ints
    symbol: Ints
    quantity: Floats
    price: Floats
    reference: Floats
    commission: Floats
    fees: Floats

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
