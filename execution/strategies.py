"""Config of strategies: one class of parameters per SQL strategy. Light: ``--help`` imports this module.

Their SQL (``models_sql/intermediate/strategies/int_signals_<name>.sql``) reads them by name and checks the same ranges.
A strategy of your own needs no class: schema ``own`` takes any parameters, and its SQL checks them.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any, ClassVar

from execution.combined_config import CombinedConfig
from execution.config import Parameters, StrategyConfig
from transforms.config import require, require_choice, require_symbols
from transforms.features import HIGHER_TIMEFRAMES, timeframes_above


def _whole(default: int, low: int, high: int) -> Any:
    """A whole number within bounds, both ends allowed."""
    return field(default=default, metadata={"range": (low, high)})


def _number(default: float, low: float, high: float) -> Any:
    """A number within bounds, both ends allowed."""
    return field(default=default, metadata={"range": (low, high)})


def _require_order(lower: str, lower_value: float, upper: str, upper_value: float) -> None:
    require(
        lower_value < upper_value,
        f"strategy.parameters.{upper}",
        f"above strategy.parameters.{lower} ({lower_value})",
        upper_value,
    )


@dataclass
class PlainStrategyConfig(StrategyConfig):
    """A strategy without parameters: the model's predictions, or buy and hold."""

    parameters: Parameters = field(default_factory=Parameters)


@dataclass
class OwnStrategyConfig(StrategyConfig):
    """A strategy of your own: ``int_signals_<name>.sql`` and a YAML with its parameters.

    Attributes:
        parameters: Any names and values; the SQL checks them with ``parameter_integer`` and its like.
    """

    parameters: dict[str, Any] = field(default_factory=dict)


@dataclass
class MomentumParameters(Parameters):
    """Numbers of the strategy momentum.

    Attributes:
        lookback_bars: Bars ago at which the momentum begins.
        skip_bars: Bars ago at which it ends; the latest bars tend to reverse.
    """

    lookback_bars: int = _whole(252, 2, 2520)
    skip_bars: int = _whole(21, 0, 2519)

    def __post_init__(self) -> None:
        super().__post_init__()
        _require_order("skip_bars", self.skip_bars, "lookback_bars", self.lookback_bars)


@dataclass
class MomentumConfig(StrategyConfig):
    """Members ranked by their return over a year without its last month (Jegadeesh and Titman 1993)."""

    parameters: MomentumParameters = field(default_factory=MomentumParameters)


@dataclass
class TrendBreakoutParameters(Parameters):
    """Numbers of the strategy trend_breakout.

    Attributes:
        entry_bars: A close beyond the high or low of so many bars before enters.
        exit_bars: A close beyond the opposite end of so many bars before leaves.
        average_bars: Entries only on the right side of the mean close of so many bars; 0 for no filter.
    """

    entry_bars: int = _whole(55, 2, 1000)
    exit_bars: int = _whole(20, 1, 1000)
    average_bars: int = _whole(200, 0, 1000)

    def __post_init__(self) -> None:
        super().__post_init__()
        require(
            self.exit_bars <= self.entry_bars,
            "strategy.parameters.exit_bars",
            f"at most strategy.parameters.entry_bars ({self.entry_bars})",
            self.exit_bars,
        )


@dataclass
class TrendBreakoutConfig(StrategyConfig):
    """Donchian channels: in on a breakout, out on a break of the shorter channel (Faith 2007, the Turtles)."""

    parameters: TrendBreakoutParameters = field(default_factory=TrendBreakoutParameters)


@dataclass
class MeanReversionParameters(Parameters):
    """Numbers of the strategy mean_reversion.

    Attributes:
        zscore_bars: Bars whose mean and standard deviation the close is measured by.
        entry_zscore: Enters so many deviations from the mean, or further.
        exit_zscore: Leaves within so many deviations of the mean; 0 at the mean.
        stop_zscore: Leaves, and does not enter, so many deviations from the mean, or further.
        rsi_bars: Bars of the relative strength index (Wilder).
        oversold: Buys at an RSI of at most this, sells short at 100 less this.
        average_bars: Buys above, sells short below the mean close of so many bars; 0 for no filter.
    """

    zscore_bars: int = _whole(20, 2, 1000)
    entry_zscore: float = _number(1.5, 0.01, 20.0)
    exit_zscore: float = _number(0.0, 0.0, 20.0)
    stop_zscore: float = _number(4.0, 0.01, 100.0)
    rsi_bars: int = _whole(5, 2, 500)
    oversold: float = _number(30.0, 0.0, 50.0)
    average_bars: int = _whole(200, 0, 1000)

    def __post_init__(self) -> None:
        super().__post_init__()
        _require_order("exit_zscore", self.exit_zscore, "entry_zscore", self.entry_zscore)
        _require_order("entry_zscore", self.entry_zscore, "stop_zscore", self.stop_zscore)


