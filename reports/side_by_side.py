"""Runs side by side: one HTML file with what sets them apart, their figures, curves, months and correlation."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from execution.performance import by_period, cagr, max_drawdown, returns, sharpe, volatility
from execution.types import Floats
from reports import plots, queries, rendering
from reports.formats import DASH, METRIC_NAMES, MONTHS, metric, ratio, shade, shading_scale
from reports.performance_plots import overlay_figure
from reports.runs import Named
from reports.sections import in_order
from transforms.config import sessions_per_year
from transforms.errors import QuantmillError
from transforms.paths import Home
from transforms.versions import digest
from transforms.warehouse import Warehouse

MOST = 8  # more curves in one plot, and more columns in one table, nobody tells apart
_EXPLAINED = 3  # runs beside whose figures there is room for a column that explains them
_NO_RESULT = ("engine", "alerts", "flow", "sensitivity", "validation")  # change nothing of a backtest
_SECTIONS = (
    ("runs", "Runs"),
    ("config", "Config"),
    ("metrics", "Metrics"),
    ("curves", "Equity and drawdown"),
    ("months", "Months"),
    ("correlation", "Correlation"),
)


@dataclass(frozen=True)
class Common:
    """Equity curves on the sessions that all of them have.

    Attributes:
        sessions: Ascending, (T,); empty where they share none.
        growth: Growth of 1 from the first shared session on, (T, runs).
    """

    sessions: list[date]
    growth: Floats


def write_comparison(warehouse: Warehouse, home: Home, runs: Sequence[Named]) -> Path:
    """Write the page that lays runs side by side; differences are from the first of them.

    The same tables give the same bytes, and the same runs the same name.

    Args:
        warehouse: Any open warehouse, such as the published snapshot; nothing is written to it.
        home: The page goes to ``home.reports``.
        runs: Of ``reports.runs.find_runs``.

    Returns:
        The page's path.

    Raises:
        QuantmillError: If there are fewer than two runs or more than ``MOST``.
    """
    if not 2 <= len(runs) <= MOST:
        raise QuantmillError(f"a comparison needs 2 to {MOST} runs, was {len(runs)}")
    curves = [queries.session_equity(warehouse, run.book) for run in runs]
    metrics = [queries.book_metrics(warehouse, run.book) for run in runs]
    models = [queries.model_metrics(warehouse, run.model_id) for run in runs]
    shared = common(curves)
    labels = [run.label for run in runs]
    periods = max(sessions_per_year(str(_at(run.config, "source", "calendar"))) for run in runs)
    apart = config_differences(runs)
    context = {
        "title": " · ".join(labels),
        "subtitle": f"{len(runs)} runs side by side; differences are from the first, {labels[0]}",
        "sections": _SECTIONS,
        "labels": labels,
        "runs": [_run_row(run, curve, home) for run, curve in zip(runs, curves, strict=True)],
        "config_rows": [row for row in apart if None not in row["values"]],
        "partial_rows": [row for row in apart if None in row["values"]],
        "metric_groups": metric_groups(metrics, models),
        "shared": shared.sessions,
        "shared_rows": _shared_rows(shared, periods),
        "ranges_differ": any(_span(curve) != _span(curves[0]) for curve in curves),
        "explained": len(runs) <= _EXPLAINED,
        "months": _month_tables(shared, labels, periods),
        "month_names": MONTHS,
        "correlation": correlation_rows(shared),
    }
    figures = {}
    if shared.sessions:
        figures["plot-curves"] = overlay_figure(shared.sessions, shared.growth, labels)
    page = rendering.render(
        "compare.html.j2", context, figures=plots.embeddable(figures) if figures else None
    )
    name = digest("comparison", [[run.run_id, run.book] for run in runs])[:12]
    path = home.reports / f"compare-{name}.html"
    rendering.write_page(path, page)
    return path


def _run_row(run: Named, curve: pl.DataFrame, home: Home) -> dict[str, Any]:
    """Return what names a run, where its report is, and the sessions it was measured on."""
    report = None if run.report is None else home.root / run.report
    return {
        "run": run,
        "groups": [
            (group, _at(run.config, group, "name"))
            for group in ("strategy", "universe", "model", "portfolio", "costs", "risk")
            if group != "model" or run.model_id  # the config names a model also where none was used
        ],
        "link": report.name if report is not None and report.is_file() else None,
        "span": _span(curve),
        "sessions": curve["session_date"].n_unique(),
    }


def _span(curve: pl.DataFrame) -> tuple[date, date] | None:
    return None if curve.is_empty() else (curve["session_date"][0], curve["session_date"][-1])


def _at(config: Mapping[str, Any], group: str, key: str) -> Any:
    return config.get(group, {}).get(key)


def common(curves: Sequence[pl.DataFrame]) -> Common:
    """Return equity curves on the sessions that all have, each as growth of 1.

    Args:
        curves: ``session_date, equity`` each, ascending; sessions whose equity is not above 0 count as absent at the
            start, so that a growth of 1 has a start.
    """
    # A session may have an entry before that of its close: where a book begins.
    before = (pl.len() - 1 - pl.int_range(pl.len())).over("session_date").alias("before")
    frames = [
        curve.select("session_date", before, pl.col("equity").alias(str(place)))
        for place, curve in enumerate(curves)
    ]
    joined = frames[0]
    for other in frames[1:]:
        joined = joined.join(other, on=["session_date", "before"], how="inner", maintain_order="left")
    names = [str(place) for place in range(len(curves))]
    known = joined.filter(pl.all_horizontal(pl.col(names).is_finite()))
    starts = known.select(pl.all_horizontal(pl.col(names) > 0).alias("starts"))["starts"].to_list()
    known = known.slice(starts.index(True)) if True in starts else known.clear()
    values = known.select(names).to_numpy()
    return Common(known["session_date"].to_list(), values / values[0] if len(values) else values)


def config_differences(runs: Sequence[Named]) -> list[dict[str, Any]]:
    """Return ``key, values`` of every key that the runs' configs do not share, versions of data and code last.

    A value is None where a config has no such key; groups that change nothing of a backtest are left out.
    """
    flat = [
        _flat({group: value for group, value in run.config.items() if group not in _NO_RESULT})
        for run in runs
    ]
    keys = sorted(set().union(*flat))
    rows = [{"key": key, "values": [one.get(key) for one in flat]} for key in keys]
    rows.append({"key": "data version", "values": [run.data_version for run in runs]})
    rows.append({"key": "code version", "values": [run.code_version for run in runs]})
    return [row for row in rows if len(set(row["values"])) > 1]


def _flat(node: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Return dotted key → value as text."""
    found: dict[str, str] = {}
    for key, value in node.items():
        if isinstance(value, Mapping):
            found |= _flat(value, f"{prefix}{key}.")
        elif isinstance(value, list):
            found[prefix + key] = f"[{', '.join(map(str, value))}]"
        else:
            found[prefix + key] = "null" if value is None else str(value)
    return found


