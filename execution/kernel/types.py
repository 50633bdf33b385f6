"""What goes into the kernel and what comes out of it: named tuples of arrays, which numba takes as they are.

Prices are raw USD per share on the split basis of their own session, quantities signed shares, T bars, N symbols.
``docs/simulator.md`` says what the kernel does with them. Logs are structured arrays, one record per row:
``outcome.fills["price"]`` is a column.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
Records = NDArray[Any]  # a structured array of one of the dtypes below

# Order types
MARKET, LIMIT, STOP, STOP_LIMIT, TRAILING_STOP, MARKET_ON_CLOSE = range(6)
ORDER_TYPES = ("market", "limit", "stop", "stop_limit", "trailing_stop", "market_on_close")
# Time in force
DAY, GTC = range(2)
TIMES_IN_FORCE = ("day", "gtc")
# Where market orders fill
AT_OPEN, AT_CLOSE, AT_VWAP = range(3)
FILL_AT = ("open", "close", "vwap")
# Why an order exists, and with it its fills
TARGET, EXPLICIT, STOP_LOSS, TAKE_PROFIT, TRAILING_EXIT, TIME_EXIT, MARGIN_CALL, RUIN, BUY_IN, VANISHED = (
    range(10)
)
REASONS = (
    "target",
    "order",
    "stop_loss",
    "take_profit",
    "trailing_stop",
    "time_exit",
    "margin_call",
    "ruin",
    "buy_in",
    "vanished",
)
# How an order ended; ``OPEN``: it has not
OPEN, FILLED, CANCELLED, REPLACED = range(4)
STATUSES = ("open", "filled", "cancelled", "replaced")
# Why not wholly filled: code of the last obstacle
NOTHING, NO_BAR, CASH, CAP, MARGIN, NOT_SHORTABLE, NOT_TOUCHED, SPLIT_AWAY, RUINED = range(9)
OBSTACLES = (
    "nothing",
    "no_bar",
    "cash",
    "cap",
    "margin",
    "not_shortable",
    "not_touched",
    "split_away",
    "ruined",
)
# Risk rules, in the order in which they are applied
NO_PRICE, STALE_PRICE, PRICE_MOVE, MIN_PRICE, MIN_CONFIDENCE, MAX_POSITION_WEIGHT, MAX_GROSS = range(7)
RISK_RULES = (
    "no_price",
    "stale_price",
    "price_move",
    "min_price",
    "min_confidence",
    "max_position_weight",
    "max_gross",
)
# Kinds of cash flow, the columns of ``Flows``
TRADES, COMMISSION, FEES, DIVIDENDS, IN_LIEU, BORROW, INTEREST = range(7)
FLOWS = ("trades", "commission", "fees", "dividends", "in_lieu", "borrow", "interest")


def _record(ints: str, floats: str) -> np.dtype[Any]:
    return np.dtype(
        [(name, np.int64) for name in ints.split()] + [(name, np.float64) for name in floats.split()],
        align=True,
    )


# An order with its end. ``id`` counts from 0 over the life of a state, ``bar`` is the row of its decision (-1: before
# the first), ``end_bar`` that of its end (-1 while open). ``quantity``, ``limit``, ``stop`` and ``trail`` are as placed
# (NaN if none); ``remaining``, ``filled``, ``goal``, ``limit_level``, ``level`` and ``best`` are on the split basis of
# its last bar. ``goal`` is the position that it leads to and never carries beyond, NaN if none; ``best`` the low (high)
# since, for a trailing buy (sell).
ORDER = _record(
    "id bar symbol type time_in_force reason status end_bar obstacle is_triggered tried_bar",
    "quantity filled limit stop trail goal remaining limit_level level best",
)
# A fill; ``order`` is -1 for exits, buy-ins and vanished symbols that no order carried out. ``reference`` is the price
# before costs moved it, ``commission`` and ``fees`` are USD; ``at_close`` is 1 where it was filled at the close or
# the VWAP, else 0.
FILL = _record("bar symbol order reason at_close", "quantity price reference commission fees")
# A split or dividend that met a position: new shares per old, the position after it, USD paid.
ACTION = _record("bar symbol", "ratio quantity cash")
# A change that a risk rule made at a decision; ``symbol`` is -1 for the whole book.
RISK_EVENT = _record("bar symbol rule", "before after")
# What is held of a symbol besides its quantity: closes it was held over, whether the rest of an exit is on its way;
# average entry price, extremes since, daily volatility when it was opened.
POSITION = _record("age is_leaving", "entry high low volatility")


class Market(NamedTuple):
    """Bars, (T, N) each unless said otherwise; NaN where a symbol has none."""

    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats
    vwap: Floats  # (high + low + close) / 3, the typical price: bars carry no VWAP
    split_ratio: Floats  # 1 if none
    dividend: Floats  # 0 if none
    volatility: Floats  # daily volatility (fraction) known at the close BEFORE the bar; 0 if unknown
    is_shortable: Bools  # (T, N)
    session: Ints  # (T,) number of the session, ascending
    days: Floats  # (T,) calendar days since the session of the bar before; 0 within a session and on bar 0


class CostTable(NamedTuple):
    """Costs of fills and of holding, as ``execution.costs.cost_table`` lays them out."""

    per_share: float  # USD
    per_order: float  # USD
    rate: float  # fraction of value
    minimum: float  # USD of a fill
    maximum: float  # USD of a fill, inf: none
    maximum_rate: float  # fraction of value, inf: none
    sale_rate: Floats  # (T,) SEC fee: fraction of the value of a sale
    sale_per_share: Floats  # (T,) TAF: USD per share sold
    sale_maximum: Floats  # (T,) USD at most of the TAF of one fill
    spread: (
        Floats  # (B, N) half spread and fitted slippage, fraction of price, by bucket of the day and symbol
    )
    bucket: Ints  # (T,) row of ``spread``
    slippage: float  # fraction of price
    slippage_volatility: float  # times the daily volatility
    impact: float  # times the daily volatility times sqrt(shares / volume)
    borrow_rate: Floats  # (N,) per year


class Rules(NamedTuple):
    """Scalars of ``portfolio``, ``orders``, ``exits``, ``account`` and ``risk``; 0 switches a rule off unless said."""

    whole_shares: bool
    lot: float  # shares; 0: fractions allowed (whole_shares: at least 1)
    min_trade_weight: float
    min_notional: float
    order_type: int
    time_in_force: int
    fill_at: int
    limit_distance: float  # fraction of the close
    stop_distance: float
    trail: float
    participation: float
    carries_remainder: bool
    stop_loss: float
    take_profit: float
    trailing_stop: float
    exits_by_volatility: bool
    max_bars: int
    is_margin: bool
    initial_margin: float
    maintenance_margin: float
    margin_rate: float
    cash_rate: float
    exit_after_missing_sessions: int
    vanished_recovery: float
    max_position_weight: float
    max_gross: float
    min_confidence: float
    min_price: float
    max_price_move: float
    max_stale_sessions: int


class Orders(NamedTuple):
    """Orders sent from outside, by bar, (M,) each; they are active from the bar after ``bar``."""

    bar: Ints  # ascending; the bar at whose close the order was decided, -1: before the first
    symbol: Ints  # column
    quantity: Floats  # signed
    type: Ints
    limit: Floats  # USD, NaN if none
    stop: Floats  # USD, NaN if none
    trail: Floats  # fraction, NaN if none
    time_in_force: Ints
    reason: Ints  # TARGET or EXPLICIT
    goal: Floats  # position that it leads to and never carries beyond, NaN if none


class Targets(NamedTuple):
    """Weights wanted at closes; a decision is made on these bars and on no other."""

    bar: Ints  # (R,) ascending
    weight: Floats  # (R, N) signed fraction of equity; NaN leaves the position alone
    confidence: Floats  # (R, N) in [0, 1]


class Outcome(NamedTuple):
    """What happened on the bars that were run, (T,) of them.

    Structured arrays are in the order of events; their columns are described beside their dtypes.
    """

    first: int  # row of the first bar
    cash: Floats  # (T,) USD at each close
    equity: Floats  # (T,) USD at each close
    gross: Floats  # (T,) sum of the positions' absolute values at each close, USD
    traded: Floats  # (T,) USD bought and sold
    flows: Floats  # (T, 7) USD by kind, see ``FLOWS``; they sum to the change of cash
    quantity: Floats  # (T, N) at each close; (0, N) unless kept
    weights: Floats  # (R, N) after risk, a row per row of ``Targets``; NaN where left alone or not decided
    fills: Records  # FILL
    orders: Records  # ORDER: every order that was open on these bars, those still open included
    actions: Records  # ACTION
    risk_events: Records  # RISK_EVENT


class Decision(NamedTuple):
    """What is decided at one close."""

    weights: Floats  # (N,) after risk; NaN where left alone
    equity: float  # prudent equity that weights are fractions of, USD
    orders: Orders  # for the next bar, by symbol
    replaced: Ints  # ids of open orders that they replace
    risk_events: Records  # RISK_EVENT
