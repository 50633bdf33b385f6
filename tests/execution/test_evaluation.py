"""A config evaluated alone comes to what its backtest comes to."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from execution.backtest import run_backtest
from execution.config import CostsConfig, ExitsConfig, StrategyConfig
from execution.evaluation import evaluate
from execution.kernel.types import Targets
from execution.rules import kernel_rules
from execution.simulator import decided_rows
from tests.execution.markets import EVERY_DAY, book_config, terms, year
from tests.execution.marts import write_marts
from transforms.errors import QuantmillError
from transforms.paths import Home
from transforms.warehouse import Warehouse

CONFIG = book_config(
    replace(EVERY_DAY, rebalance="weekly"), costs=CostsConfig(name="x", commission_bps=5.0, slippage_bps=5.0)
)


def test_metrics_are_those_of_the_backtest(tmp_path: Path) -> None:
    bars, drawn = year(names=4, count=120)
    score = drawn.score / 5
    with Warehouse(tmp_path / "warehouse.duckdb") as warehouse:
        write_marts(warehouse, bars, score=score, model_id="m")
        written = run_backtest(
            warehouse,
            Home(tmp_path),
            book="backtest/x",
            strategy=StrategyConfig(name="test"),
            model_id="m",
            config=CONFIG,
        )
    scores = replace(drawn, score=score, confidence=np.abs(score))
    first = int(np.flatnonzero(scores.has_score)[0])
    found = evaluate(scores, terms(bars, CONFIG), config=CONFIG, first=first)
    ledger = {"deflated_sharpe", "expected_max_sharpe", "trials"}
    assert found == {name: value for name, value in written.metrics.items() if name not in ledger}
    assert found["trades"]


def test_terms_are_shared_by_configs_that_differ_in_rules() -> None:
    bars, scores = year(names=4, count=120)
    shared = terms(bars, CONFIG)
    tight = replace(CONFIG, exits=ExitsConfig(name="x", stop_loss=0.02))
    found = evaluate(scores, replace(shared, rules=kernel_rules(tight)), config=tight)
    assert found == evaluate(scores, terms(bars, tight), config=tight)
    assert found["trades"] != evaluate(scores, shared, config=CONFIG)["trades"]


def test_targets_that_are_given_are_traded_instead_of_the_scores() -> None:
    bars, scores = year(names=4, count=120)
    shared = terms(bars, CONFIG)
    rows = decided_rows(bars, scores, CONFIG)
    weights = np.full((len(rows), 4), 0.2)
    found = evaluate(scores, shared, config=CONFIG, targets=Targets(rows, weights, np.ones((len(rows), 4))))
    assert found["exposure"] == pytest.approx(0.8, abs=0.05)
    assert evaluate(scores, shared, config=CONFIG)["exposure"] != found["exposure"]


def test_infinite_targets_are_refused_with_the_symbol() -> None:
    bars, scores = year(names=4, count=30)
    bad = Targets(np.array([3]), np.array([[0.1, np.inf, 0.1, 0.1]]), np.ones((1, 4)))
    with pytest.raises(QuantmillError, match="weight"):
        evaluate(scores, terms(bars, CONFIG), config=CONFIG, targets=bad)
