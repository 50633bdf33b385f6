"""What training writes, that it looks at the past only, and that a kill leaves nothing half-done."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from datetime import datetime, time
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from ml.config import LogisticConfig, ModelConfig
from ml.models.xgboost import XgboostModel
from ml.registry import load_model_set
from tests.ml.market import FEATURES, SMALL, SPLIT, Bench, sessions, training_set, write_marts
from transforms.errors import ConfigError, QuantmillError
from transforms.paths import PROJECT

MODELS = pytest.mark.parametrize("model", [SMALL, LogisticConfig()], ids=["xgboost", "logistic"])
TABLES = ("ml.folds", "ml.metrics", "ml.feature_importance", "ml.predictions")


def rows_of(bench: Bench, table: str) -> list[tuple[Any, ...]]:
    return sorted(bench.warehouse.read(f"select * from {table}").rows(), key=repr)


def test_predictions_are_the_test_windows_and_nothing_else(trained: Bench) -> None:
    predictions = trained.predictions()
    assert predictions["session_date"].unique().sort().to_list() == sessions(150)[60:]
    assert len(predictions) == 90 * 4
    assert predictions.group_by("fold").len().sort("fold").rows() == [(0, 120), (1, 120), (2, 120)]


def test_score_and_confidence_follow_from_the_probability(trained: Bench) -> None:
    for probability, score, confidence in (
        trained.predictions().select("probability", "score", "confidence").iter_rows()
    ):
        assert score == 2 * probability - 1
        assert confidence == abs(score)


def test_folds_count_their_rows(trained: Bench) -> None:
    folds = trained.warehouse.read(
        "select fold, train_start, validation_end, test_start, test_end, train_rows, validation_rows, "
        "test_rows, purged_rows from ml.folds order by fold"
    )
    days = sessions(150)
    # A label ends 3 sessions on and 2 are embargoed: 54 is the last session usable before the window at 60.
    assert folds.row(0) == (0, days[0], days[54], days[60], days[89], 38 * 4, 14 * 4, 30 * 4, (3 + 5) * 4)
    assert folds["test_end"].to_list() == [days[89], days[119], days[149]]


def test_metrics_and_importance_cover_every_fold(trained: Bench) -> None:
    metrics = trained.warehouse.read("select * from ml.metrics")
    assert metrics["fold"].unique().sort().to_list() == [-1, 0, 1, 2]
    overall = dict(metrics.filter(pl.col("fold") == -1).select("metric", "value").iter_rows())
    assert overall["rows"] == 87 * 4  # the newest three sessions have no label yet
    assert overall["auc"] > 0.6  # training_set hides a signal in momentum
    shares = trained.warehouse.read(
        "select fold, sum(importance) as total, arg_max(feature, importance) as first, count(*) as features "
        "from ml.feature_importance group by fold order by fold"
    )
    assert shares["total"].to_list() == pytest.approx([1.0] * 3)
    assert set(shares["first"]) == {"momentum"}
    assert set(shares["features"]) == {len(FEATURES)}


def test_the_manifest_says_what_the_model_is_and_what_it_came_from(trained: Bench) -> None:
    manifest = json.loads((trained.home.models / "m1" / "manifest.json").read_text())
    assert manifest["features"] == list(FEATURES)
    assert manifest["lineage"] == {"data_version": "d1", "code_version": "c1"}
    assert manifest["model"]["max_depth"] == SMALL.max_depth
    assert manifest["split"]["train_sessions"] == SPLIT.train_sessions
    assert set(manifest["folds"][0]["metrics"]) == {"train_log_loss", "validation_log_loss"}
    assert manifest["libraries"]["xgboost"]
    assert trained.warehouse.value("select manifest from ml.models") == (
        (trained.home.models / "m1" / "manifest.json").read_text()
    )


@MODELS
def test_two_trainings_from_scratch_give_the_same_bytes_with_one_thread_and_two(
    bench: Bench, tmp_path: Path, model: ModelConfig
) -> None:
    other = Bench.at(tmp_path / "other")
    write_marts(other.warehouse, training_set().sample(fraction=1, shuffle=True, seed=3))
    one, two = bench.train(model=model, threads=1), other.train(model=model, threads=2)
    assert one.sha256 == two.sha256
    for table in TABLES:
        assert rows_of(bench, table) == rows_of(other, table)


def test_a_large_fold_is_fitted_on_all_threads_with_the_same_result(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    beside = bench.train("m1", threads=2)
    monkeypatch.setattr("ml.training._ROWS_FOR_ALL_THREADS", 1)
    one_by_one = bench.train("m1", threads=2)
    assert one_by_one.sha256 == beside.sha256


def test_training_again_replaces_its_own_rows_and_leaves_other_models_alone(bench: Bench) -> None:
    bench.train("m1")
    bench.train("m2")
    before = {table: rows_of(bench, table) for table in TABLES}
    bench.train("m1")
    assert {table: rows_of(bench, table) for table in TABLES} == before


def test_the_same_training_again_leaves_the_artifacts_in_place_throughout(bench: Bench) -> None:
    bench.train()
    before = (bench.home.models / "m1").stat().st_ino
    bench.train()
    assert (bench.home.models / "m1").stat().st_ino == before


def test_a_tampered_artifact_is_replaced_by_training_again(bench: Bench) -> None:
    bench.train()
    (bench.home.models / "m1" / "fold-000.ubj").write_bytes(b"x")
    bench.train()
    load_model_set(bench.warehouse, bench.home, "m1")
    assert {path.name for path in bench.home.models.iterdir()} == {"m1"}


def test_progress_is_told_after_each_fold_in_order(bench: Bench) -> None:
    told: list[tuple[int, int]] = []
    bench.train(on_fold=lambda done, total: told.append((done, total)))
    assert told == [(1, 3), (2, 3), (3, 3)]


# ---------------------------------------------------------------- looking ahead


@MODELS
@pytest.mark.parametrize("scheme", ["expanding", "rolling"])
def test_a_future_turned_upside_down_changes_no_earlier_prediction(
    bench: Bench, model: ModelConfig, scheme: str
) -> None:
    split = replace(SPLIT, scheme=scheme)
    bench.train("m1", model=model, split=split)
    day = sessions(150)[100]  # within the second test window
    is_future = pl.col("session_date") >= day
    ends_in_future = pl.col("label_end_at") >= datetime.combine(day, time())
    upset = training_set().with_columns(
        pl.when(is_future).then(-5 * pl.col("momentum")).otherwise("momentum").alias("momentum"),
        pl.when(is_future).then(None).otherwise("sparse").alias("sparse"),
        pl.when(ends_in_future).then(1 - pl.col("label")).otherwise("label").alias("label"),
        pl.when(ends_in_future)
        .then(-pl.col("forward_return"))
        .otherwise("forward_return")
        .alias("forward_return"),
    )
    write_marts(bench.warehouse, upset)
    bench.train("m2", model=model, split=split)
    known, again = (bench.predictions(name).drop("model_id") for name in ("m1", "m2"))
    before = pl.col("session_date") < day
    assert again.filter(before).equals(known.filter(before))
    assert not again.filter(~before).equals(known.filter(~before))


@pytest.mark.parametrize("cut", [90, 91, 104, 120, 149])
def test_history_cut_short_gives_the_same_predictions_up_to_there(
    trained: Bench, tmp_path: Path, cut: int
) -> None:
    short = Bench.at(tmp_path)
    write_marts(short.warehouse, training_set(cut))
    short.train()
    last = sessions(150)[cut - 1]
    expected = trained.predictions().filter(pl.col("session_date") <= last)
    assert short.predictions().equals(expected)
    assert len(expected) == (cut - 60) * 4


def test_a_label_planted_among_the_features_is_seen_by_this_very_comparison(bench: Bench) -> None:
    """The two tests above can fail: a feature that looks one session ahead changes with the future."""

    def leaking(rows: pl.DataFrame) -> pl.DataFrame:
        return rows.with_columns(pl.col("forward_return").shift(-1).over("symbol").alias("momentum"))

    write_marts(bench.warehouse, leaking(training_set()))
    bench.train("m1")
    write_marts(bench.warehouse, leaking(training_set(104)))
    bench.train("m2")
    last = sessions(104)[-1]
    assert (
        not bench.predictions("m2")
        .drop("model_id")
        .equals(bench.predictions("m1").filter(pl.col("session_date") <= last).drop("model_id"))
    )


# ---------------------------------------------------------------- refusals


def test_too_short_a_history_is_refused_before_anything_is_written(bench: Bench) -> None:
    with pytest.raises(ConfigError, match=r"split\.train_sessions .* at 200 at least 201 .* there are 150"):
        bench.train(split=replace(SPLIT, train_sessions=200))
    assert rows_of(bench, "ml.models") == []
    assert not bench.home.models.exists()


def test_a_training_window_of_one_class_names_the_fold(bench: Bench) -> None:
    early = pl.col("session_date") < sessions(150)[60]
    write_marts(
        bench.warehouse,
        training_set().with_columns(pl.when(early).then(1.0).otherwise("label").alias("label")),
    )
    with pytest.raises(QuantmillError, match=r"fold 0: every label from 2020-01-06 to .* is 1"):
        bench.train()


@pytest.mark.parametrize("value", [np.nan, np.inf, 1.5])
def test_a_prediction_that_is_no_probability_fails_the_run_and_writes_nothing(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, value: float
) -> None:
    def predict(self: XgboostModel, x: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        return np.where(np.arange(len(x)) == 5, value, 0.5)

    monkeypatch.setattr(XgboostModel, "predict", predict)
    with pytest.raises(QuantmillError, match=r"fold 0: 1 of 120 predictions .* for BBB at 2020-03-31"):
        bench.train()
    assert rows_of(bench, "ml.predictions") == []
    assert not (bench.home.models / "m1").exists()


# ---------------------------------------------------------------- kill -9

TRAIN = """
import sys
from pathlib import Path
from tests.ml.market import Bench
bench = Bench.at(Path(sys.argv[1]))
bench.train("m1")
bench.warehouse.close()
"""


@pytest.mark.parametrize(
    ("place", "is_repeat"),
    [
        ("train.fold:2", False),
        ("train.rename", False),
        ("train.renamed", False),
        ("train.commit", False),
        ("train.commit", True),
    ],
)
def test_killed_anywhere_it_leaves_all_or_nothing_and_a_rerun_completes(
    tmp_path: Path, trained: Bench, place: str, is_repeat: bool
) -> None:
    bench = Bench.at(tmp_path)
    write_marts(bench.warehouse, training_set())
    if is_repeat:
        bench.train()
    bench.warehouse.close()
    environment = {**os.environ, "QUANTMILL_FAILPOINT": place}
    died = subprocess.run(
        [sys.executable, "-c", TRAIN, str(tmp_path)], cwd=PROJECT, env=environment, check=False
    )
    assert died.returncode == -signal.SIGKILL

    after = Bench.at(tmp_path)
    with after.warehouse:
        registered = rows_of(after, "ml.models")
        assert bool(registered) == is_repeat
        assert bool(rows_of(after, "ml.predictions")) == is_repeat
        if is_repeat:
            load_model_set(after.warehouse, after.home, "m1")
        after.train()
        load_model_set(after.warehouse, after.home, "m1")
        assert {path.name for path in after.home.models.iterdir()} == {"m1"}
        for table in TABLES:
            assert rows_of(after, table) == rows_of(trained, table)
