"""Config of portfolio construction: scores → target weights. Light: ``--help`` imports this module."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from transforms.config import require, require_choice, require_symbols

# What looks at scores (and ``volatility_20``) alone.
SIMPLE_WEIGHTINGS = ("equal", "inverse_volatility", "score")
# What weighs the chosen names by a covariance of returns.
RISK_WEIGHTINGS = ("risk_parity", "hierarchical_risk_parity", "minimum_variance")
# What weighs expected returns against risk.
RETURN_WEIGHTINGS = ("mean_variance", "kelly")
WEIGHTINGS = (*SIMPLE_WEIGHTINGS, *RISK_WEIGHTINGS, *RETURN_WEIGHTINGS)


def require_lookback(key: str, lookback: int, min_history: int) -> None:
    """Refuse sessions to look back on, or the least of them with a return, that are out of their ranges.

    Raises:
        ConfigError: Names the key, which stands under ``key``.
    """
    require(2 <= lookback <= 5040, f"{key}.lookback", "in 2..5040", lookback)
    require(
        2 <= min_history <= lookback,
        f"{key}.min_history",
        f"in 2..lookback (lookback is {lookback})",
        min_history,
    )


@dataclass
class CovarianceConfig:
    """How the risk of returns is estimated.

    Attributes:
        estimator: ``sample``, ``exponential`` (newer sessions count more), or ``ledoit_wolf`` (shrunk).
        lookback: Sessions up to the decision that are looked at.
        min_history: Least number of sessions with a return; a name with fewer gets no weight.
        half_life: Sessions after which a return counts half; for ``exponential``.
    """

    estimator: str = "ledoit_wolf"
    lookback: int = 252
    min_history: int = 126
    half_life: float = 63.0

    def __post_init__(self) -> None:
        key = "portfolio.covariance"
        require_choice(self.estimator, ("sample", "exponential", "ledoit_wolf"), f"{key}.estimator")
        require_lookback(key, self.lookback, self.min_history)
        require(0 < self.half_life <= 5040, f"{key}.half_life", "in (0, 5040]", self.half_life)


@dataclass
class ObjectiveConfig:
    """What ``mean_variance`` and ``kelly`` maximise.

    Attributes:
        expected_return: ``score`` (score times ``score_return``), ``volatility_score`` (score times
            ``score_return`` times the name's volatility: Grinold's alpha), or ``history`` (mean of the lookback).
        score_return: What a score of 1 stands for: return per year (fraction), or for ``volatility_score``
            the Sharpe ratio per year.
        risk_aversion: What ``mean_variance`` charges for variance, times a half.
        kelly_fraction: Part of the growth-optimal position that ``kelly`` takes.
        cost_sessions: Sessions over which the cost of a trade is spread.
    """

    expected_return: str = "score"
    score_return: float = 0.1
    risk_aversion: float = 5.0
    kelly_fraction: float = 0.5
    cost_sessions: float = 21.0

    def __post_init__(self) -> None:
        key = "portfolio.objective"
        require_choice(
            self.expected_return, ("score", "volatility_score", "history"), f"{key}.expected_return"
        )
        require(0 < self.score_return <= 100, f"{key}.score_return", "in (0, 100]", self.score_return)
        require(0 < self.risk_aversion <= 1e6, f"{key}.risk_aversion", "in (0, 1000000]", self.risk_aversion)
        require(0 < self.kelly_fraction <= 1, f"{key}.kelly_fraction", "in (0, 1]", self.kelly_fraction)
        require(1 <= self.cost_sessions <= 5040, f"{key}.cost_sessions", "in [1, 5040]", self.cost_sessions)


@dataclass
class LimitsConfig:
    """What target weights may not exceed, as fractions of equity; 0 or null switches a limit off.

    Attributes:
        max_weight: Largest absolute weight of a name.
        groups: Symbol → group, such as a sector or a market; a symbol that is not here belongs to none.
        max_group_weight: Largest sum of absolute weights of a group.
        group_caps: Group → such a limit of its own.
        min_net: Least sum of signed weights.
        max_net: Largest sum of signed weights.
        max_turnover: Largest sum of absolute changes of weight at one decision (bought plus sold).
        max_participation: Largest change of a name's weight, as a fraction of its mean dollar volume per session.
        volume_sessions: Sessions that mean is taken over.
    """

    max_weight: float = 0.0
    groups: dict[str, str] = field(default_factory=dict)
    max_group_weight: float = 0.0
    group_caps: dict[str, float] = field(default_factory=dict)
    min_net: float | None = None
    max_net: float | None = None
    max_turnover: float = 0.0
    max_participation: float = 0.0
    volume_sessions: int = 20

    def __post_init__(self) -> None:
        key = "portfolio.limits"
        for name in ("max_weight", "max_group_weight", "max_turnover", "max_participation"):
            value = getattr(self, name)
            require(0 <= value <= 8, f"{key}.{name}", "in [0, 8] (0: no limit)", value)
        require_symbols(list(self.groups), f"{key}.groups")
        named = sorted(set(self.groups.values()))
        for group, cap in self.group_caps.items():
            require(
                group in named, f"{key}.group_caps", f"of groups in {key}.groups ({', '.join(named)})", group
            )
            require(0 <= cap <= 8, f"{key}.group_caps.{group}", "in [0, 8]", cap)
        for name in ("min_net", "max_net"):
            value = getattr(self, name)
            require(value is None or -4 <= value <= 4, f"{key}.{name}", "null or in [-4, 4]", value)
        low, high = self.min_net, self.max_net
        require(
            low is None or high is None or low <= high, f"{key}.min_net", f"at most max_net ({high})", low
        )
        require(
            1 <= self.volume_sessions <= 5040, f"{key}.volume_sessions", "in 1..5040", self.volume_sessions
        )


@dataclass
class SizingConfig:
    """How much of a portfolio is taken, by confidence, risk, regime and drawdown; 0 switches a rule off.

    Attributes:
        confidence_power: Weights are multiplied by confidence to this power.
        target_volatility: Volatility per year (fraction) that weights are scaled to, as far as ``gross`` lets them.
        regime_average: Sessions of the benchmark's moving average; below it weights are multiplied by
            ``regime_scale``.
        regime_max_volatility: Volatility per year of the benchmark above which they are as well.
        regime_sessions: Sessions that volatility is taken over.
        regime_scale: See there.
        max_heat: Largest loss (fraction of equity) if every position ran into its stop.
        stop_distance: How far such a stop is away: a fraction of the price, or daily volatilities.
        stop_scale: ``none`` (a fraction) or ``volatility``; the same as ``exits.scale``.
        drawdown_start: Drawdown of equity (fraction) from which on weights are scaled down.
        drawdown_full: Drawdown at and beyond which they are multiplied by ``drawdown_floor``; linear in between.
        drawdown_floor: See there; 0 would leave a book flat for good.
    """

    confidence_power: float = 0.0
    target_volatility: float = 0.0
    regime_average: int = 0
    regime_max_volatility: float = 0.0
    regime_sessions: int = 20
    regime_scale: float = 0.5
    max_heat: float = 0.0
    stop_distance: float = 2.0
    stop_scale: str = "volatility"
    drawdown_start: float = 0.0
    drawdown_full: float = 0.25
    drawdown_floor: float = 0.25

    def __post_init__(self) -> None:
        key = "portfolio.sizing"
        require(
            0 <= self.confidence_power <= 10, f"{key}.confidence_power", "in [0, 10]", self.confidence_power
        )
        for name in ("target_volatility", "regime_max_volatility", "max_heat"):
            value = getattr(self, name)
            require(0 <= value <= 10, f"{key}.{name}", "in [0, 10] (0: off)", value)
        require(
            0 <= self.regime_average <= 5040,
            f"{key}.regime_average",
            "in 0..5040 (0: off)",
            self.regime_average,
        )
        require(
            2 <= self.regime_sessions <= 5040, f"{key}.regime_sessions", "in 2..5040", self.regime_sessions
        )
        require(0 <= self.regime_scale <= 1, f"{key}.regime_scale", "in [0, 1]", self.regime_scale)
        require(0 < self.stop_distance <= 100, f"{key}.stop_distance", "in (0, 100]", self.stop_distance)
        require_choice(self.stop_scale, ("none", "volatility"), f"{key}.stop_scale")
        require(
            0 <= self.drawdown_start < 1, f"{key}.drawdown_start", "in [0, 1) (0: off)", self.drawdown_start
        )
        require(
            self.drawdown_start < self.drawdown_full <= 1,
            f"{key}.drawdown_full",
            f"in (drawdown_start, 1] (drawdown_start is {self.drawdown_start})",
            self.drawdown_full,
        )
        require(0 < self.drawdown_floor <= 1, f"{key}.drawdown_floor", "in (0, 1]", self.drawdown_floor)


@dataclass
class BarbellConfig:
    """A safe and a risk sleeve, each with a least and a largest sum of weights (fractions of equity).

    Caps per market are ``limits.groups`` and ``limits.group_caps``.

    Attributes:
        safe: Symbols of the safe sleeve; all others are the risk sleeve. Empty: no barbell.
        safe_min: Least sum of the safe sleeve's weights.
        safe_max: Largest sum.
        risk_min: Least sum of the risk sleeve's weights.
        risk_max: Largest sum.
    """

    safe: list[str] = field(default_factory=list)
    safe_min: float = 0.0
    safe_max: float = 1.0
    risk_min: float = 0.0
    risk_max: float = 1.0

    def __post_init__(self) -> None:
        key = "portfolio.barbell"
        require_symbols(self.safe, f"{key}.safe")
        for sleeve in ("safe", "risk"):
            low, high = getattr(self, f"{sleeve}_min"), getattr(self, f"{sleeve}_max")
            require(0 <= high <= 4, f"{key}.{sleeve}_max", "in [0, 4]", high)
            require(0 <= low <= high, f"{key}.{sleeve}_min", f"in [0, {sleeve}_max] ({high})", low)


@dataclass
class PortfolioConfig:
    """How scores become target weights; docs/portfolio.md says what each weighting does.

    Attributes:
        name: The construction's name.
        side: ``long`` (scores above 0) or ``long_short`` (those below 0 as well).
        k: Names held on each side, best first; 0 for all, each with a place of its own whether held or not.
        quantile: Part of the scored names that is held on each side, by rank whatever the sign; 0: by ``k``.
        weighting: ``equal``, ``inverse_volatility`` on ``volatility_20``, ``score`` (in proportion to it),
            ``risk_parity``, ``hierarchical_risk_parity``, ``minimum_variance``, ``mean_variance`` or ``kelly``.
        gross: Sum of absolute target weights when fully invested (fraction of equity), and their largest sum.
        rebalance: ``bar`` (at every bar), ``daily``, or the first session of each ``weekly`` or ``monthly`` period.
        min_trade_weight: Changes smaller than this fraction of equity are not traded.
        whole_shares: Whether quantities are rounded towards zero to whole shares.
        initial_cash: Cash at the start of a backtest or a simulated account (USD).
    """

    name: str = "???"
    side: str = "long"
    k: int = 2
    quantile: float = 0.0
    weighting: str = "equal"
    gross: float = 0.95
    rebalance: str = "weekly"
    min_trade_weight: float = 0.01
    whole_shares: bool = True
    initial_cash: float = 100_000.0
    covariance: CovarianceConfig = field(default_factory=CovarianceConfig)
    objective: ObjectiveConfig = field(default_factory=ObjectiveConfig)
    limits: LimitsConfig = field(default_factory=LimitsConfig)
    sizing: SizingConfig = field(default_factory=SizingConfig)
    barbell: BarbellConfig = field(default_factory=BarbellConfig)

    def __post_init__(self) -> None:
        require_choice(self.side, ("long", "long_short"), "portfolio.side")
        require(self.k >= 0, "portfolio.k", "at least 0", self.k)
        require_choice(self.weighting, WEIGHTINGS, "portfolio.weighting")
        most = 0.5 if self.side == "long_short" else 1.0
        require(0 <= self.quantile <= most, "portfolio.quantile", f"in [0, {most:g}]", self.quantile)
        if self.quantile > 0:
            require(self.k == 0, "portfolio.k", "0 with portfolio.quantile", self.k)
            by_rank = ("equal", "inverse_volatility", *RISK_WEIGHTINGS)
            require(
                self.weighting in by_rank,
                "portfolio.weighting",
                f"one of {', '.join(by_rank)} with portfolio.quantile",
                self.weighting,
            )
        require(0 < self.gross <= 4, "portfolio.gross", "in (0, 4]", self.gross)
        require_choice(self.rebalance, ("bar", "daily", "weekly", "monthly"), "portfolio.rebalance")
        require(
            0 <= self.min_trade_weight < 1, "portfolio.min_trade_weight", "in [0, 1)", self.min_trade_weight
        )
        require(
            0 < self.initial_cash < math.inf,
            "portfolio.initial_cash",
            "above 0 and finite",
            self.initial_cash,
        )
