"""What a portfolio is built from, what comes out, and which of it a config asks for."""

from __future__ import annotations

from dataclasses import dataclass

from execution.config import PortfolioConfig
from execution.portfolio_config import SIMPLE_WEIGHTINGS
from execution.types import Floats, RiskDecision, Scores


@dataclass(frozen=True)
class ConstructionInputs:
    """What is known at the close of the decision. Columns follow ``symbols`` (N).

    Attributes:
        scores: This bar's.
        returns: Total returns (fraction) of the sessions up to this close, oldest first, (L, N); NaN where a symbol
            had no bar. None unless ``needs_history``.
        benchmark: Likewise the benchmark's, (M,).
        dollar_volume: Mean traded value per session (USD), (N,); NaN if unknown.
        held: Present weights, signed fraction of equity, (N,). None unless ``needs_account``.
        costs: Cost of a trade as a fraction of its value, (N,); may be NaN where nothing is scored or held.
        equity: USD at this close.
        peak: Highest equity so far, USD.
        sessions_per_year: By which what is of sessions is annualised.
    """

    symbols: tuple[str, ...]
    scores: Scores
    returns: Floats | None = None
    benchmark: Floats | None = None
    dollar_volume: Floats | None = None
    held: Floats | None = None
    costs: Floats | None = None
    equity: float = 0.0
    peak: float = 0.0
    sessions_per_year: int = 252


@dataclass(frozen=True)
class Construction:
    """Target weights before risk.

    Attributes:
        weights: Signed fraction of equity, (N,); all NaN where every position is to be left alone.
        notes: What was changed or refused on the way and why, for ``execution.risk_decisions``.
    """

    weights: Floats
    notes: tuple[RiskDecision, ...] = ()


def needs_history(config: PortfolioConfig) -> bool:
    """Whether weights depend on returns, the benchmark or traded volume up to the decision."""
    sizing = config.sizing
    return (
        needs_covariance(config)
        or sizing.regime_average > 0
        or sizing.regime_max_volatility > 0
        or config.limits.max_participation > 0
    )


def needs_account(config: PortfolioConfig) -> bool:
    """Whether weights depend on what is held, its costs or the course of equity."""
    return heeds_holdings(config) or config.sizing.drawdown_start > 0


def heeds_holdings(config: PortfolioConfig) -> bool:
    """Whether trading costs or is limited, so that what is held decides what is wanted."""
    limits = config.limits
    return config.weighting == "mean_variance" or limits.max_turnover > 0 or limits.max_participation > 0


def needs_covariance(config: PortfolioConfig) -> bool:
    """Whether names must have returns enough for a covariance."""
    sizing = config.sizing
    return (
        config.weighting not in SIMPLE_WEIGHTINGS
        or sizing.target_volatility > 0
        or (sizing.max_heat > 0 and sizing.stop_scale == "volatility")
        or bool(config.barbell.safe)
    )


def is_by_scores_alone(config: PortfolioConfig) -> bool:
    """Whether ``weights_of_all`` can build every rebalance at once: no history, account or limit is looked at."""
    return not (
        needs_history(config) or needs_account(config) or has_limits(config) or config.sizing.max_heat > 0
    )


def has_limits(config: PortfolioConfig) -> bool:
    """Whether weights are held within limits or sleeves."""
    limits = config.limits
    return bool(
        limits.max_weight > 0
        or limits.max_group_weight > 0
        or limits.group_caps
        or limits.min_net is not None
        or limits.max_net is not None
        or limits.max_turnover > 0
        or limits.max_participation > 0
        or config.barbell.safe
    )
