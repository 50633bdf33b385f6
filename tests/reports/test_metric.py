from __future__ import annotations

import math

import numpy as np
import pytest

from execution.performance import Costs, measure
from reports.formats import METRIC_NAMES, metric
from tests.execution.performance.books import no_trips


@pytest.mark.parametrize(
    ("name", "value", "written"),
    [
        ("cagr", 0.0834, "+8.3%"),
        ("cagr", -0.0834, "−8.3%"),
        ("max_drawdown", -0.25, "−25.0%"),
        ("sharpe", 1.234, "1.23"),
        ("sharpe", -0.001, "0.00"),
        ("profit_factor", math.inf, "∞"),
        ("sessions", 2514.0, "2,514"),
        ("turnover", 15.62, "15.6×"),
        ("costs", 8560.4, "8,560.40"),
        ("auc", 0.58749, "0.587"),
        ("auc", math.nan, "–"),
        ("auc", None, "–"),
        ("made_up_figure", 2.0, "2.00"),
    ],
)
def test_a_metric_is_written_in_its_unit(name: str, value: float | None, written: str) -> None:
    assert metric(name).written(value) == written


def test_every_metric_that_execution_measures_has_a_label_and_a_place() -> None:
    ones = np.array([1.0, 1.1, 1.0])
    made = measure(
        equity=ones,
        benchmark=ones,
        turnover=ones,
        gross_exposure=ones,
        net_exposure=ones,
        trips=no_trips(),
        costs=Costs(),
    )

    assert {name.removeprefix("benchmark_") for name in made} <= set(METRIC_NAMES)
