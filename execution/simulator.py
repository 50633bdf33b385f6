"""A book over a range of bars: target weights to the kernel, and what came of them as arrays."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from execution.calendar import rebalances
from execution.config import BookConfig
from execution.kernel import State, decide, new_state, run, withdraw
from execution.kernel.types import FLOWS, ORDER, Orders, Outcome, Records, Targets
from execution.panel import Notes, Panel, ScorePanel
from execution.performance import Actions, Fills, Trips, match_trips
from execution.reasons import weights_held
from execution.rules import Terms
from execution.targets import Standing, TargetBuilder
from execution.types import Floats
from transforms.errors import QuantmillError


@dataclass(frozen=True)
class SimulationResult:
    """What a book did on bars ``first`` to ``first + T - 1`` of a panel.

    Attributes:
        initial_cash: USD before the first bar.
        outcome: What the kernel wrote down; its bars are the panel's rows.
        decided: Rows of the panel at whose closes was decided, (R,), as the rows of ``outcome.weights``.
        notes: (row, note) of what the portfolio's construction changed or refused.
        borrow_rate: Of each symbol, per year, (N,).
        state: The book after the last bar.
    """

    book: str
    panel: Panel
    scores: ScorePanel
    config: BookConfig
    initial_cash: float
    outcome: Outcome
    decided: NDArray[np.int64]
    notes: Notes
    borrow_rate: Floats
    state: State = field(repr=False)

    @property
    def first(self) -> int:
        """The panel's row of the first bar."""
        return self.outcome.first

    @property
    def rows(self) -> slice:
        """The panel's rows that were simulated."""
        return slice(self.first, self.first + len(self.equity))

    @property
    def cash(self) -> Floats:
        """USD at each close, (T,)."""
        return self.outcome.cash

    @property
    def equity(self) -> Floats:
        """USD at each close, (T,)."""
        return self.outcome.equity

    @property
    def traded(self) -> Floats:
        """Traded value (bought plus sold) of each bar, USD, (T,)."""
        return self.outcome.traded

    @property
    def quantity(self) -> Floats:
        """Shares held at each close, (T, N)."""
        return self.outcome.quantity

    @cached_property
    def fills(self) -> Fills:
        """Every fill, with rows counted from the book's first bar."""
        made = self.outcome.fills
        return Fills(made["bar"] - self.first, *(_column(made, name) for name in Fills._fields[1:]))

    @cached_property
    def actions(self) -> Actions:
        """Every split and dividend that met a position, with rows counted from the book's first bar."""
        met = self.outcome.actions
        return Actions(met["bar"] - self.first, *(_column(met, name) for name in Actions._fields[1:]))

    @cached_property
    def trips(self) -> Trips:
        """Every round trip, with rows counted from the book's first bar."""
        panel, rows = self.panel, self.rows
        high, low = panel.range_by_symbol
        return match_trips(
            self.fills,
            self.actions,
            marks=panel.last_close[rows][-1],
            session=panel.session[rows] - panel.session[self.first],
            high=high[: rows.stop],
            low=low[: rows.stop],
            first=self.first,
        )

    def flow(self, kind: str) -> Floats:
        """Return a kind of cash flow (one of ``kernel.types.FLOWS``) at each bar, USD, (T,)."""
        return self.outcome.flows[:, FLOWS.index(kind)]

    @cached_property
    def market_value(self) -> Floats:
        """Value of each position at each close (USD, signed), (T, N)."""
        value: Floats = self.quantity * self.panel.marks[self.rows]
        return value

    def over_equity(self, value: Floats) -> Floats:
        """Return ``value`` (T,) as a fraction of equity; NaN where equity is not above 0."""
        fraction = np.full(len(self.equity), np.nan)
        np.divide(value, self.equity, out=fraction, where=self.equity > 0)
        return fraction

    @cached_property
    def gross_exposure(self) -> Floats:
        """Sum of absolute positions over equity, (T,)."""
        return self.over_equity(self.outcome.gross)

    @cached_property
    def net_exposure(self) -> Floats:
        """Sum of positions over equity, (T,)."""
        return self.over_equity(self.equity - self.cash)

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
    scores: ScorePanel,
    terms: Terms,
    *,
    book: str,
    config: BookConfig,
    first: int = 0,
    targets: Targets | None = None,
    orders: Orders | None = None,
    keeps_positions: bool = True,
) -> SimulationResult:
    """Run a book that starts with ``portfolio.initial_cash`` over the panel's bars from row ``first``.

    Bars before ``first`` count as history only: for last prices and for whether ``first`` is a rebalance. Where the
    portfolio looks at what is held, the kernel is halted at every decision; else it runs through.

    Args:
        targets: Target weights to trade instead of what the portfolio makes of the scores.
        orders: Orders besides those that the weights come to, by ascending ``bar``.
        keeps_positions: Whether ``quantity`` is asked for afterwards, (T, N); without it a run is quicker.

    Raises:
        QuantmillError: If scores and panel are not over the same bars and symbols, or a decision fails; the
            error carries a note that names the book.
    """
    panel = terms.panel
    if scores.score.shape != panel.close.shape:
        raise QuantmillError(f"the scores have the shape {scores.score.shape}, the panel {panel.close.shape}")
    builder = TargetBuilder(panel, scores, config.portfolio, terms.costs)
    state = new_state(len(panel.symbols), config.portfolio.initial_cash)
    notes: Notes = ()
    try:
        if targets is not None or not builder.needs_account:
            if targets is None:
                rows = decided_rows(panel, scores, config, first)
                weights, notes = builder.all(rows)
                targets = Targets(rows, weights, scores.confidence[rows])
            rows = targets.bar
            outcome = run(
                terms.market,
                terms.costs,
                terms.rules,
                state,
                first=first,
                last=len(panel),
                targets=targets,
                orders=orders,
                keeps_positions=keeps_positions,
            )
        else:
            rows = decided_rows(panel, scores, config, first)
            outcome, notes = _halting(
                builder,
                scores,
                terms,
                state,
                rows=rows,
                first=first,
                sent=orders,
                keeps_positions=keeps_positions,
            )
    except QuantmillError as error:
        error.add_note(f"while simulating {book}")
        raise
    return SimulationResult(
        book=book,
        panel=panel,
        scores=scores,
        config=config,
        initial_cash=config.portfolio.initial_cash,
        outcome=outcome,
        decided=rows,
        notes=notes,
        borrow_rate=terms.costs.borrow_rate,
        state=state,
    )


