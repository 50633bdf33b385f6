"""The nouns of the decision path, shared by backtest, simulated broker and live brokers.

Arrays are float64 of shape (N,) over ``symbols`` or (T, N) over bars and symbols; NaN means no bar, no
score. Prices are raw USD per share on the split basis of their own session; quantities are shares, signed
(short is negative).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Snapshot:
    """What is known of every symbol at the close of one bar.

    Attributes:
        bar_at: Start of the bar, UTC.
        session_date: The exchange's date.
        open, close, volume: This bar's; NaN where the symbol has none.
        last_close: The last close up to now, on today's split basis (equals ``close`` where there is a bar).
        previous_close: The close before the one in ``last_close``, on today's split basis.
        sessions_since_bar: 0 where this session has a bar, else sessions since the last; NaN before the first.
        split_ratio: New shares per old, taking effect before this bar's open; 1 if none.
        dividend: Cash per share with this ex-date, on today's basis; 0 if none.
    """

    symbols: tuple[str, ...]
    bar_at: datetime
    session_date: date
    open: Floats
    close: Floats
    volume: Floats
    last_close: Floats
    previous_close: Floats
    sessions_since_bar: Floats
    split_ratio: Floats
    dividend: Floats


@dataclass(frozen=True)
class Scores:
    """One bar's scores in the order of ``Snapshot.symbols``; NaN where a symbol has none.

    Attributes:
        score: Higher is better; its sign says long or short.
        confidence: In [0, 1].
        volatility: Annualised volatility (fraction) for inverse-volatility weighting; NaN if unknown.
    """

    strategy: str
    score: Floats
    confidence: Floats
    volatility: Floats


@dataclass
class Account:
    """Cash (USD) and quantities (shares, (N,) over ``symbols``) of one book."""

    symbols: tuple[str, ...]
    cash: float
    quantity: Floats


@dataclass(frozen=True)
class Order:
    """A market order decided at the close of ``bar_at``, to be filled at a later open."""

    client_order_id: str
    symbol: str
    side: str  # buy | sell
    quantity: float  # shares, positive
    bar_at: datetime
    session_date: date
    reason: str
    order_type: str = "market"

    @property
    def signed_quantity(self) -> float:
        return self.quantity if self.side == "buy" else -self.quantity


@dataclass(frozen=True)
class Fill:
    """A fill; ``quantity`` is signed, ``price`` includes slippage, ``slippage`` is its USD cost against the open."""

    fill_id: str
    client_order_id: str
    symbol: str
    quantity: float
    price: float
    commission: float
    slippage: float
    bar_at: datetime
    session_date: date


@dataclass(frozen=True)
class RiskDecision:
    """A rule changed or refused something. ``symbol`` is ``*`` for the whole book."""

    symbol: str
    rule: str
    before: float
    after: float
    reason: str


@dataclass(frozen=True)
class Decision:
    """What was decided at the close of one bar: weights after risk, why, and the orders that lead there.

    Attributes:
        weights: Target weights after risk, fraction of equity, (N,); NaN where the position is left alone.
        reasons: One sentence per symbol, (N,) in the order of the symbols; empty where there is nothing to say.
    """

    weights: Floats
    reasons: tuple[str, ...]
    risk: tuple[RiskDecision, ...]
    orders: tuple[Order, ...]


class Broker(Protocol):
    """Where orders go. Implementations: the simulated broker now, live ones later."""

    name: str
    is_simulated: bool

    def submit(self, order: Order) -> str:
        """Send an order; return the broker's status. Sending a known ``client_order_id`` again changes nothing."""
        ...

    def find(self, client_order_id: str) -> str | None:
        """Return the status of an order, None where the broker does not know it."""
        ...

    def fills(self) -> list[Fill]:
        """Return every fill of this account so far, oldest first."""
        ...

    def account(self, symbols: tuple[str, ...]) -> Account:
        """Return cash and positions as the broker sees them now."""
        ...

    def close(self) -> None:
        """Let go of files and connections."""
        ...
