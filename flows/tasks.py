"""The stages as Prefect tasks: a line each over the stage; names and links only, nothing cached or persisted."""

from __future__ import annotations

from pathlib import Path

from prefect import task
from prefect.artifacts import create_link_artifact, create_table_artifact
from prefect.cache_policies import NO_CACHE

from flows import lookahead, sensitivity_stage, slippage, stages, trade_stages, validation_stage
from flows.run import Stage, current


def _carry_out(stage: Stage) -> str:
    done = current().carry_out(stage)
    return f"{'done' if done else 'unchanged'}: {stage.detail(current().outputs[stage.name])}"


@task(cache_policy=NO_CACHE)
def ingest() -> str:
    """Land the source's pages and append them to raw."""
    return _carry_out(stages.INGEST)


@task(cache_policy=NO_CACHE)
def gate() -> str:
    """Judge the raw rows; bad ones go to quarantine, a bad batch stops the run."""
    said = _carry_out(stages.GATE)
    docs = current().outputs["gate"]["data_docs"]
    if docs:
        create_link_artifact(link=Path(docs).as_uri(), link_text="Data Docs", key="data-docs")
    return said


@task(cache_policy=NO_CACHE)
def build() -> str:
    """Build the SQL models; each is a task run of its own."""
    return _carry_out(stages.BUILD)


@task(cache_policy=NO_CACHE)
def audit_lookahead() -> str:
    """Build on cut histories and compare."""
    return _carry_out(lookahead.STAGE)


@task(cache_policy=NO_CACHE)
def train() -> str:
    """Train the walk-forward models and check what they predict."""
    said = _carry_out(stages.TRAIN)
    _carry_out(stages.CHECK_SCORES)
    metrics = current().outputs["train"]["metrics"]
    create_table_artifact(
        table=[{"metric": name, "value": value} for name, value in metrics.items()], key="model-metrics"
    )
    return said


def prepare() -> None:
    """Carry out what everything on scores begins with: bars, gate, build, and training where predictions are traded."""
    ingest()
    gate()
    build()
    if current().config.strategy.uses_predictions:
        train()


@task(cache_policy=NO_CACHE)
def backtest() -> str:
    """Simulate the decisions and check the targets."""
    said = _carry_out(stages.BACKTEST)
    metrics = current().outputs["backtest"]["metrics"]
    create_table_artifact(
        table=[{"metric": name, "value": value} for name, value in metrics.items()], key="backtest-metrics"
    )
    return said


@task(cache_policy=NO_CACHE)
def promote() -> str:
    """Make the trained model the champion."""
    return _carry_out(trade_stages.PROMOTE)


@task(cache_policy=NO_CACHE)
def score() -> str:
    """Score the sessions that the champion has not seen yet."""
    return _carry_out(trade_stages.SCORE)


@task(cache_policy=NO_CACHE)
def trade() -> str:
    """Decide, journal and send orders, settle fills, reconcile."""
    return _carry_out(trade_stages.TRADE)


@task(cache_policy=NO_CACHE)
def fit_slippage() -> str:
    """Fit a slippage model to recorded fills."""
    return _carry_out(slippage.STAGE)


@task(cache_policy=NO_CACHE)
def validate_strategy() -> str:
    """Put the backtest through the validation suite."""
    said = _carry_out(validation_stage.STAGE)
    validation_stage.show(current())
    table = [
        dict(zip(validation_stage.HEADER, row, strict=True))
        for row in current().outputs["validation"]["table"]
    ]
    create_table_artifact(table=table, key="validation")
    return said


@task(cache_policy=NO_CACHE)
def report() -> str:
    """Write the HTML report."""
    said = _carry_out(stages.REPORT)
    path = current().home.root / current().outputs["report"]["path"]
    create_link_artifact(link=path.as_uri(), link_text="Report", key="report")
    return said


@task(cache_policy=NO_CACHE)
def sensitivity() -> str:
    """Try every combination of the grid."""
    return _carry_out(sensitivity_stage.STAGE)


@task(cache_policy=NO_CACHE)
def sensitivity_report() -> str:
    """Write the page with the heat maps."""
    said = _carry_out(sensitivity_stage.REPORT)
    path = current().home.root / current().outputs["report"]["path"]
    create_link_artifact(link=path.as_uri(), link_text="Sensitivity", key="sensitivity")
    return said
