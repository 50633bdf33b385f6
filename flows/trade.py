"""Orders: the champion's scores for the newest session, through risk and journal, to the broker."""

from __future__ import annotations

from prefect import flow

from flows import tasks
from flows.run import current
from ml.registry import champion


@flow(name="trade", persist_result=False)
def trade(run_id: str) -> None:
    """Bring the marts up to date, score with the champion, decide and send."""
    run = current()
    trades_predictions = run.config.strategy.uses_predictions
    if trades_predictions:
        champion(run.warehouse)  # without one, say so before any work is done
    tasks.ingest()
    tasks.gate()
    tasks.build()
    if trades_predictions:
        tasks.score()
    tasks.trade()
