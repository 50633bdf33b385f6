"""Metrics against scipy, and by hand where nothing is defined."""

from __future__ import annotations

import math
from datetime import date, datetime, time, timedelta

import numpy as np
import polars as pl
import pytest
from scipy import stats  # type: ignore[import-untyped]

from ml.metrics import auc, cross_sectional_ic, evaluate, log_loss, newey_west_t


def at(*days: int) -> list[datetime]:
    return [datetime.combine(date(2020, 1, 1) + timedelta(days=day), time()) for day in days]


def predicted(
    probability: list[float], label: list[float | None], outcome: list[float | None], days: list[int]
) -> pl.DataFrame:
    return pl.DataFrame(
        {"bar_at": at(*days), "probability": probability, "label": label, "forward_return": outcome},
        schema_overrides={"label": pl.Float64, "forward_return": pl.Float64},
    )


def test_auc_with_ties_is_scipys_mann_whitney_u() -> None:
    random = np.random.default_rng(5)
    probability = np.round(random.random(400), 2)  # many ties
    label = (random.random(400) < 0.4).astype(np.float64)
    u = stats.mannwhitneyu(probability[label == 1], probability[label == 0]).statistic
    assert auc(probability, label) == pytest.approx(u / ((label == 1).sum() * (label == 0).sum()), abs=1e-15)


def test_log_loss_of_a_certain_error_is_large_but_finite() -> None:
    assert log_loss(np.array([0.0]), np.array([1.0])) == pytest.approx(-math.log(np.finfo(float).eps))


def test_log_loss_by_hand() -> None:
    assert log_loss(np.array([0.8, 0.4]), np.array([1.0, 0.0])) == pytest.approx(
        -(math.log(0.8) + math.log(0.6)) / 2
    )


def test_cross_sectional_ic_is_scipys_spearman_bar_by_bar() -> None:
    random = np.random.default_rng(6)
    days = [day for day in range(5) for _ in range(7)]
    score, outcome = np.round(random.normal(size=35), 1), np.round(random.normal(size=35), 1)
    rows = pl.DataFrame({"bar_at": at(*days), "score": score, "forward_return": outcome})
    expected = [
        stats.spearmanr(score[7 * day : 7 * day + 7], outcome[7 * day : 7 * day + 7]).statistic
        for day in range(5)
    ]
    np.testing.assert_allclose(cross_sectional_ic(rows)["ic"].to_numpy(), expected, atol=1e-14)


def test_newey_west_t_is_the_textbook_sum_of_bartlett_weighted_autocovariances() -> None:
    series = np.cumsum(np.random.default_rng(7).normal(size=60)) * 0.1 + 0.3
    lag, n = 4, 60
    deviation = series - series.mean()
    variance = sum(
        (1 if step == 0 else 2) * (1 - step / (lag + 1)) * (deviation[step:] @ deviation[: n - step]) / n
        for step in range(lag + 1)
    )
    assert newey_west_t(series, lag) == pytest.approx(series.mean() / math.sqrt(variance / n), rel=1e-12)


@pytest.mark.parametrize("series", [[0.1] * 20, [0.1, 0.2, 0.3], []])
def test_newey_west_t_of_a_constant_or_short_series_is_undefined(series: list[float]) -> None:
    assert newey_west_t(np.array(series), lag=3) is None


def test_evaluate_by_hand() -> None:
    rows = predicted([0.9, 0.55, 0.5, 0.7], [1.0, 0.0, 0.0, None], [0.03, -0.01, -0.02, -0.015], [0, 0, 0, 0])
    found = evaluate(rows, lag=1)
    assert found["rows"] == 3
    assert found["auc"] == 1.0
    assert found["precision"] == 0.5
    assert found["accuracy"] == pytest.approx(2 / 3)
    assert found["base_rate"] == pytest.approx(1 / 3)
    assert found["brier"] == pytest.approx((0.1**2 + 0.55**2 + 0.5**2) / 3)
    assert found["information_coefficient"] == pytest.approx(0.8)  # the row in the dead band has a return
    assert found["ic_cross_sections"] == 1
    assert found["ic_t_stat"] is None


def test_fewer_than_three_names_a_bar_pool_the_correlation_and_say_so() -> None:
    rows = predicted([0.9, 0.6, 0.2, 0.7], [1, 0, 0, 1], [0.03, -0.01, -0.02, 0.02], [0, 0, 1, 1])
    found = evaluate(rows, lag=1)
    expected = stats.spearmanr([0.9, 0.6, 0.2, 0.7], [0.03, -0.01, -0.02, 0.02]).statistic
    assert found["information_coefficient"] == pytest.approx(expected)
    assert found["ic_cross_sections"] == 0
    assert found["ic_t_stat"] is None


def test_bars_with_three_names_count_and_bars_with_two_do_not() -> None:
    rows = predicted([0.1, 0.2, 0.3, 0.9, 0.1], [0, 0, 1, 0, 1], [-0.1, 0.0, 0.1, -0.5, 0.5], [0, 0, 0, 1, 1])
    found = evaluate(rows, lag=1)
    assert (found["information_coefficient"], found["ic_cross_sections"]) == (1.0, 1)


def test_one_class_only_leaves_auc_undefined_and_the_rest_defined() -> None:
    found = evaluate(predicted([0.4, 0.3], [0, 0], [-0.1, -0.2], [0, 0]), lag=1)
    assert found["auc"] is None
    assert found["precision"] is None  # nothing was called positive
    assert found["accuracy"] == 1.0


def test_equal_scores_have_no_correlation() -> None:
    found = evaluate(predicted([0.5] * 3, [0, 1, 1], [-0.1, 0.1, 0.2], [0, 0, 0]), lag=1)
    assert (found["information_coefficient"], found["ic_cross_sections"]) == (None, 0)


def test_no_labelled_row_yet_gives_nulls_and_zero_rows() -> None:
    found = evaluate(predicted([0.4, 0.6], [None, None], [None, None], [0, 0]), lag=1)
    assert {name for name, value in found.items() if value is not None} == {"rows", "ic_cross_sections"}
