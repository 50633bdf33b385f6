"""What the benchmark of the simulator relies on: one portfolio for all engines, an honest comparison."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.engines import minutes, portfolio, quantmill_simulator
from benchmarks.market import COLUMNS, Size
from benchmarks.simulator import Bench, apart
from execution.kernel import check, check_market

SIZE = Size(8, 160)


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> portfolio.Inputs:
    bench = Bench(tmp_path_factory.mktemp("bench"), SIZE, 5_000)
    return portfolio.read(bench.daily(positions=3, every=7))


def test_bars_are_laid_out_by_bar_and_symbol(inputs: portfolio.Inputs) -> None:
    assert {name: getattr(inputs, name).shape for name in COLUMNS} == dict.fromkeys(COLUMNS, (160, 8))
    assert (inputs.high >= inputs.low).all()
    jumps = np.abs(np.diff(np.log(inputs.close), axis=0))
    assert jumps.max() < 0.2, "the column of one symbol, not of several"


def test_every_seventh_bar_decides_on_the_three_that_rose_most(inputs: portfolio.Inputs) -> None:
    decided = np.flatnonzero(~np.isnan(inputs.weight).all(axis=1))
    assert decided.tolist() == [126, 133, 140, 147, 154]
    rise = inputs.close[decided] / inputs.close[decided - 126]
    best = np.sort(np.argsort(-rise, axis=1)[:, :3], axis=1)
    assert (np.nonzero(inputs.weight[decided] > 0)[1].reshape(-1, 3) == best).all()
    assert np.allclose(inputs.weight[decided].sum(axis=1), 0.98)


@pytest.mark.parametrize("everything", [False, True])
def test_the_kernel_takes_what_the_benchmark_gives_it(inputs: portfolio.Inputs, everything: bool) -> None:
    bars = quantmill_simulator.market(inputs)
    check_market(bars)
    check(
        bars,
        quantmill_simulator.costs(160, 8, everything=everything),
        quantmill_simulator.rules(everything=everything),
        targets=quantmill_simulator.targets(inputs, shorts=everything),
    )


def test_shorts_are_sold_only_on_demand(inputs: portfolio.Inputs) -> None:
    shared, full = (quantmill_simulator.targets(inputs, shorts=flag).weight for flag in (False, True))
    assert (shared < 0).sum() == 0
    assert ((full < 0).sum(axis=1) == 3).all()
    assert (inputs.weight[126] >= 0).all(), "the bench's own weights are left as they were"


def test_minute_bars_and_pairs_are_the_same_each_time(tmp_path: Path) -> None:
    minutes.write(tmp_path, 1_000)
    opens, closes = minutes.read(tmp_path)
    minutes.write(tmp_path, 1_000)
    assert (minutes.read(tmp_path)[1] == closes).all()
    assert len(opens) == len(closes) == 1_000
    assert len(minutes.PAIRS) == len(set(minutes.PAIRS)) == 1_000
    assert [len(minutes.chosen(count)) for count in (1, 100, 1_000)] == [1, 100, 1_000]


@pytest.mark.parametrize(
    ("theirs", "difference"),
    [
        ([1.0, 2.0, 4.0], 0.0),
        ([1.0, 2.0, 4.1], 0.025),
        ([1.0, 2.0], np.inf),
        ([1.0, np.nan, 4.0], np.inf),
    ],
)
def test_curves_are_apart_by_their_worst_bar(theirs: list[float], difference: float) -> None:
    assert apart(np.array([1.0, 2.0, 4.0]), np.array(theirs)) == pytest.approx(difference)
