"""The stages: for each, what decides its result, the pure function that does the work, and what to say of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flows.run import Run, Stage
from transforms.config import SourceConfig, sessions_per_year
from transforms.versions import code_version, plain

if TYPE_CHECKING:
    from flows.dbt import BuildVars
    from transforms.landing import LandedPage


def _source_of(run: Run) -> SourceConfig:
    return run.config.source


# ---------------------------------------------------------------- ingest


def _ingest_inputs(run: Run) -> Any:
    from transforms.sources.base import open_source

    return {"source": plain(_source_of(run)), "version": open_source(_source_of(run)).coverage().version}


def _ingest(run: Run, _fingerprint: str) -> dict[str, Any]:
    from expectations.engine import preload
    from transforms.ingest import ingest

    preload()  # new rows will be judged: Great Expectations takes seconds to import

    def show(page: LandedPage, _appended: int) -> None:
        run.display.update("ingest", f"{page.kind} page {page.page}, {page.rows:,} rows")

    result = ingest(run.warehouse, run.home, _source_of(run), on_page=show)
    return {
        "appended": result.rows_appended,
        "received": result.rows_received,
        "symbols": result.symbols,
        "first": str(result.first_session),
        "last": str(result.last_session),
        "data_version": result.data_version,
    }


INGEST = Stage(
    "ingest",
    code=("transforms",),
    inputs=_ingest_inputs,
    carry_out=_ingest,
    detail=lambda out: (
        f"{out['appended']:,} new rows, {out['symbols']} symbols, {out['first']} to {out['last']}"
    ),
    # Going back to an earlier version of a source is a restatement: only the newest ingest counts as done.
    shared=True,
)


def _data_version(run: Run) -> str:
    """Return the version of the source's raw rows as they are now (another config may have added to them)."""
    from transforms.ingest import data_version

    return data_version(run.warehouse, _source_of(run))


# ---------------------------------------------------------------- gate


def _gate_inputs(run: Run) -> Any:
    return {"data": _data_version(run), "source": plain(_source_of(run)), "gate": plain(run.config.gate)}


def _gate(run: Run, _fingerprint: str) -> dict[str, Any]:
    from expectations.gate import check_bars, check_corporate_actions

    source = _source_of(run)
    gate = run.config.gate
    of: dict[str, Any] = {
        "source": source.name,
        "dataset": source.dataset,
        "calendar": source.calendar,
        "gate": gate,
        "run_id": run.run_id,
    }
    # Actions first: the splits that pass adjust the returns which the bars' outlier check looks at.
    actions = check_corporate_actions(run.warehouse, run.home, **of)
    bars = check_bars(run.warehouse, run.home, timeframe=source.timeframe, **of)
    warnings = actions.warnings + bars.warnings
    for warning in warnings:
        run.alert("warning", warning)
    return {
        "expectations": len(actions.outcomes) + len(bars.outcomes),
        "quarantined": actions.quarantined_rows + bars.quarantined_rows,
        "warnings": len(warnings),
        "data_docs": str(bars.data_docs) if bars.data_docs else None,
    }


GATE = Stage(
    "gate",
    code=("expectations", "transforms/schemas.py"),
    inputs=_gate_inputs,
    carry_out=_gate,
    detail=lambda out: (
        f"{out['expectations']} expectations, {out['quarantined']} rows in quarantine, {out['warnings']} warnings"
    ),
    shared=True,
)

# ---------------------------------------------------------------- build


def build_vars(run: Run) -> BuildVars:
    """Return what the SQL may depend on besides the raw tables."""
    from flows.dbt import BuildVars

    config = run.config
    return BuildVars.from_config(
        config.source,
        config.universe,
        config.features,
        config.labels,
        config.strategy,
        as_of=config.as_of,
    )


def parse_sql(run: Run) -> None:
    """Let dbt parse its project into its cache, if it never has; the build finds it there."""
    from flows.dbt import is_parsed, parse

    if not is_parsed(run.home):
        parse(run.home, build_vars(run))


def build_basis(run: Run) -> dict[str, Any]:
    """Return what decides every table that dbt builds."""
    quarantine = run.warehouse.content_digest("quarantine.bars") + run.warehouse.content_digest(
        "quarantine.corporate_actions"
    )
    return {
        "data": _data_version(run),
        "quarantine": quarantine,
        "vars": build_vars(run).as_dict(),
        # dbt sees changed models and macros by itself, but not changed libraries or how it is called.
        "tools": code_version("flows/dbt.py", "flows/dbt_tasks.py"),
    }


def _build(run: Run, _fingerprint: str) -> dict[str, Any]:
    from flows.dbt import build

    basis = build_basis(run)
    last = run.ledger.latest("build")
    # The same rows: only what changed SQL or vars concern needs building.
    only_code = last is not None and last.output["basis"] | {"vars": None} == basis | {"vars": None}
    result = build(run.home, run.warehouse, build_vars(run), engine=run.config.engine, changed_only=only_code)
    marts = ("bars", "features", "signals", "training_set")
    return {
        "basis": basis,
        "mode": result.mode,
        "models": len(result.models),
        "tests": result.tests,
        "digests": {mart: run.warehouse.content_digest(f"marts.{mart}") for mart in marts},
    }


BUILD = Stage(
    "build",
    code=("models_sql", "transforms/operators", "flows/dbt.py"),
    inputs=build_basis,
    carry_out=_build,
    detail=lambda out: f"{out['mode']}: {out['models']} models, {out['tests']} tests",
    shared=True,
)

# ---------------------------------------------------------------- train


def _train_inputs(run: Run) -> Any:
    config = run.config
    return {
        "training_set": run.outputs["build"]["digests"]["training_set"],
        "features": [config.features.columns, config.features.level_columns],
        "labels": plain(config.labels),
        "split": plain(config.split),
        "model": plain(config.model),
    }


