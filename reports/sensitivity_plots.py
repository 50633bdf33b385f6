"""Heat maps of a sensitivity sweep."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from reports.formats import shade, shading_scale
from reports.plots import FONT, INK, blank

_MOST_WRITTEN = 200  # cells; more of them are too small for figures


class Map(NamedTuple):
    """A metric over the values of two keys.

    Attributes:
        x, y: The keys.
        xs, ys: Their values, written, in order.
        cells: (value of x, value of y) → the metric of every trial with both.
    """

    x: str
    y: str
    xs: list[str]
    ys: list[str]
    cells: Mapping[tuple[str, str], list[float]]


def heat_map(drawn: Map, *, label: str, best: Mapping[str, Any]) -> Any:
    """Return a heat map: the mean of each cell, darker blue for better than the map's middle, orange for worse.

    Args:
        label: What the metric is called.
        best: The best trial's values; its cell is framed.
    """
    from bokeh.core.properties import value
    from bokeh.models import ColumnDataSource, HoverTool

    from reports.sensitivity import written

    pairs = [(x, y) for y in drawn.ys for x in drawn.xs]
    known = [drawn.cells.get(pair, []) for pair in pairs]
    means = [sum(values) / len(values) if values else None for values in known]
    ranked = sorted(mean for mean in means if mean is not None)
    middle = ranked[len(ranked) // 2] if ranked else 0.0
    apart = [None if mean is None else mean - middle for mean in means]
    scale = shading_scale(apart)
    framed = (written(best[drawn.x]), written(best[drawn.y]))
    source = ColumnDataSource(
        {
            "x": [x for x, _ in pairs],
            "y": [y for _, y in pairs],
            "colour": [shade(distance, scale) or "#f0f2f5" for distance in apart],
            "written": ["–" if mean is None else f"{mean:.2f}" for mean in means],
            "best": ["–" if not values else f"{max(values):.3f}" for values in known],
            "worst": ["–" if not values else f"{min(values):.3f}" for values in known],
            "trials": [len(values) for values in known],
        }
    )
    plot = blank(x_range=drawn.xs, y_range=drawn.ys, height=max(150, 90 + 34 * len(drawn.ys)))
    plot.toolbar_location = None
    plot.grid.grid_line_color = None
    plot.xaxis.axis_label, plot.yaxis.axis_label = drawn.x, drawn.y
    cells = plot.rect(
        "x", "y", width=1, height=1, source=source, fill_color="colour", line_color="white", line_width=1
    )
    plot.rect([framed[0]], [framed[1]], width=1, height=1, fill_color=None, line_color=INK, line_width=2.5)
    if len(pairs) <= _MOST_WRITTEN:
        plot.text(
            "x",
            "y",
            text="written",
            source=source,
            text_align="center",
            text_baseline="middle",
            text_font=value(FONT),
            text_font_size="11px",
            text_color=INK,
        )
    tips = [(drawn.x, "@x"), (drawn.y, "@y"), (f"{label}, mean", "@written")]
    tips += [("best", "@best"), ("worst", "@worst"), ("trials", "@trials")]
    plot.add_tools(HoverTool(renderers=[cells], tooltips=tips))
    return plot
