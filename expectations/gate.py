"""The gate: what must hold of the data before a run goes on.

Row failures go to quarantine and the run goes on; a batch failure stops it with exit code 3, after
quarantine, ``ops.gate_results`` and Data Docs have been written, so that everything can be looked at.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import polars as pl

from expectations import docs, quarantine
from expectations.config import GateConfig
from expectations.evaluation import Outcome, evaluated
from expectations.suites import load_suite
from transforms import schemas_ops
from transforms.errors import DataGateError
from transforms.paths import Home
from transforms.warehouse import Warehouse

_MINUTES = {"1m": 1, "5m": 5, "15m": 15, "30m": 30, "1h": 60, "1d": 1440}


@dataclass(frozen=True)
class GateResult:
    """What a gate found.

    Attributes:
        suite: The suite's name.
        outcomes: One per expectation, in order of the suite.
        quarantined_rows: Different rows in quarantine.
        warnings: What failed with severity ``warn``, one sentence each, naming the symbol.
        data_docs: The Data Docs page, None where the config wants none.
    """

    suite: str
    outcomes: tuple[Outcome, ...]
    quarantined_rows: int
    warnings: tuple[str, ...]
    data_docs: Path | None


def check_bars(
    warehouse: Warehouse,
    home: Home,
    *,
    source: str,
    dataset: str,
    timeframe: str,
    calendar: str,
    gate: GateConfig,
    run_id: str,
) -> GateResult:
    """Check every revision of a source's bars in ``raw.bars`` and renew their quarantine.

    Run ``check_corporate_actions`` first: the splits that it lets pass adjust the returns here.

    Raises:
        DataGateError: A batch expectation failed.
    """
    scope = {"source": source, "dataset": dataset, "timeframe": timeframe}
    return _check(
        warehouse,
        home,
        "raw_bars",
        variables={**scope, "calendar": calendar},
        limits={"bar_minutes": _MINUTES[timeframe]},
        scope=scope,
        gate=gate,
        run_id=run_id,
    )


def check_corporate_actions(
    warehouse: Warehouse,
    home: Home,
    *,
    source: str,
    dataset: str,
    calendar: str,
    gate: GateConfig,
    run_id: str,
) -> GateResult:
    """Check every revision of a source's splits and dividends and renew their quarantine; none is fine.

    Raises:
        DataGateError: A batch expectation failed.
    """
    return _check(
        warehouse,
        home,
        "raw_corporate_actions",
        variables={"source": source, "dataset": dataset, "calendar": calendar},
        limits={},
        scope={"source": source, "dataset": dataset},
        gate=gate,
        run_id=run_id,
    )


def check_predictions(
    warehouse: Warehouse, home: Home, *, model_id: str, gate: GateConfig, run_id: str
) -> GateResult:
    """Check a model's rows of ``ml.predictions`` against its range and ``marts.bars``' members.

    Raises:
        DataGateError: Anything failed, such as a NaN from the model.
    """
    return _check(
        warehouse,
        home,
        "predictions",
        variables={"model_id": model_id},
        limits={},
        scope={},
        gate=gate,
        run_id=run_id,
    )


def check_targets(
    warehouse: Warehouse,
    home: Home,
    *,
    book: str,
    max_position_weight: float,
    max_gross: float,
    gate: GateConfig,
    run_id: str,
) -> GateResult:
    """Check a book's rows of ``execution.targets`` against the risk gate's caps and ``marts.bars``' members.

    Args:
        warehouse: The open warehouse.
        home: Where Data Docs go.
        book: The book.
        max_position_weight: Largest absolute weight of a symbol (fraction of equity).
        max_gross: Largest sum of absolute weights of a bar (fraction of equity).
        gate: The gate's config.
        run_id: The run's id.

    Raises:
        DataGateError: Anything failed.
    """
    return _check(
        warehouse,
        home,
        "targets",
        variables={"book": book},
        limits={"max_position_weight": max_position_weight, "max_gross": max_gross},
        scope={},
        gate=gate,
        run_id=run_id,
    )


def _check(
    warehouse: Warehouse,
    home: Home,
    name: str,
    *,
    variables: Mapping[str, str],
    limits: Mapping[str, float],
    scope: Mapping[str, str],
    gate: GateConfig,
    run_id: str,
) -> GateResult:
    suite = load_suite(name)
    numbers = {key: value for key, value in asdict(gate).items() if type(value) in (int, float)}
    with evaluated(
        warehouse, suite, variables=variables, limits={**numbers, **limits}, run_id=run_id
    ) as evaluation:
        outcomes, quarantined = evaluation.outcomes, 0
        with warehouse.transaction():
            if suite.quarantine is not None and evaluation.is_judged:
                quarantined = quarantine.replace(warehouse, suite, scope)
            _record(warehouse, name, outcomes, run_id)
    page = (
        docs.write_page(home, suite, outcomes, evaluation.verdict, run_id=run_id) if gate.data_docs else None
    )
    refused = [outcome for outcome in outcomes if outcome.severity == "batch" and not outcome.passed]
    if refused:
        places = f"Results: ops.gate_results in {warehouse.path}"
        if suite.quarantine is not None:
            places = f"Quarantine: {suite.quarantine} in {warehouse.path}"
        raise DataGateError(
            f"{suite.table} of {', '.join(variables.values())}: "
            + "; ".join(f"{one.name} failed ({one.failed_rows} found: {one.abridged(3)})" for one in refused)
            + f". {places}"
            + (f"; Data Docs: {page}" if page else "")
        )
    warned = [outcome for outcome in outcomes if outcome.severity == "warn"]
    warnings = tuple(sentence for outcome in warned for sentence in (*outcome.findings, *_unnamed(outcome)))
    return GateResult(name, outcomes, quarantined, warnings, page)


def _unnamed(outcome: Outcome) -> tuple[str, ...]:
    more = outcome.failed_rows - len(outcome.findings)
    return (f"{outcome.name}: and {more} more",) if more else ()


def _record(warehouse: Warehouse, suite: str, outcomes: tuple[Outcome, ...], run_id: str) -> None:
    rows = [
        {
            "run_id": run_id,
            "suite": suite,
            "expectation": outcome.name,
            "severity": outcome.severity,
            "passed": outcome.passed,
            "failed_rows": outcome.failed_rows,
            "details": outcome.details,
        }
        for outcome in outcomes
    ]
    warehouse.replace_where(schemas_ops.GATE_RESULTS, {"run_id": run_id, "suite": suite}, pl.DataFrame(rows))
