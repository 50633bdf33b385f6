"""A sweep's result: every trial, and what the grid says of the best; its tables."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np

from execution.neighbourhood import Judgement, Neighbours, influence, judge, neighbours
from execution.sensitivity_config import SensitivityConfig
from execution.sweep import Evaluation
from execution.trials import Trial, TrialResult, count_in
from execution.types import Floats, defined
from transforms.schemas_sensitivity import SENSITIVITY, SENSITIVITY_SUMMARY
from transforms.warehouse import Warehouse

_FIGURES = (
    "sharpe",
    "sortino",
    "calmar",
    "cagr",
    "volatility",
    "max_drawdown",
    "total_return",
    "information_ratio",
    "final_equity",
    "turnover",
    "exposure",
    "trades",
    "hit_rate",
    "costs",
)


@dataclass(frozen=True)
class Sensitivity:
    """A sweep and what it says.

    Attributes:
        sweep: ``sensitivity/<fingerprint>``.
        metric: Of which the best has most.
        keys: Of the config, one per axis of the grid.
        values: Of each trial: key → value. Trials are in the order of the flattened grid.
        evaluations: Of each trial.
        sessions: First session of each trial, None where it failed.
        grid: The metric, one axis per key; NaN where a trial has none.
        around: Of ``grid``.
        judgement: None where no trial has the metric.
        influence: Of each key, see ``neighbourhood.influence``.
    """

    sweep: str
    strategy: str
    metric: str
    keys: tuple[str, ...]
    values: Sequence[Mapping[str, Any]]
    evaluations: Sequence[Evaluation]
    sessions: Sequence[date | None]
    grid: Floats
    around: Neighbours
    judgement: Judgement | None
    influence: list[float]

    @property
    def failed(self) -> int:
        """How many trials failed."""
        return sum(evaluation.error is not None for evaluation in self.evaluations)

    def value(self, trial: int) -> float:
        """Return a trial's metric."""
        return float(self.grid.flat[trial])


def judged(
    *,
    sweep: str,
    strategy: str,
    keys: tuple[str, ...],
    shape: tuple[int, ...],
    is_ordered: tuple[bool, ...],
    values: Sequence[Mapping[str, Any]],
    evaluations: Sequence[Evaluation],
    sessions: Sequence[date],
    config: SensitivityConfig,
) -> Sensitivity:
    """Lay a sweep's trials out as the grid they are of, and judge the best.

    Args:
        shape: How many values each key has; the trials are in the order of its flattened grid.
        is_ordered: Which keys' values are numbers.
        sessions: The dates of the panel's bars.
    """
    found = [evaluation.metrics.get(config.metric) for evaluation in evaluations]
    grid = np.array([math.nan if value is None else value for value in found]).reshape(shape)
    around = neighbours(grid, is_ordered=is_ordered, steps=config.neighbour_steps)
    return Sensitivity(
        sweep=sweep,
        strategy=strategy,
        metric=config.metric,
        keys=keys,
        values=values,
        evaluations=evaluations,
        sessions=[sessions[one.first] if one.first >= 0 else None for one in evaluations],
        grid=grid,
        around=around,
        judgement=judge(grid, around, is_ordered=is_ordered, sharp_peak=config.sharp_peak),
        influence=influence(grid),
    )


def store(
    warehouse: Warehouse,
    result: Sensitivity,
    trials: Mapping[int, tuple[Trial, TrialResult]],
    *,
    run_id: str,
) -> float | None:
    """Write the sweep's tables and count its trials in the ledger, in one transaction.

    Args:
        trials: Number of a trial that did not fail → what enters the ledger.

    Returns:
        The best trial's deflated Sharpe ratio.
    """
    with warehouse.transaction():
        deflated: dict[int, float | None] = {}
        if trials:
            figures = count_in(warehouse, list(trials.values()))
            deflated = {
                number: figures[trial.fingerprint]["deflated_sharpe"] for number, (trial, _) in trials.items()
            }
        for table, rows in (
            (SENSITIVITY, _rows(result, trials, deflated)),
            (SENSITIVITY_SUMMARY, [_summary(result, trials, run_id)]),
        ):
            warehouse.replace_where(table, {"sweep": result.sweep}, table.frame(rows))
    return None if result.judgement is None else deflated.get(result.judgement.best)


_Entries = Mapping[int, tuple[Trial, TrialResult]]


def _rows(
    result: Sensitivity, trials: _Entries, deflated: Mapping[int, float | None]
) -> list[dict[str, Any]]:
    around = result.around
    return [
        {
            "sweep": result.sweep,
            "trial": number,
            "strategy": result.strategy,
            "parameters": json.dumps(dict(values)),
            "config": trials[number][0].fingerprint if number in trials else None,
            "first_session": session,
            **{name: evaluation.metrics.get(name) for name in _FIGURES},
            "deflated_sharpe": deflated.get(number),
            "neighbours": int(around.number.flat[number]),
            "neighbour_mean": defined(around.mean.flat[number]),
            "neighbour_median": defined(around.median.flat[number]),
            "error": evaluation.error,
        }
        for number, (values, session, evaluation) in enumerate(
            zip(result.values, result.sessions, result.evaluations, strict=True)
        )
    ]


def _summary(result: Sensitivity, trials: _Entries, run_id: str) -> dict[str, Any]:
    best = result.judgement
    row: dict[str, Any] = {
        "sweep": result.sweep,
        "run_id": run_id,
        "strategy": result.strategy,
        "data": next((trial.data for trial, _ in trials.values()), None),
        "metric": result.metric,
        "trials": len(result.evaluations),
        "failed": result.failed,
        "influence": json.dumps(
            {key: defined(part) for key, part in zip(result.keys, result.influence, strict=True)}
        ),
    }
    if best is None:
        return row
    return row | {
        "best_trial": best.best,
        "best_value": result.value(best.best),
        "neighbour_mean": defined(result.around.mean.flat[best.best]),
        "stability": defined(best.stability),
        "is_sharp_peak": best.is_sharp_peak,
        "robust_trial": best.robust,
        "robust_value": result.value(best.robust),
        "edges": json.dumps([result.keys[axis] for axis in best.edges]),
        "median_value": float(np.nanmedian(result.grid)),
    }
