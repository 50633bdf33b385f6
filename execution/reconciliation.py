"""Whether the journal and the broker agree on what is held. Where they do not, trading stops."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

from execution.kernel.fills import whole
from execution.types import Account
from transforms.errors import RiskHaltError

_TOLERANCE = 1e-6
"""Shares: below any lot that a broker books, above the rounding of fractional quantities through splits."""


def positions_from(
    fills: Iterable[tuple[str, str, float]], splits: Iterable[tuple[str, str, float, bool]]
) -> dict[str, float]:
    """Return symbol → shares (signed, on today's split basis) from unique fills and splits, in any order.

    Args:
        fills: (bar, symbol, signed shares on that bar's split basis).
        splits: (bar, symbol, new shares per old, whether fractions are paid out), taking effect before that
            bar's open and so before its fills.

    Returns:
        Symbols whose position is not zero.
    """
    movements = [(bar, 0, symbol, ratio, is_whole) for bar, symbol, ratio, is_whole in splits]
    movements += [(bar, 1, symbol, shares, False) for bar, symbol, shares in fills]
    held: dict[str, float] = {}
    for _, is_fill, symbol, amount, is_whole in sorted(movements):
        if is_fill:
            held[symbol] = held.get(symbol, 0.0) + amount
        elif symbol in held:
            held[symbol] = whole(held[symbol] * amount, 1.0) if is_whole else held[symbol] * amount
    return {symbol: shares for symbol, shares in held.items() if abs(shares) > _TOLERANCE}


def reconcile(book: str, journaled: Mapping[str, float], account: Account) -> None:
    """Raise ``RiskHaltError`` unless the broker holds what the journal says, naming both quantities.

    Args:
        journaled: What ``positions_from`` makes of the journal.
        account: What the broker holds.
    """
    at_broker = {
        symbol: float(shares)
        for symbol, shares in zip(account.symbols, account.quantity, strict=True)
        if not abs(shares) <= _TOLERANCE
    }
    pairs = {s: (journaled.get(s, 0.0), at_broker.get(s, 0.0)) for s in sorted({*journaled, *at_broker})}
    differing = [
        f"{symbol}: journal {ours:.10g}, broker {theirs:.10g} shares"
        for symbol, (ours, theirs) in pairs.items()
        if not math.isclose(ours, theirs, rel_tol=1e-9, abs_tol=_TOLERANCE)
    ]
    if differing:
        raise RiskHaltError(
            f"book {book}: positions differ: {'; '.join(differing)}. No order was sent; find out which is "
            "right (docs/trading.md, Reconciliation) before trading on"
        )
