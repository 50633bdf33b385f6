"""A sweep through the command: its trials are ordinary backtests, and nothing that is built is touched."""

from __future__ import annotations

import json
from typing import Any

import polars as pl
import pytest

from tests.flows.conftest import Done, Place

BASE = (
    "experiment=quick",
    "strategy=momentum",
    "strategy.parameters.lookback_bars=60",
    "strategy.parameters.skip_bars=5",
)
# Skipping 30 bars of 20 cannot be: two of the twelve trials fail, and only they.
GRID = (
    "sensitivity.grid={strategy.parameters.lookback_bars:[20,60,90],strategy.parameters.skip_bars:[5,30],"
    "exits.stop_loss:[0,0.05]}"
)
TRIAL = {
    "strategy.parameters.lookback_bars": 90,
    "strategy.parameters.skip_bars": 30,
    "exits.stop_loss": 0.05,
}


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory, prefect_api: str) -> tuple[Place, Done]:
    """A home in which the grid has been tried once."""
    place = Place(tmp_path_factory.mktemp("sensitivity") / "home", prefect_api)
    done = place.run("flow=sensitivity", *BASE, GRID)
    assert done.code == 0, done.err
    return place, done


def trials(place: Place) -> pl.DataFrame:
    return place.read("select * from execution.sensitivity order by trial")


def row_of(frame: pl.DataFrame, values: dict[str, Any]) -> dict[str, Any]:
    (row,) = (row for row in frame.iter_rows(named=True) if json.loads(row["parameters"]) == values)
    return row


def test_every_combination_is_a_row_and_one_that_cannot_be_says_why(swept: tuple[Place, Done]) -> None:
    frame = trials(swept[0])
    failed = frame.filter(pl.col("error").is_not_null())
    assert (len(frame), len(failed)) == (12, 2)
    assert all("above strategy.parameters.skip_bars (30), was 20" in error for error in failed["error"])
    assert failed["sharpe"].is_null().all()
    assert frame.filter(pl.col("error").is_null())["sharpe"].is_not_null().all()


def test_summary_names_the_best_trial_and_what_lies_beside_it(swept: tuple[Place, Done]) -> None:
    place, done = swept
    frame, summary = (
        trials(place),
        place.read("select * from execution.sensitivity_summary").row(0, named=True),
    )
    best = frame.row(summary["best_trial"], named=True)
    assert best["sharpe"] == frame["sharpe"].max() == summary["best_value"]
    assert best["neighbour_mean"] == summary["neighbour_mean"]
    assert (summary["trials"], summary["failed"]) == (12, 2)
    assert "neighbours' mean" in done.out
    assert "2 failed" in done.out


def test_page_has_a_map_per_pair_of_keys(swept: tuple[Place, Done]) -> None:
    (path,) = swept[0].home.reports.glob("*-sensitivity-*.html")
    page = path.read_text(encoding="utf-8")
    assert page.count('class="plot"') == 3
    assert str(path) in swept[1].out


def test_trials_are_in_the_ledger_that_deflates_the_best(swept: tuple[Place, Done]) -> None:
    ledger = swept[0].read("select * from ops.trials")
    assert len(ledger) == 10
    assert ledger["book"].is_null().all()
    assert trials(swept[0])["deflated_sharpe"].is_not_null().sum() == 10


def test_trial_is_the_backtest_of_the_same_overrides_bit_for_bit(swept: tuple[Place, Done]) -> None:
    place = swept[0]
    row = row_of(trials(place), TRIAL)
    signals = place.digests()["marts.signals"]
    overrides = [f"{key}={value}" for key, value in TRIAL.items()]
    done = place.run("flow=backtest", *BASE[:2], *overrides)
    assert done.code == 0, done.err
    assert place.digests()["marts.signals"] != signals  # a real build of other signals, not the sweep's
    metrics = dict(place.read("select metric, value from execution.metrics").iter_rows())
    for name in set(metrics) & set(row) - {"deflated_sharpe"}:
        assert metrics[name] == row[name], name
    assert metrics["trials"] == 10  # the same config is the same trial


def test_unchanged_grid_is_not_tried_again(swept: tuple[Place, Done]) -> None:
    place = swept[0]
    before = place.read(
        "select stage, count(*) as times from ops.stages where stage = 'sensitivity' group by 1"
    )
    done = place.run("flow=sensitivity", *BASE, GRID)
    assert done.code == 0, done.err
    assert "sensitivity: unchanged  last time: " in done.err
    after = place.read(
        "select stage, count(*) as times from ops.stages where stage = 'sensitivity' group by 1"
    )
    assert before.equals(after)
