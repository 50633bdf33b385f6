"""Config of several strategies in one account. Light: ``--help`` imports this module."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from execution.config import StrategyConfig
from execution.portfolio_config import PortfolioConfig, require_lookback
from transforms.config import require, require_choice

ALLOCATIONS = ("equal", "fixed", "risk_parity", "kelly")


@dataclass
class AllocationConfig:
    """How an account's capital is divided between strategies; docs/allocation.md says how.

    Attributes:
        weighting: ``equal``, ``fixed`` (by ``shares``), ``risk_parity`` or ``kelly`` on the strategies' own returns.
        shares: Strategy → part of the capital; for ``fixed``.
        total: Largest sum of shares (fraction of equity); what is not given out stays in cash.
        max_share: Largest share of one strategy.
        target_volatility: Volatility per year (fraction) that the shares are scaled to, within ``total``; 0: off.
        kelly_fraction: Part of the growth-optimal shares that ``kelly`` takes.
        lookback: Sessions of the strategies' returns that are looked at.
        min_history: Sessions of returns, not all alike, that every strategy must have before these count; until then
            shares are equal, or with ``fixed`` as given.
        drift: Capital is moved when a strategy's share has come further than this from what it should be; 0: at every
            decision.
    """

    weighting: str = "equal"
    shares: dict[str, float] = field(default_factory=dict)
    total: float = 1.0
    max_share: float = 1.0
    target_volatility: float = 0.0
    kelly_fraction: float = 0.5
    lookback: int = 252
    min_history: int = 63
    drift: float = 0.05

    def __post_init__(self) -> None:
        key = "strategy.allocation"
        require_choice(self.weighting, ALLOCATIONS, f"{key}.weighting")
        require(0 < self.total <= 4, f"{key}.total", "in (0, 4]", self.total)
        require(0 < self.max_share <= 4, f"{key}.max_share", "in (0, 4]", self.max_share)
        require(
            bool(self.shares) == (self.weighting == "fixed"),
            f"{key}.shares",
            "given with strategy.allocation.weighting=fixed, and only then",
            self.shares,
        )
        for name, share in self.shares.items():
            require(0 <= share <= self.max_share, f"{key}.shares.{name}", "in [0, max_share]", share)
        given = sum(self.shares.values())
        require(given <= self.total * (1 + 1e-12), f"{key}.shares", f"at most {key}.total together", given)
        require(
            0 <= self.target_volatility <= 10,
            f"{key}.target_volatility",
            "in [0, 10] (0: off)",
            self.target_volatility,
        )
        require(0 < self.kelly_fraction <= 1, f"{key}.kelly_fraction", "in (0, 1]", self.kelly_fraction)
        require_lookback(key, self.lookback, self.min_history)
        require(0 <= self.drift <= 1, f"{key}.drift", "in [0, 1]", self.drift)


@dataclass
class CombinedConfig(StrategyConfig):
    """Several strategies in one account.

    Attributes:
        scores: Always ``members``.
        parameters: Always empty: members have their own.
        members: Name → strategy; each under the name that its signals have. ``model`` is the trained model.
            ``+strategy@strategy.members.pairs=pairs`` adds one.
        portfolios: Name of a member → how its scores become weights of its own capital; the others do as ``portfolio``.
            ``+portfolio@strategy.portfolios.pairs=by_score`` adds one.
        allocation: How capital is divided between them.
    """

    scores: str = "members"
    members: dict[str, Any] = field(default_factory=dict)
    portfolios: dict[str, PortfolioConfig] = field(default_factory=dict)
    allocation: AllocationConfig = field(default_factory=AllocationConfig)

    def __post_init__(self) -> None:
        if self.name == "???":
            return  # a schema
        require_choice(self.scores, ("members",), "strategy.scores")
        require(not self.parameters, "strategy.parameters", "left to strategy.members", self.parameters)
        require(
            2 <= len(self.members) <= 16,
            "strategy.members",
            "2 to 16 strategies",
            ", ".join(self.members) or "none",
        )
        for name, member in self.members.items():
            key = f"strategy.members.{name}"
            is_plain = isinstance(member, StrategyConfig) and not isinstance(member, CombinedConfig)
            require(is_plain, key, f"a strategy: +strategy@{key}=<choice>", type(member).__name__)
            require(
                member.name == name,
                f"{key}.name",
                f"{name}: members stand under their strategy's name",
                member.name,
            )
        for of, names in (("portfolios", self.portfolios), ("allocation.shares", self.allocation.shares)):
            strangers = sorted(set(names) - set(self.members))
            require(
                not strangers,
                f"strategy.{of}",
                f"for members ({', '.join(self.members)})",
                ", ".join(strangers),
            )
        require(
            self.name not in self.members, "strategy.name", "another name than its members have", self.name
        )

    @property
    def uses_predictions(self) -> bool:
        """Whether a trained model's predictions are traded."""
        return any(member.uses_predictions for member in self.members.values())

    @property
    def signals(self) -> dict[str, Any]:
        """SQL strategy → parameters, of those whose signals are traded."""
        return {name: found for member in self.members.values() for name, found in member.signals.items()}

    def require_timeframe(self, timeframe: str) -> None:
        """Refuse a timeframe that a member cannot trade."""
        for member in self.members.values():
            member.require_timeframe(timeframe)

    def member_portfolios(self, portfolio: PortfolioConfig) -> dict[str, PortfolioConfig]:
        """Return how each member's scores become weights of its capital, in the terms of the account."""
        return {
            name: replace(
                self.portfolios.get(name, portfolio),
                whole_shares=portfolio.whole_shares,
                initial_cash=portfolio.initial_cash,
            )
            for name in self.members
        }

    def account_portfolio(self, portfolio: PortfolioConfig) -> PortfolioConfig:
        """Return what the account trades by: what its strategies want together, as it is.

        ``portfolio`` says when, in which quantities and with which cash.
        """
        own = self.member_portfolios(portfolio).values()
        return PortfolioConfig(
            name=portfolio.name,
            side="long_short" if any(one.side == "long_short" for one in own) else "long",
            k=0,
            weighting="score",
            gross=min(4.0, self.allocation.total * max(1.0, *(one.gross for one in own))),
            rebalance=portfolio.rebalance,
            min_trade_weight=portfolio.min_trade_weight,
            whole_shares=portfolio.whole_shares,
            initial_cash=portfolio.initial_cash,
        )
