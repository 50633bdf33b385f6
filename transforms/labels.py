"""Config of the labels, one class per kind. Light on purpose: ``--help`` imports this module."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from transforms.config import BAR_MINUTES, LabelsConfig, UniverseConfig, require, require_choice


def _require_dead_band(dead_band: float, high: int) -> None:
    require(0 <= dead_band < high, "labels.dead_band", f"in [0, {high})", dead_band)


def _require_volatility_bars(bars: int) -> None:
    require(2 <= bars <= 2520, "labels.volatility_bars", "in 2..2520", bars)


@dataclass
class ForwardReturnLabelsConfig(LabelsConfig):
    """The sign of the return over the horizon.

    Attributes:
        return_kind: What the sign is taken of: the ``raw`` return, the ``volatility_scaled`` one (in standard
            deviations of a return over the horizon, as known at the decision), or the ``excess`` over the
            benchmark's return between the same bars.
        volatility_bars: How many log returns the volatility is measured on, the decision's bar the last.
        dead_band: Values within ± this have no sign (label NULL): a fraction, or standard deviations where the
            return is scaled.
    """

    kind: str = "forward_return"
    return_kind: str = "raw"
    volatility_bars: int = 20
    dead_band: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        self._require_kind("forward_return")
        require_choice(self.return_kind, ("raw", "volatility_scaled", "excess"), "labels.return_kind")
        _require_volatility_bars(self.volatility_bars)
        _require_dead_band(self.dead_band, 10 if self.return_kind == "volatility_scaled" else 1)

    def require_fit(self, timeframe: str, universe: UniverseConfig) -> None:
        """Refuse an excess over a benchmark that the universe does not have."""
        require(
            self.return_kind != "excess" or universe.benchmark is not None,
            "labels.return_kind",
            "raw or volatility_scaled where universe.benchmark is null",
            self.return_kind,
        )


@dataclass
class CrossSectionalRankLabelsConfig(LabelsConfig):
    """Whether the return over the horizon is among the day's best or worst.

    Attributes:
        return_kind: What is ranked: the ``raw`` return or the ``volatility_scaled`` one. (The excess over a
            benchmark ranks as the raw return does.)
        volatility_bars: How many log returns the volatility is measured on, the decision's bar the last.
        fraction: The highest such fraction of the members has label 1, the lowest 0, the others NULL.
    """

    kind: str = "cross_sectional_rank"
    return_kind: str = "raw"
    volatility_bars: int = 20
    fraction: float = 0.5

    def __post_init__(self) -> None:
        super().__post_init__()
        self._require_kind("cross_sectional_rank")
        require_choice(self.return_kind, ("raw", "volatility_scaled"), "labels.return_kind")
        _require_volatility_bars(self.volatility_bars)
        require(0 < self.fraction <= 0.5, "labels.fraction", "in (0, 0.5]", self.fraction)


@dataclass
class TripleBarrierLabelsConfig(LabelsConfig):
    """Which of three barriers a position touches first: profit, stop or the time limit, which is the horizon.

    Attributes:
        profit: Distance of the profit barrier above the entry, in volatilities of one bar's return; 0: none.
        stop: Distance of the stop barrier below the entry, likewise; 0: none.
        volatility_bars: How many log returns the volatility is measured on, the decision's bar the last.
        on_time_limit: The label where the time limit comes first: ``sign`` (of the return, with the dead band),
            ``zero`` (profit was not reached) or ``none`` (NULL).
        dead_band: With ``sign``, returns within ± so many volatilities have none (label NULL).
    """

    horizon: int = 10
    kind: str = "triple_barrier"
    profit: float = 2.0
    stop: float = 2.0
    volatility_bars: int = 20
    on_time_limit: str = "sign"
    dead_band: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        self._require_kind("triple_barrier")
        require(0 <= self.profit < 1000, "labels.profit", "in [0, 1000)", self.profit)
        require(0 <= self.stop < 1000, "labels.stop", "in [0, 1000)", self.stop)
        require(
            self.profit > 0 or self.stop > 0, "labels.profit", "above 0 where labels.stop is 0", self.profit
        )
        _require_volatility_bars(self.volatility_bars)
        require_choice(self.on_time_limit, ("sign", "zero", "none"), "labels.on_time_limit")
        _require_dead_band(self.dead_band, 1000)


@dataclass
class TouchWithinLabelsConfig(LabelsConfig):
    """Whether the price rises far enough within a window after the entry.

    Attributes:
        rise: How far the highest price of the window must be above the entry, as a fraction (0.02: by 2 %).
        minutes: Length of the window in minutes, for bars of minutes to an hour; null: it is ``horizon`` bars.
        min_coverage: Windows in which a smaller fraction of the bars has prices have no label.
    """

    horizon: int = 10
    kind: str = "touch_within"
    rise: float = 0.02
    minutes: int | None = None
    min_coverage: float = 0.5

    def __post_init__(self) -> None:
        super().__post_init__()
        self._require_kind("touch_within")
        require(0 < self.rise < 10, "labels.rise", "in (0, 10)", self.rise)
        require(
            self.minutes is None or self.minutes >= 1, "labels.minutes", "null or at least 1", self.minutes
        )
        require(0 <= self.min_coverage <= 1, "labels.min_coverage", "in [0, 1]", self.min_coverage)

    def require_fit(self, timeframe: str, universe: UniverseConfig) -> None:
        """Refuse minutes that are not a whole number of bars, and too many."""
        if self.minutes is None:
            return
        require(timeframe in BAR_MINUTES, "labels.minutes", f"null for bars of {timeframe}", self.minutes)
        length = BAR_MINUTES[timeframe]
        require(
            self.minutes % length == 0 and self.minutes // length <= 2520,
            "labels.minutes",
            f"a multiple of {length} up to {2520 * length} for bars of {timeframe}",
            self.minutes,
        )

    def horizon_bars(self, timeframe: str) -> int:
        """The window's length in bars."""
        return self.horizon if self.minutes is None else self.minutes // BAR_MINUTES[timeframe]


KINDS = (
    ForwardReturnLabelsConfig,
    CrossSectionalRankLabelsConfig,
    TripleBarrierLabelsConfig,
    TouchWithinLabelsConfig,
)


def with_other_kinds(labels: LabelsConfig) -> dict[str, Any]:
    """Return the values of ``labels`` and, for the keys that only other kinds have, their defaults.

    dbt renders the models of every kind, if only to see that they are not wanted, and so reads all keys.
    """
    values: dict[str, Any] = {}
    for kind in KINDS:
        values |= asdict(kind())
    return values | asdict(labels)