@dataclass
class MeanReversionConfig(StrategyConfig):
    """Buys what fell too far within a rising trend, until it is back at its mean; short the other way round."""

    parameters: MeanReversionParameters = field(default_factory=MeanReversionParameters)


@dataclass
class PairsParameters(Parameters):
    """Numbers of the strategy pairs.

    Attributes:
        pairs: Pairs to trade, as ``FIRST:SECOND``; empty ranks pairs of members every month.
        candidates: Ranked pairs are made of so many members, those of the highest traded value lately.
        held_pairs: So many of the best-ranked pairs are traded in a month.
        rank_by: ``cointegration`` (Dickey and Fuller's t of the spread) or ``correlation`` (of returns).
        window_bars: Bars of the hedge ratio, the spread's deviation and the ranking.
        minimum_correlation: Pairs whose returns correlate less are not traded, however they are ranked.
        entry_zscore: Enters so many deviations of the spread from 0, or further.
        exit_zscore: Leaves within so many deviations; 0 at the mean.
        stop_zscore: Leaves, and does not enter, so many deviations from 0, or further.
    """

    pairs: list[str] = field(default_factory=list)
    candidates: int = _whole(30, 2, 100)
    held_pairs: int = _whole(5, 1, 1000)
    rank_by: str = "cointegration"
    window_bars: int = _whole(252, 20, 2520)
    minimum_correlation: float = _number(0.5, -1.0, 1.0)
    entry_zscore: float = _number(2.0, 0.01, 20.0)
    exit_zscore: float = _number(0.5, 0.0, 20.0)
    stop_zscore: float = _number(4.0, 0.01, 100.0)

    def __post_init__(self) -> None:
        super().__post_init__()
        require_choice(self.rank_by, ("cointegration", "correlation"), "strategy.parameters.rank_by")
        for pair in self.pairs:
            legs = pair.split(":")
            require(
                len(legs) == 2 and legs[0] != legs[1],
                "strategy.parameters.pairs",
                "two different symbols as FIRST:SECOND",
                pair,
            )
            require_symbols(legs, "strategy.parameters.pairs")
        require(
            len({frozenset(pair.split(":")) for pair in self.pairs}) == len(self.pairs),
            "strategy.parameters.pairs",
            "free of repetitions, in either order",
            self.pairs,
        )
        _require_order("exit_zscore", self.exit_zscore, "entry_zscore", self.entry_zscore)
        _require_order("entry_zscore", self.entry_zscore, "stop_zscore", self.stop_zscore)


@dataclass
class PairsConfig(StrategyConfig):
    """Long the cheap and short the dear leg of a pair while their spread is stretched (Vidyamurthy 2004)."""

    parameters: PairsParameters = field(default_factory=PairsParameters)


@dataclass
class MultiTimeframeTrendParameters(Parameters):
    """Numbers of the strategy multi_timeframe_trend.

    Attributes:
        timeframes: The longer timeframes that must agree, of those that the source's bars can be put together into.
            Each goes up while its last complete bar is above the mean close of 20.
        average_bars: The source's own bars whose mean close must agree as well.
    """

    timeframes: list[str] = field(default_factory=lambda: ["week", "month"])
    average_bars: int = _whole(20, 2, 1000)

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in self.timeframes:
            require_choice(name, HIGHER_TIMEFRAMES, "strategy.parameters.timeframes")
        distinct = len(set(self.timeframes)) == len(self.timeframes) > 0
        require(distinct, "strategy.parameters.timeframes", "at least one, none twice", self.timeframes)


@dataclass
class MultiTimeframeTrendConfig(StrategyConfig):
    """Long while all timeframes are above their average, short while all are below (Elder 1993)."""

    parameters: MultiTimeframeTrendParameters = field(default_factory=MultiTimeframeTrendParameters)

    def require_timeframe(self, timeframe: str) -> None:
        """As of any strategy; and refuse timeframes that are not longer than ``timeframe``."""
        super().require_timeframe(timeframe)
        longer = timeframes_above(timeframe)
        for name in self.parameters.timeframes:
            require(
                name in longer,
                "strategy.parameters.timeframes",
                f"longer than source.timeframe ({timeframe}): {', '.join(longer)}",
                name,
            )


