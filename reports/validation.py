"""The report's part on validation: the verdict, worse worlds and parts of the history, the order of trades."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import polars as pl

from reports.formats import DASH, count, metric, moment, percent, ratio
from transforms.warehouse import Warehouse

_KINDS = {
    "base": "As backtested",
    "part": "Parts of the history",
    "stress": "Worse worlds",
    "months": "Kinds of months",
    "regime": "Named regimes",
}
_FIGURES = ("total_return", "cagr", "volatility", "sharpe", "max_drawdown", "turnover", "trades", "costs")
FIGURE_LABELS = tuple(metric(name).label for name in _FIGURES)


@dataclass(frozen=True)
class Validation:
    """What the suite left of one book; frames without rows where it was not validated.

    Attributes:
        criteria: ``execution.validation`` in reading order.
        scenarios: ``execution.stress`` in reading order.
        trade_orders: ``percentile, max_drawdown`` over random orders of the trades.
    """

    criteria: pl.DataFrame
    scenarios: pl.DataFrame
    trade_orders: pl.DataFrame


def load_validation(warehouse: Warehouse, book: str) -> Validation:
    """Read what is known of a book's validation."""
    of_book = {"book": book}
    return Validation(
        criteria=warehouse.read(
            "select * from execution.validation where book = $book order by place, criterion", of_book
        ),
        scenarios=warehouse.read(
            "select * from execution.stress where book = $book order by place, kind, scenario", of_book
        ),
        trade_orders=warehouse.read(
            "select percentile, max_drawdown from execution.trade_orders where book = $book order by percentile",
            of_book,
        ),
    )


def verdict(criteria: pl.DataFrame) -> str:
    """Say in a sentence how many criteria were kept; what the data does not cover is neither kept nor failed."""
    kept, missing = int(criteria["passed"].sum() or 0), criteria["passed"].null_count()
    failed = len(criteria) - kept - missing
    word = "Passed" if kept and not failed else "Failed"
    rest = f", {missing} not covered by the data" if missing else ""
    return f"{word}: {kept} of {len(criteria)} criteria kept, {failed} failed{rest}."


def criterion_rows(criteria: pl.DataFrame) -> list[dict[str, Any]]:
    """Return each criterion in words: value, limit, and whether it was kept (None: not covered)."""
    return [
        {
            "name": row["criterion"].replace("_", " "),
            "value": ratio(row["value"], 3),
            "limit": f"{row['rule']} {ratio(row['limit'], 3)}",
            "passed": row["passed"],
            "note": row["note"],
        }
        for row in criteria.iter_rows(named=True)
    ]


def scenario_groups(scenarios: pl.DataFrame) -> list[dict[str, Any]]:
    """Return the scenarios of each kind, the figures of ``FIGURE_LABELS`` written out; a dash where not covered."""
    groups = []
    for (kind,), rows in scenarios.group_by("kind", maintain_order=True):
        groups.append(
            {
                "title": _KINDS.get(str(kind), str(kind)),
                "rows": [
                    {
                        "name": row["scenario"],
                        "covered": row["covered"],
                        "span": f"{moment(row['first_session'])} to {moment(row['last_session'])}"
                        if row["first_session"]
                        else DASH,
                        "sessions": count(row["sessions"]),
                        "figures": [metric(name).written(row[name]) for name in _FIGURES],
                        "benchmark": percent(row["benchmark_return"], signed=True),
                        "note": row["note"],
                    }
                    for row in rows.iter_rows(named=True)
                ],
            }
        )
    return groups


def trade_orders_figure(trade_orders: pl.DataFrame, happened: float | None) -> Any:
    """Return how deep the drawdown was over random orders of the trades, against the one that happened.

    Args:
        trade_orders: ``percentile, max_drawdown`` (fraction at most 0), ascending.
        happened: The backtest's deepest drawdown; None if not known.
    """
    from bokeh.models import ColumnDataSource, Label, NumeralTickFormatter, Span

    from reports.plots import BLUE, FONT, ORANGE, blank, hover

    source = ColumnDataSource({name: trade_orders[name].to_numpy() for name in trade_orders.columns})
    plot = blank(height=230)
    plot.toolbar_location = None
    plot.xaxis.axis_label = "Percentile of random orders of the trades (0: the worst)"
    plot.yaxis.axis_label = "Max drawdown"
    plot.yaxis.formatter = NumeralTickFormatter(format="0%")
    line = plot.line("percentile", "max_drawdown", source=source, color=BLUE, width=1.8)
    tips = [("Percentile", "@percentile"), ("Max drawdown", "@max_drawdown{0.0%}")]
    plot.add_tools(hover(line, tips, mode="vline", dates=False))
    if happened is not None:
        plot.add_layout(
            Span(location=happened, dimension="width", line_color=ORANGE, line_dash="dashed", line_width=1.4)
        )
        said = Label(x=100, y=happened, text="as it happened", text_align="right", text_font=FONT)
        said.text_font_size, said.text_color, said.y_offset = "11px", ORANGE, 3
        plot.add_layout(said)
    return plot
