"""Plots of a model: its walk-forward folds and the importance of its features."""

from __future__ import annotations

import math
from typing import Any

import polars as pl

from reports.plots import BLUE, GRID, INK, ORANGE, blank, hover


def folds_figure(folds: pl.DataFrame) -> Any:
    """Return AUC and information coefficient of each fold over its test window, against chance.

    Args:
        folds: ``fold, test_start, test_end, auc, information_coefficient``; NULL draws no bar.
    """
    from bokeh.layouts import row

    auc = _bars_by_fold(folds, "auc", "AUC", 0.5)
    coefficient = _bars_by_fold(folds, "information_coefficient", "Information coefficient", 0.0)
    coefficient.x_range = auc.x_range  # a fold without one of the two still has its place in both
    return row(auc, coefficient, sizing_mode="stretch_width", spacing=16)


def _bars_by_fold(folds: pl.DataFrame, metric: str, label: str, chance: float) -> Any:
    from bokeh.models import ColumnDataSource, NumeralTickFormatter, Range1d, Span

    drawn = folds.filter(pl.col(metric).is_finite())
    above = (drawn[metric] >= chance).to_list()
    source = ColumnDataSource(
        {
            "fold": drawn["fold"].to_numpy(),
            "start": drawn["test_start"].to_numpy(),
            "end": drawn["test_end"].to_numpy(),
            "value": drawn[metric].to_numpy(),
            "color": [BLUE if is_above else ORANGE for is_above in above],
        }
    )
    reach = max([abs(value - chance) for value in drawn[metric].to_list()], default=0.0) * 1.15 or 0.05
    plot = blank(height=190, x_axis_type="datetime", y_range=Range1d(chance - reach, chance + reach))
    plot.toolbar_location = None
    plot.title.text = f"{label} by fold (line: chance, {chance:g})"
    plot.yaxis.formatter = NumeralTickFormatter(format="0.00")
    bars = plot.quad(
        left="start",
        right="end",
        bottom=chance,
        top="value",
        source=source,
        color="color",
        alpha=0.75,
        line_color="white",
    )
    plot.add_layout(Span(location=chance, dimension="width", line_color=INK, line_width=1))
    tips = [("Fold", "@fold"), ("Test", "@start{%F} to @end{%F}"), (label, "@value{0.0000}")]
    plot.add_tools(hover(bars, tips, mode="mouse", dates=True))
    return plot


def importance_figure(importance: pl.DataFrame) -> Any:
    """Return the features' mean share of importance over folds, with the span from lowest to highest fold.

    Args:
        importance: ``feature, mean, lowest, highest``, most important first.
    """
    from bokeh.models import ColumnDataSource, NumeralTickFormatter, Range1d

    source = ColumnDataSource({name: importance[name].to_list() for name in importance.columns})
    highest = max([value for value in importance["highest"].to_list() if value], default=1.0)
    plot = blank(
        height=64 + 21 * len(importance),
        y_range=list(reversed(importance["feature"].to_list())),
        x_range=Range1d(0, highest * 1.04),
    )
    bars = plot.hbar("feature", right="mean", height=0.62, source=source, color=BLUE, alpha=0.55)
    plot.segment("lowest", "feature", "highest", "feature", source=source, color=INK, line_width=1.4)
    for end in ("lowest", "highest"):
        plot.scatter(
            end, "feature", source=source, marker="dash", angle=math.pi / 2, size=9, color=INK, line_width=1.4
        )
    plot.toolbar_location = None
    plot.xaxis.formatter = NumeralTickFormatter(format="0%")
    plot.xaxis.axis_label = "Share of importance: mean over folds (bar), lowest to highest fold (line)"
    plot.ygrid.grid_line_color = None
    plot.xgrid.grid_line_color = GRID
    tips = [("Feature", "@feature"), ("Mean", "@mean{0.0%}"), ("Folds", "@lowest{0.0%} to @highest{0.0%}")]
    plot.add_tools(hover(bars, tips, mode="mouse", dates=False))
    return plot
