"""The report's parts that speak of a book over time: pure functions from frames to what template and plots show."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl

from execution.performance import by_period, drawdowns, returns
from execution.types import Floats
from reports.formats import metric, number, percent, shade, shading_scale
from reports.sections import in_order

_BENCHMARK = "benchmark_"
_WINDOWS = (126, 21)  # sessions of rolling figures: half a year where two windows fit, else a month


def curves(equity: pl.DataFrame) -> pl.DataFrame:
    """Return ``session_date, equity, drawdown`` and, where there is one, ``benchmark, benchmark_drawdown``.

    Equity and benchmark are the growth of 1 from their first value on; drawdowns are fractions ≤ 0. Sessions
    on which a benchmark has no value are NaN in its columns.

    Args:
        equity: Of ``queries.session_equity``.
    """
    equity = equity.with_row_index("place")
    frame = equity.select("place", "session_date")
    for name, fall in (("equity", "drawdown"), ("benchmark", "benchmark_drawdown")):
        known = equity.filter(pl.col(name).is_finite()).select("place", name)
        if known.is_empty():
            continue
        values = known[name].to_numpy()
        curve = known.select(
            "place", (pl.col(name) / values[0]).alias(name), pl.Series(fall, drawdowns(values))
        )
        frame = frame.join(curve, on="place", how="left", maintain_order="left")
    return frame.drop("place").with_columns(pl.exclude("session_date").fill_null(float("nan")))


def rolling_window(equity: pl.DataFrame) -> int | None:
    """Return how many sessions rolling figures look back on, None where the book is too short for any."""
    return next((window for window in _WINDOWS if len(equity) > 2 * window), None)


def rolling(equity: pl.DataFrame, window: int, periods: int) -> pl.DataFrame:
    """Return ``session_date, sharpe, benchmark_sharpe, beta`` over the last ``window`` returns of each session.

    Sharpe ratios are annualised; NaN where one is not defined. The first row is the first with a whole window.

    Args:
        equity: Of ``queries.session_equity``, with more than ``window`` sessions.
        periods: Sessions per year.
    """
    ours = returns(equity["equity"].to_numpy())
    theirs = returns(equity["benchmark"].cast(pl.Float64).fill_null(float("nan")).to_numpy())
    mean_of, mean_other = _means(ours, window), _means(theirs, window)
    spread_of, spread_other = _means(ours**2, window) - mean_of**2, _means(theirs**2, window) - mean_other**2
    together = _means(ours * theirs, window) - mean_of * mean_other
    unbiased = math.sqrt((window - 1) / window) * math.sqrt(periods)
    with np.errstate(invalid="ignore", divide="ignore"):
        columns = {
            "sharpe": mean_of / np.sqrt(_varying(spread_of)) * unbiased,
            "benchmark_sharpe": mean_other / np.sqrt(_varying(spread_other)) * unbiased,
            "beta": together / _varying(spread_other),
        }
    return pl.DataFrame({"session_date": equity["session_date"][window:], **columns})


def _means(values: Floats, window: int) -> Floats:
    """Return the mean of each ``window`` values in a row; NaN where one of them is."""
    return np.asarray(np.mean(np.lib.stride_tricks.sliding_window_view(values, window), axis=1))


def _varying(variance: Floats) -> Floats:
    """Return variances with NaN for those that are nothing but rounding."""
    return np.where(variance > 1e-18, variance, np.nan)


def year_rows(equity: pl.DataFrame, periods: int) -> list[dict[str, Any]]:
    """Return one row per year, newest first: twelve months (value, colour) and the figures of the year.

    Returns are fractions; None where there is no session or no return.

    Args:
        equity: Of ``queries.session_equity``.
        periods: Sessions per year.
    """
    if equity.is_empty():
        return []
    columns = {
        name: equity[name].cast(pl.Float64).fill_null(float("nan")).to_numpy()
        for name in ("equity", "benchmark", "turnover")
    }
    found = by_period(equity["session_date"].to_list(), periods=periods, **columns)
    months = {(one.year, one.month): one.total_return for one in found if one.month}
    scale = shading_scale(list(months.values()))
    return [
        {
            "year": one.year,
            "cells": [
                {
                    "value": months.get((one.year, month)),
                    "colour": shade(months.get((one.year, month)), scale),
                }
                for month in range(1, 13)
            ],
            "total": one.total_return,
            "benchmark": one.benchmark_return,
            "volatility": one.volatility,
            "max_drawdown": one.max_drawdown,
            "turnover": one.turnover,
            "sessions": one.sessions,
        }
        for one in reversed(found)
        if not one.month
    ]


def metric_groups(metrics: Mapping[str, float | None], intervals: pl.DataFrame) -> list[dict[str, Any]]:
    """Return ``group, rows`` of every figure in reading order: value, benchmark's, confidence interval, meaning.

    Args:
        metrics: Metric → value of the book.
        intervals: ``metric, low, high, level`` of the book; without rows where none were drawn.
    """
    known = {row["metric"]: row for row in intervals.iter_rows(named=True)}
    groups: list[dict[str, Any]] = []
    for name in in_order({name.removeprefix(_BENCHMARK) for name in metrics}):
        shape, interval = metric(name), known.get(name)
        if not groups or groups[-1]["group"] != shape.group:
            groups.append({"group": shape.group, "rows": []})
        groups[-1]["rows"].append(
            {
                "label": shape.label,
                "value": shape.written(metrics.get(name)),
                "benchmark": shape.written(metrics[_BENCHMARK + name])
                if _BENCHMARK + name in metrics
                else "",
                "interval": f"{shape.written(interval['low'])} to {shape.written(interval['high'])}"
                if interval
                else "",
                "about": shape.about,
            }
        )
    return groups


def significance(metrics: Mapping[str, float | None], intervals: pl.DataFrame) -> list[str]:
    """Return sentences that say how sure the Sharpe ratio is; none where it is not known."""
    written = metric("sharpe").written
    said = []
    drawn = {row["metric"]: row for row in intervals.iter_rows(named=True)}
    if row := drawn.get("sharpe"):
        said.append(
            f"With probability {percent(row['level'], 0)} the Sharpe ratio lies between {written(row['low'])} and "
            f"{written(row['high'])} (stationary bootstrap, {row['samples']:,} samples of blocks of "
            f"{row['block']:.1f} sessions on average)."
        )
    if (probable := number(metrics.get("probabilistic_sharpe"))) is not None:
        said.append(f"It is above 0 with probability {percent(probable)} (probabilistic Sharpe ratio).")
    trials, deflated = number(metrics.get("trials")), number(metrics.get("deflated_sharpe"))
    if trials is not None and deflated is not None:
        tried = f"{trials:,.0f} configs were" if trials != 1 else "one config was"
        said.append(
            f"{tried.capitalize()} tried on these data so far; the best of as many worthless ones would show "
            f"{written(metrics.get('expected_max_sharpe'))}, and this one is above that with probability "
            f"{percent(deflated)} (deflated Sharpe ratio)."
        )
    return said
