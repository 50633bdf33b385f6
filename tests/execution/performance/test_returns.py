import math
import warnings
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy import stats

from execution import performance as perf
from execution.types import Floats
from tests.execution.performance.books import no_trips

RANDOM = np.random.default_rng(11)
MARKET = RANDOM.normal(0.0004, 0.01, 500)
EQUITY: Floats = 1e5 * np.cumprod(np.concatenate([[1], 1 + 0.7 * MARKET + RANDOM.normal(0.0003, 0.006, 500)]))
BENCHMARK: Floats = 40 * np.cumprod(np.concatenate([[1], 1 + MARKET]))
OURS, THEIRS = pd.Series(EQUITY).pct_change().dropna(), pd.Series(BENCHMARK).pct_change().dropna()
HAND: Floats = np.array([100.0, 110.0, 99.0, 108.9, 130.68])  # +10 %, -10 %, +10 %, +20 %


def test_figures_of_five_sessions_by_hand() -> None:
    mean, downside = 0.075, math.sqrt(0.01 / 4)
    deviation = math.sqrt((0.025**2 * 2 + 0.175**2 + 0.125**2) / 3)
    assert perf.total_return(HAND) == pytest.approx(0.3068)
    assert perf.cagr(HAND, 4) == pytest.approx(0.3068)
    assert perf.cagr(HAND, 8) == pytest.approx(1.3068**2 - 1)
    assert perf.volatility(HAND, 4) == pytest.approx(deviation * 2)
    assert perf.sharpe(HAND, 4) == pytest.approx(mean / deviation * 2)
    assert perf.sortino(HAND, 4) == pytest.approx(mean / downside * 2)
    assert perf.max_drawdown(HAND) == pytest.approx(-0.1)
    assert perf.max_drawdown_sessions(HAND) == 2
    assert perf.calmar(HAND, 4) == pytest.approx(3.068)
    assert perf.drawdowns(HAND).tolist() == pytest.approx([0, 0, -0.1, -0.01, 0])


def test_moments_agree_with_pandas_and_scipy() -> None:
    assert perf.volatility(EQUITY) == pytest.approx(OURS.std() * np.sqrt(252))
    assert perf.sharpe(EQUITY) == pytest.approx(np.sqrt(252) / stats.variation(OURS, ddof=1))
    below = OURS.clip(upper=0)
    assert perf.sortino(EQUITY) == pytest.approx(OURS.mean() / np.sqrt((below**2).mean()) * np.sqrt(252))
    assert perf.cagr(EQUITY) == pytest.approx(stats.gmean(1 + OURS) ** 252 - 1)


def test_drawdowns_agree_with_pandas() -> None:
    series = pd.Series(EQUITY)
    expected = series / series.cummax() - 1
    np.testing.assert_allclose(perf.drawdowns(EQUITY), expected, atol=1e-15)
    assert perf.max_drawdown(EQUITY) == pytest.approx(expected.min())
    runs = (expected == 0).cumsum()[expected < 0].value_counts()
    assert perf.max_drawdown_sessions(EQUITY) == runs.max()


def test_alpha_and_beta_agree_with_statsmodels() -> None:
    fitted = sm.OLS(OURS.to_numpy(), sm.add_constant(THEIRS.to_numpy())).fit()
    alpha, beta = perf.market_model(EQUITY, BENCHMARK)
    assert alpha == pytest.approx(fitted.params[0] * 252)
    assert beta == pytest.approx(fitted.params[1])
    assert perf.information_ratio(EQUITY, BENCHMARK) == pytest.approx(
        (OURS - THEIRS).mean() / (OURS - THEIRS).std() * np.sqrt(252)
    )


def test_book_that_is_its_benchmark_has_beta_one_and_nothing_else() -> None:
    assert perf.market_model(BENCHMARK, BENCHMARK) == (pytest.approx(0, abs=1e-12), pytest.approx(1))
    assert perf.information_ratio(BENCHMARK, BENCHMARK) is None


@pytest.mark.parametrize(
    ("equity", "cagr"),
    [
        ([100.0], None),
        ([100.0] * 5, 0.0),
        ([100.0, 0.0, 0.0], -1.0),
        ([100.0, -5.0, -7.0], -1.0),
        ([float("nan")] * 4, None),
        ([0.0, 0.0, 0.0], None),
    ],
    ids=["one point", "flat", "ruined", "owing", "unknown", "nothing"],
)
@pytest.mark.parametrize(
    "benchmark", [[100.0] * 5, [float("nan")] * 5], ids=["flat benchmark", "no benchmark"]
)
def test_degenerate_series_give_none_without_a_warning(
    equity: list[float], cagr: float | None, benchmark: list[float]
) -> None:
    count = len(equity)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        measured = perf.measure(
            equity=np.array(equity),
            benchmark=np.array(benchmark[:count]),
            turnover=np.full(count, np.nan),
            gross_exposure=np.full(count, np.nan),
            net_exposure=np.full(count, np.nan),
            trips=no_trips(),
            costs=perf.Costs(),
        )
    assert all(value is None or math.isfinite(value) for value in measured.values())
    assert measured["sharpe"] is measured["beta"] is measured["turnover"] is None
    assert measured["cagr"] == cagr


@pytest.mark.parametrize("function", [perf.sharpe, perf.sortino, perf.volatility, perf.calmar])
def test_steady_growth_has_no_risk_to_divide_by(function: Callable[[Floats], float | None]) -> None:
    assert function(100 * 1.001 ** np.arange(50)) is None
