"""Figures that quantstats and empyrical define too; where a definition differs the test states the conversion."""

from __future__ import annotations

import warnings
from types import ModuleType

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from execution import performance as perf
from execution.types import Floats
from tests.execution.performance.books import trips_of

empyrical = pytest.importorskip("empyrical")
quantstats: ModuleType = pytest.importorskip("quantstats.stats")

YEAR = 252
SEEDS = range(12)


def curves(seed: int) -> tuple[Floats, Floats]:
    """Fat-tailed, skewed returns of a market and of a book that leans on it; from 40 to 1,500 sessions."""
    random = np.random.default_rng(seed)
    count = int(random.integers(40, 1500))
    market = random.standard_t(4, count) * 0.007 + random.uniform(-5e-4, 1e-3)
    book = random.uniform(-0.5, 1.5) * market + random.normal(2e-4, random.uniform(0.002, 0.02), count)
    return 1e5 * np.cumprod(np.append(1, 1 + book)), 300 * np.cumprod(np.append(1, 1 + market))


def dated(equity: Floats) -> pd.Series:
    days = pd.bdate_range("2015-01-01", periods=len(equity) - 1)
    return pd.Series(perf.returns(equity), index=days)


@pytest.mark.parametrize("seed", SEEDS)
def test_figures_of_a_curve_equal_empyricals(seed: int) -> None:
    equity, _ = curves(seed)
    theirs = dated(equity)
    expected = {
        "total_return": (perf.total_return(equity), empyrical.cum_returns_final(theirs)),
        "cagr": (perf.cagr(equity), empyrical.annual_return(theirs)),
        "volatility": (perf.volatility(equity), empyrical.annual_volatility(theirs)),
        "sharpe": (perf.sharpe(equity), empyrical.sharpe_ratio(theirs)),
        "sortino": (perf.sortino(equity), empyrical.sortino_ratio(theirs)),
        "calmar": (perf.calmar(equity), empyrical.calmar_ratio(theirs)),
        "omega": (perf.omega(equity), empyrical.omega_ratio(theirs)),
        "max_drawdown": (perf.max_drawdown(equity), empyrical.max_drawdown(theirs)),
        "var_95": (perf.value_at_risk(equity, 0.95), empyrical.value_at_risk(theirs, 0.05)),
        "var_99": (perf.value_at_risk(equity, 0.99), empyrical.value_at_risk(theirs, 0.01)),
        "cvar_95": (
            perf.conditional_value_at_risk(equity, 0.95),
            empyrical.conditional_value_at_risk(theirs, 0.05),
        ),
        "cvar_99": (
            perf.conditional_value_at_risk(equity, 0.99),
            empyrical.conditional_value_at_risk(theirs, 0.01),
        ),
        "tail_ratio": (perf.tail_ratio(equity), empyrical.tail_ratio(theirs)),
    }
    assert {name: ours for name, (ours, _) in expected.items()} == {
        name: pytest.approx(figure, rel=1e-9) for name, (_, figure) in expected.items()
    }


@pytest.mark.parametrize("seed", SEEDS)
def test_figures_of_a_curve_equal_quantstats(seed: int) -> None:
    equity, _ = curves(seed)
    theirs = dated(equity)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # theirs, of pandas to come
        expected = {
            "total_return": (perf.total_return(equity), quantstats.comp(theirs)),
            "cagr": (perf.cagr(equity), quantstats.cagr(theirs)),
            "volatility": (perf.volatility(equity), quantstats.volatility(theirs)),
            "sharpe": (perf.sharpe(equity), quantstats.sharpe(theirs)),
            "sortino": (perf.sortino(equity), quantstats.sortino(theirs)),
            "calmar": (perf.calmar(equity), quantstats.calmar(theirs)),
            "omega": (perf.omega(equity), quantstats.omega(theirs)),
            "max_drawdown": (perf.max_drawdown(equity), quantstats.max_drawdown(theirs)),
            "skew": (perf.skew(equity), quantstats.skew(theirs)),
            "kurtosis": (perf.kurtosis(equity), quantstats.kurtosis(theirs)),
            "tail_ratio": (perf.tail_ratio(equity), quantstats.tail_ratio(theirs)),
        }
    assert {name: ours for name, (ours, _) in expected.items()} == {
        name: pytest.approx(figure, rel=1e-9) for name, (_, figure) in expected.items()
    }


