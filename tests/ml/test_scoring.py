"""New sessions are scored as they were in training, or not at all."""

from __future__ import annotations

from datetime import date

import numpy as np
import polars as pl
import pytest

from ml.config import LogisticConfig, ModelConfig
from ml.models.xgboost import XgboostModel
from ml.registry import load_model_set
from ml.scoring import score_missing
from tests.ml.market import SMALL, Bench, sessions, training_set, write_marts
from transforms.errors import ArtifactError, QuantmillError

DAYS = sessions(170)


def forget(bench: Bench, *days: date) -> None:
    """Take the predictions of some sessions away, as if these had come since."""
    for day in days:
        bench.warehouse.execute("delete from ml.predictions where session_date = ?", [day])


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("model", [SMALL, LogisticConfig()], ids=["xgboost", "logistic"])
def test_historical_sessions_score_as_in_training_bit_for_bit(
    bench: Bench, model: ModelConfig, threads: int
) -> None:
    bench.train(model=model)
    before = bench.predictions()
    forget(bench, *DAYS[60:150:7])
    assert score_missing(bench.warehouse, bench.home, "m1", threads=threads) == 13 * 4
    assert bench.predictions().equals(before)


def test_sessions_after_training_are_served_by_the_last_fold(bench: Bench) -> None:
    bench.train()
    write_marts(bench.warehouse, training_set(170))
    score_missing(bench.warehouse, bench.home, "m1", threads=1)
    new = bench.predictions().filter(pl.col("session_date") == DAYS[165])
    assert new["fold"].to_list() == [2] * 4


def test_a_session_before_the_first_test_window_has_no_fold(trained: Bench) -> None:
    model_set = load_model_set(trained.warehouse, trained.home, "m1")
    with pytest.raises(
        QuantmillError, match=rf"session {DAYS[59]}: its first test window begins on {DAYS[60]}"
    ):
        model_set.fold_of(DAYS[59])


def test_features_missing_from_the_mart_are_named(bench: Bench) -> None:
    bench.train()
    forget(bench, DAYS[100])
    bench.warehouse.execute("alter table marts.features drop column noise")
    bench.warehouse.execute("alter table marts.features drop column sparse")
    with pytest.raises(QuantmillError, match=r"marts\.features lacks 2 .*: noise, sparse"):
        score_missing(bench.warehouse, bench.home, "m1", threads=1)


@pytest.mark.parametrize("value", [np.nan, np.inf, -0.1])
def test_a_prediction_that_is_no_probability_is_no_score(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, value: float
) -> None:
    bench.train()
    forget(bench, DAYS[100])
    monkeypatch.setattr(XgboostModel, "predict", lambda self, x: np.full(len(x), value))
    with pytest.raises(QuantmillError, match=r"4 of 4 predictions are no probability.* for AAA at"):
        score_missing(bench.warehouse, bench.home, "m1", threads=1)
    assert DAYS[100] not in bench.predictions()["session_date"]


def test_an_infinite_feature_is_no_score(bench: Bench) -> None:
    bench.train()
    forget(bench, DAYS[100])
    bench.warehouse.execute("update marts.features set noise = 'inf' where symbol = 'DDD'")
    with pytest.raises(QuantmillError, match=r"marts\.features\.noise is infinite"):
        score_missing(bench.warehouse, bench.home, "m1", threads=1)


def test_sessions_that_came_since_are_added_once_and_history_stays(bench: Bench) -> None:
    bench.train()
    before = bench.predictions()
    assert score_missing(bench.warehouse, bench.home, "m1", threads=1) == 0
    later = training_set(170).with_columns((pl.col("momentum") + 0.5).alias("momentum"))  # restated
    write_marts(bench.warehouse, later)
    assert score_missing(bench.warehouse, bench.home, "m1", threads=1) == 20 * 4
    after = bench.predictions()
    assert after.head(len(before)).equals(before)
    assert after["session_date"].tail(80).unique().sort().to_list() == DAYS[150:170]
    assert score_missing(bench.warehouse, bench.home, "m1", threads=1) == 0


def test_a_symbol_that_came_late_to_a_session_is_added_alone(bench: Bench) -> None:
    bench.train()
    before = bench.predictions()
    gone = "delete from ml.predictions where symbol = 'BBB' and session_date = ?"
    bench.warehouse.execute(gone, [DAYS[100]])
    assert score_missing(bench.warehouse, bench.home, "m1", threads=1) == 1
    assert bench.predictions().equals(before)


def test_scoring_by_a_tampered_model_is_refused(bench: Bench) -> None:
    bench.train()
    (bench.home.models / "m1" / "fold-002.ubj").write_bytes(b"{L")
    write_marts(bench.warehouse, training_set(151))
    with pytest.raises(ArtifactError, match=r"fold-002\.ubj is not what was trained"):
        score_missing(bench.warehouse, bench.home, "m1", threads=1)
