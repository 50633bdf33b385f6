"""When the report of an unchanged backtest is written anew."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from flows.stages import REPORT
from tests.reports import books, test_sweeps
from transforms.warehouse import Warehouse


@dataclass
class Strategy:
    name: str


@dataclass
class Config:
    strategy: Strategy


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Any]:
    with Warehouse(tmp_path / "warehouse.duckdb") as warehouse:
        books.metrics(warehouse, {"sharpe": 0.7, "deflated_sharpe": 0.9})
        outputs = {"backtest": {"book": books.BOOK}, "gate": {}}
        yield SimpleNamespace(warehouse=warehouse, outputs=outputs, config=Config(Strategy("trend")))


def test_the_same_figures_need_no_new_report(run: Any) -> None:
    assert REPORT.inputs is not None
    first = REPORT.inputs(run)
    books.metrics(run.warehouse, {"sharpe": 0.1}, book="backtest/other")

    assert REPORT.inputs(run) == first


def test_a_deflated_ratio_that_later_trials_changed_needs_one(run: Any) -> None:
    assert REPORT.inputs is not None
    first = REPORT.inputs(run)
    run.warehouse.execute("update execution.metrics set value = 0.6 where metric = 'deflated_sharpe'")

    assert REPORT.inputs(run) != first


def test_a_new_sweep_of_the_strategy_needs_one(run: Any) -> None:
    assert REPORT.inputs is not None
    first = REPORT.inputs(run)
    test_sweeps.sweep(run.warehouse, "sensitivity/other", "20240301", strategy="other")
    others = REPORT.inputs(run)
    test_sweeps.sweep(run.warehouse, "sensitivity/a", "20240302", strategy="trend")

    assert first == others
    assert REPORT.inputs(run) != first
