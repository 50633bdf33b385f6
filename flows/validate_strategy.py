"""A backtest put to the test: parts of its history, worse worlds, chance; ends in a verdict."""

from __future__ import annotations

from prefect import flow

from flows import tasks
from flows.run import current


@flow(name="validate_strategy", persist_result=False)
def validate_strategy(run_id: str) -> None:
    """Backtest as ``flow=backtest`` does, validate the book, and write the report with the verdict."""
    tasks.ingest()
    tasks.gate()
    tasks.build()
    if current().config.strategy.uses_predictions:
        tasks.train()
    tasks.backtest()
    tasks.validate_strategy()
    tasks.report()
