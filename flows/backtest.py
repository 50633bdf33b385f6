"""Scores to simulated money, with the report; no orders."""

from __future__ import annotations

from prefect import flow

from flows import tasks
from flows.run import current


@flow(name="backtest", persist_result=False)
def backtest(run_id: str) -> None:
    """Build and train what the strategy needs, simulate it and write the report."""
    tasks.ingest()
    tasks.gate()
    tasks.build()
    if current().config.strategy.uses_predictions:
        tasks.train()
    tasks.backtest()
    tasks.report()
