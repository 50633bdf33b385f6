"""Every combination of a grid of config values, each backtested on one panel: how far a result hangs on its numbers."""

from __future__ import annotations

from prefect import flow

from flows import tasks
from flows.run import current


@flow(name="sensitivity", persist_result=False)
def sensitivity(run_id: str) -> None:
    """Build and train what the strategy needs, try the grid and write the page."""
    tasks.ingest()
    tasks.gate()
    tasks.build()
    if current().config.strategy.uses_predictions:
        tasks.train()
    tasks.sensitivity()
    tasks.sensitivity_report()
