"""The kernel's entry points."""

from __future__ import annotations

from execution.kernel.state import State
from execution.kernel.types import CostTable, Decision, Floats, Market, Orders, Outcome, Rules, Targets


def run(
    market: Market,
    costs: CostTable,
    rules: Rules,
    state: State,
    *,
    first: int,
    last: int,
    targets: Targets | None = None,
    orders: Orders | None = None,
    keeps_positions: bool = True,
) -> Outcome:
    """Carry a book over the bars ``first`` to ``last - 1``; ``state`` is changed in place.

    Running a range in one go or bar by bar gives the same bits. Rows of the market before ``first`` count as
    history: last prices come from them. Targets of these bars are decided at their closes; an order with
    ``bar`` b enters the book before bar b + 1, which must be one of these bars (others are passed over).

    Args:
        keeps_positions: Whether ``Outcome.quantity`` is filled, (T, N).

    Raises:
        QuantmillError: If an input is not valid, see ``check``; the market itself is checked by ``check_market``.
    """
    raise NotImplementedError


def decide(
    market: Market, rules: Rules, state: State, t: int, *, weights: Floats, confidence: Floats
) -> Decision:
    """Return what a book decides at the close of row ``t``: what ``run`` does with a row of targets there.

    Args:
        state: The book after bar ``t``; it is not changed.
        weights: Target weights, (N,), NaN leaves a position alone.
        confidence: In [0, 1], (N,).

    Raises:
        QuantmillError: If a weight is infinite or a held symbol has no price.
    """
    raise NotImplementedError
