"""The grid of crossovers: the kernel's result for every pair, whatever the blocks and threads."""

from __future__ import annotations

import numpy as np
import pytest

from execution import crossovers
from execution.crossovers import crossover_grid
from execution.kernel import new_state, run
from execution.kernel.types import Floats, Market
from tests.execution.kernel import books
from tests.execution.oracles.worlds import bars
from transforms.errors import QuantmillError

PAIRS = [(fast, slow) for fast in (2, 3, 7) for slow in (9, 20, 150)]
RATE, SLIPPAGE = 0.0005, 0.0001


@pytest.fixture(scope="module")
def market() -> Market:
    return bars(np.random.default_rng(5), 700, 1)


def means(close: Floats, window: int) -> Floats:
    of_windows = np.lib.stride_tricks.sliding_window_view(close, window).mean(axis=1)
    return np.concatenate([np.full(window - 1, np.nan), of_windows])


@pytest.mark.parametrize("pair", PAIRS)
def test_a_pair_comes_to_what_the_kernel_makes_of_its_orders(market: Market, pair: tuple[int, int]) -> None:
    close = market.close[:, 0]
    fast, slow = (means(close, window) for window in pair)
    rows, side = [], -1.0
    for t in np.flatnonzero(fast != slow):
        now = 1.0 if fast[t] > slow[t] else -1.0
        if not np.isnan(slow[t]) and now != side:
            side = now
            rows.append(books.order(side * 1e9, bar=int(t), goal=books.NAN if side > 0 else 0.0))
    ours = run(
        market,
        books.costs(market, rate=RATE, slippage=SLIPPAGE),
        books.rules(is_margin=False),
        new_state(1, 1e6),
        first=0,
        last=len(close),
        orders=books.sent(*rows),
    )
    grid = crossover_grid(market.open[:, 0], close, [pair], commission_rate=RATE, slippage=SLIPPAGE)
    peak = np.maximum.accumulate(np.maximum(ours.equity, 1e6))
    sales = np.count_nonzero(ours.fills["quantity"] < 0)  # each of the whole position
    assert sales > 1
    assert grid.round_trips == sales
    np.testing.assert_allclose(1e6 * (1 + grid.total_return), ours.equity[-1], rtol=1e-12)
    np.testing.assert_allclose(grid.max_drawdown, (1 - ours.equity / peak).max(), rtol=1e-9)
    np.testing.assert_allclose(grid.exposure, np.mean(ours.quantity[:, 0] > 0), rtol=1e-15)


@pytest.mark.parametrize(("block", "threads"), [(64, 1), (64, 3), (699, 2), (700, 50)])
def test_neither_blocks_nor_threads_change_a_bit(
    market: Market, block: int, threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    prices = market.open[:, 0], market.close[:, 0]
    whole = crossover_grid(*prices, PAIRS, commission_rate=RATE, threads=1)
    monkeypatch.setattr(crossovers, "_BLOCK", block)
    parts = crossover_grid(*prices, PAIRS, commission_rate=RATE, threads=threads)
    for name in ("total_return", "max_drawdown", "exposure", "round_trips"):
        assert (getattr(whole, name) == getattr(parts, name)).all(), name


def test_averages_that_are_equal_decide_nothing() -> None:
    flat = np.full(30, 10.0)
    grid = crossover_grid(flat, flat, [(2, 5)])
    assert grid.exposure == 0.0
    rising = np.r_[np.arange(10.0, 20.0), np.full(20, 19.0)]
    assert crossover_grid(rising, rising, [(2, 5)]).exposure == 25 / 30, (
        "bought at the sixth open, kept on the flat"
    )


def test_windows_longer_than_the_bars_never_buy() -> None:
    price = np.linspace(10.0, 20.0, 30)
    grid = crossover_grid(price, price, [(2, 31)])
    assert (grid.total_return, grid.exposure) == (0.0, 0.0)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"opens": np.array([1.0, np.nan, 3.0])}, "opens of bar 1 is nan"),
        ({"closes": np.array([1.0, 2.0, 0.0])}, "closes of bar 2 is 0.0"),
        ({"closes": np.ones(2)}, "closes has the shape"),
        ({"windows": [(2, 5), (5, 5)]}, r"pair 1 is \(5, 5\)"),
        ({"windows": []}, "windows has the shape"),
        ({"slippage": 1.0}, "slippage is 1.0"),
        ({"commission_rate": -0.1}, "commission_rate is -0.1"),
        ({"threads": 0}, "threads is 0"),
    ],
)
def test_what_cannot_be_is_refused_by_name(changes: dict[str, object], message: str) -> None:
    given: dict[str, object] = {"opens": np.ones(3), "closes": np.ones(3), "windows": [(1, 2)]}
    with pytest.raises(QuantmillError, match=message):
        crossover_grid(**(given | changes))  # type: ignore[arg-type]
