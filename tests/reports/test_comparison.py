from __future__ import annotations

import math

import polars as pl

from reports.comparison import Job, comparison
from transforms import schemas
from transforms.warehouse import Warehouse


def _job(name: str, error: str | None = None) -> Job:
    return (f"model.max_depth={name}", f"run-{name}", f"model-{name}", f"backtest/{name}", error)


def _measured(warehouse: Warehouse, name: str, sharpe: float | None, auc: float | None = None) -> Job:
    book = {"book": f"backtest/{name}", "metric": "sharpe", "value": sharpe}
    model = {"model_id": f"model-{name}", "fold": -1, "metric": "auc", "value": auc}
    warehouse.append(schemas.PERFORMANCE, pl.DataFrame([book], schema_overrides={"value": pl.Float64}))
    warehouse.append(schemas.METRICS, pl.DataFrame([model], schema_overrides={"value": pl.Float64}))
    return _job(name)


def test_the_best_run_is_the_one_with_the_highest_sharpe(warehouse: Warehouse) -> None:
    jobs = [_measured(warehouse, "2", 0.4), _measured(warehouse, "4", 0.9), _measured(warehouse, "6", -1.0)]
    compared = comparison(warehouse, jobs)
    assert compared.best == 1
    assert [row.overrides for row in compared.rows] == [
        "model.max_depth=2",
        "model.max_depth=4",
        "model.max_depth=6",
    ]


def test_among_equals_the_first_is_the_best(warehouse: Warehouse) -> None:
    jobs = [_measured(warehouse, "2", -0.5), _measured(warehouse, "4", -0.1), _measured(warehouse, "6", -0.1)]
    assert comparison(warehouse, jobs).best == 1


def test_an_undefined_ratio_is_never_the_best(warehouse: Warehouse) -> None:
    jobs = [
        _measured(warehouse, "2", None),
        _measured(warehouse, "4", math.nan),
        _measured(warehouse, "6", -3.0),
    ]
    compared = comparison(warehouse, jobs)
    assert compared.best == 2
    assert [row.sharpe for row in compared.rows] == [None, None, -3.0]


def test_a_failed_job_shows_its_error_and_no_figures_of_an_older_run(warehouse: Warehouse) -> None:
    _measured(warehouse, "2", 9.0)
    compared = comparison(warehouse, [_job("2", error="the gate refused"), _measured(warehouse, "4", 0.1)])
    assert compared.best == 1
    assert (compared.rows[0].state, compared.rows[0].error, compared.rows[0].sharpe) == (
        "failed",
        "the gate refused",
        None,
    )


def test_figures_of_the_model_are_those_of_all_folds_together(warehouse: Warehouse) -> None:
    job = _measured(warehouse, "2", 0.4, auc=0.53)
    one_fold = {"model_id": "model-2", "fold": 0, "metric": "auc", "value": 0.99}
    warehouse.append(schemas.METRICS, pl.DataFrame([one_fold]))
    assert comparison(warehouse, [job]).rows[0].auc == 0.53


def test_without_a_warehouse_or_a_book_there_is_no_best() -> None:
    compared = comparison(
        None, [("a", "run-1", None, None, "no data"), ("b", "run-2", None, None, "no data")]
    )
    assert compared.best is None
    assert [row.state for row in compared.rows] == ["failed", "failed"]


def test_a_run_without_a_backtest_is_done_and_has_no_figures(warehouse: Warehouse) -> None:
    compared = comparison(warehouse, [("", "run-1", None, None, None)])
    assert (compared.best, compared.rows[0].state, compared.rows[0].cagr) == (None, "done", None)