def metric_groups(
    metrics: Sequence[Mapping[str, float | None]], models: Sequence[Mapping[str, float | None]]
) -> list[dict[str, Any]]:
    """Return ``group, rows`` of every figure that any run has; a row holds values and differences from the first.

    Args:
        metrics: Metric → value of each book.
        models: Metric → value of each model over all folds; empty without a model.
    """
    columns = [{**of_model, **of_book} for of_book, of_model in zip(metrics, models, strict=True)]
    groups: list[dict[str, Any]] = []
    for name in in_order(set().union(*columns)):
        known = name in METRIC_NAMES
        if name.startswith("benchmark_") or not (known or any(name in one for one in metrics)):
            continue
        group = metric(name).group
        if not groups or groups[-1]["group"] != group:
            groups.append({"group": group, "rows": []})
        groups[-1]["rows"].append(_row(name, [one.get(name) for one in columns]))
    return groups


def _shared_rows(shared: Common, periods: int) -> list[dict[str, Any]]:
    """Return the figures that curves alone tell, over the shared sessions."""
    if len(shared.sessions) < 2:
        return []
    curves = [shared.growth[:, place] for place in range(shared.growth.shape[1])]
    figures: dict[str, list[float | None]] = {
        "total_return": [float(curve[-1] - 1) for curve in curves],
        "cagr": [cagr(curve, periods) for curve in curves],
        "volatility": [volatility(curve, periods) for curve in curves],
        "sharpe": [sharpe(curve, periods) for curve in curves],
        "max_drawdown": [max_drawdown(curve) for curve in curves],
    }
    return [_row(name, values) for name, values in figures.items()]


def _row(name: str, values: Sequence[float | None]) -> dict[str, Any]:
    shape = metric(name)
    return {
        "label": shape.label,
        "about": shape.about,
        "values": [shape.written(value) for value in values],
        "differences": [shape.difference(value, values[0]) for value in values[1:]],
    }


def _month_tables(shared: Common, labels: Sequence[str], periods: int) -> list[dict[str, Any]]:
    """Return, for every run but the first, years of twelve cells: its return less the first run's, and the year's."""
    if len(shared.sessions) < 2:
        return []
    nothing = np.zeros(len(shared.sessions))
    of_run = [
        {
            (period.year, period.month): period.total_return
            for period in by_period(
                shared.sessions,
                equity=shared.growth[:, place],
                benchmark=nothing,
                turnover=nothing,
                periods=periods,
            )
        }
        for place in range(len(labels))
    ]
    tables = []
    for label, months in zip(labels[1:], of_run[1:], strict=True):
        apart = {
            key: None if value is None or (base := of_run[0][key]) is None else value - base
            for key, value in months.items()
        }
        scale = shading_scale(value for (_, month), value in apart.items() if month)
        ahead = [value for (_, month), value in apart.items() if month and value is not None]
        tables.append(
            {
                "label": label,
                "ahead": sum(value > 0 for value in ahead),
                "count": len(ahead),
                "years": [
                    {
                        "year": year,
                        "cells": [
                            {
                                "value": apart.get((year, month)),
                                "colour": shade(apart.get((year, month)), scale),
                            }
                            for month in range(1, 13)
                        ],
                        "total": apart.get((year, 0)),
                    }
                    for year in sorted({year for year, _ in apart}, reverse=True)
                ],
            }
        )
    return tables


def correlation_rows(shared: Common) -> list[list[dict[str, Any]]]:
    """Return the matrix of correlations of daily returns, as cells of text and colour; empty below three sessions."""
    if len(shared.sessions) < 3:
        return []
    changes = [returns(shared.growth[:, place]) for place in range(shared.growth.shape[1])]
    rows = []
    for ours in changes:
        values = [_correlation(ours, theirs) for theirs in changes]
        rows.append(
            [
                {"text": DASH if value is None else ratio(value), "colour": shade(value, 1.0)}
                for value in values
            ]
        )
    return rows


def _correlation(ours: Floats, theirs: Floats) -> float | None:
    known = np.isfinite(ours) & np.isfinite(theirs)
    if known.sum() < 2 or np.std(ours[known]) == 0 or np.std(theirs[known]) == 0:
        return None
    value = float(np.corrcoef(ours[known], theirs[known])[0, 1])
    return value if math.isfinite(value) else None
