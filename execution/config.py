"""Config of decisions: strategy, portfolio, costs, risk, broker. Light: ``--help`` imports this module."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar

from execution.costs_config import CostsConfig
from execution.portfolio_config import PortfolioConfig
from execution.simulation_config import AccountConfig, ExitsConfig, OrdersConfig
from transforms.config import BAR_MINUTES, require, require_choice

__all__ = [
    "AccountConfig",
    "BookConfig",
    "BrokerConfig",
    "CostsConfig",
    "ExitsConfig",
    "OrdersConfig",
    "Parameters",
    "PortfolioConfig",
    "RiskConfig",
    "SimulatedBrokerConfig",
    "StrategyConfig",
]


@dataclass
class Parameters:
    """Numbers that decide a strategy's signals."""

    def __post_init__(self) -> None:
        for item in fields(self):
            if "range" in item.metadata:
                low, high = item.metadata["range"]
                value = getattr(self, item.name)
                require(low <= value <= high, f"strategy.parameters.{item.name}", f"in {low}..{high}", value)


@dataclass
class StrategyConfig:
    """Where scores come from.

    Attributes:
        name: The strategy's name, as in ``marts.signals.strategy``.
        scores: ``predictions`` (the trained model's, out of sample) or ``signals`` (a SQL strategy's).
        parameters: What the strategy's SQL takes; see each strategy.
    """

    is_intraday: ClassVar[bool] = False

    name: str = "???"
    scores: str = "predictions"
    parameters: Any = field(default_factory=dict)

    def __post_init__(self) -> None:
        require_choice(self.scores, ("predictions", "signals"), "strategy.scores")
        if self.name != "???":
            ok = re.fullmatch(r"[a-z][a-z0-9_]{0,47}", self.name) is not None
            require(ok, "strategy.name", "lower-case letters, digits and _ (at most 48)", self.name)

    @property
    def uses_predictions(self) -> bool:
        """Whether a trained model's predictions are traded."""
        return self.scores == "predictions"

    @property
    def signals(self) -> dict[str, Any]:
        """SQL strategy → parameters, of those whose signals are traded."""
        return {} if self.uses_predictions else {self.name: self.parameters}

    def account_portfolio(self, portfolio: PortfolioConfig) -> PortfolioConfig:
        """Return how the account's scores become target weights, where ``portfolio`` is what the config says."""
        return portfolio

    def member_portfolios(self, _portfolio: PortfolioConfig) -> dict[str, PortfolioConfig]:
        """Return how the scores of each of several strategies become weights of its capital; of one strategy none."""
        return {}

    def require_timeframe(self, timeframe: str) -> None:
        """Refuse a timeframe that the strategy cannot trade.

        Raises:
            ConfigError: Names both keys.
        """
        require(
            not self.is_intraday or timeframe in BAR_MINUTES,
            f"source.timeframe with strategy={self.name}",
            f"one of {', '.join(BAR_MINUTES)}",
            timeframe,
        )


@dataclass
class RiskConfig:
    """What a decision may not exceed.

    Attributes:
        max_position_weight: Largest absolute weight of a symbol (fraction of equity); larger is cut.
        max_gross: Largest sum of absolute weights; larger is scaled down.
        min_confidence: Scores below it open nothing.
        min_price: Symbols below it are not bought or shorted (USD).
        max_price_move: Largest absolute close-to-close move (fraction, split-adjusted) that a price may have
            made to be traded on; beyond it the price is taken for an error and the symbol left alone.
        max_stale_sessions: Sessions a symbol's last bar may be old.
    """

    name: str = "???"
    max_position_weight: float = 0.5
    max_gross: float = 1.0
    min_confidence: float = 0.0
    min_price: float = 1.0
    max_price_move: float = 0.5
    max_stale_sessions: int = 0

    def __post_init__(self) -> None:
        require(
            0 < self.max_position_weight <= 1,
            "risk.max_position_weight",
            "in (0, 1]",
            self.max_position_weight,
        )
        require(0 < self.max_gross <= 4, "risk.max_gross", "in (0, 4]", self.max_gross)
        require(0 <= self.min_confidence <= 1, "risk.min_confidence", "in [0, 1]", self.min_confidence)
        require(0 <= self.min_price < math.inf, "risk.min_price", "finite and at least 0", self.min_price)
        require(self.max_price_move > 0, "risk.max_price_move", "above 0", self.max_price_move)
        require(
            self.max_stale_sessions >= 0, "risk.max_stale_sessions", "at least 0", self.max_stale_sessions
        )


@dataclass
class BookConfig:
    """Everything that decides what a book does with its scores: what a backtest and a desk trade by.

    Attributes:
        members: Of several strategies in one account, name → how its scores become weights of its capital.

    Raises:
        ConfigError: where two groups do not go together.
    """

    portfolio: PortfolioConfig
    risk: RiskConfig
    costs: CostsConfig
    orders: OrdersConfig = field(default_factory=lambda: OrdersConfig(name="market"))
    exits: ExitsConfig = field(default_factory=lambda: ExitsConfig(name="none"))
    account: AccountConfig = field(default_factory=lambda: AccountConfig(name="auto"))
    members: dict[str, PortfolioConfig] = field(default_factory=dict)

    def __post_init__(self) -> None:
        require(
            not self.portfolio.whole_shares or self.orders.lot == int(self.orders.lot),
            "orders.lot",
            "a whole number with portfolio.whole_shares=true",
            self.orders.lot,
        )
        require(
            self.portfolio.side == "long" or self.account.kind != "cash",
            "account.kind",
            "margin or auto with portfolio.side=long_short: a cash account holds no shorts",
            self.account.kind,
        )
        require(
            not self.members or self.portfolio.gross <= 1 or self.account.kind != "cash",
            "account.kind",
            "margin or auto where strategy.allocation.total times a member's gross is above 1: a cash account borrows "
            "nothing",
            self.account.kind,
        )

    @property
    def is_margin(self) -> bool:
        """Whether the book may owe cash and shares: by ``account.kind``, or where the portfolio asks for it."""
        if self.account.kind == "auto":
            return self.portfolio.side == "long_short" or self.portfolio.gross > 1
        return self.account.kind == "margin"


@dataclass
class BrokerConfig:
    """Where orders go.

    Attributes:
        name: The broker's name.
        account: The account's name; it names the book in ``execution.*`` and the broker's state file.
    """

    implementation: ClassVar[str] = ""
    is_simulated: ClassVar[bool] = False

    name: str = "???"
    account: str = "paper"

    def __post_init__(self) -> None:
        ok = re.fullmatch(r"[a-z0-9][a-z0-9_\-]{0,31}", self.account) is not None
        require(ok, "broker.account", "lower-case letters, digits, - and _ (at most 32)", self.account)


@dataclass
class SimulatedBrokerConfig(BrokerConfig):
    """A broker of our own, settled by the simulator (docs/simulator.md); its book survives restarts."""

    implementation: ClassVar[str] = "execution.brokers.simulated:SimulatedBroker"
    is_simulated: ClassVar[bool] = True

    name: str = "simulated"
