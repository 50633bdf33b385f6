"""One book at one broker, one bar at a time: settle, record, reconcile, decide, journal, send.

Every step may be the last before a crash. What is sent was journaled first, what is journaled can be asked
for at the broker by its client order id, and a step that is found done is not done again.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np

from execution import order_states
from execution.brokers.base import SettlingBroker
from execution.calendar import is_rebalance
from execution.config import CostsConfig, PortfolioConfig, RiskConfig
from execution.decision import decide
from execution.journal import Journal
from execution.journal_records import (
    DECIDED,
    MISSED,
    NO_REBALANCE,
    NO_SCORES,
    JournaledClose,
    JournaledDecision,
)
from execution.market import equity
from execution.panel import Panel, ScorePanel
from execution.reconciliation import positions_from, reconcile
from execution.types import Account, Broker, Decision, Fill, Order, Snapshot
from transforms.errors import QuantmillError, RiskHaltError
from transforms.failpoints import failpoint
from transforms.paths import Home


@dataclass(frozen=True)
class Rules:
    """The config that a desk trades by."""

    portfolio: PortfolioConfig
    risk: RiskConfig
    costs: CostsConfig


class Desk:
    """Trades one book.

    Args:
        book: ``<broker>/<account>``, as in ``execution.*``.
        home: Where the kill switch lies.
        panel: Bars up to the newest session to trade; ``scores`` are on the same bars and symbols.
        run_id: Recorded with what is decided.

    Attributes:
        fills: What this desk was the first to record.
        sent: The client order ids that this desk sent.
    """

    def __init__(
        self,
        book: str,
        home: Home,
        *,
        broker: Broker,
        journal: Journal,
        panel: Panel,
        scores: ScorePanel,
        rules: Rules,
        run_id: str,
    ) -> None:
        self.book = book
        self.fills: list[Fill] = []
        self.sent: list[str] = []
        self._home = home
        self._broker = broker
        self._market = broker if isinstance(broker, SettlingBroker) else None
        self._journal = journal
        self._panel = panel
        self._scores = scores
        self._rules = rules
        self._run_id = run_id
        self._seen: set[Fill] = set()

    def check_switch(self) -> None:
        """Raise ``RiskHaltError`` while the kill switch is thrown."""
        if self._home.halt.exists():
            raise RiskHaltError(
                f"{self._home.halt}: the kill switch is thrown, no order is sent; remove the file to trade on"
            )

    def trade(self, targets: list[int], *, is_replay: bool) -> dict[int, str]:
        """Bring the book to the last of ``targets`` (bars, ascending), deciding on each that is undecided.

        Bars between the book's last and the first target are settled, but their decision is missed: nobody
        can have acted on it. A book that never decided decides on its first target whatever the date, unless
        this is a replay, which keeps to the calendar, as the backtest does.

        Returns:
            The bars that this call brought the book to, and what came of each (see ``JournaledDecision``).

        Raises:
            RiskHaltError: where the kill switch is thrown, or book and broker disagree.
            QuantmillError: where a target lies before the book's first bar, or a session asked for by itself
                has no score.
        """
        self.check_switch()
        self.recover()
        outcomes, last = self._journal.outcomes(self.book), self._journal.last_bar(self.book)
        todo = {t for t in targets if self._panel.bar_at[t] not in outcomes}
        if last is not None:
            self._require_not_before(last, todo)
        if not todo:
            self._follow(last)
            return {}
        has_decided = DECIDED in outcomes.values()
        walked: dict[int, str] = {}
        for t in range(self._next_bar(last, outcomes, min(todo)), targets[-1] + 1):
            self.check_switch()
            outcome = self._due(t, is_first=not (is_replay or has_decided)) if t in todo else MISSED
            if outcome == NO_SCORES and not is_replay:
                raise QuantmillError(
                    f"strategy {self._scores.strategy} has no score for {self._panel.session_date[t]}; "
                    "score the session before trading it (nothing was decided)"
                )
            self.settle(t, outcome)
            if outcome == DECIDED:
                self.decide(t)
                has_decided = True
            walked[t] = outcome
        return walked

    def _require_not_before(self, last: datetime, todo: set[int]) -> None:
        earlier = sorted(t for t in todo if self._panel.bar_at[t] < last)
        if earlier:
            raise QuantmillError(
                f"book {self.book} stands at {last} UTC; it has no decision for "
                f"{self._panel.session_date[earlier[0]]} and can make none any more. Trade a later session, "
                "or another broker.account"
            )

    def _next_bar(self, last: datetime | None, outcomes: dict[datetime, str], first: int) -> int:
        """Return the first bar to walk: ``first`` for a new book, else the first that is not wholly done."""
        if last is None:
            return first
        t = bisect_left(self._panel.bar_at, last)
        return t + 1 if last in outcomes else t

    def _follow(self, last: datetime | None) -> None:
        """Look once more at what the broker did with the orders of the book's last bar."""
        t = bisect_left(self._panel.bar_at, last) if last is not None else len(self._panel)
        if t < len(self._panel) and self._panel.bar_at[t] == last:
            self.settle(t, None)

    def recover(self) -> None:
        """Finish what a crash interrupted: ask the broker for every order without an answer, by its id.

        An order that the broker does not know goes out again, under the same id, while its moment has not
        passed; else it expires, with that reason.
        """
        clock = self._market.last_bar if self._market else self._panel.bar_at[-1]
        for entry in self._journal.orders(self.book, is_open=True):
            if entry.status not in {order_states.INTENDED, order_states.SENT}:
                continue
            order = entry.order
            found = self._broker.find(order.client_order_id)
            if found is not None:
                self._journal.advance(order.client_order_id, order_states.SENT, "found at the broker")
                self._record_answer(order.client_order_id, found)
            elif order.bar_at == clock:
                self._send(order)
            else:
                why = (
                    f"decided on {order.session_date}, not at the broker when the market had come to {clock}"
                )
                self._journal.advance(order.client_order_id, order_states.EXPIRED, why)

    def _due(self, t: int, *, is_first: bool) -> str:
        """Say what bar ``t`` calls for: ``DECIDED`` for a decision, else why there is none."""
        session, before = self._panel.session_date[t], self._panel.previous_session(t)
        if not (is_first or is_rebalance(session, before, self._rules.portfolio.rebalance)):
            return NO_REBALANCE
        return DECIDED if self._scores.has_score[t] else NO_SCORES

    def settle(self, t: int, outcome: str | None) -> None:
        """Bring book and journal to the close of bar ``t``; stop where they disagree.

        Args:
            outcome: Recorded with it where nothing will be decided at this bar: all but ``DECIDED``, None.

        Raises:
            RiskHaltError: for a fill or status that nobody ordered or knows, and for positions that differ.
        """
        snapshot = self._panel.snapshot(t)
        if self._market:
            self._market.settle(snapshot, self._rules.costs, self._rules.portfolio)
        account = self._broker.account(snapshot.symbols)
        fills = [fill for fill in self._broker.fills() if fill not in self._seen]
        close = JournaledClose(
            snapshot.bar_at, snapshot.session_date, self._measured(t, account, snapshot, fills)
        )
        split = np.flatnonzero(snapshot.split_ratio != 1)
        with self._journal.transaction():
            new = self._journal.record_bar(
                self.book,
                close,
                {snapshot.symbols[i]: float(snapshot.split_ratio[i]) for i in split},
                fills,
                whole_shares=self._rules.portfolio.whole_shares,
            )
            self._poll()
            if outcome not in {None, DECIDED}:
                self._record_decision(snapshot, str(outcome), (), {})
        self._seen.update(fills)
        self.fills.extend(new)
        movements = self._journal.fill_movements(self.book), self._journal.split_movements(self.book)
        reconcile(self.book, positions_from(*movements), account)

    def decide(self, t: int) -> None:
        """Decide at the close of bar ``t``, journal the orders, then send them."""
        snapshot = self._panel.snapshot(t)
        decision = decide(
            snapshot,
            self._scores.at(t),
            self._broker.account(snapshot.symbols),
            book=self.book,
            portfolio=self._rules.portfolio,
            risk=self._rules.risk,
            is_rebalance=True,
        )
        failpoint("trade.before_journal")
        self._record_decision(snapshot, DECIDED, decision.orders, self._detail(t, decision))
        failpoint("trade.after_journal")
        for order in decision.orders:
            self._send(order)

    def _record_decision(
        self, snapshot: Snapshot, outcome: str, orders: tuple[Order, ...], detail: dict[str, Any]
    ) -> None:
        record = JournaledDecision(
            snapshot.bar_at, snapshot.session_date, outcome, self._scores.strategy, detail
        )
        self._journal.record_decision(self.book, self._broker.name, record, orders, self._run_id)

    def _detail(self, t: int, decision: Decision) -> dict[str, Any]:
        """Return targets and risk decisions as JSON can hold them; NaN becomes None."""
        scores = self._scores.at(t)
        targets = [
            [symbol, *map(_number, (scores.score[i], scores.confidence[i], decision.weights[i])), reason]
            for i, (symbol, reason) in enumerate(zip(self._panel.symbols, decision.reasons, strict=True))
            if reason
        ]
        risk = [[r.symbol, r.rule, _number(r.before), _number(r.after), r.reason] for r in decision.risk]
        return {"targets": targets, "risk": risk}

    def _send(self, order: Order) -> None:
        self.check_switch()
        self._journal.advance(order.client_order_id, order_states.SENT)
        failpoint("trade.after_sent")
        status = self._broker.submit(order)
        failpoint("trade.after_submit")
        self._record_answer(order.client_order_id, status)
        self.sent.append(order.client_order_id)

    def _record_answer(self, client_order_id: str, status: str) -> None:
        order_states.require_broker_status(client_order_id, status)
        note = self._market.note(client_order_id) if self._market else ""
        self._journal.advance(client_order_id, status, note)

    def _poll(self) -> None:
        """Follow the orders that the broker has taken to where they have come."""
        for entry in self._journal.orders(self.book, is_open=True):
            name = entry.order.client_order_id
            if entry.status not in {order_states.ACCEPTED, order_states.PARTIALLY_FILLED}:
                continue
            status = self._broker.find(name)
            if status is None:
                raise RiskHaltError(
                    f"order {name}: the broker accepted it and does not know it any more; look at the "
                    "account before trading on"
                )
            if status != order_states.ACCEPTED:
                self._record_answer(name, status)

    def _measured(self, t: int, account: Account, snapshot: Snapshot, fills: list[Fill]) -> dict[str, Any]:
        """Return the book at the close of bar ``t``, for the mirror: USD, shares, fractions of equity."""
        worth = equity(account, snapshot)
        held = np.flatnonzero(account.quantity)
        values = (account.quantity[held] * snapshot.last_close[held]).tolist()
        traded = math.fsum(
            abs(fill.quantity) * fill.price for fill in fills if fill.bar_at == snapshot.bar_at
        )

        def share(value: float) -> float | None:
            return value / worth if worth > 0 else None

        positions = [
            [
                account.symbols[i],
                float(account.quantity[i]),
                float(snapshot.last_close[i]),
                value,
                share(value),
            ]
            for i, value in zip(held.tolist(), values, strict=True)
        ]
        return {
            "cash": account.cash,
            "equity": worth,
            "gross_exposure": share(math.fsum(map(abs, values))),
            "net_exposure": share(math.fsum(values)),
            "turnover": share(traded),
            "benchmark": _number(self._panel.benchmark[t]),
            "positions": positions,
        }


def _number(value: float) -> float | None:
    """Return a float as JSON can hold it."""
    return float(value) if math.isfinite(value) else None
