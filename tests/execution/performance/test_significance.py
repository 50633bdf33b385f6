import math

import numpy as np
import pytest
from scipy import stats

from execution.performance import deflated_sharpe, expected_max_sharpe, probabilistic_sharpe


def test_probabilistic_sharpe_of_normal_returns_is_the_t_like_statistic() -> None:
    ratio, count = 0.1, 401
    variance = 1 + ratio**2 / 2  # Lo (2002)
    found = probabilistic_sharpe(ratio, count=count, skew=0.0, kurtosis=0.0)
    assert found == pytest.approx(stats.norm.cdf(ratio * 20 / math.sqrt(variance)))


def test_probabilistic_sharpe_gives_the_papers_example() -> None:
    # Bailey and López de Prado (2012), section 6: two years of months, Sharpe 1.585 a year.
    ratio = 1.585 / math.sqrt(12)
    normal = probabilistic_sharpe(ratio, count=24, skew=0.0, kurtosis=0.0)
    fat = probabilistic_sharpe(ratio, count=24, skew=-2.448, kurtosis=10.164 - 3)
    assert normal == pytest.approx(0.982, abs=1e-3)
    assert fat == pytest.approx(0.913, abs=1e-3)


def test_deflated_sharpe_gives_the_papers_example() -> None:
    # Bailey and López de Prado (2014), "a numerical example": five years of days, 100 trials, Sharpe 2.5 a year.
    variance = 0.5 / 250
    assert expected_max_sharpe(100, variance) == pytest.approx(0.1132, abs=1e-4)
    deflated = deflated_sharpe(
        2.5 / math.sqrt(250), count=1250, skew=-3.0, kurtosis=7.0, trials=100, variance=variance
    )
    assert deflated == pytest.approx(0.9004, abs=1e-4)


def test_one_trial_is_not_deflated() -> None:
    of = {"count": 250, "skew": -0.5, "kurtosis": 3.0}
    assert deflated_sharpe(0.08, **of, trials=1, variance=0.0) == probabilistic_sharpe(0.08, **of)


def test_more_trials_or_more_varied_ones_leave_less_sure() -> None:
    of = {"count": 250, "skew": 0.0, "kurtosis": 0.0}
    sure = [deflated_sharpe(0.1, **of, trials=n, variance=0.002) for n in (1, 2, 10, 100, 10_000)]
    assert None not in sure
    assert sure == sorted(sure, reverse=True)
    varied = [deflated_sharpe(0.1, **of, trials=10, variance=v) for v in (0.0, 0.001, 0.01)]
    assert varied == sorted(varied, reverse=True)


def test_expected_max_is_near_that_of_simulated_trials_without_skill() -> None:
    best = np.random.default_rng(3).normal(0, 0.05, (20_000, 50)).max(axis=1)
    assert expected_max_sharpe(50, 0.05**2) == pytest.approx(best.mean(), rel=0.02)


@pytest.mark.parametrize(
    ("count", "skew", "kurtosis"), [(1, 0.0, 0.0), (100, 50.0, 0.0)], ids=["one return", "no variance"]
)
def test_estimate_without_a_variance_is_not_defined(count: int, skew: float, kurtosis: float) -> None:
    assert probabilistic_sharpe(0.5, count=count, skew=skew, kurtosis=kurtosis) is None
