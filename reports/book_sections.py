"""The report's parts that say where a book's result came from: attribution and costs."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import polars as pl

from reports.formats import metric, number
from reports.periods import bar_width

_SHOWN = 15  # best and as many worst parts of a breakdown; the others stand together
_BREAKDOWNS = {
    "symbol": "By symbol",
    "group": "By group",
    "side": "By side",
    "strategy": "By strategy",
    "cost": "By cost",
}
_KINDS = ("commission", "fees", "slippage", "borrow", "interest")


def attribution_tables(attribution: pl.DataFrame) -> list[dict[str, Any]]:
    """Return one table per breakdown: its parts by profit, the widest bar of each at 1, and the parts' sum.

    Of long breakdowns the parts in the middle are summed up in one row.

    Args:
        attribution: ``breakdown, name, pnl, costs, contribution_return, contribution_risk`` of one book.
    """
    tables = []
    for breakdown, title in _BREAKDOWNS.items():
        parts = attribution.filter(pl.col("breakdown") == breakdown).sort(
            "pnl", "name", descending=[True, False]
        )
        if parts.is_empty():
            continue
        rows = _shortened(parts)
        widest = max(abs(row["contribution_return"] or 0.0) for row in rows) or 1.0
        for row in rows:
            row["width"] = abs(row["contribution_return"] or 0.0) / widest
        tables.append(
            {"title": title, "breakdown": breakdown, "rows": rows, "total": _sum("Together", parts)}
        )
    return tables


def _shortened(parts: pl.DataFrame) -> list[dict[str, Any]]:
    columns = ("name", "pnl", "costs", "contribution_return", "contribution_risk")
    if len(parts) <= 2 * _SHOWN + 1:
        return parts.select(columns).to_dicts()
    middle = parts.slice(_SHOWN, len(parts) - 2 * _SHOWN)
    between = _sum(f"{len(middle)} others", middle)
    best, worst = parts.head(_SHOWN).select(columns), parts.tail(_SHOWN).select(columns)
    return [*best.to_dicts(), between, *worst.to_dicts()]


def _sum(name: str, parts: pl.DataFrame) -> dict[str, Any]:
    figures = ("pnl", "costs", "contribution_return", "contribution_risk")
    return {"name": name, **{figure: parts[figure].sum() for figure in figures}}


def cost_rows(metrics: Mapping[str, float | None], traded_value: float | None) -> list[dict[str, Any]]:
    """Return what was paid by kind and together: USD, share of all, bps of traded value, share of gross profit.

    Gross profit is the change of equity with everything that was paid added back; shares of it are None where it is
    not above 0. Interest is among the costs where more was paid than earned.

    Args:
        metrics: Metric → value of the book.
        traded_value: What was bought and sold (USD).
    """
    paid = {kind: value for kind in _KINDS if (value := number(metrics.get(kind))) is not None}
    paid = {kind: value for kind, value in paid.items() if value > 0 or kind in ("commission", "slippage")}
    total = math.fsum(paid.values())
    first, last = number(metrics.get("initial_equity")), number(metrics.get("final_equity"))
    gross = None if first is None or last is None else last - first + total
    kinds = [
        (metric(kind).label.removesuffix(", USD"), metric(kind).about, value) for kind, value in paid.items()
    ]
    if len(kinds) > 1:
        kinds.append(("Together", "All of them", total))
    return [
        {
            "label": label,
            "about": about,
            "paid": value,
            "share": value / total if total > 0 else None,
            "bps": value / traded_value * 1e4 if traded_value else None,
            "of_gross": value / gross if gross is not None and gross > 0 else None,
        }
        for label, about, value in kinds
    ]


def costs_by_period(costs: pl.DataFrame) -> pl.DataFrame:
    """Return ``start, end`` and the USD paid by kind, by day, week, month or year, whatever makes a readable number.

    Kinds that were never paid are left out.

    Args:
        costs: ``session_date`` and one column for each kind (USD), ascending.
    """
    kinds = [name for name in costs.columns if name != "session_date" and (costs[name] > 0).any()]
    every = bar_width(costs["session_date"], longest="1y")
    start = pl.col("session_date").dt.truncate(every).alias("start")
    paid = costs.group_by(start, maintain_order=True).agg(pl.col(name).sum().clip(0) for name in kinds)
    return paid.select("start", pl.col("start").dt.offset_by(every).alias("end"), *kinds)
