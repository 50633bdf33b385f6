"""Plots of trades and what they cost: distributions, excursions, costs over time."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl

from execution.types import Floats
from reports.plots import BLUE, INK, ORANGE, SERIES, blank, hover, legend_at

_BINS = 40
_POINTS = 5_000  # more marks than this say nothing new and slow the page
_TAIL = 0.005  # of the trades at each end share the outermost bar


def returns_figure(trades: pl.DataFrame) -> Any:
    """Return how many trades ended with which return: losses and profits in their own colours.

    Args:
        trades: With ``return`` (fraction), closed ones only.
    """
    from bokeh.models import ColumnDataSource, NumeralTickFormatter, Span

    counts, edges = _histogram(trades["return"].drop_nulls().to_numpy())
    middle = (edges[:-1] + edges[1:]) / 2
    source = ColumnDataSource(
        {
            "left": edges[:-1],
            "right": edges[1:],
            "count": counts,
            "color": [BLUE if value >= 0 else ORANGE for value in middle],
        }
    )
    plot = blank(height=230)
    plot.toolbar_location = None
    plot.title.text = "Return of closed trades"
    plot.xaxis.formatter = NumeralTickFormatter(format="0.[0]%")
    plot.yaxis.axis_label = "Trades"
    bars = plot.quad(
        left="left",
        right="right",
        bottom=0,
        top="count",
        source=source,
        color="color",
        alpha=0.7,
        line_color="white",
    )
    plot.add_layout(Span(location=0, dimension="height", line_color=INK, line_width=1))
    tips = [("Return", "@left{0.0%} to @right{0.0%}"), ("Trades", "@count")]
    plot.add_tools(hover(bars, tips, mode="mouse", dates=False))
    return plot


def holding_figure(trades: pl.DataFrame) -> Any:
    """Return how many trades were held for how many sessions.

    Args:
        trades: With ``sessions``, closed ones only.
    """
    from bokeh.models import ColumnDataSource

    held = trades["sessions"].drop_nulls().to_numpy().astype(np.float64)
    step = max(1, int(np.ceil((np.quantile(held, 1 - _TAIL) + 1) / _BINS))) if len(held) else 1
    edges = np.arange(0, (_BINS + 1) * step, step, dtype=np.float64)
    counts = np.histogram(np.minimum(held, edges[-1] - 1), edges)[0]
    used = int(np.max(np.flatnonzero(counts))) + 1 if counts.any() else 1
    source = ColumnDataSource(
        {
            "left": edges[:used],
            "right": edges[1 : used + 1],
            "count": counts[:used],
            "last": edges[1 : used + 1] - 1,
        }
    )
    plot = blank(height=230)
    plot.toolbar_location = None
    plot.title.text = "Holding time of closed trades, sessions"
    plot.yaxis.axis_label = "Trades"
    bars = plot.quad(
        left="left",
        right="right",
        bottom=0,
        top="count",
        source=source,
        color=BLUE,
        alpha=0.6,
        line_color="white",
    )
    tips = [("Sessions", "@left to @last"), ("Trades", "@count")]
    plot.add_tools(hover(bars, tips, mode="mouse", dates=False))
    return plot


def _histogram(values: Floats) -> tuple[Any, Floats]:
    """Return counts and edges; 0 is an edge, and what lies far out is counted in the outermost bars."""
    known = values[np.isfinite(values)]
    if not len(known):
        return np.zeros(1, dtype=np.int64), np.array([-0.01, 0.01])
    low, high = np.quantile(known, [_TAIL, 1 - _TAIL])
    step = (high - low) / _BINS or max(abs(high), 0.01) / _BINS
    edges = np.arange(np.floor(low / step), np.ceil(high / step) + 2) * step
    counts = np.histogram(np.clip(known, edges[0], np.nextafter(edges[-1], -np.inf)), edges)[0]
    return counts, edges


def excursion_figure(trades: pl.DataFrame) -> Any:
    """Return each closed trade's worst and best excursion while held: circles made a profit, crosses a loss.

    Args:
        trades: With ``trade_id, symbol, mae, mfe, return`` (fractions), newest first; the newest are drawn.
    """
    from bokeh.models import ColumnDataSource, NumeralTickFormatter

    known = trades.filter(pl.col("mae").is_finite() & pl.col("mfe").is_finite()).head(_POINTS)
    plot = blank(height=300)
    plot.title.text = "Worst and best price while held, from the entry price"
    plot.xaxis.axis_label = "Worst excursion (MAE)"
    plot.yaxis.axis_label = "Best excursion (MFE)"
    plot.xaxis.formatter = plot.yaxis.formatter = NumeralTickFormatter(format="0%")
    names = ("trade_id", "symbol", "mae", "mfe", "return")
    for label, won, marker, color in (("loss", False, "x", ORANGE), ("profit", True, "circle", BLUE)):
        part = known.filter((pl.col("return") > 0) if won else ~(pl.col("return") > 0))
        source = ColumnDataSource({name: part[name].to_list() for name in names})
        drawn = plot.scatter(
            "mae",
            "mfe",
            source=source,
            marker=marker,
            size=6,
            line_width=1.5,
            color=color,
            fill_alpha=0.3,
            line_alpha=0.8,
            legend_label=label,
        )
        tips = [
            ("Trade", "@trade_id @symbol"),
            ("Worst, best", "@mae{0.0%}, @mfe{0.0%}"),
            ("Return", "@return{0.0%}"),
        ]
        plot.add_tools(hover(drawn, tips, mode="mouse", dates=False))
    legend_at(plot, "above")
    return plot


def costs_figure(costs: pl.DataFrame) -> Any:
    """Return what was paid in each period, stacked by kind.

    Args:
        costs: ``start, end`` (dates) and one column of USD for each kind of cost, none below 0.
    """
    from bokeh.models import ColumnDataSource, NumeralTickFormatter

    kinds = [name for name in costs.columns if name not in ("start", "end")]
    plot = blank(height=230, x_axis_type="datetime")
    plot.toolbar_location = None
    plot.yaxis.axis_label = "USD"
    plot.yaxis.formatter = NumeralTickFormatter(format="0,0")
    below = np.zeros(len(costs))
    for kind, (color, _) in zip(kinds, SERIES, strict=False):
        paid = costs[kind].to_numpy()
        source = ColumnDataSource(
            {
                "start": costs["start"].to_numpy(),
                "end": costs["end"].to_numpy(),
                "bottom": below,
                "top": below + paid,
                "paid": paid,
            }
        )
        bars = plot.quad(
            left="start",
            right="end",
            bottom="bottom",
            top="top",
            source=source,
            color=color,
            alpha=0.75,
            line_color="white",
            legend_label=kind,
        )
        tips = [("From", "@start{%F}"), (kind, "@paid{0,0.00} USD")]
        plot.add_tools(hover(bars, tips, mode="mouse", dates=True))
        below = below + paid
    legend_at(plot, "above")
    return plot
