"""Tiny markets, rules and orders for the kernel's tests."""

from __future__ import annotations

from typing import Any

import numpy as np

from execution.kernel import new_state, run
from execution.kernel.types import (
    AT_OPEN,
    DAY,
    EXPLICIT,
    MARKET,
    CostTable,
    Floats,
    Market,
    Orders,
    Outcome,
    Rules,
    Targets,
)

NAN = float("nan")


def market(*bars: Any, **arrays: Any) -> Market:
    """One symbol; each bar is (open, high, low, close), one price for all four, or None for no bar.

    Keywords replace whole columns: ``volume=[...]``, ``split_ratio=[...]``, ``session=[...]`` and so on.
    """
    rows = np.array([_bar(bar) for bar in bars], dtype=np.float64)
    count = len(rows)
    opens, high, low, close = (rows[:, [k]].copy() for k in range(4))
    made = Market(
        open=opens,
        high=high,
        low=low,
        close=close,
        volume=np.full((count, 1), 1e6),
        vwap=(high + low + close) / 3,
        split_ratio=np.ones((count, 1)),
        dividend=np.zeros((count, 1)),
        volatility=np.full((count, 1), 0.02),
        is_shortable=np.ones((count, 1), dtype=np.bool_),
        session=np.arange(count),
        days=np.r_[0.0, np.ones(count - 1)],
    )
    for name, values in arrays.items():
        old = getattr(made, name)
        made = made._replace(**{name: np.array(values, dtype=old.dtype).reshape(old.shape)})
    return made


def beside(*markets: Market) -> Market:
    """Put markets of one symbol side by side; sessions and days are the first one's."""
    first = markets[0]
    joined = {
        name: np.hstack([getattr(one, name) for one in markets])
        for name, values in zip(first._fields, first, strict=True)
        if values.ndim == 2
    }
    return first._replace(**joined)


def _bar(bar: Any) -> tuple[float, ...]:
    if bar is None:
        return (NAN,) * 4
    return tuple(bar) if isinstance(bar, tuple) else (float(bar),) * 4


def costs(bars: Market, **changes: Any) -> CostTable:
    count, names = bars.close.shape
    nothing = np.zeros(count)
    free = CostTable(
        per_share=0.0,
        per_order=0.0,
        rate=0.0,
        minimum=0.0,
        maximum=np.inf,
        maximum_rate=np.inf,
        sale_rate=nothing,
        sale_per_share=nothing,
        sale_maximum=nothing,
        spread=np.zeros((1, names)),
        bucket=np.zeros(count, dtype=np.int64),
        slippage=0.0,
        slippage_volatility=0.0,
        impact=0.0,
        borrow_rate=np.zeros(names),
    )
    return free._replace(**changes)


def rules(**changes: Any) -> Rules:
    """A margin account that may do anything, unless changed."""
    loose = Rules(
        whole_shares=False,
        lot=0.0,
        min_trade_weight=0.0,
        min_notional=0.0,
        order_type=MARKET,
        time_in_force=DAY,
        fill_at=AT_OPEN,
        limit_distance=0.0,
        stop_distance=0.0,
        trail=0.0,
        participation=0.0,
        carries_remainder=False,
        stop_loss=0.0,
        take_profit=0.0,
        trailing_stop=0.0,
        exits_by_volatility=False,
        max_bars=0,
        is_margin=True,
        initial_margin=1e-6,
        maintenance_margin=0.0,
        margin_rate=0.0,
        cash_rate=0.0,
        exit_after_missing_sessions=0,
        vanished_recovery=1.0,
        max_position_weight=10.0,
        max_gross=10.0,
        min_confidence=0.0,
        min_price=0.0,
        max_price_move=10.0,
        max_stale_sessions=1000,
    )
    return loose._replace(**changes)


def order(
    quantity: float,
    *,
    bar: int = -1,
    symbol: int = 0,
    kind: int = MARKET,
    limit: float = NAN,
    stop: float = NAN,
    trail: float = NAN,
    force: int = DAY,
    reason: int = EXPLICIT,
    goal: float = NAN,
) -> tuple[Any, ...]:
    return bar, symbol, quantity, kind, limit, stop, trail, force, reason, goal


def sent(*rows: tuple[Any, ...]) -> Orders:
    columns = list(zip(*rows, strict=True))
    whole = {"bar", "symbol", "type", "time_in_force", "reason"}
    return Orders(
        *(
            np.array(column, dtype=np.int64 if name in whole else np.float64)
            for name, column in zip(Orders._fields, columns, strict=True)
        )
    )


def targets(rows: dict[int, list[float]], confidence: float = 1.0) -> Targets:
    weight: Floats = np.array(list(rows.values()), dtype=np.float64)
    return Targets(np.array(list(rows)), weight, np.full(weight.shape, confidence))


def play(bars: Market, *rows: tuple[Any, ...], cash: float = 1e6, **changes: Any) -> Outcome:
    """Run a market with orders from outside and changed rules, free of costs unless ``costs`` is given."""
    charged = changes.pop("costs", None) or costs(bars)
    wanted = changes.pop("targets", None)
    return run(
        bars,
        charged,
        rules(**changes),
        new_state(bars.close.shape[1], cash),
        first=0,
        last=len(bars.close),
        targets=wanted,
        orders=sent(*rows) if rows else None,
    )


def fills(outcome: Outcome) -> list[tuple[Any, ...]]:
    """(bar, quantity, price) of each fill."""
    return [(int(f["bar"]), float(f["quantity"]), float(f["price"])) for f in outcome.fills]


def ends(outcome: Outcome) -> list[tuple[int, int, int]]:
    """(status, end_bar, obstacle) of each order."""
    return [(int(o["status"]), int(o["end_bar"]), int(o["obstacle"])) for o in outcome.orders]
