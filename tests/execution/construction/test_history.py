from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from execution.construction import History, inputs_at
from execution.panel import Panel
from execution.portfolio_config import CovarianceConfig, LimitsConfig, SizingConfig
from tests.execution.construction.cases import config
from tests.execution.markets import NAN, panel, scores


def test_returns_are_total_returns_on_one_basis() -> None:
    market = panel(
        [[100.0], [51.0], [50.0], [55.0]], split=[[1], [2], [1], [1]], dividend=[[0], [0], [1.02], [0]]
    )
    found = History.of(market).returns(3, 10)
    assert found[:, 0].tolist() == pytest.approx([0.02, 51.02 / 51 - 1, 0.1])


def test_lookback_counts_sessions_and_ends_at_the_decision() -> None:
    history = History.of(panel([[1.0], [2.0], [3.0], [6.0], [9.0]]))
    assert history.returns(3, 2)[:, 0].tolist() == pytest.approx([0.5, 1.0])
    assert history.returns(0, 2).shape == (0, 1)


def test_missing_bar_has_no_return_and_the_gap_falls_on_the_next() -> None:
    history = History.of(panel([[NAN], [100.0], [NAN], [110.0], [121.0]]))
    assert history.returns(4, 10)[:, 0].tolist() == pytest.approx([NAN, NAN, 0.1, 0.1], nan_ok=True)


def test_split_during_a_gap_is_no_return() -> None:
    market = panel([[100.0], [NAN], [51.0]], split=[[1], [2], [1]])
    assert History.of(market).returns(2, 10)[:, 0].tolist() == pytest.approx([NAN, 0.02], nan_ok=True)


def intraday(market: Panel, per_session: int) -> Panel:
    """The same bars, so many to a session."""
    count = len(market)
    days = tuple(market.session_date[i // per_session] for i in range(count))
    at = tuple(market.bar_at[i // per_session] + timedelta(minutes=i % per_session) for i in range(count))
    return replace(market, session_date=days, bar_at=at)


def test_bars_within_a_session_make_one_return_up_to_the_decision() -> None:
    history = History.of(intraday(panel([[1.0], [2.0], [3.0], [4.0], [6.0], [7.0]]), 2))
    assert history.returns(4, 10)[:, 0].tolist() == pytest.approx([1.0, 0.5])
    assert history.returns(5, 1)[:, 0].tolist() == pytest.approx([0.75])


def test_dollar_volume_is_the_mean_of_the_sessions_before() -> None:
    history = History.of(intraday(panel([[1.0], [2.0], [3.0], [NAN], [5.0]]), 2))
    assert history.dollar_volume(4, 2).tolist() == [(3000 + 3000) / 2]
    assert history.dollar_volume(4, 1).tolist() == [3000]
    assert np.isnan(history.dollar_volume(1, 1)).all()


def test_what_is_known_at_a_bar_depends_on_no_later_one() -> None:
    rng = np.random.default_rng(5)
    closes = np.where(rng.random((30, 3)) < 0.2, NAN, 100 * np.exp(rng.standard_normal((30, 3)) * 0.02))
    whole = intraday(panel(closes, benchmark=np.arange(1.0, 31.0)), 3)
    for t in (0, 7, 16, 29):
        part = intraday(panel(closes[: t + 1], benchmark=np.arange(1.0, 2.0 + t)), 3)
        for name in ("returns", "benchmark_returns", "dollar_volume"):
            full, cut = (getattr(History.of(market), name)(t, 4) for market in (whole, part))
            assert full.tobytes() == cut.tobytes(), name


def test_inputs_look_back_as_far_as_the_config_asks() -> None:
    history = History.of(panel(np.arange(1.0, 41.0)[:, None], benchmark=np.arange(1.0, 41.0)))
    chosen = config(
        weighting="risk_parity",
        covariance=CovarianceConfig(lookback=12, min_history=5),
        sizing=SizingConfig(regime_average=30, regime_sessions=10),
        limits=LimitsConfig(volume_sessions=3),
    )
    found = inputs_at(history, 39, ("A",), scores([1.0]), chosen, equity=5.0)
    assert found.returns is not None
    assert found.benchmark is not None
    assert found.dollar_volume is not None
    assert (len(found.returns), len(found.benchmark)) == (12, 29)
    assert found.dollar_volume.tolist() == [38_000]
    assert found.equity == 5.0


def test_weekends_make_the_year_longer() -> None:
    bars = panel(np.arange(1.0, 15.0)[:, None])
    days = tuple(bars.session_date[0] + timedelta(days=n) for n in range(14))
    chosen = config(weighting="risk_parity")
    for market, expected in ((bars, 252), (replace(bars, session_date=days), 365)):
        found = inputs_at(History.of(market), 13, ("A",), scores([1.0]), chosen)
        assert found.sessions_per_year == expected


def test_scores_alone_need_no_history() -> None:
    assert inputs_at(None, 3, ("A",), scores([1.0]), config()).returns is None