def decided_rows(panel: Panel, scores: ScorePanel, config: BookConfig, first: int = 0) -> NDArray[np.int64]:
    """Return the rows from ``first`` on that are rebalances and have scores, (R,)."""
    is_due = rebalances(panel.dates, config.portfolio.rebalance) & scores.has_score
    return np.flatnonzero(is_due[first:]) + first


def _halting(
    builder: TargetBuilder,
    scores: ScorePanel,
    terms: Terms,
    state: State,
    *,
    rows: NDArray[np.int64],
    first: int,
    sent: Orders | None,
    keeps_positions: bool,
) -> tuple[Outcome, Notes]:
    """Run from decision to decision: each looks at the book as it then stands, as the desk's do."""
    panel = terms.panel
    parts: list[Outcome] = []
    weights: list[Floats] = []
    events: list[Records] = []
    ended: list[Records] = []
    notes: list[Any] = []
    orders: Orders | None = None  # of the last decision
    start, peak = first, -np.inf
    for stop in [*(rows + 1).tolist(), len(panel)]:
        if stop > start:
            part = run(
                terms.market,
                terms.costs,
                terms.rules,
                state,
                first=start,
                last=stop,
                orders=_together(orders, sent),
                keeps_positions=keeps_positions,
            )
            parts.append(part)
            peak = max(peak, float(part.equity.max()))
            start, orders = stop, None
        if len(weights) == len(rows):
            break
        t = stop - 1
        equity = float(parts[-1].equity[-1])
        standing = Standing(weights_held(panel, t, state.quantity, equity), equity, peak)
        built = builder.at(t, standing)
        notes += [(t, note) for note in built.notes]
        decision = decide(
            terms.market, terms.rules, state, t, weights=built.weights, confidence=scores.confidence[t]
        )
        ended.append(withdraw(state, decision.replaced, bar=t))
        orders = decision.orders
        weights.append(decision.weights)
        events.append(decision.risk_events)
    outcome = _joined(parts, ended)
    if orders is not None:
        outcome = outcome._replace(orders=np.concatenate([outcome.orders, _unentered(orders, state)]))
    return (
        outcome._replace(
            weights=np.array(weights).reshape(len(rows), len(panel.symbols)),
            risk_events=np.concatenate([outcome.risk_events, *events]),
        ),
        tuple(notes),
    )


def _together(decided: Orders | None, sent: Orders | None) -> Orders | None:
    """Return both by bar; on a bar, what was sent stands behind what was decided."""
    if decided is None or sent is None:
        return sent if decided is None else decided
    order = np.argsort(np.concatenate([decided.bar, sent.bar]), kind="stable")
    return Orders(*(np.concatenate(columns)[order] for columns in zip(decided, sent, strict=True)))


def _joined(parts: list[Outcome], ended: list[Records]) -> Outcome:
    """Return one outcome of runs that follow each other; of an order that was open in several, its end."""
    orders = np.concatenate([part.orders for part in parts] + ended)
    latest = {int(number): place for place, number in enumerate(orders["id"])}
    return Outcome(
        first=parts[0].first,
        weights=parts[0].weights,
        orders=orders[[latest[number] for number in sorted(latest)]],
        **{
            name: np.concatenate([getattr(part, name) for part in parts])
            for name in Outcome._fields
            if name not in {"first", "weights", "orders"}
        },
    )


def _unentered(orders: Orders, state: State) -> Records:
    """Return the orders of the last bar as records: the history ends before they enter the book."""
    records = np.zeros(len(orders.bar), ORDER)
    for name in Orders._fields:
        records[name] = getattr(orders, name)
    records["id"] = state.next_order + np.arange(len(records))
    records["end_bar"] = -1
    records["remaining"] = orders.quantity
    return records


def _column(records: Records, name: str) -> NDArray[Any]:
    return np.ascontiguousarray(records[name])
