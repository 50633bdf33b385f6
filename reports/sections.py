"""The report's parts as plain data: pure functions from frames to what the template shows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from reports.formats import DASH, METRIC_NAMES, count, metric, moment, number, ratio, usd

# What a fold's row has room for; the others are told of all folds together.
FOLD_METRICS = (
    "auc",
    "log_loss",
    "accuracy",
    "precision",
    "base_rate",
    "information_coefficient",
    "ic_t_stat",
)
_SEVERITIES = {"batch": "stopped the run", "row": "sent rows to quarantine", "warn": "warned"}
_BENCHMARK = "benchmark_"


@dataclass(frozen=True)
class Card:
    """One headline figure, and what stands beside it."""

    label: str
    figure: str
    beside: str
    about: str


def cards(metrics: Mapping[str, float | None], traded_value: float | None) -> list[Card]:
    """Return the headline figures; one that is undefined or absent is a dash.

    Args:
        metrics: Metric → value of the book.
        traded_value: What it bought and sold, USD.
    """

    def card(name: str, beside: str = "") -> Card:
        shape = metric(name)
        return Card(shape.label, shape.written(metrics.get(name)), beside, shape.about)

    def against(name: str) -> str:
        other = number(metrics.get(_BENCHMARK + name))
        return "" if other is None else f"benchmark {metric(name).written(other)}"

    bps = cost_bps(metrics, traded_value)
    trades = number(metrics.get("trades"))
    return [
        card("cagr", against("cagr")),
        card("sharpe", against("sharpe")),
        card("max_drawdown", against("max_drawdown")),
        card("volatility", against("volatility")),
        card("total_return", against("total_return")),
        card("turnover", "equity, a year"),
        card("hit_rate", "" if trades is None else f"{count(trades)} trades"),
        card("profit_factor", "profits over losses"),
        card("exposure", "mean gross, of equity"),
        Card(
            "Costs, USD",
            usd(metrics.get("costs"), 0),
            "" if bps is None else f"{ratio(bps, 1)} bps of traded value",
            metric("costs").about,
        ),
    ]


def in_order(names: Iterable[str]) -> list[str]:
    """Return metrics' names in the order in which people read them; those not known here last, by name."""
    order = {name: place for place, name in enumerate(METRIC_NAMES)}
    return sorted(names, key=lambda name: (order.get(name, len(order)), name))


def cost_bps(metrics: Mapping[str, float | None], traded_value: float | None) -> float | None:
    """Return commission and slippage in basis points of the traded value; None where nothing was traded."""
    costs, traded = number(metrics.get("costs")), number(traded_value)
    return None if costs is None or not traded else costs / traded * 1e4


def fold_rows(folds: pl.DataFrame, metrics: pl.DataFrame) -> tuple[tuple[str, ...], list[dict[str, Any]]]:
    """Return the metrics' names and one row per fold, the row of all folds together (fold -1) last.

    A row's ``windows`` are train, validation and test, each in months and in days.

    Args:
        folds: ``ml.folds`` of one model.
        metrics: ``fold, metric, value`` of the same model.
    """
    values = {
        (fold, name): value for fold, name, value in metrics.select("fold", "metric", "value").iter_rows()
    }
    found = {name for _, name in values}
    names = tuple(name for name in FOLD_METRICS if name in found)

    def written(fold: int) -> list[str]:
        return [metric(name).written(values.get((fold, name))) for name in names]

    rows: list[dict[str, Any]] = [
        {
            **fold,
            "is_total": False,
            "windows": [
                (
                    _in_months(fold[f"{part}_start"], fold[f"{part}_end"]),
                    _window(fold[f"{part}_start"], fold[f"{part}_end"]),
                )
                for part in ("train", "validation", "test")
            ],
            "metrics": written(fold["fold"]),
        }
        for fold in folds.iter_rows(named=True)
    ]
    if rows and any(fold == -1 for fold, _ in values):
        total = {name: int(folds[name].sum()) for name in ("purged_rows", "test_rows")}
        start, end = folds["test_start"].min(), folds["test_end"].max()
        windows = [("", ""), ("", ""), (_in_months(start, end), _window(start, end))]
        blank = {"fold": -1, "train_rows": None, "best_iteration": None}
        rows.append({**blank, **total, "is_total": True, "windows": windows, "metrics": written(-1)})
    return names, rows


