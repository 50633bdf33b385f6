"""The page of a sensitivity sweep, from its tables."""

from __future__ import annotations

import math
from datetime import date
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from execution.sensitivity import judged, store
from execution.sensitivity_config import SensitivityConfig
from execution.sweep import Evaluation
from reports.sensitivity import influential, maps_of, write_sensitivity
from transforms.errors import QuantmillError
from transforms.paths import Home
from transforms.warehouse import Warehouse

KEYS = ("portfolio.k", "exits.stop_loss", "portfolio.rebalance")
GRID = list(product([5, 10, 20], [0.0, 0.1], ["weekly", "<b>monthly"]))
VALUES = [dict(zip(KEYS, cell, strict=True)) for cell in GRID]
SWEEP = "sensitivity/0123"


def sharpe(cell: tuple[Any, ...]) -> float:
    return 1.0 + 0.1 * (cell[0] == 10) + 0.01 * cell[1]


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path)
    evaluations = [
        Evaluation(number, {"sharpe": sharpe(cell), "cagr": 0.1}, 0)
        if number
        else Evaluation(number, {}, -1, "stop <i>too</i> near")
        for number, cell in enumerate(GRID)
    ]
    result = judged(
        sweep=SWEEP,
        strategy="momentum",
        keys=KEYS,
        shape=(3, 2, 2),
        is_ordered=(True, True, False),
        values=VALUES,
        evaluations=evaluations,
        sessions=[date(2020, 1, 2)],
        config=SensitivityConfig(name="x"),
    )
    with Warehouse(home.warehouse) as warehouse:
        store(warehouse, result, {}, run_id="run-1")
    return home


def page_of(home: Home, most_keys: int = 3) -> str:
    with Warehouse(home.warehouse, read_only=True) as warehouse:
        path = write_sensitivity(
            warehouse, home, run_id="run-1", sweep=SWEEP, most_keys=most_keys, manifest={"data_version": "v1"}
        )
    assert path == home.reports / "run-1.html"
    return path.read_text(encoding="utf-8")


def test_page_shows_best_neighbours_maps_and_failures_escaped(home: Home) -> None:
    page = page_of(home)
    assert "momentum: 12 trials" in page
    assert "Best Sharpe" in page
    assert "plateau" in page
    assert page.count('class="plot"') == 3
    assert "stop &lt;i&gt;too&lt;/i&gt; near" in page
    assert "<b>monthly" not in page


def test_page_draws_as_many_keys_as_asked_for_and_is_the_same_each_time(home: Home) -> None:
    assert page_of(home, most_keys=2).count('class="plot"') == 1
    assert page_of(home) == page_of(home)


def test_sweep_that_is_not_there_is_named(home: Home) -> None:
    with (
        Warehouse(home.warehouse, read_only=True) as warehouse,
        pytest.raises(QuantmillError, match="sensitivity/none"),
    ):
        write_sensitivity(warehouse, home, run_id="run-1", sweep="sensitivity/none", most_keys=3, manifest={})


def test_cell_of_a_map_holds_all_trials_that_share_its_two_values() -> None:
    (drawn,) = maps_of(VALUES, [sharpe(cell) for cell in GRID], ["portfolio.k", "exits.stop_loss"])
    assert (drawn.x, drawn.y) == ("portfolio.k", "exits.stop_loss")
    assert (drawn.xs, drawn.ys) == (["5", "10", "20"], ["0.0", "0.1"])
    assert drawn.cells["10", "0.1"] == [pytest.approx(1.101)] * 2
    assert math.isclose(sum(map(len, drawn.cells.values())), len(GRID))


def test_most_influential_keys_are_drawn_in_the_order_of_the_grid() -> None:
    influence = {"portfolio.k": 0.1, "exits.stop_loss": None, "portfolio.rebalance": 0.7}
    assert influential(VALUES, influence, 2) == ["portfolio.k", "portfolio.rebalance"]
    assert influential([{"portfolio.k": 5}], {"portfolio.k": 0.1}, 2) == []
