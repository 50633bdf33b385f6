"""Plots of a book over time: equity, drawdown, rolling figures, exposure and turnover."""

from __future__ import annotations

import math
from typing import Any

import polars as pl

from reports.plots import BLUE, FONT, GREY, INK, blank, hover

_LOG_FROM = 3.0  # from this largest-over-smallest on, equal growth deserves equal height
_NICE = (1.0, 1.5, 2.0, 3.0, 5.0, 7.0)
_NICE_AND_FEW = (1.0, 2.0, 5.0)


def log_ticks(lowest: float, highest: float) -> list[float]:
    """Return round values in [lowest, highest] for a log axis; over several powers of ten, fewer of each."""
    powers = range(math.floor(math.log10(lowest)), math.ceil(math.log10(highest)) + 1)
    steps = _NICE if len(powers) <= 3 else _NICE_AND_FEW
    ticks = [round(step * 10.0**power, 10) for power in powers for step in steps]
    return [tick for tick in ticks if lowest <= tick <= highest]


def performance_figure(curves: pl.DataFrame, *, book_label: str, benchmark_label: str | None) -> Any:
    """Return equity above drawdown on one time axis, the book in front of its benchmark.

    Args:
        curves: ``session_date, equity, drawdown`` and, where there is a benchmark, ``benchmark,
            benchmark_drawdown``; equity and benchmark as growth of 1, drawdowns as fractions ≤ 0.
        book_label: Legend of the book.
        benchmark_label: Legend of the benchmark, None if there is none.
    """
    from bokeh.layouts import column
    from bokeh.models import ColumnDataSource, CrosshairTool, FixedTicker, NumeralTickFormatter, Span

    source = ColumnDataSource({name: curves[name].to_numpy() for name in curves.columns})
    shown = ["equity"] if benchmark_label is None else ["equity", "benchmark"]
    values = pl.concat([curves[name].drop_nulls().drop_nans() for name in shown])
    lowest, highest = float(values.min() or 0.0), float(values.max() or 0.0)  # type: ignore[arg-type]
    is_log = lowest > 0 and highest / lowest >= _LOG_FROM

    equity = blank(height=340, x_axis_type="datetime", y_axis_type="log" if is_log else "linear")
    equity.yaxis.axis_label = "Growth of 1 (log scale)" if is_log else "Growth of 1"
    if is_log:
        equity.yaxis.ticker = FixedTicker(ticks=log_ticks(lowest, highest))
        equity.ygrid.ticker = equity.yaxis[0].ticker
    equity.yaxis.formatter = NumeralTickFormatter(format="0.0[0]")
    drawdown = blank(height=170, x_axis_type="datetime", x_range=equity.x_range)
    drawdown.yaxis.axis_label = "Drawdown"
    drawdown.yaxis.formatter = NumeralTickFormatter(format="0%")
    drawdown.toolbar_location = None

    tips = [("", "@session_date{%F}"), (book_label, "@equity{0.000}")]
    falls = [("", "@session_date{%F}"), (book_label, "@drawdown{0.0%}")]
    if benchmark_label is not None:
        equity.line(
            "session_date", "benchmark", source=source, color=GREY, width=1.3, legend_label=benchmark_label
        )
        drawdown.line("session_date", "benchmark_drawdown", source=source, color=GREY, width=1.0)
        tips.append((benchmark_label, "@benchmark{0.000}"))
        falls.append((benchmark_label, "@benchmark_drawdown{0.0%}"))
    front = equity.line(
        "session_date", "equity", source=source, color=BLUE, width=1.8, legend_label=book_label
    )
    drawdown.varea("session_date", "drawdown", 0, source=source, color=BLUE, alpha=0.18)
    edge = drawdown.line("session_date", "drawdown", source=source, color=BLUE, width=1.2)

    overlay = Span(dimension="height", line_color=INK, line_alpha=0.4, line_width=1)
    for plot, line, rows in ((equity, front, tips), (drawdown, edge, falls)):
        plot.add_tools(CrosshairTool(overlay=overlay), hover(line, rows, mode="vline", dates=True))
    legend = equity.legend[0]
    legend.items = list(reversed(legend.items))
    legend.location = "top_left"
    legend.border_line_color = None
    legend.label_text_font, legend.label_text_font_size, legend.label_text_color = FONT, "12px", INK
    return column(equity, drawdown, sizing_mode="stretch_width", spacing=4)
