"""How a strategy's parameters stand among their neighbours, by the newest sensitivity sweep."""

from __future__ import annotations

from execution.trials import Trial
from transforms.warehouse import Warehouse

_NEWEST = """
select sweep, metric, trials, best_value, stability
from execution.sensitivity_summary
where strategy = $strategy and data = $data
order by run_id desc
limit 1
"""


def stable_neighbourhood(warehouse: Warehouse, trial: Trial) -> tuple[float | None, str] | None:
    """Return the mean of a config's neighbours in the newest sweep over its own value, and what to say of it.

    Where the sweep did not try this very config, its best trial stands in. Sweeps of the same strategy on the same
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
    own = warehouse.read(
        f'select "{metric}" as value, neighbour_mean, neighbours from execution.sensitivity '
        "where sweep = ? and config = ?",
        [sweep, trial.fingerprint],
    )
    if not own.is_empty():
        value, mean, count = own.row(0)
        note = f"{said}: its {metric} against the mean of its {count} neighbours"
        return (mean / value if value is not None and value > 0 and mean is not None else None), note
    return newest["stability"], f"{said}, which did not try this config: its best {metric} stands in"
