import math
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from execution import trials
from execution.performance import deflated_sharpe, expected_max_sharpe
from execution.trials import Trial, TrialResult, count_in, enter
from transforms import schemas
from transforms.warehouse import Warehouse

TRIAL = Trial("momentum", "sample", "default", "1d", {"symbols": ["A"]}, {"lookback": 20}, "run-1")
RESULT = TrialResult("backtest/1", 0.08, -0.3, 4.0, 501, 252)


@pytest.fixture
def warehouse(tmp_path: Path) -> Iterator[Warehouse]:
    with Warehouse(tmp_path / "warehouse.duckdb") as opened:
        yield opened


def other(n: int, sharpe: float | None, **changes: Any) -> tuple[Trial, TrialResult]:
    given = replace(TRIAL, config={"lookback": n}, run_id=f"run-{n}", **changes)
    return given, replace(RESULT, book=f"backtest/{n}", sharpe=sharpe)


def ledger(warehouse: Warehouse) -> pl.DataFrame:
    return warehouse.read("select * from ops.trials order by strategy, book")


def test_same_config_twice_is_one_trial_with_the_newest_figures(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trials, "utc_now", lambda: datetime.fromisoformat("2024-01-01"))
    enter(warehouse, [(TRIAL, RESULT)])
    monkeypatch.setattr(trials, "utc_now", lambda: datetime.fromisoformat("2024-02-01"))
    again = replace(RESULT, book="backtest/new", sharpe=0.05)
    figures = enter(warehouse, [(replace(TRIAL, run_id="run-2"), again)])
    (row,) = ledger(warehouse).iter_rows(named=True)
    assert (row["book"], row["run_id"], row["sharpe"]) == ("backtest/new", "run-2", 0.05)
    assert (row["created_at"].month, row["updated_at"].month) == (1, 2)
    assert row["config"] == '{"lookback": 20}'
    assert figures["backtest/new"]["trials"] == 1


def test_deflated_sharpe_counts_every_config_and_their_spread(warehouse: Warehouse) -> None:
    ratios = [0.08, 0.02, -0.03, 0.05]
    found: dict[str, dict[str, float | None]] = {}
    for n, ratio in enumerate(ratios):
        found = enter(warehouse, [other(n, ratio)])
    variance = float(np.var(ratios, ddof=1))
    assert set(found) == {"backtest/0", "backtest/1", "backtest/2", "backtest/3"}
    assert found["backtest/0"] == {
        "deflated_sharpe": pytest.approx(
            deflated_sharpe(0.08, count=500, skew=-0.3, kurtosis=4.0, trials=4, variance=variance)
        ),
        "expected_max_sharpe": pytest.approx(expected_max_sharpe(4, variance) * math.sqrt(252)),
        "trials": 4.0,
    }


def test_new_trial_deflates_the_earlier_books_of_its_family_in_the_metrics(warehouse: Warehouse) -> None:
    enter(warehouse, [other(0, 0.08)])
    stored = warehouse.read("select * from execution.metrics")
    assert stored.is_empty()  # the entered book's own are the backtest's to write
    enter(warehouse, [other(1, 0.01)])
    stored = warehouse.read("select * from execution.metrics order by metric")
    assert stored["book"].unique().to_list() == ["backtest/0"]
    values = dict(stored.select("metric", "value").iter_rows())
    assert values["trials"] == 2
    enter(warehouse, [other(2, -0.06)])
    later = dict(
        warehouse.read("select metric, value from execution.metrics where book = 'backtest/0'").iter_rows()
    )
    assert later["trials"] == 3
    assert later["deflated_sharpe"] < values["deflated_sharpe"]


def test_trials_on_other_data_or_of_another_strategy_do_not_count(warehouse: Warehouse) -> None:
    enter(warehouse, [other(0, 0.08)])
    enter(warehouse, [other(1, 0.07, strategy="pairs")])
    enter(warehouse, [other(2, 0.06, dataset="d2")])
    enter(warehouse, [other(3, 0.05, timeframe="1h")])
    found = enter(warehouse, [other(4, 0.04, universe={"symbols": ["A", "B"]})])
    assert {book: row["trials"] for book, row in found.items()} == {"backtest/4": 1}
    assert len(ledger(warehouse)) == 5


def test_sweep_enters_at_once_as_it_would_one_by_one(warehouse: Warehouse, tmp_path: Path) -> None:
    sweep = [other(n, ratio) for n, ratio in enumerate([0.01, 0.04, 0.02])]
    at_once = enter(warehouse, sweep)
    with Warehouse(tmp_path / "other.duckdb") as second:
        for job in sweep:
            one_by_one = enter(second, [job])
    assert at_once == one_by_one
    assert warehouse.read("select * from execution.metrics").is_empty()


def test_book_that_never_varied_is_a_trial_without_a_ratio(warehouse: Warehouse) -> None:
    enter(warehouse, [other(0, None)])
    found = enter(warehouse, [other(1, 0.05)])
    assert found["backtest/0"]["deflated_sharpe"] is None
    assert found["backtest/1"]["trials"] == 2


def test_trials_of_two_families_are_refused(warehouse: Warehouse) -> None:
    with pytest.raises(ValueError, match="2 families"):
        enter(warehouse, [other(0, 0.1), other(1, 0.1, strategy="pairs")])


def test_contract_names_what_is_entered(warehouse: Warehouse) -> None:
    enter(warehouse, [(TRIAL, RESULT)])
    assert schemas.TRIALS.name in {table.name for table in schemas.CONTRACTS}
    assert ledger(warehouse).row(0, named=True)["data"] == TRIAL.data


def test_sweep_counts_new_trials_in_and_leaves_backtested_ones_their_book(warehouse: Warehouse) -> None:
    enter(warehouse, [other(0, 0.08)])
    swept = [
        (given, replace(came_to, book=None))
        for given, came_to in (other(0, 0.5), other(1, 0.02), other(2, -0.01))
    ]
    figures = count_in(warehouse, swept)
    books = dict(ledger(warehouse).select("config", "book").iter_rows())
    assert books == {'{"lookback": 0}': "backtest/0", '{"lookback": 1}': None, '{"lookback": 2}': None}
    assert figures[swept[1][0].fingerprint]["trials"] == 3
    stored = warehouse.read("select book, value from execution.metrics where metric = 'trials'")
    assert stored.rows() == [
        ("backtest/0", 3.0)
    ]  # the earlier book is deflated by the sweep, and only it is a book
    assert count_in(warehouse, swept) == figures  # the same sweep again is no further trial
