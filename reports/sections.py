"""The report's parts as plain data: pure functions from frames to what the template shows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from reports.formats import DASH, METRIC_NAMES, count, metric, moment, number, ratio, usd

FOLD_METRICS = ("auc", "log_loss", "precision", "information_coefficient")
_BENCHMARK = "benchmark_"


@dataclass(frozen=True)
class Card:
    """One headline figure, and what stands beside it."""

    label: str
    figure: str
    beside: str
    about: str


def cards(metrics: Mapping[str, float | None], costs: Mapping[str, float | None], equity: pl.DataFrame, trades: int) -> list[Card]:
    """Return the headline figures; one that is undefined or absent is a dash."""

    def card(name: str, beside: str = "") -> Card:
        shape = metric(name)
        return Card(shape.label, shape.written(metrics.get(name)), beside, shape.about)

    def against(name: str) -> str:
        other = number(metrics.get(_BENCHMARK + name))
        return "" if other is None else f"benchmark {metric(name).written(other)}"

    total, bps = total_cost(costs)
    span = "" if equity.is_empty() else f"{usd(equity['equity'][0], 0)} → {usd(equity['equity'][-1], 0)} USD"
    return [
        card("cagr", against("cagr")),
        card("sharpe", against("sharpe")),
        card("max_drawdown", against("max_drawdown")),
        card("volatility", against("volatility")),
        card("total_return", span),
        card("turnover", "of equity, a year"),
        card("hit_rate", f"{count(trades)} trades" if trades else ""),
        card("profit_factor", "profits over losses"),
        card("exposure", "mean gross, of equity"),
        Card("Costs", usd(total, 0), "" if bps is None else f"USD, {ratio(bps, 1)} bps of traded value", "Commission and slippage"),
    ]


def metric_rows(metrics: Mapping[str, float | None]) -> list[dict[str, str]]:
    """Return every metric with the benchmark's beside the book's: those that have a headline first."""
    names = {name.removeprefix(_BENCHMARK) for name in metrics}
    order = {name: place for place, name in enumerate(METRIC_NAMES)}
    return [
        {
            "label": metric(name).label,
            "value": metric(name).written(metrics.get(name)),
            "benchmark": metric(name).written(metrics.get(_BENCHMARK + name)),
            "about": metric(name).about,
        }
        for name in sorted(names, key=lambda name: (order.get(name, len(order)), name))
    ]


def total_cost(costs: Mapping[str, float | None]) -> tuple[float | None, float | None]:
    """Return commission plus slippage, in USD and in basis points of the traded value; None where nothing was traded."""
    commission, slippage, traded = (number(costs.get(name)) for name in ("commission", "slippage", "traded_value"))
    if commission is None or slippage is None:
        return None, None
    total = commission + slippage
    return total, total / traded * 1e4 if traded else None


def fold_rows(folds: pl.DataFrame, metrics: pl.DataFrame) -> tuple[tuple[str, ...], list[dict[str, Any]]]:
    """Return the metrics' names and one row per fold, the row of all folds together (fold -1) last.

    Args:
        folds: ``ml.folds`` of one model.
        metrics: ``fold, metric, value`` of the same model.
    """
    values = {(fold, name): value for fold, name, value in metrics.select("fold", "metric", "value").iter_rows()}
    found = {name for _, name in values}
    names = tuple(name for name in FOLD_METRICS if name in found) + tuple(sorted(found - set(FOLD_METRICS)))

    def written(fold: int) -> list[str]:
        return [metric(name).written(values.get((fold, name))) for name in names]

    rows: list[dict[str, Any]] = [
        {
            **fold,
            "is_total": False,
            "windows": [_window(fold[f"{part}_start"], fold[f"{part}_end"]) for part in ("train", "validation", "test")],
            "metrics": written(fold["fold"]),
        }
        for fold in folds.iter_rows(named=True)
    ]
    if rows and any(fold == -1 for fold, _ in values):
        total = {name: int(folds[name].sum()) for name in ("purged_rows", "test_rows")}
        windows = ["", "", _window(folds["test_start"].min(), folds["test_end"].max())]
        blank = {"fold": -1, "train_rows": None, "best_iteration": None}
        rows.append({**blank, **total, "is_total": True, "windows": windows, "metrics": written(-1)})
    return names, rows


def _window(start: object, end: object) -> str:
    return DASH if start is None and end is None else f"{moment(start)} … {moment(end)}"


def plotted_folds(folds: pl.DataFrame, metrics: pl.DataFrame) -> pl.DataFrame:
    """Return ``fold, test_start, test_end, auc, information_coefficient``, NULL where a fold lacks the metric."""
    wide = folds.select("fold", "test_start", "test_end")
    for name in ("auc", "information_coefficient"):
        one = metrics.filter(pl.col("metric") == name).select("fold", pl.col("value").alias(name))
        wide = wide.join(one, on="fold", how="left", maintain_order="left")
    return wide


def shade(value: float | None, scale: float) -> str | None:
    """Return a cell's background: white at 0, blue towards +scale, orange towards −scale; light enough for dark ink."""
    if value is None or scale <= 0:
        return None
    depth = min(1.0, abs(value) / scale)
    full = (118, 178, 226) if value >= 0 else (245, 172, 120)
    red, green, blue = (round(255 + (channel - 255) * depth) for channel in full)
    return f"#{red:02x}{green:02x}{blue:02x}"


