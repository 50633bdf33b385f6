"""The figures of a report: bokeh models over small frames, and their way into a page.

Blue and vermilion (Okabe and Ito's palette) are told apart by every kind of colour vision; wherever colour
carries meaning, position or sign says the same.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

BLUE = "#0b63a5"
ORANGE = "#c8500a"
GREY = "#7b8794"
INK = "#334155"
_GRID = "#e8ecf1"
_FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', sans-serif"
_LOG_FROM = 3.0  # from this largest-over-smallest on, equal growth deserves equal height
_NICE = (1.0, 1.5, 2.0, 3.0, 5.0, 7.0)
_NICE_AND_FEW = (1.0, 2.0, 5.0)


def library_script() -> str:
    """Return bokeh's browser library as one script, without widgets, tables and maths."""
    from bokeh.resources import Resources

    resources = Resources(mode="inline", minified=True, components=["bokeh"], log_level="error")
    return "\n".join(resources.js_raw)


def embeddable(figures: Mapping[str, Any]) -> str:
    """Return the JSON of ``figures`` (element id → bokeh model) for ``Bokeh.embed.embed_item``.

    Model ids are renumbered from 1, because bokeh counts them per process: equal figures give equal text. It
    is safe inside a ``<script>`` element: no ``<``, ``>`` or ``&`` is left in it.
    """
    from bokeh.embed import json_item

    items = [json_item(model, target) for target, model in figures.items()]
    renumbered = _renumber(json.loads(json.dumps(items)), {})
    written = json.dumps(renumbered, separators=(",", ":"))
    return written.replace("&", r"\u0026").replace("<", r"\u003c").replace(">", r"\u003e")


def _renumber(node: Any, seen: dict[str, str]) -> Any:
    """Replace model ids in document order; data never stands under these keys."""
    if isinstance(node, list):
        return [_renumber(child, seen) for child in node]
    if isinstance(node, dict):
        return {
            key: seen.setdefault(child, f"q{len(seen) + 1}")
            if key in ("id", "root_id") and isinstance(child, str)
            else _renumber(child, seen)
            for key, child in node.items()
        }
    return node


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

    equity = _figure(height=340, x_axis_type="datetime", y_axis_type="log" if is_log else "linear")
    equity.yaxis.axis_label = "Growth of 1 (log scale)" if is_log else "Growth of 1"
    if is_log:
        equity.yaxis.ticker = FixedTicker(ticks=log_ticks(lowest, highest))
        equity.ygrid.ticker = equity.yaxis[0].ticker
    equity.yaxis.formatter = NumeralTickFormatter(format="0.0[0]")
    drawdown = _figure(height=170, x_axis_type="datetime", x_range=equity.x_range)
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
        plot.add_tools(CrosshairTool(overlay=overlay), _hover(line, rows, mode="vline", dates=True))
    legend = equity.legend[0]
    legend.items = list(reversed(legend.items))
    legend.location = "top_left"
    legend.border_line_color = None
    legend.label_text_font, legend.label_text_font_size, legend.label_text_color = _FONT, "12px", INK
    return column(equity, drawdown, sizing_mode="stretch_width", spacing=4)


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
    plot = _figure(height=190, x_axis_type="datetime", y_range=Range1d(chance - reach, chance + reach))
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
    plot.add_tools(_hover(bars, tips, mode="mouse", dates=True))
    return plot


def importance_figure(importance: pl.DataFrame) -> Any:
    """Return the features' mean share of importance over folds, with the span from lowest to highest fold.

    Args:
        importance: ``feature, mean, lowest, highest``, most important first.
    """
    from bokeh.models import ColumnDataSource, NumeralTickFormatter, Range1d

    source = ColumnDataSource({name: importance[name].to_list() for name in importance.columns})
    highest = max([value for value in importance["highest"].to_list() if value], default=1.0)
    plot = _figure(
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
    plot.xgrid.grid_line_color = _GRID
    tips = [("Feature", "@feature"), ("Mean", "@mean{0.0%}"), ("Folds", "@lowest{0.0%} to @highest{0.0%}")]
    plot.add_tools(_hover(bars, tips, mode="mouse", dates=False))
    return plot


def _figure(**options: Any) -> Any:
    """Return an empty figure in the report's look."""
    from bokeh.models import BoxZoomTool, PanTool, ResetTool, WheelZoomTool
    from bokeh.plotting import figure

    plot = figure(tools=[], sizing_mode="stretch_width", min_border_right=12, **options)
    # Zoom along time only; the wheel is off until asked for, so that it scrolls the page.
    plot.add_tools(
        BoxZoomTool(dimensions="width"),
        PanTool(dimensions="width"),
        WheelZoomTool(dimensions="width"),
        ResetTool(),
    )
    plot.toolbar.logo = None
    plot.toolbar.autohide = True
    plot.toolbar.active_scroll = None
    plot.outline_line_color = None
    plot.background_fill_color = plot.border_fill_color = "white"
    plot.xgrid.grid_line_color = None
    plot.ygrid.grid_line_color = _GRID
    plot.title.text_font = _FONT
    plot.title.text_font_size = "12px"
    plot.title.text_font_style = "bold"
    plot.title.text_color = INK
    plot.axis.axis_label_text_font = plot.axis.major_label_text_font = _FONT
    plot.axis.axis_label_text_font_size = plot.axis.major_label_text_font_size = "11px"
    plot.axis.axis_label_text_font_style = "normal"
    plot.axis.axis_label_text_color = plot.axis.major_label_text_color = INK
    plot.axis.axis_line_color = "#c3ccd6"
    plot.axis.major_tick_line_color = "#c3ccd6"
    plot.axis.minor_tick_line_color = None
    return plot


def _hover(renderer: Any, tooltips: Sequence[tuple[str, str]], *, mode: str, dates: bool) -> Any:
    from bokeh.models import HoverTool

    formatters = {f"@{name}": "datetime" for name in ("session_date", "start", "end")} if dates else {}
    return HoverTool(renderers=[renderer], tooltips=list(tooltips), mode=mode, formatters=formatters)
