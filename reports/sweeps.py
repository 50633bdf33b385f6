"""The report's part on sensitivity: the newest sweep of the run's strategy, in short, with its heat maps."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from reports.formats import metric
from transforms.warehouse import Warehouse

_KEYS = 3  # the most influential ones, whose pairs are drawn

_NEWEST = """
select * from execution.sensitivity_summary where strategy = $strategy order by run_id desc, sweep limit 1
"""


@dataclass(frozen=True)
class Sweep:
    """The newest sweep of a strategy.

    Attributes:
        summary: Its row of ``execution.sensitivity_summary``.
        trials: Its rows of ``execution.sensitivity``, in order.
    """

    summary: Mapping[str, Any]
    trials: pl.DataFrame


def newest_sweep(warehouse: Warehouse, strategy: str | None) -> Sweep | None:
    """Return the newest sweep of a strategy, None where there is none."""
    summaries = warehouse.read(_NEWEST, {"strategy": strategy})
    if summaries.is_empty():
        return None
    summary = summaries.row(0, named=True)
    sql = "select * from execution.sensitivity where sweep = $sweep order by trial"
    return Sweep(summary, warehouse.read(sql, {"sweep": summary["sweep"]}))


def sweep_facts(sweep: Sweep) -> list[tuple[str, str]]:
    """Return what the sweep came to, as names and values."""
    summary, shape = sweep.summary, metric(sweep.summary["metric"])
    parameters = sweep.trials["parameters"].to_list()
    facts = [
        ("Trials", f"{summary['trials']:,}, {summary['failed']:,} of them failed"),
        (
            f"Best {shape.label}",
            f"{shape.written(summary['best_value'])}, with {_told(parameters, summary['best_trial'])}",
        ),
        ("Mean of its neighbours", shape.written(summary["neighbour_mean"])),
        (
            "Stability",
            f"{metric('hit_rate').written(summary['stability'])}: the neighbours' mean over the best",
        ),
        (f"Median {shape.label} of all", shape.written(summary["median_value"])),
        ("Best together with its neighbours", _told(parameters, summary["robust_trial"])),
    ]
    if summary["is_sharp_peak"]:
        facts.append(("Warning", "the best is a sharp peak: what lies beside it is much worse"))
    return facts


def _told(parameters: list[str], trial: int | None) -> str:
    if trial is None:
        return "–"
    return ", ".join(f"{key}={value}" for key, value in json.loads(parameters[trial]).items())


def sweep_figures(sweep: Sweep) -> dict[str, Any]:
    """Return element id → heat map, one for each pair of the most influential keys."""
    # The page of a sweep is named as reports are, so its module imports the report's.
    from reports.sensitivity import influential, maps_of
    from reports.sensitivity_plots import heat_map

    summary = sweep.summary
    if summary["best_trial"] is None:
        return {}
    values = [json.loads(text) for text in sweep.trials["parameters"]]
    keys = influential(values, json.loads(summary["influence"]), _KEYS)
    maps = maps_of(values, sweep.trials[summary["metric"]].to_list(), keys)
    label = metric(summary["metric"]).label
    return {
        f"plot-sweep-{number}": heat_map(drawn, label=label, best=values[summary["best_trial"]])
        for number, drawn in enumerate(maps)
    }