def _train(run: Run, fingerprint: str) -> dict[str, Any]:
    from ml.training import train

    config = run.config
    result = train(
        run.warehouse,
        run.home,
        model_id=fingerprint,
        model=config.model,
        split=config.split,
        features=config.features,
        labels=config.labels,
        timeframe=config.source.timeframe,
        threads=config.engine.threads,
        lineage={
            "data_version": run.outputs["ingest"]["data_version"],
            "code_version": code_version("ml", "models_sql", "transforms"),
            "source": config.source.name,
            "dataset": config.source.dataset,
            "training_set": run.outputs["build"]["digests"]["training_set"],
        },
        on_fold=lambda done, total: run.display.update("train", f"fold {done} of {total}"),
    )
    return {"model_id": fingerprint, "folds": result.folds, "metrics": result.metrics}


TRAIN = Stage(
    "train",
    code=("ml",),
    inputs=_train_inputs,
    carry_out=_train,
    detail=lambda out: f"{out['folds']} folds, model {out['model_id']}",
    intact=lambda run, out: (run.home.models / out["model_id"] / "manifest.json").exists(),
)


def _check_scores(run: Run, _fingerprint: str) -> dict[str, Any]:
    from expectations.gate import check_predictions

    model_id = run.outputs["train"]["model_id"]
    result = check_predictions(
        run.warehouse, run.home, model_id=model_id, gate=run.config.gate, run_id=run.run_id
    )
    return {"expectations": len(result.outcomes)}


CHECK_SCORES = Stage(
    "check scores",
    code=("expectations",),
    inputs=lambda run: [run.outputs["train"]["model_id"], plain(run.config.gate)],
    carry_out=_check_scores,
    detail=lambda out: f"{out['expectations']} expectations",
)

# ---------------------------------------------------------------- backtest


def score_version(run: Run) -> str:
    """Return the version of the strategy's scores: its model, the digest of its signals, or both where both count."""
    strategy = run.config.strategy
    versions = [run.outputs["train"]["model_id"]] if strategy.uses_predictions else []
    if strategy.signals:
        versions.append(run.outputs["build"]["digests"]["signals"])
    return "+".join(versions)


def decision_config(run: Run) -> dict[str, Any]:
    """Return what of the config decides what becomes of scores."""
    config = run.config
    return {"strategy": plain(config.strategy), **plain(config.book)}


def _backtest_inputs(run: Run) -> Any:
    return {
        "scores": score_version(run),
        "bars": run.outputs["build"]["digests"]["bars"],
        "features": run.outputs["build"]["digests"]["features"],
        "decisions": decision_config(run),
        "periods": sessions_per_year(run.config.source.calendar),
        "statistics": plain(run.config.statistics),
        "gate": plain(run.config.gate),
    }


def _backtest(run: Run, fingerprint: str) -> dict[str, Any]:
    from execution.backtest import run_backtest
    from expectations.gate import check_targets
    from flows.trials import trial_of

    config = run.config
    result = run_backtest(
        run.warehouse,
        run.home,
        book=f"backtest/{fingerprint}",
        strategy=config.strategy,
        model_id=run.outputs.get("train", {}).get("model_id"),
        config=config.book,
        periods=sessions_per_year(config.source.calendar),
        statistics=config.statistics,
        trial=trial_of(run),
    )
    check_targets(
        run.warehouse,
        run.home,
        book=result.book,
        max_position_weight=config.risk.max_position_weight,
        max_gross=config.risk.max_gross,
        gate=config.gate,
        run_id=run.run_id,
    )
    return {
        "book": result.book,
        "metrics": result.metrics,
        "first_session": str(result.first_session),
        "last_session": str(result.last_session),
        "fills": result.fills,
    }


BACKTEST = Stage(
    "backtest",
    code=("execution", "expectations"),
    inputs=_backtest_inputs,
    carry_out=_backtest,
    detail=lambda out: f"{out['fills']:,} fills, {out['first_session']} to {out['last_session']}",
)

# ---------------------------------------------------------------- report


def _report_inputs(run: Run) -> Any:
    from reports.queries import book_metrics
    from reports.sweeps import newest_sweep

    sweep = newest_sweep(run.warehouse, run.config.strategy.name)
    trade = run.outputs.get("trade")
    book = run.outputs["backtest"]["book"]
    return {
        "backtest": book,
        # Later trials of the same strategy change its deflated Sharpe ratio.
        "metrics": book_metrics(run.warehouse, book),
        "sweep": None if sweep is None else sweep.summary["sweep"],
        "config": plain(run.config),
        "validation": run.outputs.get("validation"),
        "trade": trade
        and {"book": trade["book"], "orders": run.warehouse.content_digest("execution.orders")},
        "gate": run.outputs["gate"],
    }


def _report(run: Run, _fingerprint: str) -> dict[str, Any]:
    from pathlib import Path

    from reports.report import write_report

    docs = run.outputs["gate"]["data_docs"]
    path = write_report(
        run.warehouse,
        run.home,
        run_id=run.run_id,
        book=run.outputs["backtest"]["book"],
        model_id=run.outputs.get("train", {}).get("model_id"),
        trading_book=run.outputs.get("trade", {}).get("book"),
        manifest=run.manifest(),
        data_docs=Path(docs) if docs else None,
    )
    return {"path": str(path.relative_to(run.home.root))}


REPORT = Stage(
    "report",
    code=("reports",),
    inputs=_report_inputs,
    carry_out=_report,
    detail=lambda out: str(out["path"]),
    intact=lambda run, out: (run.home.root / out["path"]).exists(),
)
