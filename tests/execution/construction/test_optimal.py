"""Optimised weights against closed forms, skfolio's own optimisers and random portfolios."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skfolio import RiskMeasure
from skfolio.optimization import MeanRisk, ObjectiveFunction
from skfolio.prior import EmpiricalPrior

from execution.construction import construct
from execution.portfolio_config import (
    RISK_WEIGHTINGS,
    WEIGHTINGS,
    CovarianceConfig,
    LimitsConfig,
    ObjectiveConfig,
)
from execution.types import Floats
from tests.execution.construction.cases import config, exact_returns, inputs, names, random_returns

SAMPLE = CovarianceConfig(estimator="sample", lookback=5040, min_history=20)


def weights(weighting: str, given_inputs: Any, **changes: Any) -> Floats:
    made = construct(given_inputs, config(weighting=weighting, **{"covariance": SAMPLE, **changes}))
    assert not np.isnan(made.weights).any(), made.notes
    return made.weights


def daily(volatilities: list[float], correlation: float) -> Floats:
    """A covariance per session from volatilities per year."""
    sigma = np.array(volatilities)
    equal = np.full((len(sigma), len(sigma)), correlation)
    np.fill_diagonal(equal, 1.0)
    matrix: Floats = equal * np.outer(sigma, sigma) / 252
    return matrix


def test_minimum_variance_of_two_is_the_closed_form() -> None:
    matrix = daily([0.2, 0.3], 0.4)
    (a, c), (_, b) = matrix
    expected = (b - c) / (a + b - 2 * c)
    found = weights("minimum_variance", inputs([1, 1], exact_returns(matrix)))
    assert found.tolist() == pytest.approx([expected, 1 - expected], abs=1e-6)


def test_minimum_variance_of_many_is_no_worse_than_skfolios() -> None:
    returns = random_returns(12)
    ours = weights("minimum_variance", inputs([1] * 12, returns))
    theirs = MeanRisk(risk_measure=RiskMeasure.VARIANCE).fit(returns).weights_
    covariance = np.cov(returns, rowvar=False)
    assert ours @ covariance @ ours <= theirs @ covariance @ theirs * (1 + 1e-9)
    assert ours == pytest.approx(theirs, abs=2e-4)


def test_minimum_variance_of_a_hedge_gives_each_side_its_half() -> None:
    found = weights("minimum_variance", inputs([1, 1, -1, -1], random_returns(4)), side="long_short", k=2)
    assert found[:2].sum() == pytest.approx(0.5, abs=1e-7)
    assert found[2:].sum() == pytest.approx(-0.5, abs=1e-7)


def test_minimum_variance_takes_as_much_of_the_gross_as_the_limits_leave() -> None:
    limits = LimitsConfig(max_weight=0.15)
    found = weights("minimum_variance", inputs([1, 1, 1], random_returns(3)), limits=limits)
    assert found.tolist() == pytest.approx([0.15] * 3, abs=1e-6)


def test_risk_parity_of_equal_correlations_is_inverse_volatility() -> None:
    sigma = [0.1, 0.2, 0.4]
    found = weights("risk_parity", inputs([1, 1, 1], exact_returns(daily(sigma, 0.3))))
    expected = 1 / np.array(sigma) / np.sum(1 / np.array(sigma))
    assert found == pytest.approx(expected, abs=1e-5)


def test_risk_parity_lets_each_name_contribute_the_same_on_both_sides() -> None:
    returns = random_returns(5)
    found = weights("risk_parity", inputs([1, 1, -1, -1, 1], returns), side="long_short")
    assert np.sign(found).tolist() == [1, 1, -1, -1, 1]
    contribution = found * (np.cov(returns, rowvar=False) @ found)
    assert contribution / contribution.sum() == pytest.approx(np.full(5, 0.2), abs=1e-4)
    assert np.abs(found).sum() == pytest.approx(1.0)


def test_hierarchical_risk_parity_of_two_is_inverse_variance() -> None:
    found = weights("hierarchical_risk_parity", inputs([1, 1], exact_returns(daily([0.2, 0.4], 0.1))))
    assert found.tolist() == pytest.approx([0.8, 0.2])


@pytest.mark.parametrize("weighting", RISK_WEIGHTINGS)
def test_one_name_takes_its_whole_part(weighting: str) -> None:
    returns = random_returns(3)
    assert weights(weighting, inputs([1, -1, 0], returns), k=2, gross=0.8) == pytest.approx(
        [0.4, 0, 0], abs=1e-7
    )


def test_kelly_of_one_name_is_its_part_of_mean_over_variance() -> None:
    drift, sigma = 0.06, 0.3
    given_inputs = inputs([1], exact_returns([[sigma**2 / 252]], mean=drift / 252))
    objective = ObjectiveConfig(expected_return="history", kelly_fraction=0.5)
    found = weights("kelly", given_inputs, objective=objective, gross=4.0)
    assert found.tolist() == pytest.approx([0.5 * drift / sigma**2], abs=1e-6)


def test_kelly_of_several_is_the_inverse_covariance_times_the_mean() -> None:
    matrix, drift = daily([0.2, 0.3], 0.2), np.array([0.02, 0.03])
    objective = ObjectiveConfig(score_return=0.1, kelly_fraction=1.0)
    found = weights("kelly", inputs(drift / 0.1, exact_returns(matrix)), objective=objective, gross=4.0)
    assert found == pytest.approx(np.linalg.solve(matrix * 252, drift), abs=1e-6)


@pytest.mark.parametrize(
    ("expected_return", "wanted"),
    [("score", [0.05, 0.02]), ("volatility_score", [0.01, 0.006]), ("history", [0.1, 0.2])],
)
def test_expected_returns_come_from_where_the_config_says(expected_return: str, wanted: list[float]) -> None:
    # Uncorrelated names and room enough: each weight is μ / (γ σ²).
    returns = exact_returns(daily([0.2, 0.3], 0.0), mean=np.array([0.1, 0.2]) / 252)
    objective = ObjectiveConfig(expected_return=expected_return, score_return=0.1, risk_aversion=10.0)
    found = weights("mean_variance", inputs([0.5, 0.2], returns), objective=objective)
    assert found == pytest.approx(np.array(wanted) / 10 / np.array([0.04, 0.09]), abs=1e-6)


def test_mean_variance_with_costs_is_no_worse_than_skfolios() -> None:
    returns, count = random_returns(8), 8
    costs, held = np.full(count, 2e-3), np.full(count, 0.1)
    objective = ObjectiveConfig(expected_return="history", risk_aversion=4.0, cost_sessions=63.0)
    ours = weights("mean_variance", inputs([1] * count, returns, costs=costs, held=held), objective=objective)
    theirs = MeanRisk(
        objective_function=ObjectiveFunction.MAXIMIZE_UTILITY,
        risk_aversion=2.0,  # of skfolio: no half
        prior_estimator=EmpiricalPrior(),
        transaction_costs=costs / 63,
        previous_weights=held,
        min_weights=0.0,
        max_weights=1.0,
        budget=None,
        max_budget=1.0,
    ).fit(returns)

    def utility(found: Floats) -> float:
        risk = found @ np.cov(returns, rowvar=False) @ found
        return float(found @ returns.mean(axis=0) - 2 * risk - costs @ np.abs(found - held) / 63)

    assert utility(ours) >= utility(theirs.weights_) - 1e-10
    assert ours == pytest.approx(theirs.weights_, abs=1e-3)


def test_mean_variance_does_not_trade_what_does_not_earn_its_cost() -> None:
    held = np.array([0.3, 0.2])
    dear = inputs([0.3, 0.3], random_returns(2), held=held, costs=np.full(2, 0.5))
    assert weights("mean_variance", dear).tolist() == pytest.approx(held.tolist(), abs=1e-6)


@settings(max_examples=20)
@given(st.integers(0, 10_000), st.sampled_from(["minimum_variance", "mean_variance", "kelly"]))
def test_no_random_feasible_portfolio_beats_the_optimum(seed: int, weighting: str) -> None:
    rng = np.random.default_rng(seed)
    returns, score = random_returns(5, seed=seed, sessions=120), rng.uniform(0.05, 1, 5)
    objective = ObjectiveConfig(score_return=0.3, kelly_fraction=1.0)
    limits = LimitsConfig(max_weight=0.4)
    found = weights(weighting, inputs(score, returns), objective=objective, limits=limits)
    assert found.max() <= 0.4 + 1e-7
    assert np.abs(found).sum() <= 1 + 1e-7
    covariance = np.cov(returns, rowvar=False) * 252

    def loss(portfolio: Floats) -> Floats:
        variance = np.einsum("...i,ij,...j", portfolio, covariance, portfolio)
        if weighting == "minimum_variance":
            return np.asarray(variance)
        aversion = 1.0 if weighting == "kelly" else objective.risk_aversion
        return np.asarray(aversion / 2 * variance - portfolio @ score * 0.3)

    others = rng.dirichlet(np.ones(5), size=500)
    if weighting != "minimum_variance":
        others *= rng.random((500, 1))
    others = others[others.max(axis=1) <= 0.4]
    near = found + rng.standard_normal((500, 5)) * 1e-3
    near -= (near.sum(axis=1) - found.sum())[:, None] / 5
    near = near[(near.min(axis=1) >= 0) & (near.max(axis=1) <= 0.4)]
    assert loss(np.concatenate([others, near, [found]])).min() >= loss(found) - 1e-7


@pytest.mark.parametrize("weighting", RISK_WEIGHTINGS)
def test_weights_do_not_depend_on_the_scale_of_returns(weighting: str) -> None:
    returns = random_returns(6)
    plain = weights(weighting, inputs([1] * 6, returns))
    assert weights(weighting, inputs([1] * 6, returns * 2)) == pytest.approx(plain, abs=2e-5)


@pytest.mark.parametrize("weighting", WEIGHTINGS)
def test_same_inputs_give_the_same_bits_and_columns_may_come_anyhow(weighting: str) -> None:
    returns, score = random_returns(6), np.array([0.5, 0.4, -0.3, 0.2, -0.1, 0.6])
    chosen = config(weighting=weighting, side="long_short", covariance=SAMPLE)
    first = construct(inputs(score, returns), chosen).weights
    assert construct(inputs(score, returns), chosen).weights.tobytes() == first.tobytes()
    order = [3, 1, 0, 5, 4, 2]
    moved = inputs(score[order], returns[:, order])
    object.__setattr__(moved, "symbols", tuple(names(6)[i] for i in order))
    assert construct(moved, chosen).weights == pytest.approx(first[order], abs=1e-6)


@pytest.mark.parametrize("weighting", RISK_WEIGHTINGS)
def test_names_that_move_as_one_share_and_stay_finite(weighting: str) -> None:
    returns = np.repeat(random_returns(1), 4, axis=1)
    found = weights(weighting, inputs([1] * 4, returns), covariance=CovarianceConfig(min_history=20))
    assert found == pytest.approx(np.full(4, 0.25), abs=1e-4)
