"""One bar's construction, and that of many bars where scores alone decide."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from execution.config import PortfolioConfig
from execution.construction.covariance import Estimate, estimate, has_history, nothing_known
from execution.construction.inputs import (
    Construction,
    ConstructionInputs,
    has_limits,
    heeds_holdings,
    is_by_scores_alone,
    needs_account,
    needs_covariance,
    needs_history,
)
from execution.construction.limits import TOLERANCE, Bools, Feasible, UnsolvedError, feasible_set
from execution.construction.optimal import return_based_weights, risk_based_weights
from execution.construction.simple import chosen_sides, simple_weights, simple_weights_of
from execution.construction.sizing import by_confidence, sized
from execution.panel import ScorePanel
from execution.portfolio_config import RISK_WEIGHTINGS, SIMPLE_WEIGHTINGS
from execution.types import Floats, RiskDecision
from transforms.errors import QuantmillError, nearest

LEFT_ALONE = "; every position is left alone"
"""What a note ends with where there are no weights."""


def construct(inputs: ConstructionInputs, config: PortfolioConfig) -> Construction:
    """Return the target weights of one decision, before risk. Pure; docs/portfolio.md says how they come about.

    Candidates (names with a score and, where a covariance is needed, with history) → weighting → sizing → the nearest
    weights within the limits. Where the limits clash, or an estimate or a solver fails, every weight is NaN (all
    positions are left alone) and a note says why.

    Raises:
        QuantmillError: If a score, confidence or volatility is infinite, a symbol of the safe sleeve is unknown, or
            what the config needs (``needs_history``, ``needs_account``) was not given or is not finite.
    """
    _require(inputs, config)
    notes: list[RiskDecision] = []
    try:
        weights = _constructed(inputs, config, notes)
        if not np.isfinite(weights).all():
            raise UnsolvedError("not_finite", "the weights are not finite")
    except UnsolvedError as error:
        held = 0.0 if inputs.held is None else float(np.abs(inputs.held).sum())
        notes.append(RiskDecision("*", error.rule, held, np.nan, f"{error}{LEFT_ALONE}"))
        weights = np.full(len(inputs.symbols), np.nan)
    return Construction(weights, tuple(notes))


def _constructed(inputs: ConstructionInputs, config: PortfolioConfig, notes: list[RiskDecision]) -> Floats:
    """Return the weights; raise ``UnsolvedError`` where there are none."""
    ready = np.ones(len(inputs.symbols), dtype=bool)
    if needs_covariance(config) and inputs.returns is not None:
        ready = has_history(inputs.returns, config.covariance)
        inputs = _without_strangers(inputs, ready, config, notes)
    signs, places = chosen_sides(inputs.symbols, inputs.scores, config)
    safe = np.isin(inputs.symbols, config.barbell.safe) & ready
    risk = _estimated(inputs, (signs != 0) | safe, ready, config)
    if config.weighting in SIMPLE_WEIGHTINGS:
        weights = simple_weights(inputs.symbols, inputs.scores, config)
    else:
        feasible = feasible_set(inputs, signs, safe, config)
        if config.weighting in RISK_WEIGHTINGS:
            weights = risk_based_weights(risk, signs, places, feasible, config)
        else:
            weights = return_based_weights(risk, inputs, feasible, config)
    weights, changes = sized(weights, inputs, risk, config)
    notes += changes
    if has_limits(config):
        weights = _within(weights, feasible_set(inputs, signs, safe, config), notes)
    gross = math.fsum(np.abs(weights).tolist())
    # A solver may leave its tolerance beyond the gross, which the risk rules would take for a breach.
    return weights * (config.gross / gross) if gross > config.gross * (1 + 1e-12) else weights


def _within(weights: Floats, feasible: Feasible, notes: list[RiskDecision]) -> Floats:
    """Return the nearest weights within the limits; note which of them were exceeded."""
    exceeded = [limit.text for limit in feasible.limits if limit.excess(weights) > TOLERANCE]
    nearest_weights = feasible.nearest(weights)
    if exceeded:
        before, after = float(np.abs(weights).sum()), float(np.abs(nearest_weights).sum())
        reason = f"moved to the nearest weights within {', '.join(exceeded)}"
        notes.append(RiskDecision("*", "limits", before, after, reason))
    return nearest_weights


def _without_strangers(
    inputs: ConstructionInputs, ready: Bools, config: PortfolioConfig, notes: list[RiskDecision]
) -> ConstructionInputs:
    """Return the inputs without the scores of names that lack history; note which they were."""
    scored = ~np.isnan(inputs.scores.score)
    strangers = sorted(inputs.symbols[i] for i in np.flatnonzero(scored & ~ready).tolist())
    if not strangers:
        return inputs
    shown = ", ".join(strangers[:5]) + (", …" if len(strangers) > 5 else "")
    reason = (
        f"{len(strangers)} of {np.count_nonzero(scored)} scored names have fewer than "
        f"{config.covariance.min_history} usable returns in {config.covariance.lookback} sessions or a price that "
        f"never moves, and get no weight: {shown}"
    )
    counts = float(np.count_nonzero(scored)), float(np.count_nonzero(scored & ready))
    notes.append(RiskDecision("*", "short_history", *counts, reason))
    score = np.where(ready, inputs.scores.score, np.nan)
    return replace(inputs, scores=replace(inputs.scores, score=score))


def _estimated(inputs: ConstructionInputs, wanted: Bools, ready: Bools, config: PortfolioConfig) -> Estimate:
    """Return the estimate of the names that may be held and have history."""
    if inputs.returns is None or not needs_covariance(config):
        return nothing_known()
    if inputs.held is not None and heeds_holdings(config):
        wanted = wanted | (inputs.held != 0)
    try:
        risk = estimate(
            inputs.returns, inputs.symbols, wanted & ready, config.covariance, inputs.sessions_per_year
        )
    except (ValueError, ArithmeticError, np.linalg.LinAlgError) as error:
        raise UnsolvedError("covariance", f"the covariance could not be estimated: {error}") from error
    if not np.isfinite(risk.covariance).all():
        raise UnsolvedError("covariance", "the covariance is not finite")
    return risk


def _require(inputs: ConstructionInputs, config: PortfolioConfig) -> None:
    """Raise ``QuantmillError`` where something that the config needs is missing or is no number."""
    name = f"portfolio={config.name}"
    if needs_history(config) and inputs.returns is None:
        raise QuantmillError(f"{name} needs the returns up to the decision, and none were given")
    if config.limits.max_participation > 0 and inputs.dollar_volume is None:
        raise QuantmillError(f"{name} needs the traded value of each symbol, and none was given")
    if needs_account(config):
        for what, values in (("held weight", inputs.held), ("trading cost", inputs.costs)):
            if values is None:
                raise QuantmillError(f"{name} needs the {what} of each symbol, and none was given")
            concerned = ~np.isnan(inputs.scores.score) | (inputs.held != 0)
            broken = np.flatnonzero(~np.isfinite(values) & concerned)
            if broken.size:
                culprits = ", ".join(inputs.symbols[i] for i in broken[:5].tolist())
                raise QuantmillError(f"{name}: the {what} of {culprits} is not finite; nothing is decided")
        if not (0 < inputs.equity < np.inf):
            raise QuantmillError(f"{name} sizes by equity, which must be above 0, was {inputs.equity!r}")
    for symbol in config.barbell.safe:
        if symbol not in inputs.symbols:
            raise QuantmillError(
                f"portfolio.barbell.safe: {symbol} is not in the universe.{nearest(symbol, inputs.symbols)}"
            )


def weights_of_all(
    symbols: tuple[str, ...], scores: ScorePanel, rows: NDArray[np.int64], config: PortfolioConfig
) -> Floats:
    """Return the target weights of many decisions at once, (R, N): to the last bit those of ``construct``.

    Args:
        rows: The panel's rows to decide on, (R,).

    Raises:
        QuantmillError: If a score, confidence or volatility is infinite, or the construction is not
            ``is_by_scores_alone``.
    """
    if not is_by_scores_alone(config):
        raise QuantmillError(
            f"portfolio={config.name} looks at more than scores; build it bar by bar with construct"
        )
    weights = simple_weights_of(symbols, scores, rows, config)
    return by_confidence(weights, scores.confidence[rows], config.sizing)
