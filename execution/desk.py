"""One book at one broker, one bar at a time: settle, record, reconcile, decide, journal, send.

Every step may be the last before a crash. What is sent was journaled first, what is journaled can be asked
for at the broker by its client order id, and a step that is found done is not done again.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from datetime import datetime
from typing import Any

import numpy as np

from execution import order_states
from execution.brokers.base import SettlingBroker
from execution.calendar import rebalances
from execution.config import BookConfig
from execution.journal import Journal
from execution.journal_records import (
    DECIDED,
    MISSED,
    NO_REBALANCE,
    NO_SCORES,
    JournaledClose,
    JournaledDecision,
)
from execution.kernel import State, decide, new_state
from execution.kernel.types import ORDER, ORDER_TYPES, Decision
from execution.market import equity
from execution.orders import orders_of
from execution.panel import Panel, ScorePanel
from execution.reasons import risk_decisions, target_reasons, weights_held
from execution.reconciliation import positions_from, reconcile
from execution.rules import Terms
from execution.targets import Standing, TargetBuilder
from execution.types import Account, Broker, Fill, Order, RiskDecision, defined
from transforms.errors import QuantmillError, RiskHaltError
from transforms.failpoints import failpoint
from transforms.paths import Home


class Desk:
    """Trades one book.

    Args:
        book: ``<broker>/<account>``, as in ``execution.*``.
        home: Where the kill switch lies.
        terms: The market up to the newest session to trade; ``scores`` are on the same bars and symbols.
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
        terms: Terms,
        scores: ScorePanel,
        config: BookConfig,
        run_id: str,
    ) -> None:
        self.book = book
        self.fills: list[Fill] = []
        self.sent: list[str] = []
        self._home = home
        self._broker = broker
        self._market = broker if isinstance(broker, SettlingBroker) else None
        self._journal = journal
        self._terms = terms
        self._panel: Panel = terms.panel
        self._scores = scores
        self._config = config
        self._run_id = run_id
        self._builder = TargetBuilder(terms.panel, scores, config.portfolio, terms.costs)
        self._is_due = rebalances(terms.panel.dates, config.portfolio.rebalance)
        self._seen: set[Fill] = set()
        self._own: set[str] = set()

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
        self.recover(is_replay=is_replay)
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

    def recover(self, *, is_replay: bool) -> None:
        """Finish what a crash interrupted: ask the broker for every order without an answer, by its id.

        An order that the broker does not know goes out again, under the same id, while its moment has not
        passed; else it expires, with that reason. Cancellations that were decided are carried out.
        """
        for name in self._journal.cancellations(self.book):
            self._cancel(name)
        # Time stands still in a replay; outside one, an open that is known can no longer be traded at.
        clock = self._market.last_bar if self._market and is_replay else self._panel.bar_at[-1]
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
        if not (is_first or self._is_due[t]):
            return NO_REBALANCE
        return DECIDED if self._scores.has_score[t] else NO_SCORES

    def settle(self, t: int, outcome: str | None) -> None:
        """Bring book and journal to the close of bar ``t``; stop where they disagree.

        Args:
            outcome: Recorded with it where nothing will be decided at this bar: all but ``DECIDED``, None.

        Raises:
            RiskHaltError: for a fill or status that nobody ordered or knows, and for positions that differ.
        """
        panel = self._panel
        if self._market:
            self._market.settle(self._terms, t)
        account = self._broker.account(panel.symbols)
        fills = [fill for fill in self._broker.fills() if fill not in self._seen]
        close = JournaledClose(panel.bar_at[t], panel.session_date[t], self._measured(t, account, fills))
        split = np.flatnonzero(panel.split_ratio[t] != 1)
        with self._journal.transaction():
            if self._market:
                own = [order for order in self._market.own_orders() if order.client_order_id not in self._own]
                self._journal.record_own(
                    self.book, self._broker.name, self._scores.strategy, own, self._run_id
                )
                self._own.update(order.client_order_id for order in own)
            new = self._journal.record_bar(
                self.book,
                close,
                {panel.symbols[i]: float(panel.split_ratio[t, i]) for i in split},
                fills,
                whole_shares=self._config.portfolio.whole_shares,
            )
            self._poll()
            if outcome not in {None, DECIDED}:
                self._record_decision(t, str(outcome), (), {})
        self._seen.update(fills)
        self.fills.extend(new)
        movements = self._journal.fill_movements(self.book), self._journal.split_movements(self.book)
        reconcile(self.book, positions_from(*movements), account)

    def decide(self, t: int) -> None:
        """Decide at the close of bar ``t``, journal orders and cancellations, then send them."""
        panel, terms = self._panel, self._terms
        account = self._broker.account(panel.symbols)
        worth = self._equity(t, account)
        held = weights_held(panel, t, account.quantity, worth)
        standing = Standing(held, worth, self._peak(worth)) if self._builder.needs_account else None
        built = self._builder.at(t, standing)
        state, names = self._state(t, account)
        confidence = self._scores.confidence[t]
        decision = decide(terms.market, terms.rules, state, t, weights=built.weights, confidence=confidence)
        changes = (
            *built.notes,
            *risk_decisions(panel, self._scores, t, events=decision.risk_events, risk=self._config.risk),
        )
        reasons = target_reasons(
            panel.symbols,
            self._scores.at(t),
            weights=decision.weights,
            held=held,
            changes=changes,
            is_ruined=state.is_ruined or worth <= 0,
        )
        orders = orders_of(
            decision,
            panel,
            t,
            book=self.book,
            strategy=self._scores.strategy,
            names_bar=self._config.portfolio.rebalance == "bar",
            reasons=reasons,
        )
        cancelled = [names[int(one)] for one in decision.replaced]
        failpoint("trade.before_journal")
        detail = self._detail(t, decision, reasons, changes) | {"cancels": cancelled}
        self._record_decision(t, DECIDED, orders, detail)
        failpoint("trade.after_journal")
        for name in cancelled:
            self._cancel(name)
        for order in orders:
            self._send(order)

    def _state(self, t: int, account: Account) -> tuple[State, dict[int, str]]:
        """Return the book as the kernel decides on it, and number → client order id of its open orders."""
        if self._market:
            return self._market.state(account.symbols, t)
        state = new_state(len(account.symbols), 0.0)
        state.cash, state.quantity, state.is_started = account.cash, account.quantity, True
        place = {symbol: i for i, symbol in enumerate(account.symbols)}
        journaled = [entry.order for entry in self._journal.orders(self.book, is_open=True)]
        entries = [order for order in journaled if order.symbol in place]  # no other can have a new weight
        state.orders = np.zeros(len(entries), ORDER)
        for k, order in enumerate(entries):
            state.orders[k]["id"], state.orders[k]["symbol"] = k, place[order.symbol]
            state.orders[k]["quantity"] = state.orders[k]["remaining"] = order.signed_quantity
            state.orders[k]["type"] = ORDER_TYPES.index(order.order_type)
        state.next_order = len(entries)
        return state, {k: order.client_order_id for k, order in enumerate(entries)}

    def _equity(self, t: int, account: Account) -> float:
        return self._market.settled().equity if self._market else equity(account, self._panel, t)

    def _peak(self, worth: float) -> float:
        """Return the highest equity (USD) at a close of this book, with that of now."""
        before: list[float] = [close.account["equity"] for close in self._journal.closes(self.book)]
        return max([worth, *before])

    def _record_decision(
        self, t: int, outcome: str, orders: tuple[Order, ...], detail: dict[str, Any]
    ) -> None:
        record = JournaledDecision(
            self._panel.bar_at[t], self._panel.session_date[t], outcome, self._scores.strategy, detail
        )
        self._journal.record_decision(self.book, self._broker.name, record, orders, self._run_id)

    def _detail(
        self, t: int, decision: Decision, reasons: list[str], changes: tuple[RiskDecision, ...]
    ) -> dict[str, Any]:
        """Return targets and risk decisions as JSON can hold them; NaN becomes None."""
        scores = self._scores.at(t)
        targets = [
            [symbol, *map(defined, (scores.score[i], scores.confidence[i], decision.weights[i])), reason]
            for i, (symbol, reason) in enumerate(zip(self._panel.symbols, reasons, strict=True))
            if reason
        ]
        risk = [[r.symbol, r.rule, defined(r.before), defined(r.after), r.reason] for r in changes]
        wishes = [
            [one.strategy, self._panel.symbols[one.column], *map(defined, (*one[2:], one.target_weight))]
            for one in self._scores.wishes(t)
        ]
        return {"targets": targets, "risk": risk, "strategies": wishes}

    def _cancel(self, client_order_id: str) -> None:
        """Take an order back at the broker and record its answer; one that has ended stays as it ended."""
        if self._journal.status(client_order_id) in order_states.TERMINAL:
            return
        status = self._broker.cancel(client_order_id)
        if status is not None:
            self._record_answer(client_order_id, status)

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

    def _measured(self, t: int, account: Account, fills: list[Fill]) -> dict[str, Any]:
        """Return the book at the close of bar ``t``, for the mirror: USD, shares, fractions of equity."""
        worth, price = self._equity(t, account), self._panel.last_close[t]
        held = np.flatnonzero(account.quantity)
        values = (account.quantity[held] * price[held]).tolist()
        settled = self._market.settled() if self._market else None
        now = [fill for fill in fills if fill.bar_at == self._panel.bar_at[t]]
        traded = settled.traded if settled else math.fsum(abs(fill.quantity) * fill.price for fill in now)

        def share(value: float) -> float | None:
            return value / worth if worth > 0 else None

        positions = [
            [account.symbols[i], float(account.quantity[i]), float(price[i]), value, share(value)]
            for i, value in zip(held.tolist(), values, strict=True)
        ]
        return {
            "cash": account.cash,
            "equity": worth,
            "gross_exposure": share(math.fsum(map(abs, values))),
            "net_exposure": share(math.fsum(values)),
            "turnover": share(traded),
            "benchmark": defined(self._panel.benchmark[t]),
            "positions": positions,
            "flows": settled.flows if settled else _flows(now),
        }


def _flows(fills: list[Fill]) -> dict[str, float]:
    """Return what is known of a bar's cash flows (USD) from its fills alone."""
    return {
        "trades": -math.fsum(fill.quantity * fill.price for fill in fills),
        "commission": -math.fsum(fill.commission for fill in fills),
        "fees": -math.fsum(fill.fees for fill in fills),
    }