def _window(start: object, end: object) -> str:
    return DASH if start is None and end is None else f"{moment(start)}\u2009–\u2009{moment(end)}"


def _in_months(start: object, end: object) -> str:
    return DASH if start is None and end is None else f"{moment(start)[:7]}\u2009–\u2009{moment(end)[:7]}"


def further_metrics(metrics: pl.DataFrame) -> list[tuple[str, str]]:
    """Return label and value of what ``fold_rows`` leaves out, of all folds together.

    Args:
        metrics: ``fold, metric, value`` of one model.
    """
    further = metrics.filter((pl.col("fold") == -1) & ~pl.col("metric").is_in(FOLD_METRICS))
    values = dict(further.select("metric", "value").iter_rows())
    return [(metric(name).label, metric(name).written(values[name])) for name in in_order(values)]


def plotted_folds(folds: pl.DataFrame, metrics: pl.DataFrame) -> pl.DataFrame:
    """Return ``fold, test_start, test_end, auc, information_coefficient``; NULL where the metric lacks."""
    wide = folds.select("fold", "test_start", "test_end")
    for name in ("auc", "information_coefficient"):
        one = metrics.filter(pl.col("metric") == name).select("fold", pl.col("value").alias(name))
        wide = wide.join(one, on="fold", how="left", maintain_order="left")
    return wide


def stage_rows(stages: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return ``name, seconds, skipped`` per stage, from seconds or from a mapping with those keys."""
    rows = []
    for name, told in stages.items():
        facts = told if isinstance(told, Mapping) else {"seconds": told}
        rows.append(
            {"name": name, "seconds": facts.get("seconds"), "skipped": bool(facts.get("skipped", False))}
        )
    return rows


def gate_summary(gates: pl.DataFrame, run_id: str) -> str:
    """Say in a sentence what the gates found and, where they were skipped, which run's finding it is."""
    if gates.is_empty():
        return "No gate results are recorded for this run."
    kinds = gates.filter(~pl.col("passed").fill_null(value=False))["severity"]
    failed = Counter(kinds.to_list())
    verdict = "all passed"
    if failed:
        parts = [f"{failed[kind]} {told}" for kind, told in _SEVERITIES.items() if failed.get(kind)]
        unnamed = sum(found for kind, found in failed.items() if kind not in _SEVERITIES)
        verdict = ", ".join([*parts, *([f"{unnamed} failed"] if unnamed else [])]) + ", the rest passed"
    others = sorted(set(gates["run_id"].to_list()) - {run_id})
    origin = f" Unchanged since, and so not repeated: results of {', '.join(others)}." if others else ""
    return f"{count(len(gates))} expectations checked, {verdict}.{origin}"


def suite_rows(gates: pl.DataFrame, page_of: Callable[[str, str], str | None]) -> list[dict[str, Any]]:
    """Return one row per suite: what it counted, the run whose results they are, its page, its results.

    Args:
        gates: ``run_id, suite, expectation, severity, passed, failed_rows, details``, suites together.
        page_of: Run and suite → link to the Data Docs' page, None where there is none.
    """
    rows = []
    for (suite, run_id), results in gates.group_by("suite", "run_id", maintain_order=True):
        failed = results.filter(~pl.col("passed").fill_null(value=False))
        rows.append(
            {
                "suite": suite,
                "run_id": run_id,
                "page": page_of(str(run_id), str(suite)),
                "checked": len(results),
                "failed": len(failed.filter(pl.col("severity") != "warn")),
                "warned": len(failed.filter(pl.col("severity") == "warn")),
                "failed_rows": int(failed["failed_rows"].fill_null(0).sum()),
                "results": results,
            }
        )
    return rows
