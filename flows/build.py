"""Bars in and SQL built: the warehouse for an analyst."""

from __future__ import annotations

from prefect import flow

from flows import tasks


@flow(name="build", persist_result=False)
def build(run_id: str) -> None:
    """Ingest, judge and build every mart."""
    tasks.ingest()
    tasks.gate()
    tasks.build()
