"""What a fill costs. The same functions serve the backtest and the simulated broker."""

from __future__ import annotations

from execution.config import CostsConfig

_BPS = 1e-4


def fill_price(open_price: float, side: str, costs: CostsConfig) -> float:
    """Return the price of a fill (USD per share): the open, moved against us by the slippage."""
    distance = open_price * costs.slippage_bps * _BPS
    return open_price + distance if side == "buy" else open_price - distance


def commission(quantity: float, price: float, costs: CostsConfig) -> float:
    """Return the commission (USD) of a fill of ``quantity`` shares (either sign) at ``price``."""
    shares = abs(quantity)
    if shares == 0:
        return 0.0
    variable = shares * price * costs.commission_bps * _BPS + shares * costs.commission_per_share
    return max(variable, costs.commission_minimum)


def affordable(cash: float, price: float, costs: CostsConfig) -> float:
    """Return how many shares ``cash`` (USD) buys at ``price``, commission included; 0 where it buys none.

    The commission is the larger of a variable and a minimal one, so that both budgets must hold.
    """
    by_variable = cash / (price * (1 + costs.commission_bps * _BPS) + costs.commission_per_share)
    by_minimum = (cash - costs.commission_minimum) / price
    return max(0.0, min(by_variable, by_minimum))
