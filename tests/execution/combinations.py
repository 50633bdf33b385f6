"""Several strategies in one account, for tests."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from execution.combination import CombinedScores, combine
from execution.combined_config import AllocationConfig, CombinedConfig
from execution.config import BookConfig, PortfolioConfig, StrategyConfig
from execution.panel import Panel, ScorePanel
from execution.simulator import SimulationResult, simulate
from tests.execution.markets import book_config, terms

EQUAL = AllocationConfig()


def combined_config(
    *names: str, allocation: AllocationConfig = EQUAL, **portfolios: PortfolioConfig
) -> CombinedConfig:
    return CombinedConfig(
        name="together",
        members={name: StrategyConfig(name=name, scores="signals") for name in names},
        portfolios=portfolios,
        allocation=allocation,
    )


def account(strategy: CombinedConfig, config: BookConfig) -> BookConfig:
    """The book of a config whose strategy is a combination, as the run's config composes it."""
    return replace(
        config,
        portfolio=strategy.account_portfolio(config.portfolio),
        members=strategy.member_portfolios(config.portfolio),
    )


def combined(
    bars: Panel,
    members: dict[str, ScorePanel],
    config: BookConfig | None = None,
    *,
    allocation: AllocationConfig = EQUAL,
    **portfolios: PortfolioConfig,
) -> tuple[SimulationResult, CombinedScores]:
    """Trade several strategies in one account, from the first bar on which one of them has a score."""
    strategy = combined_config(*members, allocation=allocation, **portfolios)
    whole = account(strategy, config or book_config())
    met = terms(bars, whole)
    scores = combine(members, met, strategy=strategy, config=whole)
    first = int(np.flatnonzero(scores.has_score)[0])
    return simulate(scores, met, book="backtest/test", config=whole, first=first), scores


def only(count: int, names: int, **values: Any) -> np.ndarray:
    """Scores of 0 but for ``A=1.0`` and its like, on every bar."""
    score = np.zeros((count, names))
    for symbol, value in values.items():
        score[:, "ABCDEFGH".index(symbol)] = value
    return score
