"""The report's part on strategies that share an account: what each earned, and how capital was divided."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl

from execution.performance import cagr, max_drawdown, sharpe, volatility
from execution.types import Floats
from transforms.warehouse import Warehouse

_BY_SESSION = """
select
    session_date,
    strategy,
    last(share order by bar_at) as share,
    last(alone order by bar_at) as alone,
    sum(pnl order by bar_at) as pnl,
    sum(costs order by bar_at) as costs,
    sum(traded order by bar_at) as traded,
    sum(crossed order by bar_at) as crossed
from execution.strategy_results
where book = $book
group by session_date, strategy
order by session_date, strategy
"""


def load_strategies(warehouse: Warehouse, book: str) -> pl.DataFrame:
    """Return ``execution.strategy_results`` of a book by session; without rows where it has but one strategy."""
    return warehouse.read(_BY_SESSION, {"book": book})


def rows(frame: pl.DataFrame, periods: int) -> list[dict[str, Any]]:
    """Return one row per strategy by name: its share, sums over the book, figures of its own backtest.

    ``correlation`` is that of its own backtest's returns with the mean of the others', over the sessions that all have
    and before one of them is used up.

    Args:
        frame: Of ``load_strategies``.
        periods: Sessions per year.
    """
    if frame.is_empty():
        return []
    names = frame["strategy"].unique().sort().to_list()
    alone = np.column_stack([_alone(frame, name) for name in names])
    solvent = np.where(alone > 0, alone, np.nan)
    change = solvent[1:] / solvent[:-1] - 1
    change = change[np.isfinite(change).all(axis=1)]
    return [
        {
            "strategy": name,
            "share": own["share"][-1],
            **{column: own[column].sum() for column in ("pnl", "costs", "traded", "crossed")},
            **_figures(alone[:, place], periods),
            "correlation": _correlation(change[:, place], np.delete(change, place, axis=1).mean(axis=1)),
        }
        for place, name in enumerate(names)
        for own in [frame.filter(pl.col("strategy") == name)]
    ]


def _alone(frame: pl.DataFrame, name: str) -> Floats:
    own = frame.filter(pl.col("strategy") == name)["alone"]
    return own.cast(pl.Float64).fill_null(float("nan")).to_numpy()


def _figures(equity: Floats, periods: int) -> dict[str, float | None]:
    known = equity[np.isfinite(equity)]
    if len(known) < 2:
        return dict.fromkeys(("cagr", "volatility", "sharpe", "max_drawdown"))
    return {
        "cagr": cagr(known, periods),
        "volatility": volatility(known, periods),
        "sharpe": sharpe(known, periods),
        "max_drawdown": max_drawdown(known),
    }


def _correlation(first: Floats, second: Floats) -> float | None:
    if len(first) < 2 or np.ptp(first) == 0 or np.ptp(second) == 0:
        return None
    return float(np.corrcoef(first, second)[0, 1])


def figure(frame: pl.DataFrame) -> Any:
    """Return each strategy's profit in the account so far above its share of the capital, on one time axis.

    Args:
        frame: Of ``load_strategies``, with rows.
    """
    from bokeh.layouts import column
    from bokeh.models import ColumnDataSource, NumeralTickFormatter

    from reports.plots import SERIES, blank, hover, legend_at

    names = frame["strategy"].unique().sort().to_list()
    profit = blank(height=260, x_axis_type="datetime")
    profit.yaxis.axis_label = "Profit in the account, USD"
    profit.yaxis.formatter = NumeralTickFormatter(format="0,0")
    share = blank(height=170, x_axis_type="datetime", x_range=profit.x_range)
    share.yaxis.axis_label = "Share of the account"
    share.yaxis.formatter = NumeralTickFormatter(format="0%")
    for plot in (profit, share):
        plot.toolbar_location = None
    columns: dict[str, Any] = {"session_date": frame["session_date"].unique().sort().to_numpy()}
    for place, name in enumerate(names):
        own = frame.filter(pl.col("strategy") == name)
        columns |= {
            f"pnl_{place}": own["pnl"].cum_sum().to_numpy(),
            f"share_{place}": own["share"].to_numpy(),
        }
    source = ColumnDataSource(columns)
    for plot, kind, shown in ((profit, "pnl", "{0,0}"), (share, "share", "{0.0%}")):
        drawn = [
            plot.line(
                "session_date",
                f"{kind}_{place}",
                source=source,
                color=color,
                line_dash=dash,
                width=1.5,
                **({"legend_label": name} if kind == "pnl" else {}),
            )
            for place, (name, (color, dash)) in enumerate(
                zip(names, _styles(SERIES, len(names)), strict=True)
            )
        ]
        tips = [("", "@session_date{%F}")]
        tips += [(name, f"@{kind}_{place}{shown}") for place, name in enumerate(names)]
        plot.add_tools(hover(drawn[0], tips, mode="vline", dates=True))
    legend_at(profit, "above")
    return column(profit, share, sizing_mode="stretch_width", spacing=4)


def _styles(series: Any, count: int) -> list[tuple[str, str]]:
    """Return colour and dash of each curve; beyond the styles that there are, they begin again."""
    return [series[place % len(series)] for place in range(count)]
