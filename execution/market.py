"""What the market does to an account between two closes: corporate actions, then fills at the open.

The simulator and the simulated broker call these functions in this order on every bar: ``apply_actions``,
then ``fill`` with the orders that were decided at the bar before. Orders live for one bar: what finds no
open is cancelled. There is no interest on cash, no financing of margin and no borrow fee.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

import numpy as np

from execution.config import CostsConfig, PortfolioConfig
from execution.types import Account, Fill, Order, Snapshot
from transforms.errors import QuantmillError

_BPS = 1e-4
_SHARE_TOLERANCE = 1e-6  # a product of floats this close to a whole number of shares is meant to be one


@dataclass(frozen=True)
class AppliedAction:
    """A split or dividend that met a position.

    Attributes:
        ratio: New shares per old, 1 if there was no split.
        quantity: The position after it (shares, signed).
        cash: What it paid (USD, negative where a short was charged): dividend and cash in lieu of a fraction.
    """

    symbol: str
    bar_at: datetime
    session_date: date
    ratio: float
    quantity: float
    cash: float


def whole(quantity: float) -> float:
    """Round a number of shares towards zero to whole ones."""
    return math.copysign(math.floor(abs(quantity) + _SHARE_TOLERANCE), quantity) + 0.0


def is_margin(portfolio: PortfolioConfig) -> bool:
    """Whether the book may owe cash: one that shorts or that targets more than its equity.

    Any other is a cash account, whose buys reach as far as its cash. A margin account's leverage is bounded
    by the gross weights it decides on (``risk.max_gross``), not at the fill.
    """
    return portfolio.side == "long_short" or portfolio.gross > 1


def equity(account: Account, snapshot: Snapshot) -> float:
    """Return the account's worth (USD) at the last closes: cash + Σ quantity × last_close.

    The sum is exactly rounded, so that the order of the symbols cannot matter.

    Raises:
        QuantmillError: If a symbol is held that never had a price.
    """
    held = np.flatnonzero(account.quantity)
    values = account.quantity[held] * snapshot.last_close[held]
    total = math.fsum([account.cash, *values.tolist()])
    if not math.isfinite(total):
        unpriced = [account.symbols[i] for i in held if not math.isfinite(snapshot.last_close[i])]
        raise QuantmillError(
            f"the account holds {', '.join(unpriced) or 'infinite cash'} but {snapshot.session_date} has no "
            "price of it and none before; ingest its bars or close the position"
        )
    return total


def apply_actions(
    account: Account, snapshot: Snapshot, portfolio: PortfolioConfig
) -> tuple[AppliedAction, ...]:
    """Carry out this bar's splits and dividends on the account, in place, before the open.

    A split multiplies the quantity by its ratio; where the portfolio holds whole shares the fraction is
    paid out in cash at this bar's open (at the last close where it has none). A dividend, on the basis
    after the split, pays longs and charges shorts.

    Returns:
        What happened to each position, in the order of the symbols.
    """
    acts = (account.quantity != 0) & ((snapshot.split_ratio != 1) | (snapshot.dividend != 0))
    touched = np.flatnonzero(acts)
    if touched.size == 0:
        return ()
    applied = []
    for i in touched.tolist():
        ratio = float(snapshot.split_ratio[i])
        quantity = float(account.quantity[i]) * ratio
        cash = 0.0
        if portfolio.whole_shares and ratio != 1:
            kept = whole(quantity)
            price = float(snapshot.open[i])
            cash += (quantity - kept) * (price if math.isfinite(price) else float(snapshot.last_close[i]))
            quantity = kept
        cash += quantity * float(snapshot.dividend[i])
        account.quantity[i] = quantity
        applied.append(
            AppliedAction(account.symbols[i], snapshot.bar_at, snapshot.session_date, ratio, quantity, cash)
        )
    account.cash = math.fsum([account.cash, *(action.cash for action in applied)])
    return tuple(applied)


def scaled_quantity(order: Order, snapshot: Snapshot, index: int, portfolio: PortfolioConfig) -> float:
    """Return the order's shares (positive) on this bar's split basis; ``index`` is the symbol's place."""
    ratio = float(snapshot.split_ratio[index])
    if ratio == 1:
        return order.quantity
    return whole(order.quantity * ratio) if portfolio.whole_shares else order.quantity * ratio


