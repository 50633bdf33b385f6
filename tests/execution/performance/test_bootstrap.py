import numpy as np
import pytest
from arch.bootstrap import StationaryBootstrap, optimal_block_length

from execution import performance as perf
from execution.performance.bootstrap import stationary_draws
from execution.types import Floats

RANDOM = np.random.default_rng(5)


def curve(count: int, *, lag: float = 0.0) -> Floats:
    noise = RANDOM.normal(0.0006, 0.01, count)
    for n in range(1, count):
        noise[n] += lag * noise[n - 1]
    return 100 * np.cumprod(np.append(1, 1 + noise))


def test_block_length_is_archs_and_grows_with_dependence() -> None:
    equity = curve(800, lag=0.6)
    assert perf.block_length(equity) == optimal_block_length(perf.returns(equity))["stationary"].iloc[0]
    assert perf.block_length(equity) > 2 * perf.block_length(curve(800))


def test_draws_are_blocks_of_geometric_length_that_go_round() -> None:
    drawn = stationary_draws(50, 4000, 8.0, np.random.default_rng(1))
    assert (drawn.min(), drawn.max()) == (0, 49)
    follows = np.diff(drawn, axis=1) % 50 == 1
    # A new block that happens to begin at the next observation looks like the old one.
    assert follows.mean() == pytest.approx(1 - 1 / 8 * 49 / 50, abs=2e-3)
    assert np.bincount(drawn.ravel()) / drawn.size == pytest.approx(np.full(50, 1 / 50), abs=2e-3)
    assert ((drawn[:, :-1] == 49) & (drawn[:, 1:] == 0)).any()


def test_blocks_of_one_are_independent_draws() -> None:
    drawn = stationary_draws(20, 5000, 1.0, np.random.default_rng(2))
    assert (np.diff(drawn, axis=1) % 20 == 1).mean() == pytest.approx(1 / 20, abs=2e-3)


def test_intervals_agree_with_those_of_archs_bootstrap() -> None:
    equity = curve(400, lag=0.3)
    change = perf.returns(equity)
    ours = {i.metric: i for i in perf.intervals(equity, samples=8000, level=0.9, seed=0, block=6.0)}

    def figures(drawn: Floats) -> np.ndarray:
        grown = np.cumprod(np.append(1, 1 + drawn))
        return np.array([perf.sharpe(grown), perf.cagr(grown), perf.max_drawdown(grown)])

    theirs = StationaryBootstrap(6.0, change, seed=7).conf_int(figures, 3000, method="percentile", size=0.9)
    for n, metric in enumerate(("sharpe", "cagr", "max_drawdown")):
        width = theirs[1, n] - theirs[0, n]
        assert ours[metric].low == pytest.approx(theirs[0, n], abs=0.05 * width)
        assert ours[metric].high == pytest.approx(theirs[1, n], abs=0.05 * width)


def test_same_seed_gives_the_same_bits_and_another_one_others() -> None:
    equity = curve(300)
    of = {"samples": 200, "level": 0.95}
    assert perf.intervals(equity, **of, seed=4) == perf.intervals(equity, **of, seed=4)
    assert perf.intervals(equity, **of, seed=4) != perf.intervals(equity, **of, seed=5)


def test_wider_level_holds_the_narrower() -> None:
    equity = curve(300)
    narrow, wide = (perf.intervals(equity, samples=500, level=level, seed=0) for level in (0.8, 0.99))
    for inner, outer in zip(narrow, wide, strict=True):
        assert outer.low <= inner.low < inner.high <= outer.high
        assert inner.block == perf.block_length(equity)


@pytest.mark.parametrize(
    "equity",
    [np.full(50, 100.0), np.linspace(100, -5, 50), np.array([100.0, 101.0, 99.0]), np.full(50, np.nan)],
    ids=["flat", "ruined", "short", "unknown"],
)
def test_curve_that_allows_no_bootstrap_has_no_interval(equity: Floats) -> None:
    assert perf.intervals(equity, samples=100, level=0.95, seed=0) == []


def test_no_samples_no_interval() -> None:
    assert perf.intervals(curve(100), samples=0, level=0.95, seed=0) == []
