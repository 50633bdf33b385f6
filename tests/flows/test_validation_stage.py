"""When an unchanged backtest is validated anew."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from execution.config import BookConfig, StrategyConfig
from execution.statistics_config import StatisticsConfig
from execution.trials import TrialResult, enter
from execution.validation.holdout import record_use
from execution.validation_config import ValidationConfig
from flows.trials import trial_of
from flows.validation_stage import STAGE
from tests.execution.markets import book_config
from tests.reports import books, test_sweeps
from transforms.config import SourceConfig, UniverseConfig
from transforms.features import FeaturesConfig
from transforms.warehouse import Warehouse

RANGE = (date(2020, 1, 1), date(2021, 12, 31))


class Config(SimpleNamespace):
    """What the stage looks at of a run's config."""

    book: BookConfig


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Any]:
    config = Config(
        source=SourceConfig(name="sample"),
        universe=UniverseConfig(name="all"),
        features=FeaturesConfig(name="core"),
        strategy=StrategyConfig(name="trend", scores="signals"),
        book=book_config(),
        validation=ValidationConfig(name="test"),
        statistics=StatisticsConfig(name="test"),
    )
    with Warehouse(tmp_path / "warehouse.duckdb") as warehouse:
        books.metrics(warehouse, {"sharpe": 0.7, "deflated_sharpe": 0.9})
        outputs = {"backtest": {"book": books.BOOK}}
        yield SimpleNamespace(warehouse=warehouse, outputs=outputs, config=config, run_id="run-1")


def inputs(run: Any) -> Any:
    assert STAGE.inputs is not None
    return STAGE.inputs(run)


def test_what_the_suite_itself_records_asks_for_no_other_validation(run: Any) -> None:
    first = inputs(run)
    record_use(run.warehouse, trial_of(run), RANGE)
    assert inputs(run) == first


def _deflated(run: Any) -> None:
    run.warehouse.execute("update execution.metrics set value = 0.6 where metric = 'deflated_sharpe'")


def _other_strategy(run: Any) -> None:
    other = replace(trial_of(run), strategy="momentum")
    enter(run.warehouse, [(other, TrialResult("backtest/other", 0.05, 0.0, 0.0, 500, 252))])


def _sweep(run: Any) -> None:
    test_sweeps.sweep(run.warehouse, "sensitivity/a", "20240302", strategy="trend")


def _holdout(run: Any) -> None:
    record_use(run.warehouse, replace(trial_of(run), config={"another": 1}), RANGE)


def _limits(run: Any) -> None:
    run.config.validation = ValidationConfig(name="test", seed=1)


@pytest.mark.parametrize("change", [_deflated, _other_strategy, _sweep, _holdout, _limits])
def test_what_bears_on_the_verdict_asks_for_another(run: Any, change: Callable[[Any], None]) -> None:
    first = inputs(run)
    change(run)
    assert inputs(run) != first


def test_sweeps_and_holdouts_of_other_strategies_bear_on_nothing(run: Any) -> None:
    first = inputs(run)
    test_sweeps.sweep(run.warehouse, "sensitivity/b", "20240302", strategy="other")
    record_use(run.warehouse, replace(trial_of(run), strategy="other", config={}), RANGE)
    assert inputs(run) == first
