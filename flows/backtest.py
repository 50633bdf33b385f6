"""Scores to simulated money, with the report; no orders."""

from __future__ import annotations

from prefect import flow

from flows import tasks


@flow(name="backtest", persist_result=False)
def backtest(run_id: str) -> None:
    """Build and train what the strategy needs, simulate it and write the report."""
    tasks.prepare()
    tasks.backtest()
    tasks.report()
