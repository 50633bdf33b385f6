"""What the kernel refuses to run on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from execution.kernel.types import (
    EXPLICIT,
    FILL_AT,
    LIMIT,
    ORDER_TYPES,
    REASONS,
    STOP,
    STOP_LIMIT,
    TIMES_IN_FORCE,
    TRAILING_STOP,
    CostTable,
    Market,
    Orders,
    Rules,
    Targets,
)
from transforms.errors import QuantmillError

_MATRICES = (
    "open",
    "high",
    "low",
    "close",
    "volume",
    "vwap",
    "split_ratio",
    "dividend",
    "volatility",
    "is_shortable",
)
# Rules that are switched off by 0; the rest is looked at one by one.
_NOT_NEGATIVE = (
    "lot",
    "min_trade_weight",
    "min_notional",
    "limit_distance",
    "stop_distance",
    "trail",
    "participation",
    "stop_loss",
    "take_profit",
    "trailing_stop",
    "max_bars",
    "initial_margin",
    "maintenance_margin",
    "margin_rate",
    "cash_rate",
    "exit_after_missing_sessions",
    "vanished_recovery",
    "max_position_weight",
    "max_gross",
    "min_confidence",
    "min_price",
    "max_price_move",
    "max_stale_sessions",
)


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
    _check_shapes(market)
    volume, session = market.volume, market.session

    def refuse(array: str, bad: Any, must: str) -> None:
        if not np.any(bad):
            return
        t, i = (int(place[0]) for place in np.nonzero(bad))
        value = getattr(market, array)[t, i]
        name = symbols[i] if symbols is not None else f"symbol {i}"
        raise QuantmillError(
            f"{array} of {name} at {bars[t] if bars is not None else f'bar {t}'} is {value}: {must}; "
            "correct the bars or leave the symbol out"
        )

    for array in ("open", "high", "low", "close"):
        prices = getattr(market, array)
        refuse(array, (prices < 0) | np.isinf(prices), "a price is finite and not negative")
    exists = market.close > 0
    for array in ("open", "high", "low"):
        refuse(array, np.isnan(getattr(market, array)) == exists, "a bar has all of its prices or none")
    refuse("close", (market.open > 0) & ~exists, "a bar has all of its prices or none")
    refuse("high", market.high < market.low, "the high is not below the low")
    refuse("vwap", (market.open > 0) & ~((market.vwap > 0) & np.isfinite(market.vwap)), "it is above 0")
    refuse("volume", (volume < 0) | np.isinf(volume), "a volume is finite and not negative")
    refuse(
        "volatility",
        ~((market.volatility >= 0) & np.isfinite(market.volatility)),
        "a volatility is finite and not negative, 0 where it is not known",
    )
    refuse(
        "split_ratio",
        ~((market.split_ratio > 0) & np.isfinite(market.split_ratio)),
        "it is finite and above 0",
    )
    refuse("dividend", ~np.isfinite(market.dividend), "it is finite, 0 where there is none")
    backwards = np.flatnonzero(session[1:] < session[:-1])
    if backwards.size:
        t = int(backwards[0]) + 1
        raise QuantmillError(
            f"session of {bars[t] if bars is not None else f'bar {t}'} is {session[t]}, before it came "
            f"{session[t - 1]}: bars are in the order of time; sort them"
        )
    if not np.all((market.days >= 0) & np.isfinite(market.days)):
        t = int(np.flatnonzero(~((market.days >= 0) & np.isfinite(market.days)))[0])
        raise QuantmillError(f"days of bar {t} are {market.days[t]}: days are finite and not negative")


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
    _check_shapes(market)
    _check_costs(market, costs)
    _check_rules(rules)
    total, count = market.close.shape
    if targets is not None:
        _check_targets(targets, total, count)
    if orders is not None:
        _check_orders(orders, total, count)


def _check_shapes(market: Market) -> None:
    shape = market.close.shape
    if len(shape) != 2:
        raise QuantmillError(f"close has the shape {shape}; it is bars × symbols")
    for array in _MATRICES:
        if getattr(market, array).shape != shape:
            raise QuantmillError(f"{array} has the shape {getattr(market, array).shape}, close {shape}")
    for array in ("session", "days"):
        if getattr(market, array).shape != shape[:1]:
            raise QuantmillError(f"{array} has the shape {getattr(market, array).shape}, not {shape[:1]}")


def _check_costs(market: Market, costs: CostTable) -> None:
    total, count = market.close.shape
    shapes = {
        "sale_rate": (total,),
        "sale_per_share": (total,),
        "sale_maximum": (total,),
        "bucket": (total,),
        "borrow_rate": (count,),
        "spread": (costs.spread.shape[0], count),
    }
    for name, shape in shapes.items():
        if getattr(costs, name).shape != shape:
            raise QuantmillError(f"costs: {name} has the shape {getattr(costs, name).shape}, not {shape}")
    for name, value in zip(costs._fields, costs, strict=True):
        values = np.asarray(value, dtype=np.float64)
        # A maximum may be infinite: there is none.
        is_cost = (values >= 0) & (np.isfinite(values) | ("maximum" in name))
        if not np.all(is_cost):
            where = f" at {[int(place[0]) for place in np.nonzero(~is_cost)]}" if values.ndim else ""
            worst = values[~is_cost][0]
            raise QuantmillError(f"costs: {name}{where} is {worst}; a cost is finite and not negative")
    if total and int(costs.bucket.max()) >= len(costs.spread):
        raise QuantmillError(
            f"costs: a bucket is {costs.bucket.max()}, and spread has {len(costs.spread)} rows"
        )


def _check_rules(rules: Rules) -> None:
    for name in _NOT_NEGATIVE:
        value = getattr(rules, name)
        if not value >= 0:
            raise QuantmillError(f"rules: {name} is {value}; it must be at least 0")
    _check_codes("rules: order_type", np.array([rules.order_type]), ORDER_TYPES)
    _check_codes("rules: time_in_force", np.array([rules.time_in_force]), TIMES_IN_FORCE)
    _check_codes("rules: fill_at", np.array([rules.fill_at]), FILL_AT)
    if rules.is_margin and not 0 < rules.initial_margin < np.inf:
        raise QuantmillError(
            f"rules: initial_margin is {rules.initial_margin}; a margin account's is above 0"
        )
    if rules.is_margin and rules.maintenance_margin > rules.initial_margin:
        raise QuantmillError(
            f"rules: maintenance_margin is {rules.maintenance_margin}, above initial_margin "
            f"{rules.initial_margin}: what may be opened would be called at once"
        )


def _check_targets(targets: Targets, total: int, count: int) -> None:
    _check_bars("targets", targets.bar, 0, total, is_unique=True)
    for name in ("weight", "confidence"):
        shape = getattr(targets, name).shape
        if shape != (len(targets.bar), count):
            raise QuantmillError(f"targets: {name} has the shape {shape}, not {(len(targets.bar), count)}")
    _refuse_target("weight", targets, np.isinf(targets.weight), "a weight is finite, NaN to leave it alone")
    for outside in (targets.confidence < 0, targets.confidence > 1):
        _refuse_target("confidence", targets, outside, "a confidence is within 0 and 1")


def _refuse_target(name: str, targets: Targets, bad: Any, must: str) -> None:
    if np.any(bad):
        r, i = (int(place[0]) for place in np.nonzero(bad))
        value = getattr(targets, name)[r, i]
        raise QuantmillError(f"targets: {name} of symbol {i} at bar {targets.bar[r]} is {value}: {must}")


def _check_orders(orders: Orders, total: int, count: int) -> None:
    _check_columns(orders, len(orders.bar))
    _check_bars("orders", orders.bar, -1, total, is_unique=False)
    _check_codes("orders: type", orders.type, ORDER_TYPES)
    _check_codes("orders: time_in_force", orders.time_in_force, TIMES_IN_FORCE)
    # Other reasons are the simulator's own.
    _check_codes("orders: reason", orders.reason, REASONS[: EXPLICIT + 1])
    unknown = (orders.symbol < 0) | (orders.symbol >= count)
    _refuse_order("symbol", orders, unknown, f"there are {count} symbols")
    quantity = orders.quantity
    _refuse_order("quantity", orders, ~np.isfinite(quantity) | (quantity == 0), "it is finite and not 0")
    _refuse_order("goal", orders, np.isinf(orders.goal), "it is finite, NaN if none")
    for name, kinds in (
        ("limit", (LIMIT, STOP_LIMIT)),
        ("stop", (STOP, STOP_LIMIT)),
        ("trail", (TRAILING_STOP,)),
    ):
        value = getattr(orders, name)
        bad = np.isin(orders.type, kinds) & ~((value > 0) & np.isfinite(value))
        _refuse_order(name, orders, bad, "orders of its type need one above 0")


def _check_columns(table: NamedTuple, rows: int) -> None:
    for name, values in zip(table._fields, table, strict=True):
        if values.shape != (rows,):
            raise QuantmillError(f"orders: {name} has the shape {values.shape}, bar has {rows} rows")


def _refuse_order(name: str, orders: Orders, bad: Any, must: str) -> None:
    if np.any(bad):
        k = int(np.flatnonzero(bad)[0])
        raise QuantmillError(
            f"orders: {name} of order {k} (symbol {orders.symbol[k]}, bar {orders.bar[k]}) is "
            f"{getattr(orders, name)[k]}: {must}"
        )


def _check_bars(table: str, bar: Any, lowest: int, total: int, *, is_unique: bool) -> None:
    unknown = np.flatnonzero((bar < lowest) | (bar >= total))
    if unknown.size:
        raise QuantmillError(f"{table}: bar {bar[unknown[0]]} is none of the market's {total}")
    backwards = np.flatnonzero(bar[1:] <= bar[:-1] if is_unique else bar[1:] < bar[:-1])
    if backwards.size:
        k = int(backwards[0]) + 1
        raise QuantmillError(f"{table}: bar {bar[k]} comes after {bar[k - 1]}: bars are in the order of time")


def _check_codes(what: str, codes: Any, names: Sequence[str]) -> None:
    unknown = np.flatnonzero((codes < 0) | (codes >= len(names)))
    if unknown.size:
        choice = ", ".join(f"{code} {name}" for code, name in enumerate(names))
        raise QuantmillError(f"{what} {codes[unknown[0]]} is unknown; it is one of {choice}")
