from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import date

import polars as pl
import pytest

from reports import plots
from transforms.paths import PROJECT

CURVES = pl.DataFrame(
    {
        "session_date": [date(2020, 1, day) for day in (2, 3, 6)],
        "equity": [1.0, 1.1, 0.99],
        "drawdown": [0.0, 0.0, -0.1],
    }
)
SHARES = pl.DataFrame({"feature": ["a"], "mean": [0.6], "lowest": [0.5], "highest": [0.7]})


def _axis_type(curves: pl.DataFrame) -> str:
    figure = plots.performance_figure(curves, book_label="book", benchmark_label=None)
    return type(figure.children[0].y_scale).__name__


@pytest.mark.parametrize(
    ("lowest", "highest", "ticks"),
    [
        (0.95, 5.2, [1.0, 1.5, 2.0, 3.0, 5.0]),
        (0.4, 1.2, [0.5, 0.7, 1.0]),
        (9.0, 31.0, [10.0, 15.0, 20.0, 30.0]),
    ],
)
def test_log_ticks_are_round_values_within_the_range(
    lowest: float, highest: float, ticks: list[float]
) -> None:
    assert plots.log_ticks(lowest, highest) == ticks


def test_log_ticks_over_many_powers_thin_out() -> None:
    ticks = plots.log_ticks(0.9, 2_000.0)
    assert ticks[-1] == 2_000.0
    assert ticks[:5] == [1.0, 2.0, 5.0, 10.0, 20.0]


def test_an_equity_that_trebles_is_drawn_on_a_log_axis_and_a_flat_one_is_not() -> None:
    trebled = CURVES.with_columns(equity=pl.Series([1.0, 2.0, 3.1]))
    assert (_axis_type(trebled), _axis_type(CURVES)) == ("LogScale", "LinearScale")


def test_an_equity_that_falls_below_zero_is_drawn_on_a_linear_axis() -> None:
    assert _axis_type(CURVES.with_columns(equity=pl.Series([1.0, 4.0, -0.2]))) == "LinearScale"


def test_equity_and_drawdown_share_their_time_axis() -> None:
    equity, drawdown = plots.performance_figure(CURVES, book_label="book", benchmark_label=None).children
    assert equity.x_range is drawdown.x_range


def test_a_fold_without_auc_draws_no_bar_but_keeps_its_place() -> None:
    folds = pl.DataFrame(
        {
            "fold": [0, 1],
            "test_start": [date(2020, 1, 1), date(2020, 4, 1)],
            "test_end": [date(2020, 3, 31), date(2020, 6, 30)],
            "auc": [0.56, None],
            "information_coefficient": [0.02, -0.01],
        }
    )
    auc, coefficient = plots.folds_figure(folds).children
    assert [len(panel.renderers[0].data_source.data["fold"]) for panel in (auc, coefficient)] == [1, 2]
    assert auc.x_range is coefficient.x_range


def test_bars_below_chance_have_another_colour_than_those_above() -> None:
    folds = pl.DataFrame(
        {
            "fold": [0, 1],
            "test_start": [date(2020, 1, 1), date(2020, 4, 1)],
            "test_end": [date(2020, 3, 31), date(2020, 6, 30)],
            "auc": [0.56, 0.44],
            "information_coefficient": [None, None],
        },
        schema_overrides={"information_coefficient": pl.Float64},
    )
    auc, _ = plots.folds_figure(folds).children
    assert list(auc.renderers[0].data_source.data["color"]) == [plots.BLUE, plots.ORANGE]


def test_equal_figures_give_equal_text_although_bokeh_counts_on() -> None:
    first, second = (plots.embeddable({"plot": plots.importance_figure(SHARES)}) for _ in range(2))
    assert first == second


def test_what_is_embedded_cannot_end_its_script_element() -> None:
    hostile = SHARES.with_columns(feature=pl.Series(["</script><script>alert(1)</script>"]))
    text = plots.embeddable({"plot": plots.importance_figure(hostile)})
    assert not set("<>&") & set(text)
    assert "</script><script>alert(1)</script>" in json.dumps(json.loads(text))


def test_a_value_that_looks_like_a_model_id_is_left_alone() -> None:
    figure = plots.importance_figure(SHARES.with_columns(feature=pl.Series(["p1001"])))
    assert '"p1001"' in plots.embeddable({"plot": figure})


def test_figures_do_not_depend_on_the_hash_seed() -> None:
    program = (
        "import hashlib, polars as pl; from datetime import date; from reports import plots\n"
        "curves = pl.DataFrame({'session_date': [date(2020, 1, 2), date(2020, 1, 3)], 'equity': [1.0, 1.1],\n"
        "    'drawdown': [0.0, 0.0], 'benchmark': [1.0, 1.2], 'benchmark_drawdown': [0.0, 0.0]})\n"
        "figure = plots.performance_figure(curves, book_label='a', benchmark_label='b')\n"
        "print(hashlib.sha256(plots.embeddable({'plot': figure}).encode()).hexdigest())"
    )
    runs = [
        subprocess.Popen(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONHASHSEED": seed},
            cwd=PROJECT,
            stdout=subprocess.PIPE,
        )
        for seed in ("1", "2")
    ]
    digests = {run.communicate(timeout=60)[0] for run in runs}
    assert [run.returncode for run in runs] == [0, 0]
    assert len(digests) == 1
