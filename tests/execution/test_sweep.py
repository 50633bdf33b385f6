"""Many trials on threads: each is what it would be alone, and one that fails takes no other with it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from execution.config import BookConfig, CostsConfig, ExitsConfig, StrategyConfig
from execution.evaluation import evaluate
from execution.panel import load_scores
from execution.portfolio_config import SizingConfig
from execution.rules import Terms
from execution.statistics_config import StatisticsConfig
from execution.sweep import Sweep, read_scores
from tests.execution.markets import EVERY_DAY, book_config, terms, year
from tests.execution.marts import write_marts
from transforms.errors import QuantmillError
from transforms.warehouse import Warehouse

BARS, SCORES = year(names=4, count=120)
WEEKLY = replace(EVERY_DAY, rebalance="weekly")
DEAR = CostsConfig(name="x", slippage_bps=50.0)


def sweep(threads: int = 2, asked: list[BookConfig] | None = None) -> Sweep:
    def load(config: BookConfig) -> Terms:
        if asked is not None:
            asked.append(config)
        if config.costs.slippage_bps == 13:
            raise QuantmillError("no such costs")
        return terms(BARS, config)

    return Sweep(load_terms=load, threads=threads, statistics=StatisticsConfig(name="x"), periods=252)


def test_each_trial_is_what_it_is_alone_whatever_it_shares() -> None:
    configs = [
        book_config(portfolio, costs=costs, exits=ExitsConfig(name="x", stop_loss=stop))
        for portfolio in (EVERY_DAY, WEEKLY)
        for costs in (CostsConfig(name="x"), DEAR)
        for stop in (0.0, 0.03)
    ]
    asked: list[BookConfig] = []
    found = sweep(asked=asked).run([(SCORES, list(enumerate(configs)))])
    assert [one.number for one in found] == list(range(8))
    first = int(np.flatnonzero(SCORES.has_score)[0])
    for one, config in zip(found, configs, strict=True):
        assert one.metrics == evaluate(SCORES, terms(BARS, config), config=config, first=first)
        assert (one.first, one.error) == (first, None)
    assert len({str(one.metrics) for one in found}) == 8
    assert len(asked) == 2  # market and costs are laid out once for each that differs


def test_trials_do_not_depend_on_the_number_of_threads() -> None:
    trials = [(n, book_config(replace(WEEKLY, k=n + 1))) for n in range(4)]
    assert sweep(threads=1).run([(SCORES, trials)]) == sweep(threads=4).run([(SCORES, trials)])


def test_trial_that_looks_at_its_book_is_what_it_is_alone() -> None:
    config = book_config(replace(WEEKLY, sizing=SizingConfig(drawdown_start=0.001, drawdown_full=0.02)))
    (found,) = sweep().run([(SCORES, [(7, config)])])
    first = int(np.flatnonzero(SCORES.has_score)[0])
    assert found.number == 7
    assert found.metrics == evaluate(SCORES, terms(BARS, config), config=config, first=first)


def test_failing_trials_say_why_and_the_others_go_on() -> None:
    infinite = replace(SCORES, score=np.where(np.arange(120)[:, None] == 60, np.inf, SCORES.score))
    none = replace(SCORES, score=np.full_like(SCORES.score, np.nan))
    good, costly = (
        book_config(EVERY_DAY),
        book_config(EVERY_DAY, costs=CostsConfig(name="x", slippage_bps=13.0)),
    )
    found = sweep().run([(infinite, [(0, good)]), (none, [(1, good)]), (SCORES, [(2, costly), (3, good)])])
    assert [one.error is None for one in found] == [False, False, False, True]
    assert "infinite" in str(found[0].error) or "finite" in str(found[0].error)
    assert "no score" in str(found[1].error)
    assert found[2].error == "no such costs"
    assert found[0].metrics == {}
    assert found[3].metrics["sharpe"] is not None


def test_scores_of_a_query_are_those_that_a_backtest_loads(tmp_path: Path) -> None:
    with Warehouse(tmp_path / "warehouse.duckdb") as warehouse:
        write_marts(warehouse, BARS, score=SCORES.score / 5, model_id="m")
        loaded = load_scores(warehouse, BARS, strategy=StrategyConfig(name="test"), model_id="m")
        later = "select 'S9' as symbol, bar_at + interval 9000 day as bar_at, score, confidence from ml.predictions"
        sql = f"select symbol, bar_at, score, confidence from ml.predictions union all {later}"
        read = read_scores(warehouse, BARS, sql, loaded.volatility, strategy="test")
    assert np.array_equal(read.score, loaded.score, equal_nan=True)
    assert np.array_equal(read.confidence, loaded.confidence, equal_nan=True)
