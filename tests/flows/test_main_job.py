"""The main job on its real input, from the command line, as a newcomer meets it."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

import pytest

from flows.dbt_state import read_manifest
from tests.flows.conftest import SECRET, Place
from transforms import schemas
from transforms.paths import PROJECT

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def main_job(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """The sample run cold, with a temporary Prefect server of its own, as ``make run`` does it."""
    place = Place(tmp_path_factory.mktemp("main") / "home", api="")
    done = place.spawn()
    assert done.code == 0, done.err
    assert str(place.home.reports) in done.out
    assert str(place.home.published) in done.out
    return place


def test_every_step_left_its_rows(main_job: Place) -> None:
    for table in (
        "raw.bars",
        "raw.corporate_actions",
        "raw.sessions",
        "marts.bars",
        "marts.features",
        "marts.labels",
        "marts.training_set",
        "ml.predictions",
        "ml.folds",
        "ml.metrics",
        "ml.feature_importance",
        "execution.targets",
        "execution.orders",
        "execution.fills",
        "execution.trades",
        "execution.equity",
        "execution.metrics",
        "ops.gate_results",
    ):
        assert main_job.read(f"select count(*) from {table}").item() > 0, table


def test_the_run_is_in_the_ledger_and_in_prefects_history(main_job: Place) -> None:
    run = main_job.read("select * from ops.runs").row(0, named=True)
    assert (run["flow"], run["state"], run["exit_code"]) == ("research", "done", 0)
    assert run["data_version"]
    assert run["report"]
    with sqlite3.connect(main_job.home.prefect / "prefect.db") as prefect:
        flows = prefect.execute("select name, state_name from flow_run").fetchall()
        tasks = {name for (name,) in prefect.execute("select name from task_run")}
        links = {key for (key,) in prefect.execute("select key from artifact")}
    assert [state for _, state in flows] == ["Completed"]
    for stage in ("ingest", "gate", "build", "train", "backtest", "trade", "report"):
        assert any(name.startswith(stage) for name in tasks), tasks
    nodes = read_manifest(main_job.home)["nodes"].values()
    models = {node["name"] for node in nodes if node["resource_type"] == "model"}
    assert models
    assert {f"model {name}" for name in models} <= tasks
    assert {"report", "data-docs"} <= links


def test_predictions_are_out_of_sample_and_orders_are_journaled(main_job: Place) -> None:
    leaks = main_job.read(
        "select count(*) from ml.predictions p join ml.folds f using (model_id, fold) "
        "where p.session_date <= f.train_end or p.session_date <= f.validation_end"
    )
    assert leaks.item() == 0
    with sqlite3.connect(main_job.home.journal) as journal:
        intents = journal.execute("select client_order_id, side, quantity, reason from intents").fetchall()
    assert intents
    assert all(quantity > 0 and reason for _, _, quantity, reason in intents)


@pytest.mark.parametrize("table", schemas.CONTRACTS, ids=lambda table: table.name)
def test_every_table_keeps_its_key(main_job: Place, table: schemas.Table) -> None:
    key = ", ".join(table.key)
    repeated = main_job.read(f"select {key}, count(*) as n from {table.name} group by all having n > 1")
    assert repeated.is_empty()


def test_report_stands_alone(main_job: Place) -> None:
    text = (main_job.home.reports / "latest.html").read_text()
    for words in ("Drawdown", "Manifest", "AAPL"):
        assert words.lower() in text.lower()


def test_an_identical_run_does_nothing_but_say_so(main_job: Place) -> None:
    before = main_job.digests()
    done = main_job.spawn()
    assert done.code == 0, done.err
    assert "nothing has changed" in done.out
    assert main_job.digests() == before
    assert main_job.read("select count(*) from ops.runs").item() == 2


def test_no_secret_of_the_environment_is_written_anywhere(main_job: Place) -> None:
    looked_at = 0
    for path in main_job.home.root.rglob("*"):
        with contextlib.suppress(
            FileNotFoundError, IsADirectoryError
        ):  # Prefect's server tidies up as it ends
            assert SECRET.encode() not in path.read_bytes(), path
            looked_at += 1
    assert looked_at > 20


def test_nothing_is_written_into_the_project(main_job: Place) -> None:
    strays = [
        PROJECT / name
        for name in ("models_sql/target", "models_sql/logs", "gx", "logs", "outputs", "multirun")
    ]
    assert not [path for path in strays if Path(path).exists()]
