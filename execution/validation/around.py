"""How a strategy's parameters stand among their neighbours, by the newest sensitivity sweep."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from execution.trials import Trial
from transforms.warehouse import Warehouse

_NEWEST = """
select sweep, metric, trials, best_value, stability
from execution.sensitivity_summary as summary
where strategy = $strategy and exists (
    select 1 from ops.trials as known
    where known.strategy = $strategy and known.data = $data and known.run_id = summary.run_id)
order by run_id desc
limit 1
"""
_TRIALS = """
select trial, parameters, neighbour_mean, neighbours
from execution.sensitivity
where sweep = ?
order by trial
"""


def stable_neighbourhood(warehouse: Warehouse, trial: Trial) -> tuple[float | None, str] | None:
    """Return the mean of a config's neighbours in the newest sweep over its own value, and what to say of it.

    Where the sweep did not try these very values, its best trial stands in. Sweeps of the same strategy on the same
    data count.

    Returns:
        None where there is no such sweep; a score of None where its value is not above 0 or nothing is beside it.
    """
    found = warehouse.read(_NEWEST, {"strategy": trial.strategy, "data": trial.data})
    if found.is_empty():
        return None
    newest = found.row(0, named=True)
    metric, sweep = newest["metric"], newest["sweep"]
    said = f"{newest['trials']} trials of {sweep}"
    for row in warehouse.read(_TRIALS, [sweep]).iter_rows(named=True):
        if not _is_of(json.loads(row["parameters"]), trial.config):
            continue
        own = warehouse.value(
            f'select "{metric}" from execution.sensitivity where sweep = ? and trial = ?',
            [sweep, row["trial"]],
        )
        mean = row["neighbour_mean"]
        note = f"{said}: its {metric} against the mean of its {row['neighbours']} neighbours"
        return (mean / own if own is not None and own > 0 and mean is not None else None), note
    return newest["stability"], f"{said}, which did not try this config: its best {metric} stands in"


def _is_of(parameters: Mapping[str, Any], config: Mapping[str, Any]) -> bool:
    """Whether a config has all of these values."""
    for key, wanted in parameters.items():
        value: Any = config
        for part in key.split("."):
            value = value.get(part) if isinstance(value, Mapping) else None
        if value != wanted:
            return False
    return True
