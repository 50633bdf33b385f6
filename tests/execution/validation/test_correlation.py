from datetime import date, timedelta

import numpy as np
import pytest

from execution.validation.correlation import of_positions, of_strategies


def test_positions_held_all_the_time_correlate_as_numpy_says() -> None:
    random = np.random.default_rng(0)
    common = random.normal(0, 1, (300, 1))
    held = 0.01 * (common + random.normal(0, 1, (300, 4)))
    expected = np.corrcoef(held.T)[np.triu_indices(4, 1)].mean()
    assert of_positions(held) == pytest.approx(expected)


def test_pairs_count_by_the_bars_on_which_both_were_held() -> None:
    random = np.random.default_rng(1)
    held = random.normal(0, 0.01, (400, 3))
    held[:300, 2] = held[:300, 0]
    held[:100, 1] = np.nan
    held[350:, 2] = np.nan
    held[:280, 0] = np.nan
    pairs, weights = [], []
    for i, j in ((0, 1), (0, 2), (1, 2)):
        both = np.isfinite(held[:, i]) & np.isfinite(held[:, j])
        pairs.append(np.corrcoef(held[both, i], held[both, j])[0, 1])
        weights.append(both.sum())
    assert of_positions(held) == pytest.approx(np.average(pairs, weights=weights))


@pytest.mark.parametrize("bars", [59, 60])
def test_pairs_held_together_for_fewer_than_sixty_bars_say_nothing(bars: int) -> None:
    held = np.random.default_rng(2).normal(0, 0.01, (200, 2))
    held[bars:, 1] = np.nan
    assert (of_positions(held) is None) is (bars < 60)


def test_a_position_that_never_moves_correlates_with_nothing() -> None:
    held = np.random.default_rng(3).normal(0, 0.01, (200, 2))
    held[:, 1] = 0.001
    assert of_positions(held) is None


def days(count: int, first: date = date(2020, 1, 1)) -> list[date]:
    return [first + timedelta(days=n) for n in range(count)]


def test_the_most_alike_strategy_is_named_over_common_sessions() -> None:
    random = np.random.default_rng(4)
    change = random.normal(0, 0.01, (3, 200))
    change[2] = 0.5 * change[0] + 0.5 * change[1]
    equity = np.hstack([np.ones((3, 1)), np.cumprod(1 + change, axis=1)])
    dates = days(201)
    # The other begins later: only what both have counts.
    others = {"far": (dates, equity[1]), "near": (dates[50:], equity[2][50:] * 7)}
    name, value = of_strategies(dates, equity[0], others) or ("", 0.0)
    assert name == "near"
    assert value == pytest.approx(np.corrcoef(change[0, 50:], change[2, 50:])[0, 1])


def test_books_without_sixty_common_sessions_or_without_change_are_not_compared() -> None:
    random = np.random.default_rng(5)
    equity = np.cumprod(1 + random.normal(0, 0.01, 200))
    others = {
        "later": (days(200, date(2020, 5, 20)), equity),
        "flat": (days(200), np.ones(200)),
        "ruined": (days(200), np.append(np.ones(50), np.zeros(150))),
    }
    assert of_strategies(days(200), equity, others) is None