def fill(
    orders: Sequence[Order],
    account: Account,
    snapshot: Snapshot,
    costs: CostsConfig,
    portfolio: PortfolioConfig,
) -> list[Fill]:
    """Fill orders of the bar before at this bar's open. Pure: book the result with ``apply_fill``.

    Sells first, then buys, each by symbol. An order decided before a split is scaled with it. In a cash
    account (see ``is_margin``) a buy is cut to what the cash then reaches, costs included; what is cut, or
    has no open, is not filled later (see ``outcome``).

    Args:
        orders: At most one per symbol.
        account: The account after ``apply_actions`` of this bar.

    Raises:
        QuantmillError: If an order names a symbol that the snapshot does not have.
    """
    place = {symbol: i for i, symbol in enumerate(snapshot.symbols)} if orders else {}
    cash = account.cash
    fills = []
    for order in sorted(orders, key=lambda o: (o.side == "buy", o.symbol)):
        index = _place(place, order.symbol)
        open_price = float(snapshot.open[index])
        if not (math.isfinite(open_price) and open_price > 0):
            continue
        price = _fill_price(open_price, order.side, costs)
        quantity = scaled_quantity(order, snapshot, index, portfolio)
        if order.side == "buy" and not is_margin(portfolio):
            quantity = _cut(quantity, cash, price, costs, portfolio)
        if quantity <= 0:
            continue
        signed = quantity if order.side == "buy" else -quantity
        filled = Fill(
            fill_id=f"{order.client_order_id}-1",
            client_order_id=order.client_order_id,
            symbol=order.symbol,
            quantity=signed,
            price=price,
            commission=_commission(signed, price, costs),
            slippage=quantity * abs(price - open_price),
            bar_at=snapshot.bar_at,
            session_date=snapshot.session_date,
        )
        cash = _cash_after(cash, filled)
        fills.append(filled)
    return fills


def apply_fill(account: Account, fill: Fill) -> None:
    """Book a fill on the account, in place.

    Raises:
        QuantmillError: If the account does not know the symbol.
    """
    try:
        index = account.symbols.index(fill.symbol)
    except ValueError as error:
        raise QuantmillError(f"fill {fill.fill_id}: {fill.symbol} is no symbol of the account") from error
    account.cash = _cash_after(account.cash, fill)
    account.quantity[index] += fill.quantity


def outcome(
    order: Order, filled: Fill | None, snapshot: Snapshot, portfolio: PortfolioConfig
) -> tuple[str, str]:
    """Return an order's final state after this bar, ``filled`` or ``cancelled``, and why not (wholly) filled.

    Args:
        filled: The order's fill at this bar, None if it had none.
    """
    index = snapshot.symbols.index(order.symbol)
    wanted = scaled_quantity(order, snapshot, index, portfolio)
    if filled is not None:
        if abs(filled.quantity) == wanted:
            return "filled", ""
        return "cancelled", f"the cash reached for {abs(filled.quantity):g} of {wanted:g} shares"
    if not (math.isfinite(snapshot.open[index]) and snapshot.open[index] > 0):
        return "cancelled", f"no bar on {snapshot.session_date}, and the order was for that session"
    if wanted <= 0:
        return "cancelled", "nothing of it was left after the split"
    return "cancelled", "the cash did not reach"


def _place(place: dict[str, int], symbol: str) -> int:
    try:
        return place[symbol]
    except KeyError as error:
        raise QuantmillError(f"an order names {symbol}, which is no symbol of this market") from error


def _cash_after(cash: float, filled: Fill) -> float:
    return cash - filled.quantity * filled.price - filled.commission


def _cut(quantity: float, cash: float, price: float, costs: CostsConfig, portfolio: PortfolioConfig) -> float:
    """Cut a buy to what ``cash`` pays for, so that cash never falls below zero by a rounding."""

    def pays(shares: float) -> bool:
        return cash - shares * price - _commission(shares, price, costs) >= 0

    if pays(quantity):
        return quantity
    reach = min(quantity, _affordable(cash, price, costs))
    if portfolio.whole_shares:
        reach = float(math.floor(reach))
        return reach if reach <= 0 or pays(reach) else reach - 1
    return reach if pays(reach) else reach * (1 - 1e-12)


def _fill_price(open_price: float, side: str, costs: CostsConfig) -> float:
    """Return the price of a fill (USD per share): the open, moved against us by the slippage."""
    distance = open_price * costs.slippage_bps * _BPS
    return open_price + distance if side == "buy" else open_price - distance


def _commission(quantity: float, price: float, costs: CostsConfig) -> float:
    """Return the commission (USD) of a fill of ``quantity`` shares (either sign) at ``price``."""
    shares = abs(quantity)
    if shares == 0:
        return 0.0
    variable = shares * price * costs.commission_bps * _BPS + shares * costs.commission_per_share
    return max(variable, costs.commission_minimum)


def _affordable(cash: float, price: float, costs: CostsConfig) -> float:
    """Return how many shares ``cash`` (USD) buys at ``price``, commission included; 0 where it buys none.

    The commission is the larger of a variable and a minimal one, so that both budgets must hold.
    """
    by_variable = cash / (price * (1 + costs.commission_bps * _BPS) + costs.commission_per_share)
    by_minimum = (cash - costs.commission_minimum) / price
    return max(0.0, min(by_variable, by_minimum))
