"""Plots of a book over time: equity, drawdown, rolling figures, exposure and turnover."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import polars as pl

from execution.performance import drawdowns
from execution.types import Floats
from reports.periods import NAMES, bar_width
from reports.plots import BLUE, GREY, INK, SERIES, blank, hover, legend_at

_LOG_FROM = 3.0  # from this largest-over-smallest on, equal growth deserves equal height
_NICE = (1.0, 1.5, 2.0, 3.0, 5.0, 7.0)
_NICE_AND_FEW = (1.0, 2.0, 5.0)


def log_ticks(lowest: float, highest: float) -> list[float]:
    """Return round values in [lowest, highest] for a log axis; over several powers of ten, fewer of each."""
    powers = range(math.floor(math.log10(lowest)), math.ceil(math.log10(highest)) + 1)
    steps = _NICE if len(powers) <= 3 else _NICE_AND_FEW
    ticks = [round(step * 10.0**power, 10) for power in powers for step in steps]
    return [tick for tick in ticks if lowest <= tick <= highest]


@dataclass(frozen=True)
class _Line:
    """One curve of equity with its drawdown, and how it is drawn."""

    label: str
    growth: Floats
    drawdown: Floats
    color: str
    dash: str
    width: float


def performance_figure(curves: pl.DataFrame, *, book_label: str, benchmark_label: str | None) -> Any:
    """Return equity above drawdown on one time axis, the book in front of its benchmark.

    Args:
        curves: ``session_date, equity, drawdown`` and, where there is a benchmark, ``benchmark,
            benchmark_drawdown``; equity and benchmark as growth of 1, drawdowns as fractions ≤ 0.
        book_label: Legend of the book.
        benchmark_label: Legend of the benchmark, None if there is none.
    """
    lines = [
        _Line(book_label, curves["equity"].to_numpy(), curves["drawdown"].to_numpy(), BLUE, "solid", 1.8)
    ]
    if benchmark_label is not None:
        theirs, fall = curves["benchmark"].to_numpy(), curves["benchmark_drawdown"].to_numpy()
        lines.append(_Line(benchmark_label, theirs, fall, GREY, "solid", 1.3))
    return _growth_and_drawdown(curves["session_date"].to_numpy(), lines)


def overlay_figure(sessions: Sequence[date], growth: Floats, labels: Sequence[str]) -> Any:
    """Return the equity of several runs above their drawdowns; colours and dashes tell them apart.

    Args:
        sessions: Ascending, (T,).
        growth: Growth of 1, (T, runs).
        labels: Of the runs; at most as many as ``reports.plots.SERIES`` has styles.
    """
    lines = [
        _Line(label, growth[:, place], drawdowns(growth[:, place]), color, dash, 1.6)
        for place, (label, (color, dash)) in enumerate(zip(labels, SERIES, strict=False))
    ]
    return _growth_and_drawdown(np.array(sessions, dtype="datetime64[D]"), lines)


def _growth_and_drawdown(sessions: Any, lines: Sequence[_Line]) -> Any:
    """Return both panels, the first line in front of the others."""
    from bokeh.layouts import column
    from bokeh.models import ColumnDataSource, CrosshairTool, FixedTicker, NumeralTickFormatter, Span

    columns = {"session_date": sessions}
    for place, line in enumerate(lines):
        columns |= {f"growth_{place}": line.growth, f"drawdown_{place}": line.drawdown}
    source = ColumnDataSource(columns)
    values = np.concatenate([line.growth[np.isfinite(line.growth)] for line in lines])
    lowest, highest = (float(np.min(values)), float(np.max(values))) if len(values) else (0.0, 0.0)
    is_log = lowest > 0 and highest / lowest >= _LOG_FROM

    equity = blank(height=340, x_axis_type="datetime", y_axis_type="log" if is_log else "linear")
    equity.yaxis.axis_label = "Growth of 1 (log scale)" if is_log else "Growth of 1"
    if is_log:
        equity.yaxis.ticker = FixedTicker(ticks=log_ticks(lowest, highest))
        equity.ygrid.ticker = equity.yaxis[0].ticker
    equity.yaxis.formatter = NumeralTickFormatter(format="0.0[0]")
    drawdown = blank(height=170, x_axis_type="datetime", x_range=equity.x_range)
    drawdown.yaxis.axis_label = "Drawdown"
    drawdown.yaxis.formatter = NumeralTickFormatter(format="0.[0]%")
    drawdown.toolbar_location = None

    tips, falls = [("", "@session_date{%F}")], [("", "@session_date{%F}")]
    drawn = []
    for place, line in reversed(list(enumerate(lines))):
        style = {"source": source, "color": line.color, "line_dash": line.dash}
        upper = equity.line(
            "session_date", f"growth_{place}", width=line.width, legend_label=line.label, **style
        )
        if place == 0:
            drawdown.varea("session_date", "drawdown_0", 0, source=source, color=line.color, alpha=0.15)
        lower = drawdown.line("session_date", f"drawdown_{place}", width=line.width * 0.7, **style)
        drawn.append((upper, lower))
        tips.insert(1, (line.label, f"@growth_{place}{{0.000}}"))
        falls.insert(1, (line.label, f"@drawdown_{place}{{0.0%}}"))
    overlay = Span(dimension="height", line_color=INK, line_alpha=0.4, line_width=1)
    for plot, front, rows in ((equity, drawn[-1][0], tips), (drawdown, drawn[-1][1], falls)):
        plot.add_tools(CrosshairTool(overlay=overlay), hover(front, rows, mode="vline", dates=True))
    legend_at(equity, "top_left", first_on_top=True)
    return column(equity, drawdown, sizing_mode="stretch_width", spacing=4)


def rolling_figure(frame: pl.DataFrame, *, book_label: str, benchmark_label: str | None) -> Any:
    """Return the rolling Sharpe ratio and, with a benchmark, the rolling beta, on one time axis.

    Args:
        frame: Of ``reports.performance_sections.rolling``.
        book_label: Legend of the book.
        benchmark_label: Legend of the benchmark, None if there is none.
    """
    from bokeh.layouts import column
    from bokeh.models import ColumnDataSource, Span

    source = ColumnDataSource({name: frame[name].to_numpy() for name in frame.columns})
    ratio = blank(height=210, x_axis_type="datetime")
    ratio.yaxis.axis_label = "Sharpe"
    ratio.toolbar_location = None
    ratio.add_layout(Span(location=0, dimension="width", line_color=INK, line_width=1, line_alpha=0.6))
    tips = [("", "@session_date{%F}"), (book_label, "@sharpe{0.00}")]
    if benchmark_label is not None:
        ratio.line(
            "session_date",
            "benchmark_sharpe",
            source=source,
            color=GREY,
            width=1.2,
            legend_label=benchmark_label,
        )
        tips.append((benchmark_label, "@benchmark_sharpe{0.00}"))
    front = ratio.line(
        "session_date", "sharpe", source=source, color=BLUE, width=1.6, legend_label=book_label
    )
    ratio.add_tools(hover(front, tips, mode="vline", dates=True))
    legend_at(ratio, "above", first_on_top=True)
    if benchmark_label is None:
        return ratio
    beta = blank(height=150, x_axis_type="datetime", x_range=ratio.x_range)
    beta.yaxis.axis_label = f"Beta to {benchmark_label}"
    beta.toolbar_location = None
    beta.add_layout(Span(location=0, dimension="width", line_color=INK, line_width=1, line_alpha=0.6))
    line = beta.line("session_date", "beta", source=source, color=BLUE, width=1.4)
    beta.add_tools(
        hover(line, [("", "@session_date{%F}"), ("Beta", "@beta{0.00}")], mode="vline", dates=True)
    )
    return column(ratio, beta, sizing_mode="stretch_width", spacing=4)


def exposure_figure(equity: pl.DataFrame) -> Any:
    """Return gross and net exposure at each close above the turnover of each month, week or day.

    Args:
        equity: Of ``reports.queries.session_equity``.
    """
    from bokeh.layouts import column
    from bokeh.models import ColumnDataSource, NumeralTickFormatter, Span

    names = ("session_date", "gross_exposure", "net_exposure")
    source = ColumnDataSource({name: equity[name].to_numpy() for name in names})
    upper = blank(height=200, x_axis_type="datetime")
    upper.yaxis.axis_label = "Exposure, of equity"
    upper.yaxis.formatter = NumeralTickFormatter(format="0%")
    upper.toolbar_location = None
    upper.add_layout(Span(location=0, dimension="width", line_color=INK, line_width=1, line_alpha=0.6))
    upper.varea("session_date", 0, "gross_exposure", source=source, color=GREY, alpha=0.2)
    upper.line("session_date", "gross_exposure", source=source, color=GREY, width=1.0, legend_label="gross")
    net = upper.line("session_date", "net_exposure", source=source, color=BLUE, width=1.2, legend_label="net")
    tips = [("", "@session_date{%F}"), ("gross", "@gross_exposure{0.0%}"), ("net", "@net_exposure{0.0%}")]
    upper.add_tools(hover(net, tips, mode="vline", dates=True))
    legend_at(upper, "above")

    every = bar_width(equity["session_date"])
    start = pl.col("session_date").dt.truncate(every).alias("start")
    traded = equity.group_by(start, maintain_order=True).agg(pl.col("turnover").sum())
    bars = ColumnDataSource(
        {
            "start": traded["start"].to_numpy(),
            "end": traded["start"].dt.offset_by(every).to_numpy(),
            "turnover": traded["turnover"].to_numpy(),
        }
    )
    lower = blank(height=150, x_axis_type="datetime", x_range=upper.x_range)
    lower.yaxis.axis_label = f"Turnover a {NAMES[every]}"
    lower.yaxis.formatter = NumeralTickFormatter(format="0.0[0]")
    lower.toolbar_location = None
    drawn = lower.quad(
        left="start",
        right="end",
        bottom=0,
        top="turnover",
        source=bars,
        color=BLUE,
        alpha=0.6,
        line_color="white",
    )
    told = [("From", "@start{%F}"), ("Traded over equity", "@turnover{0.00}")]
    lower.add_tools(hover(drawn, told, mode="mouse", dates=True))
    return column(upper, lower, sizing_mode="stretch_width", spacing=4)
