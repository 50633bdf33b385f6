"""Config of a sensitivity sweep. Light: ``--help`` imports this module."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from transforms.config import require, require_choice

# Figures of which more is better, and of which a part can be told: the peak is compared with what is around it.
METRICS = ("sharpe", "sortino", "calmar", "cagr", "total_return", "information_ratio")


@dataclass
class SensitivityConfig:
    """Which configs a sweep tries, and how it judges the best of them.

    Attributes:
        grid: Key → list of its values; every combination is tried. Keys of ``strategy.parameters``, ``portfolio``,
            ``orders``, ``exits``, ``account``, ``costs`` and ``risk``, written out (``portfolio.k``) or nested; of
            several strategies ``strategy.members.<name>.parameters``, ``strategy.portfolios`` and
            ``strategy.allocation``.
        metric: What is best where it is highest: sharpe, sortino, calmar, cagr, total_return or information_ratio.
        max_trials: More combinations than this are refused.
        neighbour_steps: Neighbours of a trial are those at most so many values away along each numeric key, and the
            same in all others.
        sharp_peak: The best is called a sharp peak where the mean of its neighbours is less than this part of it.
        heat_map_keys: Of how many keys, the most influential ones, the page draws a heat map per pair.
    """

    name: str = "???"
    grid: dict[str, Any] = field(default_factory=dict)
    metric: str = "sharpe"
    max_trials: int = 5000
    neighbour_steps: int = 1
    sharp_peak: float = 0.5
    heat_map_keys: int = 3

    def __post_init__(self) -> None:
        require_choice(self.metric, METRICS, "sensitivity.metric")
        require(1 <= self.max_trials <= 1_000_000, "sensitivity.max_trials", "in 1..1000000", self.max_trials)
        require(
            1 <= self.neighbour_steps <= 100, "sensitivity.neighbour_steps", "in 1..100", self.neighbour_steps
        )
        require(0 <= self.sharp_peak <= 1, "sensitivity.sharp_peak", "in [0, 1]", self.sharp_peak)
        require(2 <= self.heat_map_keys <= 6, "sensitivity.heat_map_keys", "in 2..6", self.heat_map_keys)