@dataclass
class FactorCompositeParameters(Parameters):
    """Numbers of the strategy factor_composite.

    Attributes:
        lookback_bars: Bars ago at which the momentum begins.
        skip_bars: Bars ago at which it ends.
        volatility_bars: Bars of the volatility.
        reversal_bars: Bars of the short-term return that is expected to reverse.
        liquidity_bars: Bars of the illiquidity (Amihud 2002).
        momentum_weight: Weight of the momentum; higher is better.
        low_volatility_weight: Weight of the volatility; lower is better.
        reversal_weight: Weight of the short-term return; lower is better.
        liquidity_weight: Weight of the liquidity; higher is better. Negative: the premium for bearing illiquidity.
        winsorise_at: Standardised factors are cut to so many deviations.
    """

    lookback_bars: int = _whole(252, 2, 2520)
    skip_bars: int = _whole(21, 0, 2519)
    volatility_bars: int = _whole(60, 2, 2520)
    reversal_bars: int = _whole(5, 1, 252)
    liquidity_bars: int = _whole(20, 1, 2520)
    momentum_weight: float = _number(1.0, -100.0, 100.0)
    low_volatility_weight: float = _number(1.0, -100.0, 100.0)
    reversal_weight: float = _number(0.5, -100.0, 100.0)
    liquidity_weight: float = _number(0.5, -100.0, 100.0)
    winsorise_at: float = _number(3.0, 0.1, 100.0)

    def __post_init__(self) -> None:
        super().__post_init__()
        _require_order("skip_bars", self.skip_bars, "lookback_bars", self.lookback_bars)
        weights = [getattr(self, item.name) for item in fields(self) if item.name.endswith("_weight")]
        require(any(weights), "strategy.parameters.…_weight", "other than 0 for one factor at least", weights)


@dataclass
class FactorCompositeConfig(StrategyConfig):
    """Members by a weighted mean of standardised factors: momentum, low volatility, reversal, liquidity."""

    parameters: FactorCompositeParameters = field(default_factory=FactorCompositeParameters)


@dataclass
class IntradayMeanReversionParameters(Parameters):
    """Numbers of the strategy intraday_mean_reversion.

    Attributes:
        entry_deviations: Enters so many deviations of the session's prices from its VWAP, or further.
        exit_deviations: Leaves within so many deviations; 0 at the VWAP.
        stop_deviations: Leaves, and does not enter, so many deviations away, or further.
        wait_minutes: Nothing is entered in the session's first minutes.
        flat_minutes: Nothing is held in the session's last minutes.
    """

    entry_deviations: float = _number(2.0, 0.01, 20.0)
    exit_deviations: float = _number(0.0, 0.0, 20.0)
    stop_deviations: float = _number(4.0, 0.01, 100.0)
    wait_minutes: int = _whole(30, 0, 1440)
    flat_minutes: int = _whole(15, 1, 1440)

    def __post_init__(self) -> None:
        super().__post_init__()
        _require_order("exit_deviations", self.exit_deviations, "entry_deviations", self.entry_deviations)
        _require_order("entry_deviations", self.entry_deviations, "stop_deviations", self.stop_deviations)


@dataclass
class IntradayMeanReversionConfig(StrategyConfig):
    """Against moves away from the session's VWAP, flat at the close."""

    is_intraday: ClassVar[bool] = True

    parameters: IntradayMeanReversionParameters = field(default_factory=IntradayMeanReversionParameters)


@dataclass
class SwingTrendParameters(Parameters):
    """Numbers of the strategy swing_trend.

    Attributes:
        entry: ``cross`` (the fast average crosses the slow one) or ``pullback`` (within the trend that the averages
            show, the close comes back over the fast one).
        fast_bars: Bars of the fast exponential average.
        slow_bars: Bars of the slow one.
        atr_bars: Bars of the average true range (Wilder).
        stop_atr: The stop trails the close by so many average true ranges.
    """

    entry: str = "cross"
    fast_bars: int = _whole(20, 1, 1000)
    slow_bars: int = _whole(50, 2, 2520)
    atr_bars: int = _whole(14, 1, 500)
    stop_atr: float = _number(3.0, 0.1, 100.0)

    def __post_init__(self) -> None:
        super().__post_init__()
        require_choice(self.entry, ("cross", "pullback"), "strategy.parameters.entry")
        _require_order("fast_bars", self.fast_bars, "slow_bars", self.slow_bars)


@dataclass
class SwingTrendConfig(StrategyConfig):
    """With the trend of two exponential averages, out at a trailing stop."""

    parameters: SwingTrendParameters = field(default_factory=SwingTrendParameters)


# Name of the schema → class: what conf/strategy/*.yaml lists under defaults.
STRATEGIES: dict[str, type[StrategyConfig]] = {
    "plain": PlainStrategyConfig,
    "combined": CombinedConfig,
    "own": OwnStrategyConfig,
    "factor_composite": FactorCompositeConfig,
    "intraday_mean_reversion": IntradayMeanReversionConfig,
    "mean_reversion": MeanReversionConfig,
    "momentum": MomentumConfig,
    "multi_timeframe_trend": MultiTimeframeTrendConfig,
    "pairs": PairsConfig,
    "swing_trend": SwingTrendConfig,
    "trend_breakout": TrendBreakoutConfig,
}
