from dataclasses import replace

import numpy as np
import pytest

from execution.validation.monte_carlo import shuffled, trade_returns
from tests.execution.markets import EVERY_DAY, NAN, book_config, panel, score_panel, simulated


def test_trades_that_all_win_have_no_drawdown_and_no_ruin() -> None:
    found = shuffled(np.full(20, 0.01), paths=100, ruin_fraction=0.5, seed=0)
    assert found is not None
    assert found.ruin == 0
    assert found.drawdowns.tolist() == [0.0] * 101


def test_losses_in_a_row_are_as_deep_whatever_their_order() -> None:
    found = shuffled(np.full(10, -0.1), paths=100, ruin_fraction=0.35, seed=0)
    assert found is not None
    assert found.drawdowns.tolist() == pytest.approx([0.9**10 - 1] * 101)
    assert found.observed == found.drawdown_95 == pytest.approx(0.9**10 - 1)
    assert found.ruin == 1.0  # 0.9 ** 10 = 0.349


def test_ruin_is_as_likely_as_the_order_that_ruins() -> None:
    # Twelve wins of 10 % and a loss of 60 %: only a loss before the third win leaves less than half.
    earned = np.array([0.1] * 12 + [-0.6])
    found = shuffled(earned, paths=20_000, ruin_fraction=0.5, seed=3)
    assert found is not None
    # 0.4 · 1.1 ** 2 = 0.484 < 0.5 < 0.4 · 1.1 ** 3: three of the thirteen places.
    assert found.ruin == pytest.approx(3 / 13, abs=0.01)
    assert found.drawdowns.tolist() == pytest.approx([-0.6] * 101)


def test_percentiles_run_from_the_worst_path_to_the_mildest() -> None:
    earned = np.random.default_rng(0).normal(0, 0.05, 60)
    found = shuffled(earned, paths=500, ruin_fraction=0.5, seed=0)
    assert found is not None
    assert np.all(np.diff(found.drawdowns) >= 0)
    assert found.drawdowns[0] < found.drawdown_95 < found.drawdowns[50] < found.drawdowns[100] < 0
    growth = np.cumprod(1 + earned)
    assert found.observed == pytest.approx(np.min(growth / np.maximum(np.maximum.accumulate(growth), 1)) - 1)


def test_a_loss_of_everything_stays_at_nothing() -> None:
    found = shuffled(np.array([-1.5, *[0.5] * 9]), paths=100, ruin_fraction=0.1, seed=0)
    assert found is not None
    assert found.drawdowns.tolist() == [-1.0] * 101
    assert found.ruin == 1.0


def test_fewer_than_ten_trades_have_no_distribution() -> None:
    assert shuffled(np.full(9, 0.1), paths=100, ruin_fraction=0.5, seed=0) is None


def test_a_trade_earns_its_part_of_the_equity_before_it() -> None:
    bars = panel([[10.0], [10.0], [11.0], [11.0]], open_=[[10.0], [10.0], [11.0], [11.0]])
    portfolio = replace(EVERY_DAY, gross=0.5, k=1, initial_cash=1000.0)
    result = simulated(bars, score_panel([[1.0], [-1.0], [NAN], [NAN]]), book_config(portfolio))
    assert trade_returns(result.trips, result.equity, 1000.0).tolist() == pytest.approx([0.05])
