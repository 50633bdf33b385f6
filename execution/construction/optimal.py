"""Weights by a covariance: risk parity, hierarchical risk parity, minimum variance, mean-variance, Kelly."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from execution.config import PortfolioConfig
from execution.construction.covariance import Estimate
from execution.construction.inputs import ConstructionInputs
from execution.construction.limits import Feasible, Total, UnsolvedError
from execution.construction.simple import is_halved
from execution.types import Floats
from transforms.errors import first_line

Signs = NDArray[np.int8]


def risk_based_weights(
    risk: Estimate, signs: Signs, places: int, feasible: Feasible, config: PortfolioConfig
) -> Floats:
    """Return the weights of a ``RISK_WEIGHTINGS`` portfolio, (N,).

    The chosen names take the gross that ``equal`` would give them. ``risk_parity`` and ``hierarchical_risk_parity``
    look at each name's returns with the sign of its side and do not know the limits; ``minimum_variance`` keeps them,
    gives each side its part, and takes as much of the gross as they allow.

    Raises:
        UnsolvedError: If the limits clash, or an estimate or a solver fails.
    """
    if not signs.any():
        return np.zeros(len(signs))
    parts = [_part(signs, sign, places, config) for sign in (1, -1)]
    if config.weighting == "minimum_variance":
        return _minimum_variance(risk, signs, parts, feasible)
    chosen = signs[risk.places] != 0
    where = risk.places[chosen]
    weights = np.zeros(len(signs))
    shares = _shares(risk.returns[:, chosen] * signs[where], config.weighting, config)
    weights[where] = np.round(sum(parts) * shares, 10) * signs[where]
    return weights


def _part(signs: Signs, sign: int, places: int, config: PortfolioConfig) -> float:
    """Return the part of the gross that the names taken on a side have together."""
    gross = config.gross / 2 if is_halved(config) else config.gross
    return gross * int(np.count_nonzero(signs == sign)) / max(places, 1)


def _shares(returns: Floats, weighting: str, config: PortfolioConfig) -> Floats:
    """Return each name's share of the portfolio, (K,), summing to 1; skfolio's optimisers.

    ``risk_parity``: every name contributes the same to variance (Maillard, Roncalli and Teïletche 2010).
    ``hierarchical_risk_parity``: López de Prado (2016), by variance.
    """
    from cvxpy import SolverError
    from skfolio.optimization import HierarchicalRiskParity, RiskBudgeting
    from skfolio.prior import EmpiricalPrior

    from execution.construction.covariance import estimator

    if returns.shape[1] == 1:
        return np.ones(1)
    # Shares do not depend on the scale of returns, the solver's precision does: its tolerances suit numbers around 1.
    returns = returns / returns.std()
    prior = EmpiricalPrior(covariance_estimator=estimator(config.covariance))
    kind: Any = RiskBudgeting if weighting == "risk_parity" else HierarchicalRiskParity
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            shares = np.asarray(kind(prior_estimator=prior).fit(returns).weights_, dtype=np.float64)
    except (SolverError, ValueError, ArithmeticError, np.linalg.LinAlgError) as error:
        raise UnsolvedError("solver", f"{weighting} failed: {first_line(error)}") from error
    if not np.isfinite(shares).all() or shares.min() < -1e-9 or abs(shares.sum() - 1) > 1e-6:
        raise UnsolvedError("solver", f"{weighting} ended without weights that sum to 1")
    return np.maximum(shares, 0.0)


def _minimum_variance(risk: Estimate, signs: Signs, parts: list[float], feasible: Feasible) -> Floats:
    """Return the least risky of the portfolios that take as much of each side's part as the limits allow."""
    zeros = np.zeros(len(signs))
    sides = [
        (sign, part, signs == sign)
        for sign, part in zip((1, -1), parts, strict=True)
        if (signs == sign).any()
    ]
    most = [
        Total(f"{'long' if sign > 0 else 'short'} side {part:.4g}", members, -np.inf, part, zeros)
        for sign, part, members in sides
    ]
    variance = _variance(risk, feasible)
    held_sides = signs[feasible.places].astype(np.float64)
    full = [
        Total("invested", members, part if sign > 0 else -np.inf, np.inf if sign > 0 else -part)
        for sign, part, members in sides
    ]
    try:
        return feasible.solve(variance, *most, *full, explains=False)
    except UnsolvedError as error:
        if error.rule != "infeasible":
            raise
    # The limits leave less than the whole: first how much, then the calmest that takes it.
    taken = feasible.solve(lambda weights: -(held_sides @ weights), *most)
    reached = [float(taken[members].sum()) for _, _, members in sides]
    enough = [
        Total(
            "invested", members, total - 1e-7 if sign > 0 else -np.inf, np.inf if sign > 0 else total + 1e-7
        )
        for (sign, _, members), total in zip(sides, reached, strict=True)
    ]
    return feasible.solve(variance, *most, *enough)


