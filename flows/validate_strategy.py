"""A backtest put to the test: parts of its history, worse worlds, chance; ends in a verdict."""

from __future__ import annotations

from prefect import flow

from flows import tasks


@flow(name="validate_strategy", persist_result=False)
def validate_strategy(run_id: str) -> None:
    """Backtest as ``flow=backtest`` does, validate the book, and write the report with the verdict."""
    tasks.prepare()
    tasks.backtest()
    tasks.validate_strategy()
    tasks.report()
