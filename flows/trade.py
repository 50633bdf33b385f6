"""Orders: the champion's scores for the newest session, through risk and journal, to the broker."""

from __future__ import annotations

from prefect import flow

from flows import tasks
from flows.run import current


@flow(name="trade", persist_result=False)
def trade(run_id: str) -> None:
    """Bring the marts up to date, score with the champion, decide and send."""
    tasks.ingest()
    tasks.gate()
    tasks.build()
    if current().config.strategy.scores == "predictions":
        tasks.score()
    tasks.trade()
