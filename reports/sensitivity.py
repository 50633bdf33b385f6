"""The page of a sensitivity sweep: its best trial, what lies beside it, and a heat map per pair of keys."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

import polars as pl

from reports import plots, rendering
from reports.formats import DASH, count, metric, percent
from reports.report import report_path
from reports.sensitivity_plots import Map, heat_map
from transforms.errors import QuantmillError
from transforms.paths import Home
from transforms.warehouse import Warehouse

_MOST_TRIALS = 50  # that the page lists
_SHOWN = ("sharpe", "cagr", "max_drawdown", "turnover", "trades", "costs")
_SECTIONS = (("summary", "Summary"), ("maps", "Heat maps"), ("keys", "Keys"), ("trials", "Trials"))


def write_sensitivity(
    warehouse: Warehouse,
    home: Home,
    *,
    run_id: str,
    sweep: str,
    most_keys: int,
    manifest: Mapping[str, Any],
) -> Path:
    """Write the page of a sweep; the same tables and manifest give the same bytes.

    Args:
        warehouse: An open warehouse; nothing is written to it.
        home: The page goes to ``home.reports``.
        run_id: It names the page.
        sweep: In ``execution.sensitivity``.
        most_keys: Of how many keys, the most influential ones, the pairs are drawn.
        manifest: What names the run.

    Raises:
        QuantmillError: If there is no such sweep, or ``run_id`` cannot be a file's name.
    """
    path = report_path(home, run_id)
    trials = warehouse.read("select * from execution.sensitivity where sweep = ? order by trial", [sweep])
    summaries = warehouse.read("select * from execution.sensitivity_summary where sweep = ?", [sweep])
    if trials.is_empty() or summaries.is_empty():
        raise QuantmillError(f"execution.sensitivity has no sweep {sweep}")
    summary = summaries.row(0, named=True)
    values = [json.loads(text) for text in trials["parameters"]]
    influence: dict[str, float | None] = json.loads(summary["influence"])
    maps = maps_of(values, trials[summary["metric"]].to_list(), influential(values, influence, most_keys))
    shape = metric(summary["metric"])
    figures = {
        f"plot-map-{number}": heat_map(drawn, label=shape.label, best=values[summary["best_trial"]])
        for number, drawn in enumerate(maps)
    }
    context = {
        "title": f"{summary['strategy']}: {len(trials):,} trials",
        "subtitle": " × ".join(f"{_count_of(values, key)} of {key}" for key in influence),
        "facts": [("Run", run_id), ("Sweep", sweep), ("Data", str(manifest.get("data_version") or DASH))],
        "sections": _SECTIONS,
        "summary": summary,
        "label": shape.label,
        "cards": _cards(summary, trials),
        "best": values[summary["best_trial"]],
        "robust": values[summary["robust_trial"]],
        "edges": json.loads(summary["edges"]),
        "maps": [{"id": name, "x": drawn.x, "y": drawn.y} for name, drawn in zip(figures, maps, strict=True)],
        "others": len(influence) > 2,
        "keys": _key_rows(values, trials[summary["metric"]].to_list(), influence, shape),
        "columns": [metric(name).label for name in _SHOWN],
        "rows": _trial_rows(trials, values, summary),
        "varied": list(influence),
        "total": len(trials),
        "failures": trials.filter(pl.col("error").is_not_null())["error"].value_counts(sort=True).rows()[:10],
    }
    page = rendering.render(
        "sensitivity.html.j2", context, figures=plots.embeddable(figures) if figures else None
    )
    rendering.write_page(path, page)
    return path


def influential(
    values: Sequence[Mapping[str, Any]], influence: Mapping[str, float | None], most: int
) -> list[str]:
    """Return the keys with more than one value that matter most, in the grid's order."""
    varied = [key for key in influence if _count_of(values, key) > 1]
    ranked = sorted(varied, key=lambda key: -(influence[key] or 0.0))[:most]
    return [key for key in varied if key in ranked]


def maps_of(
    values: Sequence[Mapping[str, Any]], found: Sequence[float | None], keys: Sequence[str]
) -> list[Map]:
    """Return a map per pair of keys: the mean over all trials that share the two values, and how many there are."""
    maps = []
    for first, second in combinations(keys, 2):
        # The key with more values lies along the page.
        y, x = sorted((first, second), key=lambda key: _count_of(values, key))
        cells: dict[tuple[str, str], list[float]] = {}
        for trial, value in zip(values, found, strict=True):
            cell = cells.setdefault((written(trial[x]), written(trial[y])), [])
            if value is not None:
                cell.append(value)
        maps.append(Map(x=x, y=y, xs=_values_of(values, x), ys=_values_of(values, y), cells=cells))
    return maps


def written(value: Any) -> str:
    """Write a value of the config as the command line takes it."""
    return value if isinstance(value, str) else json.dumps(value)


def _values_of(values: Sequence[Mapping[str, Any]], key: str) -> list[str]:
    return list(dict.fromkeys(written(trial[key]) for trial in values))


def _count_of(values: Sequence[Mapping[str, Any]], key: str) -> int:
    return len(_values_of(values, key))


def _cards(summary: Mapping[str, Any], trials: pl.DataFrame) -> list[dict[str, str]]:
    shape = metric(summary["metric"])
    best = trials.row(summary["best_trial"], named=True)
    return [
        {
            "label": f"Best {shape.label}",
            "figure": shape.written(summary["best_value"]),
            "beside": f"trial {summary['best_trial']}",
        },
        {
            "label": "Its neighbours' mean",
            "figure": shape.written(summary["neighbour_mean"]),
            "beside": f"of {count(best['neighbours'])} trials",
        },
        {
            "label": "Stability",
            "figure": percent(summary["stability"], 0),
            "beside": "sharp peak" if summary["is_sharp_peak"] else "neighbours over best",
        },
        {
            "label": "Median of all",
            "figure": shape.written(summary["median_value"]),
            "beside": f"{count(summary['trials'])} trials, {count(summary['failed'])} failed",
        },
        {
            "label": "Deflated Sharpe",
            "figure": percent(best["deflated_sharpe"], 0),
            "beside": "probability that it is no luck",
        },
    ]


def _key_rows(
    values: Sequence[Mapping[str, Any]],
    found: Sequence[float | None],
    influence: Mapping[str, float | None],
    shape: Any,
) -> list[dict[str, Any]]:
    rows = []
    for key, part in influence.items():
        means = []
        for name in _values_of(values, key):
            known = [
                value
                for trial, value in zip(values, found, strict=True)
                if value is not None and written(trial[key]) == name
            ]
            means.append((name, shape.written(sum(known) / len(known) if known else None)))
        rows.append(
            {"key": key, "influence": percent(part), "width": 100 * min(part or 0.0, 1.0), "means": means}
        )
    return rows


def _trial_rows(
    trials: pl.DataFrame, values: Sequence[Mapping[str, Any]], summary: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """Return the best trials, written."""
    shape = metric(summary["metric"])
    ranked = trials.filter(pl.col(summary["metric"]).is_not_null()).sort(
        [summary["metric"], "trial"], descending=[True, False]
    )
    return [
        {
            "trial": row["trial"],
            "values": [written(value) for value in values[row["trial"]].values()],
            "value": shape.written(row[summary["metric"]]),
            "around": shape.written(row["neighbour_mean"]),
            "figures": [metric(name).written(row[name]) for name in _SHOWN],
            "first": row["first_session"],
        }
        for row in ranked.head(_MOST_TRIALS).iter_rows(named=True)
    ]
