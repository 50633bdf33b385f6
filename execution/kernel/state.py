"""An account between two bars: what the kernel must know of it beside the market."""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from execution.kernel.types import ORDER, POSITION, REPLACED, STOP_LOSS, Floats, Ints, Records
from transforms.errors import QuantmillError


@dataclass
class State:
    """Cash, positions and open orders of one book; ``run`` changes it in place.

    Attributes:
        cash: USD.
        quantity: Signed shares, (N,).
        positions: POSITION records, (N,); meaningless where ``quantity`` is 0.
        orders: Open orders, ORDER records by age, (M,).
        next_order: Id of the next order.
        is_started: Whether a bar has been run.
        is_ruined: Whether equity was once at or below 0; such a book only sells.
    """

    cash: float
    quantity: Floats
    positions: Records
    orders: Records
    next_order: int = 0
    is_started: bool = False
    is_ruined: bool = False


def new_state(count: int, cash: float) -> State:
    """Return a book of ``count`` symbols that holds nothing but ``cash`` (USD).

    Raises:
        QuantmillError: If the cash is not finite or negative.
    """
    if not (np.isfinite(cash) and cash >= 0):
        raise QuantmillError(f"a book starts with finite cash of at least 0, was {cash}")
    return State(float(cash), np.zeros(count), np.zeros(count, POSITION), np.zeros(0, ORDER))


def dump_state(state: State) -> str:
    """Return the state as JSON; ``load_state`` gives it back bit for bit."""
    content: dict[str, Any] = {}
    for field in fields(state):
        value = getattr(state, field.name)
        content[field.name] = value.tolist() if isinstance(value, np.ndarray) else value
    return json.dumps(content, separators=(",", ":"))


def load_state(text: str) -> State:
    """Return the state that ``dump_state`` wrote.

    Raises:
        QuantmillError: If the text is no such state.
    """
    try:
        content = json.loads(text)
        return State(
            cash=float(content["cash"]),
            quantity=np.array(content["quantity"], dtype=np.float64),
            positions=np.array([tuple(row) for row in content["positions"]], dtype=POSITION),
            orders=np.array([tuple(row) for row in content["orders"]], dtype=ORDER),
            next_order=int(content["next_order"]),
            is_started=bool(content["is_started"]),
            is_ruined=bool(content["is_ruined"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise QuantmillError(
            f"the simulated book cannot be read: {error}; restore it from a backup"
        ) from error


def withdraw(state: State, ids: Ints, *, bar: int, status: int = REPLACED) -> Records:
    """Take open orders out of the book at the close of row ``bar`` and return them, ended with ``status``.

    Ids that are not open are passed over: they have ended before.
    """
    gone = np.isin(state.orders["id"], ids)
    ended: Records = state.orders[gone]
    ended["status"] = status
    ended["end_bar"] = bar
    for symbol in ended["symbol"][ended["reason"] >= STOP_LOSS]:
        state.positions["is_leaving"][symbol] = 0
    state.orders = state.orders[~gone]
    return ended
