"""What a fill costs, over the records of one bar."""

from __future__ import annotations

import math
from typing import Any

from transforms.operators.compiled import compiled_with_package as compiled

# A fill is at most this fraction of its reference price away from it, so that a sale never pays us to leave.
_FURTHEST = 0.9


@compiled
def adverse(desk: Any, symbol: Any, shares: float) -> float:
    """Return by which fraction of the reference price a fill of ``shares`` is worse than it."""
    distance: float = symbol.spread + desk.slippage + desk.slippage_volatility * symbol.day_volatility
    if desk.impact > 0.0:
        share_of_volume = shares / symbol.day_volume if symbol.day_volume > 0.0 else 1.0
        distance += desk.impact * symbol.day_volatility * math.sqrt(share_of_volume)
    return min(distance, _FURTHEST)


@compiled
def commission(desk: Any, shares: float, price: float) -> float:
    """Return the commission (USD) of a fill of ``shares`` (positive) at ``price``."""
    value = shares * price
    amount: float = desk.per_order + desk.per_share * shares + desk.rate * value
    amount = max(amount, desk.minimum)
    amount = min(amount, desk.maximum, desk.maximum_rate * value)
    return amount


@compiled
def sale_fees(desk: Any, shares: float, price: float) -> float:
    """Return the regulatory fees (USD) of a sale of ``shares`` (positive) at ``price``."""
    fees: float = desk.sec_rate * (shares * price) + min(desk.taf * shares, desk.taf_maximum)
    return fees
