"""Round trips: what each position earned from its opening to its close, all costs and dividends included."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

from execution.market import AppliedAction
from execution.types import Fill


@dataclass(frozen=True)
class RoundTrip:
    """A position of one symbol from flat to flat, or to the other side.

    Prices and quantity are on the split basis of the opening.

    Attributes:
        side: ``long`` or ``short``.
        closed_at: Start of the bar that closed it, None while it is open.
        quantity: Largest absolute position (shares).
        entry_price: Mean price of the fills that opened and enlarged it, slippage included (USD per share).
        exit_price: Mean price of the fills that reduced and closed it; None if there were none.
        pnl: USD after commission and slippage, dividends and cash in lieu included; what is open counts at
            the last mark. Over all trips it sums to the change of the equity.
        return_on_entry: ``pnl`` over the value of the entry fills.
        sessions: Sessions at whose close the position stood.
    """

    symbol: str
    side: str
    opened_at: datetime
    closed_at: datetime | None
    quantity: float
    entry_price: float
    exit_price: float | None
    pnl: float
    return_on_entry: float
    sessions: int


@dataclass
class _Trip:
    """A round trip under way. ``basis``: shares that one share of the opening has become."""

    symbol: str
    side: str
    opened_at: datetime
    opened_on: date
    position: float = 0.0
    basis: float = 1.0
    peak: float = 0.0
    entry_shares: float = 0.0
    entry_value: float = 0.0
    exit_shares: float = 0.0
    exit_value: float = 0.0
    flows: list[float] = field(default_factory=list)

    def trade(self, shares: float, price: float, commission: float) -> None:
        """Take a fill, or the part of it that does not cross zero."""
        if shares * self.position >= 0:
            self.entry_shares += abs(shares) / self.basis
            self.entry_value += abs(shares) * price
        else:
            self.exit_shares += abs(shares) / self.basis
            self.exit_value += abs(shares) * price
        self.position += shares
        self.peak = max(self.peak, abs(self.position) / self.basis)
        self.flows += [-shares * price, -commission]

    def finish(self, mark: float, closed_at: datetime | None, sessions: int) -> RoundTrip:
        pnl = math.fsum([*self.flows, self.position * mark])
        return RoundTrip(
            symbol=self.symbol,
            side=self.side,
            opened_at=self.opened_at,
            closed_at=closed_at,
            quantity=self.peak,
            entry_price=self.entry_value / self.entry_shares,
            exit_price=self.exit_value / self.exit_shares if self.exit_shares > 0 else None,
            pnl=pnl,
            return_on_entry=pnl / self.entry_value,
            sessions=sessions,
        )


def round_trips(
    fills: Sequence[Fill],
    actions: Sequence[AppliedAction],
    *,
    marks: Mapping[str, float],
    sessions: Sequence[date],
) -> list[RoundTrip]:
    """Return the round trips of a book that began flat, by opening, then by symbol.

    A fill through zero closes one trip and opens the next; its commission is shared by shares.

    Args:
        fills: In the order they were booked.
        actions: The splits and dividends that met positions; on a bar they come before its fills.
        marks: Symbol → last close (USD) of what is still held.
        sessions: The book's sessions, ascending.
    """
    events: list[tuple[datetime, int, Fill | AppliedAction]] = [(f.bar_at, 1, f) for f in fills]
    events += [(a.bar_at, 0, a) for a in actions]
    events.sort(key=lambda event: event[:2])
    under_way: dict[str, _Trip] = {}
    done: list[RoundTrip] = []

    def held_from(trip: _Trip, closed_on: date) -> int:
        return bisect_left(sessions, closed_on) - bisect_left(sessions, trip.opened_on)

    def close_if_flat(trip: _Trip, at: datetime, on: date) -> None:
        if trip.position == 0:
            done.append(trip.finish(0.0, at, held_from(trip, on)))
            del under_way[trip.symbol]

    for _, _, event in events:
        trip = under_way.get(event.symbol)
        if isinstance(event, AppliedAction):
            if trip is not None:
                trip.position = event.quantity
                trip.basis *= event.ratio
                trip.flows.append(event.cash)
                close_if_flat(trip, event.bar_at, event.session_date)
            continue
        shares, fee = event.quantity, event.commission
        if trip is not None and trip.position * shares < 0 and abs(shares) > abs(trip.position):
            closing = -trip.position
            closing_fee = fee * closing / shares
            trip.trade(closing, event.price, closing_fee)
            close_if_flat(trip, event.bar_at, event.session_date)
            shares, fee, trip = shares - closing, fee - closing_fee, None
        if trip is None:
            side = "long" if shares > 0 else "short"
            trip = under_way[event.symbol] = _Trip(event.symbol, side, event.bar_at, event.session_date)
        trip.trade(shares, event.price, fee)
        close_if_flat(trip, event.bar_at, event.session_date)
    for trip in under_way.values():
        held = len(sessions) - bisect_left(sessions, trip.opened_on)
        done.append(trip.finish(marks[trip.symbol], None, held))
    return sorted(
        done, key=lambda t: (t.opened_at, t.symbol, t.closed_at is None, t.closed_at or t.opened_at)
    )