@pytest.mark.parametrize("seed", SEEDS)
def test_tails_and_probability_equal_quantstats(seed: int) -> None:
    equity, _ = curves(seed)
    theirs = dated(equity)
    for level in (0.95, 0.99):
        assert perf.value_at_risk(equity, level) == pytest.approx(theirs.quantile(1 - level), rel=1e-9)
        assert perf.conditional_value_at_risk(equity, level) == pytest.approx(
            quantstats.conditional_value_at_risk(theirs, confidence=level, method="historical"), rel=1e-9
        )
    # Their value at risk is a normal distribution's.
    mean, spread = theirs.mean(), theirs.std()
    assert quantstats.value_at_risk(theirs) == pytest.approx(stats.norm.ppf(0.05, mean, spread), rel=1e-9)
    ratio, lean, fat = perf.sharpe(equity, 1), perf.skew(equity), perf.kurtosis(equity)
    assert ratio is not None
    assert lean is not None
    assert fat is not None
    assert perf.probabilistic_sharpe(ratio, count=len(theirs), skew=lean, kurtosis=fat) == pytest.approx(
        quantstats.probabilistic_sharpe_ratio(theirs), rel=1e-9
    )


@pytest.mark.parametrize("seed", SEEDS)
def test_trades_of_one_unit_have_the_figures_quantstats_gives_their_returns(seed: int) -> None:
    random = np.random.default_rng(seed)
    gains = random.normal(0.01, 0.1, 40)
    rows = [
        trade for n, gain in enumerate(gains) for trade in ((2 * n, 0, 1, 1.0), (2 * n + 1, 0, -1, 1 + gain))
    ]
    figures = perf.trade_figures(trips_of(*rows, marks=[0.0], bars=80))
    theirs = pd.Series(gains, index=pd.bdate_range("2020-01-01", periods=40))
    assert figures["hit_rate"] == pytest.approx(quantstats.win_rate(theirs))
    assert figures["profit_factor"] == pytest.approx(quantstats.profit_factor(theirs))
    assert figures["payoff_ratio"] == pytest.approx(quantstats.payoff_ratio(theirs))
    assert figures["expectancy_return"] == pytest.approx(gains.mean())


@pytest.mark.parametrize("seed", SEEDS)
def test_figures_against_a_benchmark_equal_theirs(seed: int) -> None:
    equity, benchmark = curves(seed)
    ours, market = dated(equity), dated(benchmark)
    alpha, beta = perf.market_model(equity, benchmark)
    assert alpha is not None
    greeks = quantstats.greeks(ours, market)
    assert (alpha, beta) == pytest.approx((greeks["alpha"], greeks["beta"]), rel=1e-9)
    assert beta == pytest.approx(empyrical.beta(ours, market), rel=1e-9)
    # Theirs compounds the intercept of a session, ours multiplies it.
    assert (1 + alpha / YEAR) ** YEAR - 1 == pytest.approx(empyrical.alpha(ours, market), rel=1e-9)
    up, down = perf.capture(equity, benchmark)
    assert up == pytest.approx(empyrical.up_capture(ours, market), rel=1e-9)
    assert down == pytest.approx(empyrical.down_capture(ours, market), rel=1e-9)
    # Theirs are not annualised.
    ratio = perf.information_ratio(equity, benchmark)
    assert ratio == pytest.approx(quantstats.information_ratio(ours, market) * np.sqrt(YEAR), rel=1e-9)
    assert ratio == pytest.approx(empyrical.excess_sharpe(ours, market) * np.sqrt(YEAR), rel=1e-9)
    assert perf.tracking_error(equity, benchmark) == pytest.approx(
        np.std(ours - market, ddof=1) * np.sqrt(YEAR), rel=1e-9
    )
