from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from execution.backtest import run_backtest
from execution.config import CostsConfig, StrategyConfig
from execution.panel import Panel
from execution.statistics_config import StatisticsConfig
from execution.trials import Trial
from execution.types import Floats
from execution.validation.record import run_validation
from execution.validation.suite import BASE, MONTHS, PART, REGIME, STRESS
from execution.validation.verdict import Criterion, verdict
from execution.validation_config import ValidationConfig
from tests.execution.markets import EVERY_DAY, NAN, book_config, panel
from tests.execution.marts import write_marts
from transforms import schemas_validation
from transforms.errors import QuantmillError
from transforms.paths import Home
from transforms.warehouse import Warehouse

COUNT = 400  # weekdays of 2024 and the first half of 2025
CONFIG = book_config(
    replace(EVERY_DAY, k=2, gross=0.9), costs=CostsConfig(name="test", slippage_bps=2, commission_bps=1)
)
VALIDATION = ValidationConfig(
    name="test",
    permutations=200,
    paths=200,
    regimes={"early 2024": ["2024-01-01", "2024-06-30"], "2008": ["2008-01-01", "2008-12-31"]},
)
TRIAL = Trial("foresight", "test", "default", "1d", {}, {"k": 2}, "run-1")
TABLES = (schemas_validation.VALIDATION, schemas_validation.STRESS, schemas_validation.TRADE_ORDERS)


def market() -> Panel:
    random = np.random.default_rng(8)
    path = 50 * np.exp(np.cumsum(random.normal(0, 0.015, (COUNT + 1, 4)), axis=0))
    benchmark = 100 * np.exp(np.cumsum(random.normal(0, 0.01, COUNT)))
    return panel(path[1:], open_=path[:-1], benchmark=benchmark)


def foresight(bars: Panel, until: float = 1.0) -> Floats:
    """Scores that know the next bar up to a part of the history, and guess from there on."""
    known = np.full(bars.close.shape, NAN)
    known[:-1] = np.clip(10 * (bars.close[1:] / bars.open[1:] - 1), -1, 1)
    guess = np.random.default_rng(9).uniform(-0.5, 0.5, known.shape)
    return np.where(np.arange(COUNT)[:, None] < until * COUNT, known, guess)


@pytest.fixture
def warehouse(tmp_path: Path) -> Iterator[Warehouse]:
    with Warehouse(tmp_path / "warehouse.duckdb") as opened:
        bars = market()
        write_marts(opened, bars, score=foresight(bars), strategy="foresight")
        for name, score in (
            ("memory", foresight(bars, until=0.6)),
            ("guess", np.random.default_rng(2).uniform(-1, 1, bars.close.shape)),
        ):
            _add_scores(opened, name, score)
        yield opened


def _add_scores(warehouse: Warehouse, strategy: str, score: Floats) -> None:
    grid = warehouse.read("select distinct bar_at, session_date from marts.bars order by bar_at")
    for place, symbol in enumerate("ABCD"):
        rows = grid.with_columns(
            strategy=pl.lit(strategy), symbol=pl.lit(symbol), score=pl.Series(score[:, place])
        ).filter(pl.col("score").is_not_nan())
        warehouse.cursor.register("scored", rows.with_columns(confidence=pl.lit(1.0)))
        warehouse.execute(
            "insert into marts.signals by name select strategy, symbol, bar_at, session_date, score, confidence "
            "from scored"
        )


def backtested(warehouse: Warehouse, tmp_path: Path, strategy: str, trial: Trial) -> str:
    book = f"backtest/{strategy}"
    run_backtest(
        warehouse,
        Home(tmp_path),
        book=book,
        strategy=StrategyConfig(name=strategy, scores="signals"),
        model_id=None,
        config=CONFIG,
        trial=trial,
    )
    return book


def validated(
    warehouse: Warehouse, tmp_path: Path, strategy: str = "foresight", **changes: Any
) -> list[Criterion]:
    trial = replace(TRIAL, strategy=strategy)
    given: dict[str, Any] = {
        "book": backtested(warehouse, tmp_path, strategy, trial),
        "strategy": StrategyConfig(name=strategy, scores="signals"),
        "model_id": None,
        "config": CONFIG,
        "validation": VALIDATION,
        "statistics": StatisticsConfig(),
        "periods": 252,
        "trial": trial,
    }
    return run_validation(warehouse, Home(tmp_path), **(given | changes))


def failed(result: list[Criterion]) -> set[str]:
    return {one.name for one in result if one.passed is False}


def rows_of(warehouse: Warehouse, book: str) -> list[pl.DataFrame]:
    return [
        warehouse.read(f"select * from {table.name} where book = ? order by all", [book]) for table in TABLES
    ]


