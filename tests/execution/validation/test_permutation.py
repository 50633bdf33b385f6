from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from execution.config import ExitsConfig, OrdersConfig
from execution.panel import Panel
from execution.simulator import SimulationResult
from execution.types import Floats
from execution.validation.permutation import against_random_entry
from tests.execution.markets import EVERY_DAY, NAN, book_config, panel, score_panel, simulated

DAILY = replace(EVERY_DAY, k=1, whole_shares=False, gross=1.0)


def market(seed: int, count: int = 300, names: int = 4) -> Panel:
    """Random walks without drift whose opens are the closes before."""
    random = np.random.default_rng(seed)
    path = 50 * np.exp(np.cumsum(random.normal(0, 0.02, (count + 1, names)), axis=0))
    return panel(path[1:], open_=path[:-1])


def book(bars: Panel, score: Floats, side: str = "long") -> SimulationResult:
    return simulated(bars, score_panel(score), book_config(replace(DAILY, side=side)))


def p_of(result: SimulationResult, count: int = 400) -> float:
    found = against_random_entry(result, count=count, seed=0)
    assert found is not None
    return found.p_value


@pytest.mark.parametrize("side", ["long", "long_short"])
def test_perfect_foresight_is_better_than_every_random_book(side: str) -> None:
    bars = market(1)
    score = np.full(bars.close.shape, NAN)
    score[:-1] = bars.close[1:] / bars.open[1:] - 1
    assert p_of(book(bars, score, side)) == pytest.approx(1 / 401)


def test_the_opposite_of_foresight_is_worse_than_every_random_book() -> None:
    bars = market(2)
    score = np.full(bars.close.shape, NAN)
    score[:-1] = 1 - bars.close[1:] / bars.open[1:]
    assert p_of(book(bars, score)) > 0.99


def test_random_scores_pass_no_more_often_than_chance_lets_them() -> None:
    found = []
    for seed in range(40):
        score = np.random.default_rng(1000 + seed).normal(0, 1, (300, 4))
        found.append(p_of(book(market(seed), score), count=200))
    values = np.array(found)
    # Forty p-values of nothing: uniform. Their mean has the deviation 1 / √(12 · 40) = 0.046.
    assert 0.35 < values.mean() < 0.65
    assert np.count_nonzero(values <= 0.05) <= 6


@pytest.mark.parametrize(
    "groups",
    [
        {"orders": OrdersConfig(type="stop", stop_bps=50.0)},
        {"orders": OrdersConfig(fill_at="close")},
        {"exits": ExitsConfig(stop_loss=0.03, take_profit=0.06)},
    ],
)
def test_fills_within_a_bar_are_no_skill_either(groups: dict[str, Any]) -> None:
    found = []
    for seed in range(24):
        random = np.random.default_rng(500 + seed)
        path = 50 * np.exp(np.cumsum(random.normal(0, 0.005, (1201, 4)), axis=0))
        opens, closes = path[:-1:4], path[4::4]
        inside = np.array([path[4 * t : 4 * t + 5] for t in range(300)])
        bars = panel(closes, open_=opens, high=inside.max(axis=1), low=inside.min(axis=1))
        config = book_config(replace(DAILY, k=2, rebalance="weekly"), **groups)
        result = simulated(bars, score_panel(random.normal(0, 1, (300, 4))), config)
        found.append(p_of(result, count=200))
    # The deviation of the mean is 1 / √(12 · 24) = 0.059.
    assert 0.3 < np.mean(found) < 0.7


def test_positions_that_grow_with_their_price_do_not_count_as_skill() -> None:
    # Wild prices, many names, a week between decisions: weights drift far, and with them what was earned.
    found = []
    for seed in range(16):
        random = np.random.default_rng(seed)
        path = 50 * np.exp(np.cumsum(random.normal(0, 0.05, (601, 26)), axis=0))
        bars = panel(path[1:], open_=path[:-1])
        config = book_config(replace(DAILY, k=10, rebalance="weekly"))
        result = simulated(bars, score_panel(random.normal(0, 1, (600, 26))), config)
        found.append(p_of(result, count=200))
    # The deviation of the mean is 1 / √(12 · 16) = 0.072.
    assert 0.3 < np.mean(found) < 0.7


def test_buying_once_and_holding_has_no_moment_to_choose() -> None:
    bars = market(3)
    score = np.full(bars.close.shape, NAN)
    score[0] = [1, -1, -1, -1]
    # Held to the end, it could only have been bought a bar earlier.
    found = against_random_entry(book(bars, score), count=200, seed=0)
    assert found is not None
    assert found.trades == 1
    assert found.p_value > 0.3


def test_worked_out_by_hand_for_one_trade_in_a_short_history() -> None:
    # Held over the bar from open 12 to open 18 of four: +50 %; the others are +20 %, 0 and, at the end, -50 %.
    opens = [[10.0], [12.0], [18.0], [18.0]]
    bars = panel([[10.0], [18.0], [18.0], [9.0]], open_=opens)
    result = book(bars, np.array([[1.0], [-1.0], [NAN], [NAN]]))
    assert result.fills.bar.tolist() == [1, 2]
    found = against_random_entry(result, count=4000, seed=0)
    assert found is not None
    assert found.observed == pytest.approx(0.5)
    assert found.p_value == pytest.approx(0.25, abs=0.03)
    assert found.random_mean == pytest.approx((0.2 + 0.5 + 0.0 - 0.5) / 4, abs=0.02)


def test_splits_and_dividends_are_part_of_what_a_holding_earns() -> None:
    # Halved by a split and paying 5 of 50: +10 % from open to open, nothing lost.
    bars = panel(
        [[100.0], [100.0], [50.0], [50.0]], split=[[1], [1], [2], [1]], dividend=[[0], [0], [5.0], [0]]
    )
    result = book(bars, np.array([[1.0], [-1.0], [NAN], [NAN]]))
    found = against_random_entry(result, count=100, seed=0)
    assert found is not None
    assert found.observed == pytest.approx(0.1)


def test_same_seed_gives_the_same_bits() -> None:
    bars = market(5)
    result = book(bars, np.random.default_rng(5).normal(0, 1, bars.close.shape))
    first, again, other = (against_random_entry(result, count=300, seed=seed) for seed in (1, 1, 2))
    assert first == again
    assert first != other


def test_a_book_that_never_held_anything_has_no_p_value() -> None:
    bars = market(6)
    assert against_random_entry(book(bars, np.full(bars.close.shape, -1.0)), count=100, seed=0) is None
