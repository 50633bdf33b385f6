"""Many trials on threads: each is what it would be alone, and one that fails takes no other with it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

from execution import sweep as swept
from execution.combination import Alone, combine, trade_alone
from execution.combined_config import AllocationConfig
from execution.combined_trials import CombinedTrial, in_order, members_of
from execution.config import BookConfig, CostsConfig, ExitsConfig, StrategyConfig
from execution.evaluation import evaluate
from execution.panel import ScorePanel, load_scores
from execution.portfolio_config import SizingConfig
from execution.rules import Terms
from execution.statistics_config import StatisticsConfig
from execution.sweep import Sweep, read_scores
from tests.execution.combinations import account, combined_config
from tests.execution.markets import EVERY_DAY, book_config, terms, year
from tests.execution.marts import write_marts
from transforms.errors import QuantmillError
from transforms.warehouse import Warehouse

BARS, SCORES = year(names=4, count=120)
WEEKLY = replace(EVERY_DAY, rebalance="weekly")
DEAR = CostsConfig(name="x", slippage_bps=50.0)


def sweep(threads: int = 2, asked: list[BookConfig] | None = None, told: list[int] | None = None) -> Sweep:
    def load(config: BookConfig) -> Terms:
        if asked is not None:
            asked.append(config)
        if config.costs.slippage_bps == 13:
            raise QuantmillError("no such costs")
        return terms(BARS, config)

    return Sweep(
        load_terms=load,
        threads=threads,
        statistics=StatisticsConfig(name="x"),
        periods=252,
        on_done=(told if told is not None else []).append,
    )


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


OTHER = replace(SCORES, strategy="two", score=-SCORES.score[:, ::-1])
MOVED = replace(SCORES, strategy="one", score=np.roll(SCORES.score, 1, axis=0))


def combined_trial(
    number: int,
    config: BookConfig,
    *,
    bars: int = 0,
    allocation: AllocationConfig | None = None,
) -> CombinedTrial:
    """Strategies ``one``, with a parameter, and ``two``, with a portfolio of its own, in one account."""
    strategy = combined_config("one", "two", allocation=allocation or AllocationConfig(), two=WEEKLY)
    one = replace(strategy.members["one"], parameters={"bars": bars})
    strategy = replace(strategy, members={**strategy.members, "one": one})
    return CombinedTrial(number, strategy, account(strategy, config))


def scores_of(member: StrategyConfig) -> ScorePanel | QuantmillError:
    """No scores for parameters that are too many, others for some."""
    if member.name == "two":
        return OTHER
    known = {0: replace(SCORES, strategy="one"), 1: MOVED}
    return known.get(member.parameters["bars"], QuantmillError("strategy.members.one.parameters.bars: no"))


def several() -> list[CombinedTrial]:
    places = product(
        (0, 1),
        (book_config(EVERY_DAY), book_config(WEEKLY, costs=DEAR), book_config(replace(EVERY_DAY, k=1))),
        (None, AllocationConfig(weighting="fixed", shares={"one": 0.2, "two": 0.5}, drift=0.02)),
    )
    trials = [
        combined_trial(number, config, bars=bars, allocation=allocation)
        for number, (bars, config, allocation) in enumerate(places)
    ]
    estimating = AllocationConfig(weighting="risk_parity", lookback=20, min_history=10, drift=0.02)
    weekly = book_config(WEEKLY, costs=DEAR)
    return [*trials, combined_trial(len(trials), weekly, bars=1, allocation=estimating)]


def test_each_trial_of_several_strategies_is_what_it_is_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    alone: list[str] = []

    def counted(name: str, *args: Any) -> Alone:
        alone.append(name)
        return trade_alone(name, *args)

    monkeypatch.setattr(swept, "trade_alone", counted)
    trials = several()
    ordered = in_order(trials)
    found = sweep().run_combined(ordered, map(scores_of, members_of(ordered)))
    assert [one.number for one in found] == list(range(13))
    for one, trial in zip(found, trials, strict=True):
        met = terms(BARS, trial.config)
        members = {
            name: cast(ScorePanel, scores_of(member)) for name, member in trial.strategy.members.items()
        }
        whole = combine(members, met, strategy=trial.strategy, config=trial.config)
        first = int(np.flatnonzero(whole.has_score)[0])
        assert one.metrics == evaluate(whole, met, config=trial.config, first=first)
        assert (one.first, one.error) == (first, None)
    assert len({str(one.metrics) for one in found}) == 13
    # One by two parameters and three configs, the other by two costs: each once, however capital is divided.
    assert Counter(alone) == {"one": 6, "two": 2}


def test_trials_of_several_strategies_do_not_depend_on_the_number_of_threads() -> None:
    trials = several()
    one, four = (
        sweep(threads=threads).run_combined(trials, map(scores_of, members_of(trials))) for threads in (1, 4)
    )
    assert one == four


def test_scores_of_a_member_are_asked_for_when_a_trial_needs_them() -> None:
    trials = [combined_trial(n, book_config(EVERY_DAY), bars=n % 2) for n in range(20)]
    done: list[int] = []

    def coming() -> Iterator[ScorePanel | QuantmillError]:
        yield from map(scores_of, members_of(trials[:19]))
        done.append(len(told))
        yield SCORES

    told: list[int] = []
    late = combined_trial(20, book_config(EVERY_DAY), bars=7)
    found = sweep(told=told).run_combined([*trials, late], coming())
    assert found[20].error is None
    assert done[0] > 0, "trials before it are done"


def test_a_failing_member_fails_its_own_trials_and_is_named() -> None:
    infinite = replace(SCORES, score=np.where(np.arange(120)[:, None] == 60, np.inf, SCORES.score))
    none = replace(SCORES, score=np.full_like(SCORES.score, np.nan))
    by_bars = {0: SCORES, 1: infinite, 2: none}
    good = book_config(EVERY_DAY)
    costly = book_config(EVERY_DAY, costs=CostsConfig(name="x", slippage_bps=13.0))
    trials = [combined_trial(bars, good, bars=bars) for bars in range(4)]
    trials += [combined_trial(4, costly), combined_trial(5, good)]

    def given(member: StrategyConfig) -> ScorePanel | QuantmillError:
        bars = member.parameters.get("bars")
        return by_bars[bars] if member.name == "one" and bars in by_bars else scores_of(member)

    found = sweep().run_combined(trials, map(given, members_of(trials)))
    assert [one.error is None for one in found] == [True, False, True, False, False, True]
    assert str(found[1].error).startswith("strategy.members.one: ")
    assert "finite" in str(found[1].error)
    assert found[3].error == "strategy.members.one.parameters.bars: no"
    assert found[4].error == "no such costs"
    assert found[0].metrics == found[5].metrics
    assert found[2].metrics["sharpe"] is not None, "the other member trades on"


def test_scores_of_a_query_are_those_that_a_backtest_loads(tmp_path: Path) -> None:
    with Warehouse(tmp_path / "warehouse.duckdb") as warehouse:
        write_marts(warehouse, BARS, score=SCORES.score / 5, model_id="m")
        loaded = load_scores(warehouse, BARS, strategy=StrategyConfig(name="test"), model_id="m")
        later = "select 'S9' as symbol, bar_at + interval 9000 day as bar_at, score, confidence from ml.predictions"
        sql = f"select symbol, bar_at, score, confidence from ml.predictions union all {later}"
        read = read_scores(warehouse, BARS, sql, loaded.volatility, strategy="test")
    assert np.array_equal(read.score, loaded.score, equal_nan=True)
    assert np.array_equal(read.confidence, loaded.confidence, equal_nan=True)
