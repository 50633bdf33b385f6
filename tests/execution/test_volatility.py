"""Daily volatility: of total returns, of the sessions before, the same whatever comes later."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, time

import numpy as np
import pytest

from execution.config import AccountConfig
from tests.execution.desks import until
from tests.execution.markets import NAN, panel, score_panel
from transforms.errors import ConfigError


def random_closes(count: int, names: int = 2) -> np.ndarray:
    return 50 * np.exp(np.cumsum(np.random.default_rng(3).normal(0, 0.02, (count, names)), axis=0))


def test_volatility_is_the_deviation_of_the_last_twenty_log_returns_before_the_bar() -> None:
    closes = random_closes(40)
    bars = panel(closes)
    returns = np.diff(np.log(closes), axis=0)
    assert bars.volatility[30] == pytest.approx(returns[9:29].std(axis=0, ddof=1), rel=1e-12)
    assert bars.volatility[10, 0] == 0.0, "nine returns are too few"
    assert bars.volatility[11] == pytest.approx(returns[:10].std(axis=0, ddof=1), rel=1e-12)


def test_splits_and_dividends_are_no_volatility() -> None:
    plain = np.full((25, 1), 100.0)
    split, dividend = np.ones((25, 1)), np.zeros((25, 1))
    split[12], plain[12:] = 2.0, 50.0
    dividend[15], plain[15:] = 5.0, 45.0
    assert panel(plain, split=split, dividend=dividend).volatility[24, 0] == pytest.approx(0.0, abs=1e-15)


def test_a_gap_counts_as_one_return() -> None:
    closes = random_closes(30, 1)
    closes[20:22] = NAN
    known = np.diff(np.log(closes[np.isfinite(closes[:, 0]), 0]))
    # The last 20 sessions before bar 28 are 8 to 27; 20 and 21 have no bar.
    assert panel(closes).volatility[28, 0] == pytest.approx(known[7:25].std(ddof=1), rel=1e-12)


def test_bars_of_a_session_share_the_volatility_of_the_sessions_before() -> None:
    daily = random_closes(30, 1)
    days = panel(daily)
    closes = np.repeat(daily, 2, axis=0)
    closes[::2] *= np.random.default_rng(4).uniform(0.97, 1.03, (30, 1))
    twice = replace(
        panel(closes),
        bar_at=tuple(datetime.combine(day, time(hour)) for day in days.session_date for hour in (14, 15)),
        session_date=tuple(day for day in days.session_date for _ in range(2)),
    )
    assert twice.volatility[::2] == pytest.approx(days.volatility, rel=1e-12)
    assert np.array_equal(twice.volatility[::2], twice.volatility[1::2])
    assert twice.days.tolist()[:4] == [0.0, 0.0, 1.0, 0.0]


def test_what_comes_later_changes_no_bit() -> None:
    bars = panel(random_closes(60, 3))
    shorter, _ = until((bars, score_panel(np.ones((60, 3)))), 45)
    assert np.array_equal(shorter.volatility, bars.volatility[:46])


def test_ranges_of_sessions_are_not_shortable_both_ends_included() -> None:
    bars = panel(random_closes(10))
    monday, last = bars.session_date[0].isoformat(), bars.session_date[4].isoformat()
    terms = AccountConfig(name="x", not_shortable={"B": [[monday, last], [bars.session_date[8].isoformat()]]})
    market = bars.market(terms)
    assert market.is_shortable[:, 0].all()
    assert market.is_shortable[:, 1].tolist() == [False] * 5 + [True] * 3 + [False] * 2
    assert bars.market(AccountConfig(name="x")).is_shortable.all()


def test_an_unknown_symbol_that_is_not_shortable_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"account.not_shortable: BB is no symbol .* Did you mean"):
        panel(random_closes(3)).market(AccountConfig(name="x", not_shortable={"BB": [["2024-01-01"]]}))
