"""How much of a portfolio is taken: by confidence, volatility, regime, drawdown and heat."""

from __future__ import annotations

import math

import numpy as np

from execution.config import PortfolioConfig
from execution.construction.covariance import Estimate
from execution.construction.inputs import ConstructionInputs
from execution.portfolio_config import SizingConfig
from execution.types import Floats, RiskDecision


def by_confidence(weights: Floats, confidence: Floats, sizing: SizingConfig) -> Floats:
    """Return the weights times confidence to ``confidence_power``; no confidence, no weight. Any shape."""
    if sizing.confidence_power == 0:
        return weights
    sure: Floats = np.nan_to_num(confidence, nan=0.0) ** sizing.confidence_power
    # -0 is not 0 to those who compare bits.
    return weights * sure + 0.0


def sized(
    weights: Floats, inputs: ConstructionInputs, risk: Estimate, config: PortfolioConfig
) -> tuple[Floats, tuple[RiskDecision, ...]]:
    """Return the weights, (N,), after each sizing rule that is on, and a note for each that changed them.

    Args:
        risk: The estimate of the names that may be held, of none unless ``needs_covariance``.
    """
    notes: list[RiskDecision] = []
    weights = by_confidence(weights, inputs.scores.confidence, config.sizing)
    for rule, (scale, reason) in (
        ("target_volatility", _to_volatility(weights, risk, config)),
        ("regime", _by_regime(inputs, config.sizing)),
        ("drawdown", _by_drawdown(inputs, config.sizing)),
    ):
        weights = _scaled(weights, scale, rule, reason, notes)
    # Heat comes last: it is a ceiling on what the others have left.
    scale, reason = _to_heat(weights, risk, config.sizing, inputs.sessions_per_year)
    return _scaled(weights, scale, "max_heat", reason, notes), tuple(notes)


def _scaled(weights: Floats, scale: float, rule: str, reason: str, notes: list[RiskDecision]) -> Floats:
    """Return the weights times ``scale``; note it unless that changes nothing."""
    gross = float(np.abs(weights).sum())
    if not reason or gross == 0 or scale == 1:
        return weights
    notes.append(RiskDecision("*", rule, gross, gross * scale, f"{reason}: weights times {scale:.4g}"))
    return weights * scale + 0.0


def _to_volatility(weights: Floats, risk: Estimate, config: PortfolioConfig) -> tuple[float, str]:
    """Return the scale that brings the weights to the target volatility, as far as the gross lets them grow."""
    target, gross = config.sizing.target_volatility, float(np.abs(weights).sum())
    if target == 0 or gross == 0:
        return 1.0, ""
    held = weights[risk.places]
    volatility = math.sqrt(max(float(held @ risk.covariance @ held), 0.0))
    most = config.gross / gross
    scale = min(target / volatility, most) if volatility > 0 else most
    return scale, f"volatility {volatility:.2%} a year, wanted {target:.2%}"


def _by_regime(inputs: ConstructionInputs, sizing: SizingConfig) -> tuple[float, str]:
    """Return ``regime_scale`` where the benchmark is below its average or wilder than allowed.

    While the benchmark is too young to tell, nothing is scaled.
    """
    benchmark = inputs.benchmark
    if benchmark is None:
        return 1.0, ""
    if sizing.regime_average > 0:
        wealth = _wealth(benchmark, sizing.regime_average)
        if wealth is not None and wealth[-1] < wealth.mean():
            distance = wealth[-1] / wealth.mean() - 1
            return (
                sizing.regime_scale,
                f"the benchmark is {-distance:.2%} below its average of {sizing.regime_average} sessions",
            )
    if sizing.regime_max_volatility > 0:
        recent = benchmark[-sizing.regime_sessions :]
        if len(recent) == sizing.regime_sessions and np.isfinite(recent).all():
            volatility = float(recent.std(ddof=1)) * math.sqrt(inputs.sessions_per_year)
            if volatility > sizing.regime_max_volatility:
                return (
                    sizing.regime_scale,
                    f"the benchmark's volatility is {volatility:.2%} a year, more than "
                    f"{sizing.regime_max_volatility:.2%}",
                )
    return 1.0, ""


def _wealth(returns: Floats, sessions: int) -> Floats | None:
    """Return the benchmark at its last ``sessions`` closes, the first of them 1; None where it has fewer."""
    recent = returns[len(returns) - (sessions - 1) :]
    if len(returns) < sessions - 1 or not np.isfinite(recent).all():
        return None
    return np.cumprod(np.concatenate([[1.0], 1 + recent]))


def _by_drawdown(inputs: ConstructionInputs, sizing: SizingConfig) -> tuple[float, str]:
    """Return a scale that falls from 1 at ``drawdown_start`` to the floor at ``drawdown_full``, linearly.

    The exposure of Grossman and Zhou (1993), to a floor above 0 from which the book can recover.
    """
    if sizing.drawdown_start == 0 or inputs.peak <= 0:
        return 1.0, ""
    drawdown = 1 - inputs.equity / inputs.peak
    if drawdown <= sizing.drawdown_start:
        return 1.0, ""
    way = (drawdown - sizing.drawdown_start) / (sizing.drawdown_full - sizing.drawdown_start)
    scale = 1 - (1 - sizing.drawdown_floor) * min(way, 1.0)
    return scale, f"equity is {drawdown:.2%} below its peak"


def _to_heat(
    weights: Floats, risk: Estimate, sizing: SizingConfig, sessions_per_year: int
) -> tuple[float, str]:
    """Return the scale that keeps Σ |weight| × distance of the stop at ``max_heat`` or less (van Tharp's heat)."""
    if sizing.max_heat == 0:
        return 1.0, ""
    distance = np.full(len(weights), sizing.stop_distance)
    if sizing.stop_scale == "volatility":
        distance[risk.places] *= risk.volatility / math.sqrt(sessions_per_year)
    heat = float((np.abs(weights) * distance).sum())
    if heat <= sizing.max_heat:
        return 1.0, ""
    return sizing.max_heat / heat, f"heat {heat:.2%} of equity, at most {sizing.max_heat:.2%}"
