"""Config of the validation suite. Light: ``--help`` imports this module."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import date

from transforms.config import require, require_date

_REGIMES = {
    "2000-02": ["2000-01-01", "2002-12-31"],
    "2008": ["2008-01-01", "2008-12-31"],
    "2020-Q1": ["2020-01-01", "2020-03-31"],
    "2021": ["2021-01-01", "2021-12-31"],
    "2022": ["2022-01-01", "2022-12-31"],
}


@dataclass
class VerdictLimitsConfig:
    """What a strategy must keep to pass; docs/validation.md says how each figure is worked out.

    Attributes:
        max_degradation: Largest part of the Sharpe ratio that may be lost from one part of the history to the next.
        min_stress_sharpe: Least Sharpe ratio per year under each scenario.
        max_stress_drawdown: Deepest drawdown under each scenario (fraction).
        min_bear_excess: Least mean monthly return above the benchmark's in bear months.
        min_range_return: Least mean monthly return in range months.
        max_regime_drawdown: Deepest drawdown within each named regime (fraction).
        max_p_value: Largest p-value against random entry.
        max_monte_carlo_drawdown: Drawdown that at most one in twenty orders of the trades may exceed (fraction).
        max_ruin: Largest probability of ruin.
        max_position_correlation: Largest mean correlation of what is held together.
        max_strategy_correlation: Largest correlation with the returns of another strategy's book.
        min_neighbourhood: Least stable-neighbourhood score of the parameters.
        min_deflated_sharpe: Least deflated Sharpe ratio (a probability).
        min_sharpe_low: Least lower end of the Sharpe ratio's confidence interval.
    """

    max_degradation: float = 0.5
    min_stress_sharpe: float = 0.0
    max_stress_drawdown: float = 0.5
    min_bear_excess: float = 0.0
    min_range_return: float = -0.01
    max_regime_drawdown: float = 0.4
    max_p_value: float = 0.05
    max_monte_carlo_drawdown: float = 0.4
    max_ruin: float = 0.01
    max_position_correlation: float = 0.8
    max_strategy_correlation: float = 0.9
    min_neighbourhood: float = 0.7
    min_deflated_sharpe: float = 0.95
    min_sharpe_low: float = 0.0

    def __post_init__(self) -> None:
        fractions = (
            "max_stress_drawdown",
            "max_regime_drawdown",
            "max_p_value",
            "max_monte_carlo_drawdown",
            "max_ruin",
            "min_deflated_sharpe",
        )
        for name in fractions:
            self._require(name, 0, 1)
        for name in ("max_position_correlation", "max_strategy_correlation"):
            self._require(name, -1, 1)
        for name in ("min_bear_excess", "min_range_return"):
            self._require(name, -1, 10)
        for name in ("min_stress_sharpe", "min_sharpe_low"):
            self._require(name, -100, 100)
        self._require("max_degradation", 0, 10)
        self._require("min_neighbourhood", 0, 10)

    def _require(self, name: str, low: float, high: float) -> None:
        value = getattr(self, name)
        require(low <= value <= high, f"validation.limits.{name}", f"in [{low}, {high}]", value)


@dataclass
class ValidationConfig:
    """How a strategy is put to the test.

    Attributes:
        name: The choice's name.
        train: Part of the book's sessions that the strategy was made on (fraction); the first ones.
        validation: Part that follows; what is left at the end is the holdout.
        validation_start: First session of the validation part (ISO date), in place of ``train``; null: by fractions.
        holdout_start: First session of the holdout; given together with ``validation_start``.
        seed: Decides which fills are missed, on which days it crashes, and what is drawn.
        permutations: Random entries that the book is compared with.
        paths: Orders of the trades that are drawn.
        ruin_fraction: Part of the initial equity below which a path counts as ruined.
        missed_fills: Part of all bars on which a symbol cannot be traded, in the scenario of missed fills.
        crash_slippage: What spread, slippage and impact are multiplied by on the days of a flash crash.
        bear_below: Monthly return of the benchmark below which a month is a bear month.
        range_low: Monthly return of the benchmark from which on a month is a range month.
        range_high: Up to which it is one.
        regimes: Name to first and last day of a regime, both included.
        limits: What must be kept.
    """

    name: str = "???"
    train: float = 0.6
    validation: float = 0.2
    validation_start: str | None = None
    holdout_start: str | None = None
    seed: int = 0
    permutations: int = 2000
    paths: int = 2000
    ruin_fraction: float = 0.5
    missed_fills: float = 0.1
    crash_slippage: float = 5.0
    bear_below: float = -0.05
    range_low: float = -0.02
    range_high: float = 0.02
    regimes: dict[str, list[str]] = field(default_factory=lambda: dict(_REGIMES))
    limits: VerdictLimitsConfig = field(default_factory=VerdictLimitsConfig)

    def __post_init__(self) -> None:
        require(0 < self.train < 1, "validation.train", "in (0, 1)", self.train)
        require(
            0 < self.validation < 1 - self.train,
            "validation.validation",
            f"above 0 and below 1 - validation.train ({1 - self.train:g}): the rest is the holdout",
            self.validation,
        )
        self._require_dates()
        require(0 <= self.seed < 2**32, "validation.seed", "in 0..4294967295", self.seed)
        for name in ("permutations", "paths"):
            value = getattr(self, name)
            require(100 <= value <= 1_000_000, f"validation.{name}", "in 100..1000000", value)
        require(0 < self.ruin_fraction < 1, "validation.ruin_fraction", "in (0, 1)", self.ruin_fraction)
        require(0 < self.missed_fills < 1, "validation.missed_fills", "in (0, 1)", self.missed_fills)
        require(
            1 <= self.crash_slippage <= 100, "validation.crash_slippage", "in [1, 100]", self.crash_slippage
        )
        require(-1 < self.bear_below < 0, "validation.bear_below", "in (-1, 0)", self.bear_below)
        require(
            -1 < self.range_low < self.range_high,
            "validation.range_low",
            f"above -1 and below validation.range_high ({self.range_high})",
            self.range_low,
        )
        for regime, days in self.regimes.items():
            _require_regime(regime, days)

    def _require_dates(self) -> None:
        for name in ("validation_start", "holdout_start"):
            require_date(getattr(self, name), f"validation.{name}")
        starts = (self.validation_start, self.holdout_start)
        require(
            (starts[0] is None) == (starts[1] is None),
            "validation.validation_start and validation.holdout_start",
            "given together",
            starts,
        )
        if starts[0] is not None and starts[1] is not None:
            ordered = date.fromisoformat(starts[0]) < date.fromisoformat(starts[1])
            require(ordered, "validation.holdout_start", f"after validation_start ({starts[0]})", starts[1])


def _require_regime(name: str, days: list[str]) -> None:
    key = f"validation.regimes.{name}"
    named = re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9 ._\-]{0,31}", name) is not None
    require(named, "validation.regimes", "names of letters, digits, blanks and . _ - (at most 32)", name)
    require(len(days) == 2, key, "a list of [from, to]", days)
    for day in days:
        require_date(day, key)
    require(date.fromisoformat(days[0]) < date.fromisoformat(days[1]), key, "[from, to], from first", days)
