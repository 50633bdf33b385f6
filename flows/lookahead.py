"""The stage ``audit``: build on cut histories in a scratch warehouse, and compare with the whole."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from expectations.lookahead import (
    AUDITED,
    Cut,
    Finding,
    as_frame,
    as_rows,
    bars_of,
    choose_cuts,
    choose_tickers,
    compare,
    complaint,
    copy_history,
    summarise,
    uncompared,
)
from flows.dbt import BuildVars, build
from flows.run import Run, Stage
from flows.stages import build_basis, build_vars
from transforms.config import EngineConfig
from transforms.errors import QuantmillError
from transforms.paths import Home
from transforms.warehouse import Warehouse


def audit(
    home: Home,
    warehouse: Warehouse,
    settings: BuildVars,
    *,
    engine: EngineConfig,
    cuts: int,
    seed: int,
    symbols: int = 0,
    on_step: Callable[[str], None] = lambda _step: None,
) -> list[Finding]:
    """Cut history at seeded bars, build on each cut, and compare every cell up to it with the whole.

    Args:
        home: ``home.audit`` takes the scratch warehouse; it is gone afterwards.
        warehouse: Open, and built with ``settings``.
        settings: The config's values.
        engine: The one the warehouse was opened with.
        cuts: How many.
        seed: Chooses where, and which symbols.
        symbols: How many symbols, beside the benchmark; 0 for all. Fewer are quicker, and weigh the universe's
            ranks among themselves: their whole history is then built in the scratch warehouse too.
        on_step: Told what is in work.

    Returns:
        What each cut says of each column.

    Raises:
        QuantmillError: A build failed, or there are too few bars.
    """
    shutil.rmtree(home.audit, ignore_errors=True)
    scratch = Home(home.audit)
    selection = " ".join(
        f"+{audited.name.split('.')[1]}" for audited in AUDITED if warehouse.has_table(audited.name)
    )
    tickers = choose_tickers(warehouse, symbols, seed) if symbols else None

    def built(file: Path, cut: Cut | None) -> Path:
        """Build on what is left at the cut, and keep the file under the given name."""
        copy_history(
            warehouse,
            scratch.warehouse,
            source=settings.source,
            dataset=settings.dataset,
            timeframe=settings.timeframe,
            calendar=settings.calendar,
            cut=cut,
            tickers=tickers,
        )
        with Warehouse(scratch.warehouse, engine) as opened:
            # Data tests are about data, and the first bars of a history do not keep them all.
            build(scratch, opened, settings, engine=engine, select=selection, tests=False)
            opened.execute("checkpoint")
        return scratch.warehouse.replace(file)

    try:
        chosen = choose_cuts(bars_of(warehouse), cuts, seed)
        whole = None
        if tickers is not None:
            on_step(f"the whole history of {len(tickers)} symbols")
            whole = built(home.audit / "whole.duckdb", None)
        findings: list[Finding] = []
        for number, cut in enumerate(chosen, start=1):
            on_step(f"cut {number} of {len(chosen)}, after {cut.bar_at:%Y-%m-%d %H:%M}")
            file = built(home.audit / "cut.duckdb", cut)
            findings += compare(warehouse, cut, file, built_on_whole=whole)
        return findings
    finally:
        shutil.rmtree(home.audit, ignore_errors=True)


def _inputs(run: Run) -> Any:
    flow = run.config.flow
    asked = [flow.audit_cuts, flow.audit_seed, flow.audit_symbols]
    return {"basis": build_basis(run), "built": run.outputs["build"]["digests"], "asked": asked}


def _carry_out(run: Run, _fingerprint: str) -> dict[str, Any]:
    flow = run.config.flow
    findings = audit(
        run.home,
        run.warehouse,
        build_vars(run),
        engine=run.config.engine,
        cuts=flow.audit_cuts,
        seed=flow.audit_seed,
        symbols=flow.audit_symbols,
        on_step=lambda step: run.display.update("audit", step),
    )
    path = run.home.runs / run.run_id / "lookahead.csv"
    as_frame(findings).write_csv(path)
    columns = summarise(findings)
    run.display.table("Look-ahead, all cuts together", *as_rows(columns))
    for table in uncompared(columns):
        if run.warehouse.value(f"select count(*) from {table}"):
            run.alert("warning", f"{table}: all its rows are after the cuts, so nothing of it was compared")
    if problem := complaint(columns):
        raise QuantmillError(f"{problem}  (each cut: {path})")
    return {
        "cuts": len({finding.cut for finding in findings}),
        "columns": len(columns),
        "cells": sum(column.cells for column in columns),
        "path": str(path.relative_to(run.home.root)),
    }


STAGE = Stage(
    "audit",
    code=("models_sql", "flows/dbt.py", "flows/lookahead.py", "expectations/lookahead.py", "transforms"),
    inputs=_inputs,
    carry_out=_carry_out,
    detail=lambda out: (
        f"cuts: {out['cuts']}, columns: {out['columns']}, cells: {out['cells']:,}, differing: 0"
    ),
    intact=lambda run, out: (run.home.root / out["path"]).exists(),
)