def return_based_weights(
    risk: Estimate, inputs: ConstructionInputs, feasible: Feasible, config: PortfolioConfig
) -> Floats:
    """Return the weights of ``mean_variance`` or ``kelly``, (N,), within the limits.

    ``mean_variance`` maximises μ'w - ½ γ w'Σw - c'|w - held| × 252 / cost_sessions, per year (Markowitz 1952; costs as
    in Boyd et al. 2017, eq. 4.4). ``kelly`` maximises μ'w - w'Σw / 2 / fraction: for one name fraction × μ / σ², the
    growth-optimal position (Thorp 2006, eq. 7.3) in part.

    Raises:
        UnsolvedError: If the limits clash, or the solver fails.
    """
    import cvxpy as cp

    expected = np.zeros(len(inputs.symbols))
    expected[risk.places] = expected_returns(risk, inputs, config)
    variance = _variance(risk, feasible)
    objective, places = config.objective, feasible.places
    if config.weighting == "kelly":
        aversion, charges = 1 / objective.kelly_fraction, None
    else:
        assert inputs.costs is not None  # construct has asked for both
        assert inputs.held is not None
        aversion = objective.risk_aversion
        # What has no price has no cost either; it is not scored nor held, so that nothing depends on it.
        charges = np.nan_to_num(inputs.costs[places]) * inputs.sessions_per_year / objective.cost_sessions

    def loss(weights: Any) -> Any:
        value = aversion / 2 * variance(weights) - expected[places] @ weights
        if charges is None or inputs.held is None:
            return value
        return value + charges @ cp.abs(weights - inputs.held[places])

    return feasible.solve(loss)


def expected_returns(risk: Estimate, inputs: ConstructionInputs, config: PortfolioConfig) -> Floats:
    """Return expected returns per year (fraction) of the estimate's names, (K,).

    A score is worth ``score_return`` × score, or with ``volatility_score`` that times the name's volatility (Grinold
    1994: alpha is volatility times information coefficient times score); a name without a score expects 0.
    """
    if config.objective.expected_return == "history":
        return risk.mean
    expected = np.nan_to_num(inputs.scores.score[risk.places], nan=0.0) * config.objective.score_return
    return expected * risk.volatility if config.objective.expected_return == "volatility_score" else expected


def _variance(risk: Estimate, feasible: Feasible) -> Callable[[Any], Any]:
    """Return the variance per year of the solver's variable over the feasible names.

    A name that is held and cannot be estimated counts as the riskiest of the others, moving on its own.
    """
    import cvxpy as cp

    places = feasible.places
    worst = float(np.diag(risk.covariance).max(initial=1.0 if not risk.places.size else 0.0))
    where = {int(place): row for row, place in enumerate(risk.places)}
    rows = np.array([where.get(int(place), -1) for place in places], dtype=np.int64)
    known = rows >= 0
    covariance = np.diag(np.where(known, 0.0, worst))
    covariance[np.ix_(known, known)] = risk.covariance[np.ix_(rows[known], rows[known])]
    return lambda weights: cp.quad_form(weights, cp.psd_wrap(covariance))