def test_perfect_foresight_passes_what_it_should_and_the_tables_hold_it(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    steps: list[str] = []
    result = validated(warehouse, tmp_path, on_step=steps.append)
    by_name = {one.name: one for one in result}
    assert by_name["permutation_p_value"].value == pytest.approx(1 / 201)
    assert by_name["deflated_sharpe"].passed
    assert by_name["holdout_degradation"].passed
    # It knows the next bar alone: a bar later it guesses.
    assert failed(result) == {"one_bar_delay_sharpe"}
    criteria, stress, orders = rows_of(warehouse, "backtest/foresight")
    assert criteria.sort("place")["criterion"].to_list() == [one.name for one in result]
    kinds = dict(stress.group_by("kind").len().iter_rows())
    assert kinds == {BASE: 1, PART: 3, STRESS: 6, MONTHS: 2, REGIME: 2}
    assert orders["percentile"].sort().to_list() == list(range(101))
    assert {"flash crash", "random entry"} <= set(steps)


def test_base_is_the_backtest_itself(warehouse: Warehouse, tmp_path: Path) -> None:
    validated(warehouse, tmp_path)
    _, stress, _ = rows_of(warehouse, "backtest/foresight")
    (base,) = stress.filter(pl.col("kind") == BASE).iter_rows(named=True)
    metrics = dict(
        warehouse.read(
            "select metric, value from execution.metrics where book = 'backtest/foresight'"
        ).iter_rows()
    )
    for name in ("sharpe", "total_return", "max_drawdown", "turnover", "trades", "costs", "volatility"):
        assert base[name] == metrics[name]


def test_worse_costs_cost_more_and_leave_less(warehouse: Warehouse, tmp_path: Path) -> None:
    validated(warehouse, tmp_path)
    _, stress, _ = rows_of(warehouse, "backtest/foresight")
    cagr = dict(stress.select("scenario", "cagr").iter_rows())
    assert cagr["slippage x3"] < cagr["slippage x2"] < cagr["as backtested"]
    assert cagr["costs x2"] < cagr["slippage x2"]
    for name in ("missed fills", "flash crash", "one-bar delay"):
        assert cagr[name] < cagr["as backtested"]


def test_regime_outside_the_data_is_not_covered_and_not_passed(warehouse: Warehouse, tmp_path: Path) -> None:
    result = validated(warehouse, tmp_path)
    by_name = {one.name: one for one in result}
    assert by_name["regime_early 2024_drawdown"].passed is True
    assert by_name["regime_2008_drawdown"].passed is None
    _, stress, _ = rows_of(warehouse, "backtest/foresight")
    (row,) = stress.filter(pl.col("scenario") == "2008").iter_rows(named=True)
    assert (row["covered"], row["sharpe"], row["sessions"]) == (False, None, None)


def test_a_strategy_that_only_works_in_train_fails_for_its_degradation(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    result = validated(warehouse, tmp_path, "memory")
    assert {"validation_degradation", "holdout_degradation"} <= failed(result)
    assert verdict(result) == "failed"


def test_random_scores_fail_against_random_entry(warehouse: Warehouse, tmp_path: Path) -> None:
    assert "permutation_p_value" in failed(validated(warehouse, tmp_path, "guess"))


def test_same_again_gives_the_same_rows_and_no_new_use_of_the_holdout(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    validated(warehouse, tmp_path)
    before = rows_of(warehouse, "backtest/foresight")
    validated(warehouse, tmp_path)
    for table, again in zip(before, rows_of(warehouse, "backtest/foresight"), strict=True):
        assert table.equals(again)
    assert warehouse.value("select count(*) from ops.holdout_uses") == 1


def test_another_config_on_the_same_holdout_fails_and_the_first_one_is_named(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    assert "holdout_uses_by_others" not in failed(validated(warehouse, tmp_path))
    other = replace(TRIAL, config={"k": 3}, run_id="run-2")
    result = validated(warehouse, tmp_path, trial=other)
    (criterion,) = [one for one in result if one.name == "holdout_uses_by_others"]
    assert criterion.passed is False
    assert "run run-1 at" in criterion.note


def test_the_backtest_of_another_strategy_is_what_ours_is_compared_with(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    backtested(warehouse, tmp_path, "memory", replace(TRIAL, strategy="memory"))
    result = validated(warehouse, tmp_path)
    (criterion,) = [one for one in result if one.name == "strategy_correlation"]
    equity = {
        book: warehouse.read("select equity from execution.equity where book = ? order by bar_at", [book])[
            "equity"
        ].to_numpy()
        for book in ("backtest/foresight", "backtest/memory")
    }
    changes = [values[1:] / values[:-1] for values in equity.values()]
    assert criterion.value == pytest.approx(np.corrcoef(changes)[0, 1])
    assert criterion.note == "with memory (backtest/memory)"


def test_a_book_that_was_not_backtested_is_refused(warehouse: Warehouse, tmp_path: Path) -> None:
    with pytest.raises(QuantmillError, match="backtest/none has no equity"):
        validated(warehouse, tmp_path, book="backtest/none")


def test_a_failure_within_leaves_the_tables_as_they_were(
    warehouse: Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    validated(warehouse, tmp_path)
    before = rows_of(warehouse, "backtest/foresight")
    monkeypatch.setattr("execution.validation.record._trade_orders", lambda *_given: 1 / 0)
    changed = replace(VALIDATION, seed=5)
    with pytest.raises(ZeroDivisionError):
        validated(warehouse, tmp_path, validation=changed, trial=replace(TRIAL, config={"k": 9}))
    for table, again in zip(before, rows_of(warehouse, "backtest/foresight"), strict=True):
        assert table.equals(again)
    assert warehouse.value("select count(*) from ops.holdout_uses") == 1
