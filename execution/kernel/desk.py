"""What the compiled functions work on: records of one account and its symbols, and the market's arrays.

A record is passed as a pointer, an array as seven words: hence few arrays, and scalars in one record.
"""

from __future__ import annotations

from typing import Any, NamedTuple, get_type_hints

import numpy as np

from execution.kernel.types import FLOWS, POSITION, Bools, CostTable, Floats, Ints, Market, Records, Rules

NEVER = -(1 << 40)  # the session of the last bar of a symbol that had none
DUST = 1e-9  # shares; less is nothing
# The moments of a bar: buy-ins and ruin; the open; the range; the stops of what was opened within it; the close
FORCED, AT_THE_OPEN, IN_THE_RANGE, AFTER, AT_THE_CLOSE = range(5)
# Rows of ``lists``: rows of open orders by age; those active on this bar by symbol and age; symbols held; symbols that
# a decision is about; room to sort and to merge
OPEN_ORDERS, BY_SYMBOL, HELD, WEIGHED, ROOM = range(5)
LISTS = 5


def _fields(kind: type, names: str) -> list[tuple[str, Any]]:
    return [(name, kind) for name in names.split()]


def _scalars(table: type) -> list[tuple[str, Any]]:
    kinds: dict[Any, Any] = {bool: np.int64, int: np.int64, float: np.float64}
    return [(name, kinds[hint]) for name, hint in get_type_hints(table).items() if hint in kinds]


# One record: the account's scalars; lengths of the logs and lists (``n_waiting``: of the active orders, those not
# tried on this bar yet); what functions tell each other within a bar (``net`` and ``gross`` value of positions at
# last prices where ``is_summed``; of the fill at hand the order's id, -1 if none, its reason, its moment, whether
# its price is exact and whether it asks neither cap nor lots nor buying power, and then what cut it last; whether
# positions were opened or closed since they were listed, ``has_opened`` and ``has_closed``, whether a short must be
# bought in, ``has_buy_in``, and whether a position was opened within the bar's range, ``has_fresh``); the bar's cash
# flows; the scalars of rules and costs; the fees of sales on this bar (``sec_rate``, ``taf``, ``taf_maximum``).
DESK = np.dtype(
    _fields(np.int64, "next_order is_started is_ruined t")
    + _fields(np.int64, "is_summed has_opened has_closed has_buy_in has_fresh")
    + _fields(np.int64, "order reason moment is_exact is_forced obstacle")
    + _fields(np.int64, "n_fills n_orders n_actions n_events")
    + _fields(np.int64, "n_open n_active n_waiting n_held n_weighed n_admitted")
    + _fields(np.float64, "cash net gross traded sec_rate taf taf_maximum")
    + _fields(np.float64, " ".join(FLOWS))
    + _scalars(Rules)
    + _scalars(CostTable),
    align=True,
)
# One record per symbol: the position; shares used of this bar's cap, where in the bar the position was opened and at
# what reference price; whether no price of this bar reaches a stop or target of it as it stands, ``is_calm``; the bar
# at hand (see ``take_up``).
SYMBOL = np.dtype(
    _fields(np.float64, "quantity used reference")
    + _fields(np.int64, "moment is_shortable is_calm")
    + _fields(
        np.float64, "last day_open day_high day_low day_close day_volume day_vwap day_volatility spread"
    )
    + [(name, POSITION[name]) for name in POSITION.names or ()],
    align=True,
)
# What a decision works out, which looks at every symbol: hence records of their own, small ones. Shares held after
# what a margin call will trade, their weight, shares to trade.
PLAN = np.dtype(_fields(np.float64, "held weight_held change"), align=True)


class Prices(NamedTuple):
    """What every bar renews for every symbol, (N,) each: arrays, which a processor goes through several at a time."""

    last: Floats  # price on today's split basis
    before: Floats  # the close before it
    seen: Ints  # session of the last bar


class Arrays(NamedTuple):
    """Arrays of one run. (N,) over symbols; logs and lists (M columns) grow between bars."""

    desk: Records  # (1,) DESK
    symbols: Records  # (N,) SYMBOL
    prices: Prices
    plans: Records  # (N,) PLAN
    orders: Records  # ORDER
    fills: Records  # FILL
    actions: Records  # ACTION
    events: Records  # RISK_EVENT
    lists: Ints  # (5, M)


class Tape(NamedTuple):
    """The market and the costs that depend on bar or symbol."""

    market: Market
    has_split: Bools  # (T,) of any symbol; known of the bars to be run
    has_dividend: Bools  # (T,)
    sale_rate: Floats
    sale_per_share: Floats
    sale_maximum: Floats
    spread: Floats
    bucket: Ints
    borrow_rate: Floats
