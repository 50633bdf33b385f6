"""Opening the broker that a config names, and what a simulated one can do beyond a real one."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, runtime_checkable

from execution.config import BrokerConfig
from execution.kernel import State
from execution.rules import Terms
from execution.types import Broker, Order
from transforms.errors import ConfigError
from transforms.paths import Home


@dataclass(frozen=True)
class Settled:
    """What the last bar left of an account.

    Attributes:
        equity: USD at its close.
        traded: USD bought and sold on it.
        flows: Kind of cash flow (``kernel.types.FLOWS``) → USD on it.
    """

    equity: float
    traded: float
    flows: dict[str, float]


@runtime_checkable
class SettlingBroker(Protocol):
    """A broker whose market moves only when it is told to."""

    @property
    def last_bar(self) -> datetime | None:
        """The bar that its market has come to, None before the first."""
        ...

    def settle(self, terms: Terms, t: int) -> None:
        """Move the market to the close of bar ``t``: everything that happens to an account on a bar."""
        ...

    def settled(self) -> Settled:
        """Return what the last bar left of the account."""
        ...

    def state(self, symbols: tuple[str, ...], t: int) -> tuple[State, dict[int, str]]:
        """Return the book at the close of bar ``t``, the last, and number → client order id of its open orders."""
        ...

    def own_orders(self) -> list[Order]:
        """Return every order that the account brought about by itself: exits, margin calls, buy-ins; oldest first."""
        ...

    def note(self, client_order_id: str) -> str:
        """Return why an order was rejected or not (wholly) filled; empty where there is nothing to say."""
        ...


def open_broker(config: BrokerConfig, home: Home, *, initial_cash: float) -> Broker:
    """Return the broker that ``config`` describes.

    Args:
        initial_cash: Cash (USD) of a simulated account that this call opens; every other brings its own.

    Raises:
        ConfigError: where the config names no implementation.
    """
    if not config.implementation:
        raise ConfigError(f"broker {config.name!r} names no implementation; choose one of conf/broker/*.yaml")
    module, _, name = config.implementation.partition(":")
    broker: Broker = getattr(importlib.import_module(module), name)(config, home, initial_cash=initial_cash)
    return broker
