"""What a construction asks for, what it refuses, and that nothing broken becomes a weight."""

import math
import warnings
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from execution.config import PortfolioConfig
from execution.construction import (
    ConstructionInputs,
    construct,
    is_by_scores_alone,
    needs_account,
    needs_history,
    weights_of_all,
)
from execution.panel import ScorePanel
from execution.portfolio_config import (
    RETURN_WEIGHTINGS,
    RISK_WEIGHTINGS,
    BarbellConfig,
    CovarianceConfig,
    LimitsConfig,
    SizingConfig,
)
from tests.execution.construction.cases import config, inputs, names, random_returns
from transforms.errors import QuantmillError

NAN = float("nan")


@pytest.mark.parametrize(
    ("changes", "history", "account", "alone"),
    [
        ({}, False, False, True),
        ({"quantile": 0.2}, False, False, True),
        ({"sizing": SizingConfig(confidence_power=1.0)}, False, False, True),
        ({"limits": LimitsConfig(max_weight=0.1)}, False, False, False),
        ({"limits": LimitsConfig(max_turnover=0.1)}, False, True, False),
        ({"limits": LimitsConfig(max_participation=0.1)}, True, True, False),
        ({"sizing": SizingConfig(max_heat=0.1, stop_scale="none")}, False, False, False),
        ({"sizing": SizingConfig(max_heat=0.1)}, True, False, False),
        ({"sizing": SizingConfig(target_volatility=0.1)}, True, False, False),
        ({"sizing": SizingConfig(regime_average=200)}, True, False, False),
        ({"sizing": SizingConfig(regime_max_volatility=0.2)}, True, False, False),
        ({"sizing": SizingConfig(drawdown_start=0.1)}, False, True, False),
        ({"weighting": "risk_parity"}, True, False, False),
        ({"weighting": "kelly"}, True, False, False),
        ({"weighting": "mean_variance"}, True, True, False),
        ({"barbell": BarbellConfig(safe=["S00"])}, True, False, False),
    ],
)
def test_config_says_what_must_be_provided(
    changes: dict[str, Any], history: bool, account: bool, alone: bool
) -> None:
    chosen = config(**changes)
    assert (needs_history(chosen), needs_account(chosen), is_by_scores_alone(chosen)) == (
        history,
        account,
        alone,
    )


@settings(max_examples=60)
@given(
    st.integers(0, 10_000),
    st.sampled_from(["long", "long_short"]),
    st.sampled_from(["equal", "inverse_volatility", "score"]),
    st.sampled_from([0, 1, 3, 50]),
    st.sampled_from([0.0, 0.2, 0.5]),
    st.sampled_from([0.0, 0.5, 1.5]),
)
def test_all_rebalances_at_once_are_each_bar_to_the_bit(
    seed: int, side: str, weighting: str, k: int, quantile: float, power: float
) -> None:
    by_rank = quantile > 0 and weighting != "score"
    chosen = PortfolioConfig(
        name="test", side=side, weighting=weighting, k=0 if by_rank else k, quantile=quantile if by_rank else 0.0,
        sizing=SizingConfig(confidence_power=power),
    )  # fmt: skip
    rng = np.random.default_rng(seed)
    holes = lambda values: np.where(rng.random(values.shape) < 0.2, NAN, values)  # noqa: E731
    shape = (8, 9)
    panel = ScorePanel(
        "test",
        holes(rng.integers(-3, 4, shape) / 4),
        holes(rng.integers(0, 3, shape) / 2),
        holes(rng.random(shape)),
    )
    rows = np.array([1, 2, 5, 7])
    together = weights_of_all(names(9), panel, rows, chosen)
    for row, t in zip(together, rows.tolist(), strict=True):
        alone = construct(ConstructionInputs(names(9), panel.at(t)), chosen).weights
        assert alone.tobytes() == row.tobytes()
        assert np.isfinite(row).all()
        assert np.abs(row).sum() <= chosen.gross * (1 + 1e-12)


def test_construction_that_looks_at_more_than_scores_is_not_built_all_at_once() -> None:
    empty = ScorePanel("test", np.zeros((1, 2)), np.zeros((1, 2)), np.zeros((1, 2)))
    with pytest.raises(QuantmillError, match="portfolio=test looks at more than scores"):
        weights_of_all(names(2), empty, np.array([0]), config(weighting="kelly"))


