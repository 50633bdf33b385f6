"""What the kernel refuses to run on."""

from __future__ import annotations

from collections.abc import Sequence

from execution.kernel.types import CostTable, Market, Orders, Rules, Targets


def check_market(
    market: Market, symbols: Sequence[str] | None = None, bars: Sequence[object] | None = None
) -> None:
    """Refuse bars that cannot be: once for a market, since it looks at every value.

    Args:
        symbols: Names of the columns, for the message; their numbers where not given.
        bars: Names of the rows (such as their times), likewise.

    Raises:
        QuantmillError: Names the array, the symbol and the bar: another shape, infinite or negative prices, a bar of
            which only some prices exist, high < low, negative volume or volatility, a split ratio that is not
            above 0, a dividend that is not finite, sessions that go back in time, negative days.
    """
    raise NotImplementedError


def check(
    market: Market,
    costs: CostTable,
    rules: Rules,
    *,
    targets: Targets | None = None,
    orders: Orders | None = None,
) -> None:
    """Refuse costs, rules, targets and orders that cannot be; ``run`` always asks.

    Raises:
        QuantmillError: Names what is wrong and where: another shape, negative or non-finite costs, bars that are out
            of order or unknown, infinite weights, confidence outside [0, 1], an unknown order type, time in force or
            reason, an order without a quantity or without the level that its type needs.
    """
    raise NotImplementedError
