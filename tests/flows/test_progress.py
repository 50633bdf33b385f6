"""What the terminal says of a run that is done."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from flows.progress import Display
from transforms.paths import Home

BACKTEST = {
    "metrics": {"cagr": 0.08341, "benchmark_cagr": None, "sharpe": 0.5, "max_drawdown": -0.25},
    "first_session": "2020-01-02",
    "last_session": "2020-12-31",
}
TRIAL = {"parameters": {"k": 3}, "value": 1.25, "deflated_sharpe": 0.4}


def summary(outputs: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> list[str]:
    run: Any = SimpleNamespace(outputs=outputs, run_id="20261121T0900", home=Home(tmp_path))
    outcome: Any = SimpleNamespace(run_id=run.run_id, unchanged=False, seconds=1.0, report=None)
    Display("main").summary(run, outcome)
    return capsys.readouterr().out.splitlines()


def test_figures_of_a_backtest_are_written_as_in_its_report(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = summary({"backtest": BACKTEST}, tmp_path, capsys)[0]
    assert "CAGR 8.34% (benchmark –), Sharpe 0.50, max drawdown −25.00%, 2020-01-02 to 2020-12-31" in line


def test_best_trial_of_a_sweep_is_told_with_what_lies_beside_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    swept = {
        "metric": "sharpe",
        "best": TRIAL,
        "robust": TRIAL,
        "neighbour_mean": 0.5,
        "stability": 0.4,
        "is_sharp_peak": True,
        "trials": 1000,
        "failed": 0,
        "sweep": "s1",
    }
    best = summary({"sensitivity": swept}, tmp_path, capsys)[0]
    assert best.endswith(
        "sharpe 1.25 with k=3; neighbours' mean 0.50, 40% of it, a sharp peak; deflated Sharpe 40.00%"
    )
