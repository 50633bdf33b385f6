from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from execution.config import BookConfig, CostsConfig, ExitsConfig
from execution.panel import Panel
from execution.portfolio_config import SizingConfig
from execution.simulator import SimulationResult, simulate
from execution.types import Floats
from execution.validation.scenarios import (
    Setting,
    crash_sessions,
    with_costs,
    with_delay,
    with_flash_crash,
    with_missed_fills,
    with_slippage,
)
from tests.execution.markets import EVERY_DAY, NAN, book_config, panel, score_panel, terms, year

CENT = CostsConfig(
    name="test",
    commission_bps=10,
    commission_maximum=500.0,
    slippage_bps=20,
    half_spread_bps=5,
    borrow_rate=0.1,
)
ONE = replace(EVERY_DAY, k=1, whole_shares=False, gross=0.5)


def setting(bars: Panel, score: Any, config: BookConfig, first: int = 0) -> Setting:
    scored = score_panel(score)
    return Setting(scored, terms(bars, config), config, first)


def simulated(given: Setting) -> SimulationResult:
    return simulate(
        given.scores,
        given.terms,
        book="stress",
        config=given.config,
        first=given.first,
        orders=given.orders,
    )


def bought_once(config: BookConfig, count: int = 4) -> Setting:
    """One symbol at 100 for ever, bought at the second bar."""
    return setting(panel([[100.0]] * count), [[1.0]] + [[NAN]] * (count - 1), config)


@pytest.mark.parametrize("factor", [1.0, 2.0, 3.0])
def test_slippage_multiplied_moves_prices_and_no_charges(factor: float) -> None:
    given = bought_once(book_config(ONE, costs=CENT))
    fills = simulated(with_slippage(given, factor)).fills
    assert fills.price.tolist() == pytest.approx([100 * (1 + 0.0025 * factor)])
    assert (fills.commission / fills.value).tolist() == pytest.approx([0.001])


def test_costs_doubled_move_prices_and_charges() -> None:
    given = bought_once(book_config(ONE, costs=CENT))
    worse = with_costs(given, 2.0)
    fills = simulated(worse).fills
    assert fills.price.tolist() == pytest.approx([100.5])
    assert (fills.commission / fills.value).tolist() == pytest.approx([0.002])
    assert worse.terms.costs.maximum == 1000.0
    assert worse.terms.costs.maximum_rate == np.inf
    assert worse.terms.costs.borrow_rate.tolist() == [0.2]


def test_delay_fills_a_bar_later_at_that_bars_open() -> None:
    bars = panel([[10.0], [10.0], [10.0], [10.0]], open_=[[10.0], [11.0], [12.0], [13.0]])
    given = setting(bars, [[1.0]] + [[NAN]] * 3, book_config(ONE))
    assert simulated(given).fills.reference.tolist() == [11.0]
    assert simulated(with_delay(given)).fills.reference.tolist() == [12.0]


def test_delay_keeps_the_days_of_decision_but_one_bar_on() -> None:
    count = 30
    random = np.random.default_rng(3)
    close = 50 * np.exp(np.cumsum(random.normal(0, 0.02, (count, 3)), axis=0))
    config = book_config(replace(ONE, rebalance="weekly"))
    given = setting(panel(close), random.normal(1, 1, (count, 3)), config, first=2)
    punctual, late = simulated(given), simulated(with_delay(given))
    due = punctual.decided
    assert late.decided.tolist() == (due[due + 1 < count] + 1).tolist()
    for bar in due[:-1].tolist():
        assert np.array_equal(with_delay(given).scores.score[bar + 1], given.scores.score[bar])


def test_nothing_trades_where_every_fill_is_missed() -> None:
    bars, scores = year()
    config = book_config(replace(EVERY_DAY, k=2))
    given = Setting(scores, terms(bars, config), config, 0)
    result = simulated(with_missed_fills(given, 0.999999, seed=1))
    assert len(result.fills.bar) == 0
    assert set(result.equity.tolist()) == {100_000.0}


def test_missed_fills_leave_prices_and_decisions_alone() -> None:
    bars, scores = year()
    config = book_config(replace(EVERY_DAY, k=2))
    given = Setting(scores, terms(bars, config), config, 0)
    missed = with_missed_fills(given, 0.1, seed=1)
    gone = missed.terms.market.open == 0
    traded = given.terms.market.open > 0
    assert 0.07 < np.mean(gone[traded]) < 0.13
    assert not gone[~traded].any()
    assert missed.terms.market.close is given.terms.market.close
    plain, fewer = simulated(given), simulated(missed)
    assert plain.decided.tolist() == fewer.decided.tolist()
    assert len(fewer.fills.bar) < len(plain.fills.bar)
    filled = {(bar, symbol) for bar, symbol in zip(fewer.fills.bar, fewer.fills.symbol, strict=True)}
    assert not filled & set(zip(*np.nonzero(gone), strict=True))