@pytest.mark.parametrize(
    ("changes", "given_changes", "message"),
    [
        ({"weighting": "kelly"}, {"returns": None}, "needs the returns up to the decision"),
        ({"weighting": "mean_variance"}, {"held": None}, "needs the held weight of each symbol"),
        ({"weighting": "mean_variance"}, {"costs": None}, "needs the trading cost of each symbol"),
        ({"weighting": "mean_variance"}, {"held": np.array([0, NAN])}, "held weight of S01 is not finite"),
        (
            {"sizing": SizingConfig(drawdown_start=0.1)},
            {"equity": 0.0},
            "equity, which must be above 0, was 0.0",
        ),
        ({"limits": LimitsConfig(max_participation=0.1)}, {"dollar_volume": None}, "needs the traded value"),
        (
            {"barbell": BarbellConfig(safe=["S0"])},
            {},
            r"barbell.safe: S0 is not in the universe. Did you mean: .*S00",
        ),
    ],
)
def test_missing_inputs_are_named(
    changes: dict[str, Any], given_changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(QuantmillError, match=message):
        construct(replace(inputs([1, 1], random_returns(2)), **given_changes), config(**changes))


@pytest.mark.parametrize("weighting", [*RISK_WEIGHTINGS, *RETURN_WEIGHTINGS])
@pytest.mark.parametrize("size", [1e60, 1e90])
@pytest.mark.parametrize("estimator", ["sample", "exponential", "ledoit_wolf"])
def test_overflowing_estimates_never_become_weights(weighting: str, size: float, estimator: str) -> None:
    returns = np.random.default_rng(0).standard_normal((60, 4)) * size
    chosen = config(weighting=weighting, covariance=CovarianceConfig(estimator, 60, 20))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        made = construct(inputs([1, 1, 1, 1], returns), chosen)
    if np.isnan(made.weights).any():
        assert np.isnan(made.weights).all()
        assert made.notes[-1].rule in ("covariance", "solver")
        assert made.notes[-1].reason.endswith("every position is left alone")
    else:
        assert np.abs(made.weights).sum() <= 1 + 1e-6


@pytest.mark.parametrize("weighting", [*RISK_WEIGHTINGS, *RETURN_WEIGHTINGS])
@pytest.mark.parametrize(
    "returns", [np.zeros((60, 3)), np.full((60, 3), NAN), np.zeros((0, 3)), np.full((60, 3), np.inf)]
)
def test_names_without_a_usable_past_are_not_held(weighting: str, returns: Any) -> None:
    chosen = config(weighting=weighting, covariance=CovarianceConfig("sample", 60, 20))
    made = construct(inputs([1, 1, 1], returns), chosen)
    assert made.weights.tolist() == [0, 0, 0]
    assert [note.rule for note in made.notes] == ["short_history"]


@pytest.mark.parametrize("weighting", [*RISK_WEIGHTINGS, *RETURN_WEIGHTINGS])
def test_nobody_scored_means_nothing_held(weighting: str) -> None:
    made = construct(inputs([NAN, 0, -1], random_returns(3)), config(weighting=weighting))
    assert made.weights == pytest.approx([0, 0, 0], abs=1e-9)


def test_held_name_without_a_past_is_sold_and_costs_no_error() -> None:
    returns = random_returns(3)
    returns[:, 2] = NAN
    held = np.array([0.0, 0.0, 0.3])
    made = construct(inputs([0.5, 0.5, 0.5], returns, held=held), config(weighting="mean_variance"))
    assert made.weights[2] == 0
    assert made.weights[:2].min() > 0


@pytest.mark.parametrize("weighting", [*RISK_WEIGHTINGS, *RETURN_WEIGHTINGS])
@pytest.mark.parametrize("limits", [LimitsConfig(), LimitsConfig(max_weight=0.11)])
def test_solvers_tolerance_is_never_beyond_the_gross(weighting: str, limits: LimitsConfig) -> None:
    chosen = config(
        weighting=weighting, limits=limits, gross=0.95, covariance=CovarianceConfig(min_history=20)
    )
    for seed in range(4):
        made = construct(inputs([0.9] * 9, random_returns(9, seed=seed)), chosen)
        assert math.fsum(np.abs(made.weights)) <= 0.95 * (1 + 1e-12)
        assert math.fsum(np.abs(made.weights)) > 0.5


def test_cost_is_asked_of_names_that_are_scored_or_held_alone() -> None:
    chosen = config(weighting="mean_variance")
    costs, returns = np.array([1e-3, 1e-3, NAN]), random_returns(3)
    assert construct(inputs([0.5, 0.5, NAN], returns, costs=costs), chosen).weights[2] == 0
    for given_inputs in (
        inputs([0.5, 0.5, 0.5], returns, costs=costs),
        inputs([0.5, 0.5, NAN], returns, costs=costs, held=np.array([0.0, 0.0, 0.1])),
    ):
        with pytest.raises(QuantmillError, match="trading cost of S02 is not finite"):
            construct(given_inputs, chosen)
