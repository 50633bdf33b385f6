from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from flows.comparison import print_comparison
from flows.run import Outcome, failed
from tests.reports import books
from transforms.errors import DataGateError
from transforms.paths import Home
from transforms.warehouse import Warehouse


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.setenv("QUANTMILL_HOME", str(tmp_path))
    return Home(tmp_path)


def printed(jobs: list[tuple[list[str], Outcome]]) -> list[str]:
    out = io.StringIO()
    print_comparison(jobs, Console(file=out, width=160))
    return out.getvalue().splitlines()


def test_the_best_run_is_marked_and_named_with_its_report(home: Home) -> None:
    with Warehouse(home.warehouse) as warehouse:
        books.metrics(warehouse, {"sharpe": 0.2, "cagr": 0.05}, book="a")
        books.metrics(warehouse, {"sharpe": 0.7149, "cagr": 0.1}, book="b")
    report = home.reports / "run-b.html"

    lines = printed(
        [
            (["model.max_depth=2"], Outcome("run-a", "done", 1.0, book="a")),
            (["model.max_depth=4"], Outcome("run-b", "done", 1.0, book="b", report=report)),
            (["risk.max_gross=[bold]"], failed(DataGateError("raw.bars of sample: empty\nmore"))),
        ]
    )

    assert lines[-2] == f"best: model.max_depth=4  (Sharpe 0.71, report {report})"
    assert lines[-1] == "side by side: quantmill flow=compare run=run-a,run-b"
    (marked,) = (line for line in lines if "★" in line)
    assert "model.max_depth=4" in marked
    assert "+10.0%" in marked
    assert "run-b" in marked
    (refused,) = (line for line in lines if "failed:" in line)
    assert "risk.max_gross=[bold]" in refused
    assert "failed: raw.bars of sample: empty " in refused
    assert not [line for line in lines if "more" in line]


def test_failed_jobs_without_a_warehouse_are_listed_and_none_is_best(home: Home) -> None:
    lines = printed([(["model.rounds=1"], failed(DataGateError("no rows")))])

    assert any("failed: no rows" in line for line in lines)
    assert lines[-1] == "best: none, no run has a Sharpe ratio"
    assert not home.warehouse.exists()


def test_what_all_runs_share_is_said_once_and_figures_that_none_has_are_left_out(home: Home) -> None:
    with Warehouse(home.warehouse) as warehouse:
        books.metrics(warehouse, {"sharpe": 0.2}, book="a")
        books.metrics(warehouse, {"sharpe": 0.7}, book="b")
    shared = ["flow=backtest", "+portfolio.limits.groups={A: us, B: us}"]

    lines = printed(
        [
            ([*shared, "portfolio.k=2"], Outcome("run-a", "done", 1.0, book="a")),
            ([*shared, "portfolio.k=4"], Outcome("run-b", "done", 1.0, book="b")),
        ]
    )

    assert lines[0] == "all with flow=backtest +portfolio.limits.groups={A: us, B: us}"
    assert [line.count("flow=backtest") for line in lines if "portfolio.k=" in line] == [0, 0, 1]
    assert lines[-2].startswith("best: flow=backtest +portfolio.limits.groups={A: us, B: us} portfolio.k=4 ")
    assert not [line for line in lines if "AUC" in line or "CAGR" in line]


def test_a_sweep_without_jobs_prints_nothing(home: Home) -> None:
    assert printed([]) == []