def test_same_seed_misses_the_same_fills_and_another_does_not() -> None:
    given = bought_once(book_config(ONE), count=200)
    opens = [with_missed_fills(given, 0.5, seed).terms.market.open for seed in (1, 1, 2)]
    assert np.array_equal(opens[0], opens[1])
    assert not np.array_equal(opens[0], opens[2])


def crash_market(side: int, split: float = 1.0) -> tuple[Setting, int]:
    """A position held over a quarter of bars between 90 and 120; returns the row that crashes with seed 0."""
    count = 20
    probe = panel([[100.0]] * count)
    (row,) = crash_sessions(probe.dates, 2, seed=0).tolist()
    since = np.where(np.arange(count) >= row, split, 1.0)[:, None]
    ratio = np.where(np.arange(count) == row, split, 1.0)[:, None]
    bars = panel(
        100.0 / since + np.zeros((count, 1)),
        high=120.0 / since + np.zeros((count, 1)),
        low=90.0 / since + np.zeros((count, 1)),
        split=ratio,
    )
    config = book_config(
        replace(ONE, side="long_short"), costs=CostsConfig(name="test", slippage_bps=10, half_spread_bps=10)
    )
    return setting(bars, [[side * 1.0]] + [[NAN]] * (count - 1), config, first=0), row


@pytest.mark.parametrize(("side", "worst"), [(1, 90.0), (-1, 120.0)])
@pytest.mark.parametrize("split", [1.0, 3.0])
def test_flash_crash_closes_longs_at_the_low_and_shorts_at_the_high_with_its_slippage(
    side: int, worst: float, split: float
) -> None:
    given, row = crash_market(side, split)
    # Only what comes after `first` can crash: once the position is there.
    crashed = with_flash_crash(replace(given, first=2), 5.0, seed=0)
    result = simulated(replace(crashed, first=0))
    assert result.fills.bar.tolist() == [1, row]
    assert result.fills.reference[1] == pytest.approx(worst / split)
    assert result.fills.price[1] == pytest.approx(worst / split * (1 - side * 5 * 0.002))
    assert result.fills.price[0] == pytest.approx(100 * (1 + side * 0.002))
    assert result.quantity[-1, 0] == 0


def test_flash_crash_multiplies_slippage_by_volatility_and_impact_on_its_days_alone() -> None:
    bars, scores = year()
    config = book_config(EVERY_DAY, costs=CostsConfig(name="test", slippage_volatility=0.1, impact=0.2))
    given = Setting(scores, terms(bars, config), config, 0)
    crashed = with_flash_crash(given, 5.0, seed=7)
    on = np.isin(bars.session, crash_sessions(bars.dates, 0, 7))
    before, after = given.terms.market.volatility, crashed.terms.market.volatility
    assert np.array_equal(after[on], 5 * before[on])
    assert np.array_equal(after[~on], before[~on])


def test_flash_crash_leaves_stops_by_volatility_alone_where_no_cost_looks_at_it() -> None:
    bars, scores = year()
    config = book_config(EVERY_DAY, exits=ExitsConfig(name="test", scale="volatility", stop_loss=3))
    given = Setting(scores, terms(bars, config), config, 0)
    assert with_flash_crash(given, 5.0, seed=7).terms.market.volatility is given.terms.market.volatility


def test_flash_crash_reaches_a_book_that_is_halted_at_its_decisions() -> None:
    bars, scores = year()
    sized = replace(
        EVERY_DAY, k=2, sizing=SizingConfig(drawdown_start=0.9, drawdown_full=0.95, drawdown_floor=0.5)
    )
    plain = replace(EVERY_DAY, k=2)

    def crashed(portfolio: Any) -> Floats:
        config = book_config(portfolio)
        return simulated(with_flash_crash(Setting(scores, terms(bars, config), config, 0), 5.0, 3)).equity

    # A drawdown so deep never happens here: both decide alike, one of them halted at every decision.
    assert crashed(sized).tolist() == pytest.approx(crashed(plain).tolist(), rel=1e-12)


def test_one_session_of_each_quarter_crashes() -> None:
    bars = panel([[1.0]] * 250)
    days = bars.dates[crash_sessions(bars.dates, 0, seed=4)]
    quarters = days.astype("datetime64[M]").astype(int) // 3
    assert len(set(quarters.tolist())) == len(quarters) == 4
    assert not np.array_equal(crash_sessions(bars.dates, 0, 4), crash_sessions(bars.dates, 0, 5))
