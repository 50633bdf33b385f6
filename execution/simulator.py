"""The backtest's loop: the market's functions and the decision's, bar by bar.

On each bar: corporate actions, the orders of the bar before at the open, the mark at the close, the
decision. What happens up to a bar depends on no bar after it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from execution import market
from execution.calendar import is_rebalance
from execution.config import CostsConfig, PortfolioConfig, RiskConfig
from execution.decision import decide
from execution.market import AppliedAction
from execution.panel import Panel, ScorePanel
from execution.types import Account, Decision, Fill, Floats, Order, Snapshot
from transforms.errors import QuantmillError

ACCEPTED = "accepted"  # an order of the last bar, whose open has not come


@dataclass(frozen=True)
class SimulatedOrder:
    """An order with its end.

    Attributes:
        status: ``filled``, ``cancelled``, or ``accepted`` where the history ends before its open.
        note: Why it was not (wholly) filled; empty where there is nothing to say.
    """

    order: Order
    status: str
    note: str


@dataclass(frozen=True)
class SimulationResult:
    """What a book did on bars ``first`` to ``first + T - 1`` of a panel.

    Attributes:
        first: The panel's row of the first bar.
        initial_cash: USD before the first bar.
        cash, equity: USD at each close, (T,).
        traded: Traded value (bought plus sold) at each bar's fills, USD, (T,).
        quantity: Shares held at each close, (T, N).
        decisions: Row of the panel and decision, of each rebalance that had scores.
        orders: Every order, in the order of decision.
        fills: Every fill, as booked.
        actions: Every split and dividend that met a position.
    """

    book: str
    panel: Panel
    scores: ScorePanel
    first: int
    initial_cash: float
    cash: Floats
    equity: Floats
    traded: Floats
    quantity: Floats
    decisions: tuple[tuple[int, Decision], ...]
    orders: tuple[SimulatedOrder, ...]
    fills: tuple[Fill, ...]
    actions: tuple[AppliedAction, ...]

    @property
    def rows(self) -> slice:
        """The panel's rows that were simulated."""
        return slice(self.first, self.first + len(self.equity))

    @property
    def market_value(self) -> Floats:
        """Value of each position at each close (USD, signed), (T, N)."""
        return np.where(self.quantity == 0, 0.0, self.quantity * self.panel.last_close[self.rows])

    def over_equity(self, value: Floats) -> Floats:
        """Return ``value`` (T,) as a fraction of equity; NaN where equity is not above 0."""
        fraction = np.full(len(self.equity), np.nan)
        np.divide(value, self.equity, out=fraction, where=self.equity > 0)
        return fraction

    @property
    def gross_exposure(self) -> Floats:
        """Sum of absolute positions over equity, (T,)."""
        return self.over_equity(np.abs(self.market_value).sum(axis=1))

    @property
    def net_exposure(self) -> Floats:
        """Sum of positions over equity, (T,)."""
        return self.over_equity(self.market_value.sum(axis=1))

    @property
    def turnover(self) -> Floats:
        """Traded value over equity, (T,)."""
        return self.over_equity(self.traded)

    @property
    def benchmark(self) -> Floats:
        """The benchmark as if the initial cash had bought it at the first close that it has, (T,)."""
        closes = self.panel.benchmark[self.rows]
        known = closes[np.isfinite(closes)]
        return closes * (self.initial_cash / known[0]) if known.size else closes


def simulate(
    panel: Panel,
    scores: ScorePanel,
    *,
    book: str,
    portfolio: PortfolioConfig,
    risk: RiskConfig,
    costs: CostsConfig,
    first: int = 0,
) -> SimulationResult:
    """Run a book that starts with ``portfolio.initial_cash`` over the panel's bars from row ``first``.

    Bars before ``first`` count as history only: for price sanity and for whether ``first`` is a rebalance.

    Raises:
        QuantmillError: If scores and panel are not over the same bars and symbols, or a decision fails; the
            error carries a note that names the bar.
    """
    if scores.score.shape != panel.close.shape:
        raise QuantmillError(f"the scores have the shape {scores.score.shape}, the panel {panel.close.shape}")
    count = len(panel) - first
    cash, equity, traded = np.empty(count), np.empty(count), np.zeros(count)
    quantity = np.empty((count, len(panel.symbols)))
    decisions: list[tuple[int, Decision]] = []
    orders: list[SimulatedOrder] = []
    fills: list[Fill] = []
    actions: list[AppliedAction] = []
    account = Account(panel.symbols, portfolio.initial_cash, np.zeros(len(panel.symbols)))
    pending: tuple[Order, ...] = ()

    for row, t in enumerate(range(first, len(panel))):
        snapshot = panel.snapshot(t)
        if panel.has_action[t]:
            actions.extend(market.apply_actions(account, snapshot, portfolio))
        if pending:
            filled = _settle(pending, account, snapshot, costs=costs, portfolio=portfolio, orders=orders)
            traded[row] = sum(abs(fill.quantity) * fill.price for fill in filled)
            fills.extend(filled)
            pending = ()
        cash[row], quantity[row] = account.cash, account.quantity
        equity[row] = market.equity(account, snapshot)
        rebalance = is_rebalance(panel.session_date[t], panel.previous_session(t), portfolio.rebalance)
        if not (rebalance and scores.has_score[t]):
            continue
        try:
            decision = decide(
                snapshot,
                scores.at(t),
                account,
                book=book,
                portfolio=portfolio,
                risk=risk,
                is_rebalance=True,
            )
        except QuantmillError as error:
            error.add_note(f"while deciding for {book} at the close of {snapshot.bar_at} UTC")
            raise
        decisions.append((t, decision))
        pending = decision.orders
    orders.extend(SimulatedOrder(order, ACCEPTED, "") for order in pending)
    return SimulationResult(
        book=book,
        panel=panel,
        scores=scores,
        first=first,
        initial_cash=portfolio.initial_cash,
        cash=cash,
        equity=equity,
        traded=traded,
        quantity=quantity,
        decisions=tuple(decisions),
        orders=tuple(orders),
        fills=tuple(fills),
        actions=tuple(actions),
    )


def _settle(
    pending: tuple[Order, ...],
    account: Account,
    snapshot: Snapshot,
    *,
    costs: CostsConfig,
    portfolio: PortfolioConfig,
    orders: list[SimulatedOrder],
) -> list[Fill]:
    """Fill the orders of the bar before, book the fills, and note each order's end in ``orders``."""
    fills = market.fill(pending, account, snapshot, costs, portfolio)
    for filled in fills:
        market.apply_fill(account, filled)
    by_order = {filled.client_order_id: filled for filled in fills}
    for order in pending:
        filled_by = by_order.get(order.client_order_id)
        status, note = market.outcome(order, filled_by, snapshot, portfolio)
        orders.append(SimulatedOrder(order, status, note))
    return fills
