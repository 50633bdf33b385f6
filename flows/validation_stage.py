"""The stage ``validation``: put the backtested book through the suite, say what came of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flows.run import Run, Stage
from flows.trials import trial_of
from transforms.config import sessions_per_year
from transforms.versions import plain

if TYPE_CHECKING:
    from execution.validation.verdict import Criterion

HEADER = ("criterion", "result", "value", "limit")
# What others may have changed since: the ledger of trials, other strategies' books, sweeps, uses of the holdout.
_SURROUNDINGS = {
    "metrics": "select metric, value from execution.metrics where book = $book order by metric",
    "others": "select distinct book from ops.trials where strategy <> $strategy order by book",
    "sweeps": "select sweep, run_id from execution.sensitivity_summary where strategy = $strategy order by sweep",
    "holdout": "select config, first_session, last_session from ops.holdout_uses "
    "where strategy = $strategy and config <> $config order by all",
}


def _inputs(run: Run) -> Any:
    trial = trial_of(run)
    named = {"book": run.outputs["backtest"]["book"], "strategy": trial.strategy, "config": trial.fingerprint}
    around = {
        name: [
            [str(value) for value in row]
            for row in run.warehouse.read(
                sql, {key: value for key, value in named.items() if f"${key}" in sql}
            ).iter_rows()
        ]
        for name, sql in _SURROUNDINGS.items()
    }
    return {
        "backtest": named["book"],
        "validation": plain(run.config.validation),
        "statistics": plain(run.config.statistics),
        "around": around,
    }


def _carry_out(run: Run, _fingerprint: str) -> dict[str, Any]:
    from execution.validation.record import run_validation
    from execution.validation.verdict import verdict

    config = run.config
    criteria = run_validation(
        run.warehouse,
        run.home,
        book=run.outputs["backtest"]["book"],
        strategy=config.strategy,
        model_id=run.outputs.get("train", {}).get("model_id"),
        config=config.book,
        validation=config.validation,
        statistics=config.statistics,
        periods=sessions_per_year(config.source.calendar),
        trial=trial_of(run),
        on_step=lambda step: run.display.update("validation", step),
    )
    said = verdict(criteria)
    return {
        "verdict": said,
        "message": _message(said, criteria),
        "failed": [criterion.name for criterion in criteria if criterion.passed is False],
        "table": [_written(criterion) for criterion in criteria],
        "book": run.outputs["backtest"]["book"],
    }


def _message(said: str, criteria: list[Criterion]) -> str:
    judged = [criterion.passed for criterion in criteria]
    counted = f"{said}: {judged.count(True)} of {len(judged)} criteria kept, {judged.count(False)} failed"
    missing = judged.count(None)
    return counted + (f", {missing} not covered by the data" if missing else "")


def _written(criterion: Criterion) -> list[str]:
    result = {True: "kept", False: "FAILED", None: "not covered"}[criterion.passed]
    value = "–" if criterion.value is None else f"{criterion.value:.3f}"
    return [criterion.name, result, value, f"{criterion.rule} {criterion.limit:.3f}"]


def show(run: Run) -> None:
    """Print the verdict's table; a skipped stage's verdict holds as well."""
    out = run.outputs["validation"]
    run.display.table(
        f"Validation of {out['book']}: {out['verdict'].upper()}",
        HEADER,
        out["table"],
    )


STAGE = Stage(
    "validation",
    code=("execution",),
    inputs=_inputs,
    carry_out=_carry_out,
    detail=lambda out: str(out["message"]),
    # A book has the rows of its newest validation: with other limits it is judged anew.
    shared=True,
)
