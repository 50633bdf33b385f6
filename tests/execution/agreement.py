"""The reference simulator and the compiled kernel behind one face, and what sets two of their results apart."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from execution import kernel
from tests.execution import reference_simulator
from tests.execution.reference_book import DUST, FILLED
from tests.execution.scenarios import Scenario

FILL = (
    "bar",
    "symbol",
    "quantity",
    "price",
    "reference",
    "commission",
    "fees",
    "at_close",
    "order",
    "reason",
)
ORDER = ("id", "bar", "symbol", "type", "time_in_force", "reason", "status", "end_bar", "obstacle", "filled")
ACTION = ("bar", "symbol", "ratio", "quantity", "cash")
EVENT = ("bar", "symbol", "rule", "before", "after")
Row = tuple[float, ...]


class Result(NamedTuple):
    """What a simulation came to: arrays over its bars, and rows of fills, orders, actions and risk events."""

    cash: Any
    equity: Any
    gross: Any
    traded: Any
    quantity: Any
    flows: Any
    weights: Any
    fills: Sequence[Row]
    orders: Sequence[Row]
    actions: Sequence[Row]
    events: Sequence[Row]


def by_reference(given: Scenario) -> Result:
    book = reference_simulator.simulate(
        given.market, given.costs, given.rules, given.cash, targets=given.targets, orders=given.orders
    )
    names = given.market.open.shape[1]
    return Result(
        cash=np.array(book.cash_log),
        equity=np.array(book.equity_log),
        gross=np.array(book.gross_log),
        traded=np.array(book.traded_log),
        quantity=np.array(book.quantity_log),
        flows=np.array(book.flow_log),
        weights=np.array(book.weights).reshape(-1, names),
        fills=book.fills,
        orders=[
            (
                order.number,
                order.bar,
                order.symbol,
                order.type,
                order.time_in_force,
                order.reason,
                order.status,
                order.end_bar,
                0 if order.status == FILLED else order.obstacle,
                order.filled,
            )
            for order in book.orders
        ],
        actions=book.actions,
        events=book.risk_events,
    )


def by_kernel(given: Scenario) -> Result:
    count, names = given.market.open.shape
    outcome = kernel.run(
        given.market,
        given.costs,
        given.rules,
        kernel.new_state(names, given.cash),
        first=0,
        last=count,
        targets=given.targets,
        orders=given.orders,
    )
    return Result(
        cash=outcome.cash,
        equity=outcome.equity,
        gross=outcome.gross,
        traded=outcome.traded,
        quantity=outcome.quantity,
        flows=outcome.flows,
        weights=outcome.weights,
        fills=_rows(outcome.fills, FILL),
        orders=sorted(_rows(_without_obstacle(outcome.orders), ORDER)),
        actions=_rows(outcome.actions, ACTION),
        events=_rows(outcome.risk_events, EVENT),
    )


ENGINES: dict[str, Callable[[Scenario], Result]] = {"reference": by_reference, "kernel": by_kernel}


def _without_obstacle(orders: Any) -> Any:
    """Obstacles say why an order was not filled; those of filled ones, overcome, are not compared."""
    orders = orders.copy()
    orders["obstacle"][orders["status"] == FILLED] = 0
    return orders


def _rows(records: Any, columns: Sequence[str]) -> list[Row]:
    return list(zip(*(records[name].tolist() for name in columns), strict=True))


def differences(ours: Result, theirs: Result, *, tolerance: float = 1e-9) -> list[str]:
    """Say where two results differ by more than ``tolerance``, relative to the book's size; empty if nowhere."""
    scale = float(np.max(np.abs(ours.equity), initial=1.0))
    found = []
    for name in ("cash", "equity", "gross", "traded", "flows"):
        found += _arrays(name, getattr(ours, name), getattr(theirs, name), tolerance * scale)
    found += _arrays("quantity", ours.quantity, theirs.quantity, max(DUST, tolerance * scale))
    found += _arrays("weights", ours.weights, theirs.weights, tolerance)
    for name in ("fills", "orders", "actions", "events"):
        found += _tables(name, getattr(ours, name), getattr(theirs, name))
    return found


def _arrays(name: str, ours: Any, theirs: Any, tolerance: float) -> list[str]:
    if ours.shape != theirs.shape:
        return [f"{name}: shapes {ours.shape} and {theirs.shape}"]
    apart = ~np.isclose(ours, theirs, rtol=1e-9, atol=tolerance, equal_nan=True)
    if not apart.any():
        return []
    place = tuple(int(axis[0]) for axis in np.nonzero(apart))
    return [f"{name}{list(place)}: {ours[place]!r} and {theirs[place]!r}"]


def _tables(name: str, ours: Sequence[Row], theirs: Sequence[Row]) -> list[str]:
    for row, (mine, other) in enumerate(zip(ours, theirs, strict=False)):
        if not all(_same(a, b) for a, b in zip(mine, other, strict=True)):
            return [f"{name}[{row}]: {mine} and {other}"]
    return [] if len(ours) == len(theirs) else [f"{name}: {len(ours)} rows and {len(theirs)}"]


def _same(a: float, b: float) -> bool:
    return a == b or math.isclose(a, b, rel_tol=1e-9, abs_tol=10 * DUST) or (math.isnan(a) and math.isnan(b))
