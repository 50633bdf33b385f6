import numpy as np
import pytest
from sklearn.covariance import ledoit_wolf

from execution.construction.covariance import estimate, has_history
from execution.portfolio_config import CovarianceConfig
from execution.types import Floats
from tests.execution.construction.cases import names, random_returns

EVERYBODY = np.ones(3, dtype=bool)


def covariance(returns: Floats, **changes: object) -> Floats:
    chosen = CovarianceConfig(**{"lookback": 5040, "min_history": 2, **changes})  # type: ignore[arg-type]
    return estimate(returns, names(3), EVERYBODY, chosen, 252).covariance


def test_sample_covariance_is_numpys_a_year() -> None:
    returns = random_returns(3)
    assert covariance(returns, estimator="sample") == pytest.approx(np.cov(returns, rowvar=False) * 252)


def test_ledoit_wolf_is_sklearns_a_year() -> None:
    returns = random_returns(3, sessions=30)
    assert covariance(returns, estimator="ledoit_wolf") == pytest.approx(ledoit_wolf(returns)[0] * 252)


def test_exponential_weights_halve_at_each_half_life_and_are_about_zero() -> None:
    returns = random_returns(3)
    weight = 0.5 ** (np.arange(len(returns))[::-1] / 20)
    expected = (returns * weight[:, None]).T @ returns / weight.sum() * 252
    assert covariance(returns, estimator="exponential", half_life=20.0) == pytest.approx(expected)


def test_lookback_forgets_what_is_older() -> None:
    returns = random_returns(3)
    assert np.array_equal(covariance(returns, lookback=100), covariance(returns[-100:]))


def test_window_begins_with_the_youngest_name_and_later_gaps_are_no_move() -> None:
    returns = random_returns(3)
    returns[:50, 1] = np.nan
    returns[90, 2] = np.nan
    filled = returns[50:].copy()
    filled[40, 2] = 0.0
    assert np.array_equal(covariance(returns, estimator="sample"), covariance(filled, estimator="sample"))


def test_names_are_taken_by_name_so_that_columns_may_come_anyhow() -> None:
    returns, order = random_returns(3), [2, 0, 1]
    config = CovarianceConfig()
    straight = estimate(returns, names(3), EVERYBODY, config, 252)
    moved = estimate(returns[:, order], tuple(names(3)[i] for i in order), EVERYBODY, config, 252)
    assert np.array_equal(straight.covariance, moved.covariance)
    assert moved.places.tolist() == [1, 2, 0]


def test_history_is_missing_where_returns_are_few_infinite_huge_or_all_alike() -> None:
    returns = random_returns(6, sessions=40)
    returns[:21, 1] = np.nan  # 19 are left
    returns[5, 2] = np.inf
    returns[5, 3] = 1e150
    returns[:, 4] = 0.0
    config = CovarianceConfig(lookback=40, min_history=20)
    assert has_history(returns, config).tolist() == [True, False, False, False, False, True]
    assert not has_history(np.zeros((0, 6)), config).any()


@pytest.mark.parametrize("estimator", ["sample", "exponential", "ledoit_wolf"])
def test_more_names_than_sessions_still_give_a_positive_definite_matrix(estimator: str) -> None:
    config = CovarianceConfig(estimator=estimator, lookback=40, min_history=10)
    found = estimate(random_returns(60, sessions=40), names(60), np.ones(60, dtype=bool), config, 252)
    assert np.linalg.eigvalsh(found.covariance).min() > 0
