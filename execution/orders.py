"""Weights after risk → orders."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from datetime import date, datetime

import numpy as np

from execution.config import PortfolioConfig
from execution.market import whole
from execution.types import Account, Floats, Order, Snapshot


def client_order_id(
    book: str, strategy: str, session_date: date, symbol: str, bar_at: datetime | None = None
) -> str:
    """Return the order's name, the same whenever the same book decides on the same session and symbol.

    It reads ``<strategy>-<yyyymmdd>-<symbol>-<10 hex digits>``; the digits are of the SHA-256 of all four, and of
    ``bar_at`` for a book that decides more than once in a session.
    """
    parts = [book, strategy, session_date.isoformat(), symbol]
    if bar_at is not None:
        parts.append(bar_at.isoformat())
    digest = hashlib.sha256("\x1f".join(parts).encode()).hexdigest()
    return f"{strategy}-{session_date:%Y%m%d}-{symbol}-{digest[:10]}"


def orders_for(
    weights: Floats,
    snapshot: Snapshot,
    account: Account,
    *,
    equity: float,
    book: str,
    strategy: str,
    portfolio: PortfolioConfig,
    reasons: Sequence[str],
) -> tuple[Order, ...]:
    """Return the orders that lead from the account's positions to the weights: sells, then buys, each by
    symbol.

    At most one order per symbol. A target is weight × equity / last_close shares, rounded towards zero
    where the portfolio holds whole shares. Changes below ``portfolio.min_trade_weight`` are not traded,
    except that a weight of 0 always closes all of a position. Where a weight or a price is NaN, nothing is
    ordered.

    Args:
        weights: Signed fraction of ``equity``, (N,); NaN leaves the position alone.
        equity: USD, above 0 unless all weights are 0 or NaN.
        reasons: One sentence per symbol, (N,).
    """
    orders = []
    bar_at = snapshot.bar_at if portfolio.rebalance == "bar" else None
    wanted = np.isfinite(weights) & np.isfinite(snapshot.last_close) & (snapshot.last_close > 0)
    for i in np.flatnonzero(wanted & ((weights != 0) | (account.quantity != 0))).tolist():
        weight, price, held = float(weights[i]), float(snapshot.last_close[i]), float(account.quantity[i])
        change = _change(weight, price, held, equity, portfolio)
        if change == 0:
            continue
        symbol = snapshot.symbols[i]
        orders.append(
            Order(
                client_order_id=client_order_id(book, strategy, snapshot.session_date, symbol, bar_at),
                symbol=symbol,
                side="buy" if change > 0 else "sell",
                quantity=abs(change),
                bar_at=snapshot.bar_at,
                session_date=snapshot.session_date,
                reason=reasons[i],
            )
        )
    return tuple(sorted(orders, key=lambda order: (order.side == "buy", order.symbol)))


def _change(weight: float, price: float, held: float, equity: float, portfolio: PortfolioConfig) -> float:
    """Return the shares to trade, signed; 0 where the change is not worth it."""
    if weight == 0:
        return -held
    target = weight * equity / price
    change = whole(whole(target) - held) if portfolio.whole_shares else target - held
    too_small = abs(change) * price < portfolio.min_trade_weight * equity
    return 0.0 if too_small or not math.isfinite(change) else change
