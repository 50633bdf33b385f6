from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from execution.trials import Trial
from execution.validation.around import stable_neighbourhood
from transforms.schemas_sensitivity import SENSITIVITY, SENSITIVITY_SUMMARY
from transforms.warehouse import Warehouse

CONFIG = {"strategy": {"name": "momentum", "parameters": {"lookback": 20}}, "portfolio": {"k": 2}}
TRIAL = Trial("momentum", "sample", "default", "1d", {}, CONFIG, "run-2")


@pytest.fixture
def warehouse(tmp_path: Path) -> Iterator[Warehouse]:
    with Warehouse(tmp_path / "warehouse.duckdb") as opened:
        yield opened


def sweep(
    warehouse: Warehouse,
    run_id: str,
    trials: list[tuple[dict[str, Any], float, float | None]],
    data: str = "default",
) -> None:
    """A sweep of (config, Sharpe ratio, mean of its neighbours)."""
    name = f"sensitivity/{run_id}"
    best = max(sharpe for _, sharpe, _ in trials)
    summary = {
        "sweep": name,
        "run_id": run_id,
        "strategy": "momentum",
        "data": replace(TRIAL, dataset=data).data,
        "metric": "sharpe",
        "trials": len(trials),
        "best_value": best,
        "stability": 0.33,
    }
    warehouse.append(SENSITIVITY_SUMMARY, pl.DataFrame([summary]))
    rows = [
        {
            "sweep": name,
            "trial": number,
            "strategy": "momentum",
            "parameters": "{}",
            "config": replace(TRIAL, config=config).fingerprint,
            "sharpe": sharpe,
            "neighbour_mean": mean,
            "neighbours": 3,
        }
        for number, (config, sharpe, mean) in enumerate(trials)
    ]
    warehouse.append(SENSITIVITY, pl.DataFrame(rows))


OURS = CONFIG
OTHER = CONFIG | {"costs": {"slippage_bps": 0.0}}  # the same values of a grid over strategy and portfolio


def test_config_in_the_grid_is_judged_by_its_own_neighbours(warehouse: Warehouse) -> None:
    sweep(warehouse, "run-1", [(OTHER, 2.0, 0.4), (OURS, 1.0, 0.8)])
    score, note = stable_neighbourhood(warehouse, TRIAL) or (None, "")
    assert score == pytest.approx(0.8)
    assert "mean of its 3 neighbours" in note


def test_config_outside_the_grid_has_the_best_stand_in(warehouse: Warehouse) -> None:
    sweep(warehouse, "run-1", [(OTHER, 2.0, 0.4)])
    score, note = stable_neighbourhood(warehouse, TRIAL) or (None, "")
    assert score == pytest.approx(0.33)
    assert "its best sharpe stands in" in note


def test_newest_sweep_counts(warehouse: Warehouse) -> None:
    sweep(warehouse, "run-1", [(OURS, 1.0, 0.8)])
    sweep(warehouse, "run-2", [(OURS, 1.0, 0.5)])
    assert (stable_neighbourhood(warehouse, TRIAL) or (None,))[0] == pytest.approx(0.5)


def test_sweeps_on_other_data_are_not_ours(warehouse: Warehouse) -> None:
    sweep(warehouse, "run-1", [(OURS, 1.0, 0.8)], data="else")
    assert stable_neighbourhood(warehouse, TRIAL) is None


@pytest.mark.parametrize(("sharpe", "mean"), [(-0.5, 0.4), (0.0, 0.4), (1.0, None)])
def test_nothing_to_be_a_part_of_has_no_score(
    warehouse: Warehouse, sharpe: float, mean: float | None
) -> None:
    sweep(warehouse, "run-1", [(OURS, sharpe, mean)])
    assert (stable_neighbourhood(warehouse, TRIAL) or (0.0,))[0] is None
