"""Opening the broker that a config names, and what a simulated one can do beyond a real one."""

from __future__ import annotations

import importlib
from datetime import datetime
from typing import Protocol, runtime_checkable

from execution.config import BrokerConfig, CostsConfig, PortfolioConfig
from execution.types import Broker, Snapshot
from transforms.errors import ConfigError
from transforms.paths import Home


@runtime_checkable
class SettlingBroker(Protocol):
    """A broker whose market moves only when it is told to."""

    @property
    def last_bar(self) -> datetime | None:
        """The bar that its market has come to, None before the first."""
        ...

    def settle(self, snapshot: Snapshot, costs: CostsConfig, portfolio: PortfolioConfig) -> None:
        """Move the market to ``snapshot``'s bar: corporate actions, then open orders at this bar's open."""
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
