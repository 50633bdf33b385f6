"""The audit of look-ahead: build on cut histories in a scratch warehouse, and compare with the whole."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from expectations.lookahead import (
    AUDITED,
    Cut,
    Finding,
    bars_of,
    choose_cuts,
    choose_tickers,
    compare,
    copy_history,
)
from flows.dbt import BuildVars, build
from transforms.config import EngineConfig
from transforms.paths import Home
from transforms.warehouse import Warehouse


def audit(
    home: Home,
    warehouse: Warehouse,
    build_vars: BuildVars,
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
        warehouse: Open, and built with ``build_vars``.
        build_vars: The config's values.
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
            source=build_vars.source,
            dataset=build_vars.dataset,
            timeframe=build_vars.timeframe,
            calendar=build_vars.calendar,
            cut=cut,
            tickers=tickers,
        )
        with Warehouse(scratch.warehouse, engine) as opened:
            # Data tests are about data, and the first bars of a history do not keep them all.
            build(scratch, opened, build_vars, engine=engine, select=selection, tests=False)
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
