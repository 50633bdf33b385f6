"""What every plot of a report shares: the look, and the way into a page.

Blue and vermilion (Okabe and Ito's palette) are told apart by every kind of colour vision; wherever colour
carries meaning, position or sign says the same.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

BLUE = "#0b63a5"
ORANGE = "#c8500a"
GREY = "#7b8794"
INK = "#334155"
GRID = "#e8ecf1"
FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', sans-serif"


# Told apart by colour, and by dashes where colour is not seen: up to eight curves in one plot.
SERIES = (
    (BLUE, "solid"),
    (ORANGE, "solid"),
    ("#007a5a", "dashed"),
    ("#8a3a7c", "dashed"),
    ("#2f9fd8", "dotted"),
    ("#b07d00", "dotted"),
    ("#1c2733", "dotdash"),
    (GREY, "dotdash"),
)


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


def blank(**options: Any) -> Any:
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
    plot.ygrid.grid_line_color = GRID
    plot.title.text_font = FONT
    plot.title.text_font_size = "12px"
    plot.title.text_font_style = "bold"
    plot.title.text_color = INK
    plot.axis.axis_label_text_font = plot.axis.major_label_text_font = FONT
    plot.axis.axis_label_text_font_size = plot.axis.major_label_text_font_size = "11px"
    plot.axis.axis_label_text_font_style = "normal"
    plot.axis.axis_label_text_color = plot.axis.major_label_text_color = INK
    plot.axis.axis_line_color = "#c3ccd6"
    plot.axis.major_tick_line_color = "#c3ccd6"
    plot.axis.minor_tick_line_color = None
    return plot


def hover(renderer: Any, tooltips: Sequence[tuple[str, str]], *, mode: str, dates: bool) -> Any:
    from bokeh.models import HoverTool

    formatters = {f"@{name}": "datetime" for name in ("session_date", "start", "end")} if dates else {}
    return HoverTool(renderers=[renderer], tooltips=list(tooltips), mode=mode, formatters=formatters)


def legend_at(plot: Any, place: str, *, first_on_top: bool = False) -> None:
    """Give the plot's legend the report's look; a click on an entry hides its curve.

    Args:
        place: A corner such as ``top_left``, or ``above`` the plot, in a row.
        first_on_top: Whether the entry drawn last, in front of the others, stands first.
    """
    legend = plot.legend[0]
    if first_on_top:
        legend.items = list(reversed(legend.items))
    legend.spacing = 0
    if place == "above":
        plot.add_layout(legend, "above")
        legend.orientation, legend.location, legend.spacing, legend.padding = "horizontal", "top_left", 14, 2
    else:
        legend.location = place
    legend.click_policy = "hide"
    legend.border_line_color = None
    legend.background_fill_alpha = 0.7
    legend.label_text_font, legend.label_text_font_size, legend.label_text_color = FONT, "12px", INK
