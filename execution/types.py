"""The nouns of the decision path, shared by backtest, simulated broker and live brokers.

Arrays are float64 of shape (N,) over ``symbols`` or (T, N) over bars and symbols; NaN means no bar, no
score. Prices are raw USD per share on the split basis of their own session; quantities are shares, signed
(short is negative). What the kernel takes and gives is in ``execution.kernel.types``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Scores:
    """One bar's scores in the order of the panel's symbols; NaN where a symbol has none.

    Attributes:
        score: Higher is better; its sign says long or short.
        confidence: In [0, 1].
        volatility: Annualised volatility (fraction) for inverse-volatility weighting; NaN if unknown.
        origins: Column → where its score comes from, in words; of columns that have such words.
    """

    strategy: str
    score: Floats
    confidence: Floats
    volatility: Floats
    origins: Mapping[int, str] = field(default_factory=dict)


class Wish(NamedTuple):
    """What one of several strategies that share an account wants of a symbol, before risk.

    Attributes:
        column: Of the panel.
        score, confidence: The strategy's own at the bar; NaN where it has none.
        weight: Signed fraction of the strategy's capital.
        share: The strategy's part of the account (fraction of equity).
    """

    strategy: str
    column: int
    score: float
    confidence: float
    weight: float
    share: float

    @property
    def target_weight(self) -> float:
        """Signed fraction of the account's equity."""
        return self.weight * self.share


@dataclass
class Account:
    """Cash (USD) and quantities (shares, (N,) over ``symbols``) of one book."""

    symbols: tuple[str, ...]
    cash: float
    quantity: Floats


@dataclass(frozen=True)
class Order:
    """An order decided at the close of ``bar_at``, active from the next bar on.

    Attributes:
        quantity: Shares, positive, on the split basis of ``bar_at``.
        reason: A sentence.
        order_type: One of ``kernel.types.ORDER_TYPES``.
        limit_price, stop_price: USD, None where its type has none.
        trail: Distance of a trailing stop from the best price (fraction), None where its type has none.
        time_in_force: ``day`` or ``gtc``.
        goal: Position (signed shares) that it leads to and never carries beyond; None where there is no such.
        cause: One of ``kernel.types.REASONS``: ``target``, or what the account or an exit rule asked for.
    """

    client_order_id: str
    symbol: str
    side: str  # buy | sell
    quantity: float
    bar_at: datetime
    session_date: date
    reason: str
    order_type: str = "market"
    limit_price: float | None = None
    stop_price: float | None = None
    trail: float | None = None
    time_in_force: str = "day"
    goal: float | None = None
    cause: str = "target"

    @property
    def signed_quantity(self) -> float:
        """Shares, negative for a sale."""
        return self.quantity if self.side == "buy" else -self.quantity


@dataclass(frozen=True)
class Fill:
    """A fill.

    Attributes:
        quantity: Shares, signed.
        price: USD per share, slippage included.
        commission, fees: USD.
        slippage: What the distance of the price from the reference cost (USD).
        reference_price: USD per share before costs moved it: the open, the level that was touched, the close.
        reason: What it was for, one of ``kernel.types.REASONS``.
    """

    fill_id: str
    client_order_id: str
    symbol: str
    quantity: float
    price: float
    commission: float
    slippage: float
    bar_at: datetime
    session_date: date
    reference_price: float
    fees: float = 0.0
    reason: str = "target"


@dataclass(frozen=True)
class RiskDecision:
    """A rule changed or refused something. ``symbol`` is ``*`` for the whole book."""

    symbol: str
    rule: str
    before: float
    after: float
    reason: str


class Broker(Protocol):
    """Where orders go: the simulated account, or whatever else answers as this says."""

    name: str
    is_simulated: bool

    def submit(self, order: Order) -> str:
        """Send an order; return the broker's status. Sending a known ``client_order_id`` again changes nothing."""
        ...

    def cancel(self, client_order_id: str) -> str | None:
        """Take an open order back; return its status then, None where the broker does not know it.

        An order that has ended stays as it ended.
        """
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


def defined(value: float) -> float | None:
    """Return a finite value as tables and JSON have it, None for any other."""
    return float(value) if math.isfinite(value) else None