def stage_rows(stages: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return ``name, seconds, skipped`` per stage, from seconds or from a mapping with those keys."""
    rows = []
    for name, told in stages.items():
        facts = told if isinstance(told, Mapping) else {"seconds": told}
        rows.append({"name": name, "seconds": facts.get("seconds"), "skipped": bool(facts.get("skipped", False))})
    return rows


def gate_summary(gates: pl.DataFrame, run_id: str) -> str:
    """Say in a sentence what the gates found and, where they were skipped, which run's finding it is."""
    if gates.is_empty():
        return "No gate results are recorded for this run."
    failed = int((~gates["passed"].fill_null(value=False)).sum())
    verdict = "all passed" if failed == 0 else f"{failed} failed"
    others = sorted(set(gates["run_id"].to_list()) - {run_id})
    origin = f" Unchanged since, and so not repeated: results of {', '.join(others)}." if others else ""
    return f"{count(len(gates))} expectations checked, {verdict}.{origin}"


def curves(equity: pl.DataFrame) -> pl.DataFrame:
    """Return ``session_date, equity, drawdown`` and, where there is one, ``benchmark, benchmark_drawdown``.

    Equity and benchmark are the growth of 1 from their first value on; drawdowns are fractions ≤ 0. A
    benchmark that has no value yet is NaN.

    Args:
        equity: ``execution.equity`` of one book, oldest first.
    """
    shown = equity.select("session_date", "equity", pl.col("benchmark").fill_nan(None))
    if shown["benchmark"].null_count() == len(shown):
        shown = shown.drop("benchmark")
    frame = shown.select("session_date")
    for name, fall in (("equity", "drawdown"), ("benchmark", "benchmark_drawdown")):
        if name in shown.columns:
            growth = pl.col(name) / pl.col(name).drop_nulls().first()
            depth = pl.col(name) / pl.col(name).cum_max().forward_fill() - 1
            frame = frame.with_columns(
                shown.select(growth.fill_null(float("nan")).alias(name), depth.fill_null(float("nan")).alias(fall))
            )
    return frame


def month_rows(equity: pl.DataFrame) -> list[dict[str, Any]]:
    """Return one row per year, newest first: twelve cells (value, colour), the year's return, the benchmark's.

    Returns are fractions from the last close before the period (or the first close of all) to its last close;
    None where the book has no session.

    Args:
        equity: ``execution.equity`` of one book, oldest first.
    """
    if equity.is_empty():
        return []
    dated = equity.with_columns(
        pl.col("session_date").dt.year().alias("year"), pl.col("session_date").dt.month().alias("month")
    )
    monthly = _returns(dated, "equity", ["year", "month"])
    yearly = _returns(dated, "equity", ["year"])
    benchmark = _returns(dated.filter(pl.col("benchmark").is_finite()), "benchmark", ["year"])
    sizes = sorted(abs(value) for value in monthly.values())
    scale = sizes[int(0.9 * (len(sizes) - 1))]  # one wild month shall not blanch all others
    return [
        {
            "year": year,
            "cells": [
                {"value": monthly.get((year, month)), "colour": shade(monthly.get((year, month)), scale)}
                for month in range(1, 13)
            ],
            "total": yearly[(year,)],
            "benchmark": benchmark.get((year,)),
        }
        for (year,) in sorted(yearly, reverse=True)
    ]


def _returns(dated: pl.DataFrame, column: str, period: list[str]) -> dict[tuple[int, ...], float]:
    """Return period → last value over the last one before it, less one."""
    closes = dated.group_by(period, maintain_order=True).agg(pl.col(column).last())
    if closes.is_empty():
        return {}
    before = pl.col(column).shift(1, fill_value=dated[column][0])
    returned = closes.with_columns((pl.col(column) / before - 1).alias("return"))
    return {tuple(row[:-1]): row[-1] for row in returned.select(*period, "return").iter_rows()}
