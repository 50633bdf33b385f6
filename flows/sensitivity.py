"""Every combination of a grid of config values, each backtested on one panel: how far a result hangs on its numbers."""

from __future__ import annotations

from prefect import flow

from flows import tasks


@flow(name="sensitivity", persist_result=False)
def sensitivity(run_id: str) -> None:
    """Build and train what the strategy needs, try the grid and write the page."""
    tasks.prepare()
    tasks.sensitivity()
    tasks.sensitivity_report()
