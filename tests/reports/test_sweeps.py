from __future__ import annotations

import json
from typing import Any

import pytest

from reports.sweeps import newest_sweep, sweep_facts, sweep_figures
from tests.reports import books
from tests.reports.test_report import report
from transforms import schemas_sensitivity as schemas
from transforms.paths import Home
from transforms.warehouse import Warehouse


def sweep(warehouse: Warehouse, name: str, run_id: str, *, strategy: str = "trend", **changed: Any) -> None:
    """A grid of two keys, two values each; trial 3 is the best and stands alone."""
    ratios = (0.1, 0.2, None, 0.9)
    for trial, ratio in enumerate(ratios):
        parameters = json.dumps({"exits.stop_loss": 0.1 * (1 + trial // 2), "portfolio.k": 2 + trial % 2})
        row = {"sweep": name, "trial": trial, "strategy": strategy, "parameters": parameters, "sharpe": ratio}
        books.table(warehouse, schemas.SENSITIVITY, row)
    summary = {
        "sweep": name,
        "run_id": run_id,
        "strategy": strategy,
        "metric": "sharpe",
        "trials": 4,
        "failed": 1,
        "best_trial": 3,
        "best_value": 0.9,
        "neighbour_mean": 0.2,
        "stability": 0.222,
        "is_sharp_peak": True,
        "robust_trial": 3,
        "robust_value": 0.55,
        "edges": "[]",
        "influence": json.dumps({"exits.stop_loss": 0.6, "portfolio.k": 0.4}),
        "median_value": 0.2,
    }
    books.table(warehouse, schemas.SENSITIVITY_SUMMARY, {**summary, **changed})


def test_the_newest_sweep_of_the_strategy_is_taken(warehouse: Warehouse) -> None:
    sweep(warehouse, "sensitivity/a", "20240301")
    sweep(warehouse, "sensitivity/b", "20240302")
    sweep(warehouse, "sensitivity/c", "20240303", strategy="other")

    found = newest_sweep(warehouse, "trend")

    assert found is not None
    assert (found.summary["run_id"], len(found.trials)) == ("20240302", 4)
    assert newest_sweep(warehouse, "momentum") is None
    assert newest_sweep(warehouse, None) is None


def test_the_best_its_neighbours_and_a_sharp_peak_are_told(warehouse: Warehouse) -> None:
    sweep(warehouse, "sensitivity/a", "20240301")
    found = newest_sweep(warehouse, "trend")
    assert found is not None

    facts = dict(sweep_facts(found))

    assert facts["Trials"] == "4, 1 of them failed"
    assert facts["Best Sharpe"] == "0.90, with exits.stop_loss=0.2, portfolio.k=3"
    assert facts["Stability"].startswith("22.2%")
    assert "sharp peak" in facts["Warning"]


@pytest.mark.parametrize(("changed", "count"), [({}, 1), ({"best_trial": None, "robust_trial": None}, 0)])
def test_pairs_of_keys_are_drawn_unless_every_trial_failed(
    warehouse: Warehouse, changed: dict[str, Any], count: int
) -> None:
    sweep(warehouse, "sensitivity/a", "20240301", is_sharp_peak=False, **changed)
    found = newest_sweep(warehouse, "trend")
    assert found is not None

    assert len(sweep_figures(found)) == count
    assert "Warning" not in dict(sweep_facts(found))


def test_the_section_of_the_report_is_there_with_a_sweep_of_the_strategy_only(
    warehouse: Warehouse, home: Home
) -> None:
    before = report(warehouse, home)
    sweep(warehouse, "sensitivity/a", "20240301-sensitivity", strategy="model")
    home.reports.joinpath("20240301-sensitivity.html").touch()

    after = report(warehouse, home)

    assert "sensitivity" not in before.ids
    assert "sensitivity" in after.ids
    assert "Best Sharpe 0.90" in after.text
    assert after.outside == ["20240301-sensitivity.html"]
    assert "plot-sweep-0" in after.plots
