"""The states of an order and the steps between them; everything else is an error.

::

    intended ─▶ sent ─▶ accepted ─▶ partially_filled ─▶ filled
        │         └────────┴──────────────┴───────────▶ cancelled | rejected | expired
        └─▶ expired (never sent: its moment has passed)

An order that the account brought about by itself (a stop, a margin call) begins as ``accepted``: nobody sends it.
A state may be jumped over (a broker may answer ``sent`` with ``filled``), never gone back to. ``sent`` may
follow ``sent``: the answer was lost and the same id went out again. ``partially_filled`` may follow itself.
"""

from __future__ import annotations

from transforms.errors import QuantmillError, RiskHaltError

INTENDED, SENT, ACCEPTED, PARTIALLY_FILLED = "intended", "sent", "accepted", "partially_filled"
FILLED, CANCELLED, REJECTED, EXPIRED = "filled", "cancelled", "rejected", "expired"

TERMINAL = frozenset({FILLED, CANCELLED, REJECTED, EXPIRED})
STATUSES = (INTENDED, SENT, ACCEPTED, PARTIALLY_FILLED, FILLED, CANCELLED, REJECTED, EXPIRED)
BROKER_STATUSES = frozenset(STATUSES) - {INTENDED, SENT}

TRANSITIONS: dict[str, frozenset[str]] = {
    INTENDED: frozenset({SENT, EXPIRED}),
    SENT: frozenset({SENT, ACCEPTED, PARTIALLY_FILLED, FILLED, CANCELLED, REJECTED, EXPIRED}),
    ACCEPTED: frozenset({PARTIALLY_FILLED, FILLED, CANCELLED, REJECTED, EXPIRED}),
    PARTIALLY_FILLED: frozenset({PARTIALLY_FILLED, FILLED, CANCELLED, EXPIRED}),
    **{status: frozenset() for status in TERMINAL},
}


class IllegalTransitionError(QuantmillError):
    """An order was to make a step that no order makes."""


def require_transition(client_order_id: str, before: str, after: str) -> None:
    """Raise ``IllegalTransitionError`` unless an order may go from ``before`` to ``after``."""
    if after not in TRANSITIONS[before]:
        allowed = (
            ", ".join(status for status in STATUSES if status in TRANSITIONS[before])
            or "nothing: it is final"
        )
        raise IllegalTransitionError(
            f"order {client_order_id}: cannot go from {before} to {after} (after {before} comes {allowed})"
        )


def require_broker_status(client_order_id: str, status: str) -> None:
    """Raise ``RiskHaltError`` for a broker's status that we do not know: its meaning is not guessed."""
    if status not in BROKER_STATUSES:
        known = ", ".join(status for status in STATUSES if status in BROKER_STATUSES)
        raise RiskHaltError(
            f"order {client_order_id}: the broker answered with the unknown status {status!r} "
            f"(known: {known}); look at the order at the broker before trading on"
        )
