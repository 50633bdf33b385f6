"""Nouns of the reference simulator: the tape it reads and the account it keeps, in plain Python objects."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, NamedTuple

DUST = 1e-9  # shares: less is nothing
LOT_TOLERANCE = 1e-6  # lots: so close to a whole lot is one

MARKET, LIMIT, STOP, STOP_LIMIT, TRAILING_STOP, MARKET_ON_CLOSE = range(6)
DAY, GTC = range(2)
AT_OPEN, AT_CLOSE, AT_VWAP = range(3)
TARGET, EXPLICIT, STOP_LOSS, TAKE_PROFIT, TRAILING_EXIT, TIME_EXIT, MARGIN_CALL, RUIN, BUY_IN, VANISHED = (
    range(10)
)
EXITS = (STOP_LOSS, TAKE_PROFIT, TRAILING_EXIT, TIME_EXIT)
OPEN, FILLED, CANCELLED, REPLACED = range(4)
NOTHING, NO_BAR, CASH, CAP, MARGIN, NOT_SHORTABLE, NOT_TOUCHED, SPLIT_AWAY, RUINED = range(9)
TRADES, COMMISSION, FEES, DIVIDENDS, IN_LIEU, BORROW, INTEREST = range(7)

NO_ORDER = -1


class Tape:
    """The bars as nested lists, ``tape.open[t][i]``."""

    def __init__(self, market: Any, costs: Any, rules: Any) -> None:
        for name in (
            "open",
            "high",
            "low",
            "close",
            "volume",
            "vwap",
            "split_ratio",
            "dividend",
            "volatility",
        ):
            setattr(self, name, getattr(market, name).tolist())
        self.is_shortable = market.is_shortable.tolist()
        self.session = market.session.tolist()
        self.days = market.days.tolist()
        self.costs = costs
        self.rules = rules
        self.bars = len(self.session)
        self.symbols = range(market.open.shape[1])

    def has_bar(self, t: int, i: int) -> bool:
        """Whether it can be traded; an open of 0 is a bar that nobody could trade on."""
        return bool(self.open[t][i] > 0)

    def has_close(self, t: int, i: int) -> bool:
        return math.isfinite(self.close[t][i])

    def begins_session(self, t: int) -> bool:
        return t == 0 or self.session[t] != self.session[t - 1]

    def ends_session(self, t: int) -> bool:
        return t + 1 == self.bars or self.session[t + 1] != self.session[t]


class Fill(NamedTuple):
    bar: int
    symbol: int
    quantity: float  # signed
    price: float
    reference: float  # price before costs moved it
    commission: float
    fees: float
    at_close: bool
    order: int
    reason: int


@dataclass
class Position:
    quantity: float
    entry: float
    peak: float
    trough: float
    opened: int  # bar
    reference: float  # price before costs of the fill that opened it
    volatility: float  # daily, known when it was opened
    is_from_close: bool  # opened at the close of its bar
    bars: int = 0
    is_due: bool = False

    @property
    def side(self) -> int:
        return 1 if self.quantity > 0 else -1


@dataclass
class Order:
    number: int
    bar: int
    symbol: int
    rest: float  # signed shares not yet filled
    type: int
    limit: float
    stop: float
    trail: float
    time_in_force: int
    reason: int
    goal: float  # position it leads to and never carries beyond, NaN if none
    best: float = math.nan
    is_triggered: bool = False  # its stop was reached
    tried: int = -2  # last bar on which it was tried
    status: int = OPEN
    filled: float = 0.0
    end_bar: int = -1
    obstacle: int = NOTHING

    @property
    def side(self) -> int:
        return 1 if self.rest > 0 else -1

    @property
    def is_market(self) -> bool:
        return self.type in (MARKET, MARKET_ON_CLOSE)

    @property
    def is_rest_of_exit(self) -> bool:
        return self.reason in EXITS

    @property
    def is_forced(self) -> bool:
        return self.is_rest_of_exit or self.reason == MARGIN_CALL

    @property
    def level(self) -> float:
        """Where a stop order is triggered."""
        if self.type == TRAILING_STOP:
            return self.best * (1 + self.side * self.trail)
        return self.stop

    def end(self, t: int, status: int, obstacle: int | None = None) -> None:
        self.status, self.end_bar = status, t
        if obstacle is not None:
            self.obstacle = obstacle


@dataclass
class Book:
    """An account with all that it remembers and all that is recorded of it."""

    cash: float
    positions: list[Position | None]
    last: list[float]  # last price, NaN before the first bar
    previous: list[float]  # the close before
    last_session: list[int | None]  # session of the last bar
    orders: list[Order] = field(default_factory=list)
    open_orders: list[Order] = field(default_factory=list)
    stand_in: dict[int, float] = field(default_factory=dict)  # first fill of what never had a close
    is_ruined: bool = False
    is_closing: bool = False  # whether this is the close of the bar
    used: list[float] = field(default_factory=list)  # shares of this bar's volume that were traded
    flow: list[float] = field(default_factory=list)  # this bar's cash flows by kind
    traded: float = 0.0
    # What is kept
    cash_log: list[float] = field(default_factory=list)
    equity_log: list[float] = field(default_factory=list)
    gross_log: list[float] = field(default_factory=list)
    traded_log: list[float] = field(default_factory=list)
    quantity_log: list[list[float]] = field(default_factory=list)
    flow_log: list[list[float]] = field(default_factory=list)
    fills: list[Fill] = field(default_factory=list)
    actions: list[tuple[Any, ...]] = field(default_factory=list)
    weights: list[list[float]] = field(default_factory=list)
    risk_events: list[tuple[Any, ...]] = field(default_factory=list)

    @classmethod
    def empty(cls, count: int, cash: float) -> Book:
        return cls(cash, [None] * count, [math.nan] * count, [math.nan] * count, [None] * count)

    def begin_bar(self) -> None:
        self.is_closing = False
        self.used = [0.0] * len(self.positions)
        self.flow = [0.0] * 7
        self.traded = 0.0

    def held(self, i: int) -> float:
        position = self.positions[i]
        return position.quantity if position else 0.0

    def pay(self, kind: int, amount: float) -> None:
        self.cash += amount
        self.flow[kind] += amount

    def price(self, i: int) -> float:
        """What a share counts for: the last price, the first fill before there is one."""
        return self.stand_in.get(i, math.nan) if math.isnan(self.last[i]) else self.last[i]

    def value(self, i: int) -> float:
        position = self.positions[i]
        return position.quantity * self.price(i) if position else 0.0

    def equity(self) -> float:
        return self.cash + math.fsum(self.value(i) for i in range(len(self.positions)))

    def gross(self) -> float:
        return math.fsum(abs(self.value(i)) for i in range(len(self.positions)))

    def add_order(self, t: int, i: int, quantity: float, kind: int, **details: Any) -> Order:
        given = dict.fromkeys(("limit", "stop", "trail", "goal"), math.nan) | details
        order = Order(len(self.orders), t, i, quantity, kind, **given)
        self.orders.append(order)
        self.open_orders.append(order)
        return order

    def forget_ended(self) -> None:
        self.open_orders = [order for order in self.open_orders if order.status == OPEN]


def to_lots(quantity: float, lot: float) -> float:
    """Round towards zero to lots; a lot of 0 allows any fraction."""
    if lot == 0 or math.isnan(quantity):
        return quantity
    return math.copysign(math.floor(abs(quantity) / lot + LOT_TOLERANCE) * lot, quantity)


def lot_of(rules: Any) -> float:
    return max(rules.lot, 1.0) if rules.whole_shares else float(rules.lot)
