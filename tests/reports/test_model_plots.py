from __future__ import annotations

from datetime import date

import polars as pl

from reports.model_plots import folds_figure
from reports.plots import BLUE, ORANGE


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
    auc, coefficient = folds_figure(folds).children
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
    auc, _ = folds_figure(folds).children
    assert list(auc.renderers[0].data_source.data["color"]) == [BLUE, ORANGE]
