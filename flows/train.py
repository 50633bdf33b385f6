"""A model and its out-of-sample predictions, without decisions."""

from __future__ import annotations

from prefect import flow

from flows import tasks


@flow(name="train", persist_result=False)
def train(run_id: str) -> None:
    """Build what a model learns from, and train it walk-forward."""
    tasks.ingest()
    tasks.gate()
    tasks.build()
    tasks.train()
