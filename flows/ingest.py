"""Bars in: land, append, judge. Nothing downstream is touched."""

from __future__ import annotations

from prefect import flow

from flows import tasks


@flow(name="ingest", persist_result=False)
def ingest(run_id: str) -> None:
    """Ingest the source and pass it through the gate."""
    tasks.ingest()
    tasks.gate()
