"""Config of what is measured beyond plain figures. Light: ``--help`` imports this module."""

from __future__ import annotations

from dataclasses import dataclass

from transforms.config import require


@dataclass
class StatisticsConfig:
    """How a backtest is measured.

    Attributes:
        level: Probability inside the confidence intervals of Sharpe ratio, CAGR and deepest drawdown.
        bootstrap_samples: Histories drawn for them; 0 for no intervals.
        bootstrap_block: Mean length of the blocks of sessions that are drawn; null for the length that suits the
            returns' dependence.
        bootstrap_seed: Decides what is drawn.
        capacity_participation: The capacity is the equity at which the book's mean share of its bars' traded value
            is this fraction.
    """

    name: str = "???"
    level: float = 0.95
    bootstrap_samples: int = 1000
    bootstrap_block: float | None = None
    bootstrap_seed: int = 0
    capacity_participation: float = 0.01

    def __post_init__(self) -> None:
        require(0.5 <= self.level < 1, "statistics.level", "in [0.5, 1)", self.level)
        require(
            self.bootstrap_samples == 0 or 100 <= self.bootstrap_samples <= 100_000,
            "statistics.bootstrap_samples",
            "0 or in 100..100000",
            self.bootstrap_samples,
        )
        require(
            self.bootstrap_block is None or 1 <= self.bootstrap_block <= 10_000,
            "statistics.bootstrap_block",
            "null or in 1..10000",
            self.bootstrap_block,
        )
        require(
            0 <= self.bootstrap_seed < 2**32,
            "statistics.bootstrap_seed",
            "in 0..4294967295",
            self.bootstrap_seed,
        )
        require(
            0 < self.capacity_participation <= 1,
            "statistics.capacity_participation",
            "in (0, 1]",
            self.capacity_participation,
        )
