"""The stages of a sensitivity sweep: try every combination of the grid, judge the best one, show it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, cast

from execution.combined_config import CombinedConfig
from flows.grid import Combination, combinations_of
from flows.members import portfolios_of
from flows.run import Run, Stage
from flows.stages import build_basis, build_vars, decision_config, score_version
from transforms.config import sessions_per_year
from transforms.errors import QuantmillError
from transforms.versions import plain

if TYPE_CHECKING:
    from execution.config import BookConfig, StrategyConfig
    from execution.panel import Panel, ScorePanel
    from execution.sensitivity import Sensitivity
    from execution.sweep import Evaluation
    from execution.types import Floats
    from flows.config import RunConfig

Batch = tuple["ScorePanel", list[tuple[int, "BookConfig"]]]


def _inputs(run: Run) -> Any:
    config = run.config
    return {
        "basis": build_basis(run),
        "scores": score_version(run),
        "bars": run.outputs["build"]["digests"]["bars"],
        "features": run.outputs["build"]["digests"]["features"],
        "decisions": decision_config(run),
        "sensitivity": plain(config.sensitivity),
        "periods": sessions_per_year(config.source.calendar),
        "statistics": plain(config.statistics),
    }


def _carry_out(run: Run, fingerprint: str) -> dict[str, Any]:
    from execution.sensitivity import judged, store
    from execution.trials import TrialResult
    from flows.trials import trial_of_config

    config = run.config
    axes, combinations = combinations_of(config)
    evaluations, sessions = _evaluate(run, combinations)
    result = judged(
        sweep=f"sensitivity/{fingerprint}",
        strategy=config.strategy.name,
        keys=tuple(axis.key for axis in axes),
        shape=tuple(len(axis.values) for axis in axes),
        is_ordered=tuple(axis.is_ordered for axis in axes),
        values=[combination.values for combination in combinations],
        evaluations=evaluations,
        sessions=sessions,
        config=config.sensitivity,
    )
    periods = sessions_per_year(config.source.calendar)
    trials = {
        number: (trial_of_config(combination.config, run.run_id), TrialResult.of(None, done.metrics, periods))
        for number, (combination, done) in enumerate(zip(combinations, evaluations, strict=True))
        if combination.config is not None and done.error is None
    }
    deflated = store(run.warehouse, result, trials, run_id=run.run_id)
    _tell(run, result)
    return _output(result, deflated)


def _evaluate(run: Run, combinations: Sequence[Combination]) -> tuple[list[Evaluation], list[Any]]:
    """Return what every combination comes to, in order, and the sessions of the panel's bars."""
    import numpy as np

    from execution.combined_trials import CombinedTrial, in_order, members_of
    from execution.panel import load_panel, load_volatility
    from execution.rules import load_terms
    from execution.sweep import Evaluation, Sweep
    from flows.member_scores import member_scores

    config = run.config
    panel = load_panel(run.warehouse)
    volatility = load_volatility(run.warehouse, panel)
    failed: list[Evaluation] = []
    tried: list[tuple[int, StrategyConfig, BookConfig]] = []
    for number, combination in enumerate(combinations):
        whole, error = combination.config, combination.error
        if whole is not None and volatility is None:
            error = _needs_volatility(whole)
        if whole is None or error is not None:
            failed.append(Evaluation(number, {}, -1, error))
        else:
            tried.append((number, whole.strategy, whole.book))
    known = np.full(panel.close.shape, np.nan) if volatility is None else volatility
    sweep = Sweep(
        load_terms=lambda book: load_terms(run.warehouse, run.home, panel, book),
        threads=config.engine.threads or os.cpu_count() or 1,
        statistics=config.statistics,
        periods=sessions_per_year(config.source.calendar),
        on_done=lambda done: run.display.update("sensitivity", f"trial {done:,} of {len(tried):,}"),
    )
    if isinstance(config.strategy, CombinedConfig):
        trials = in_order(
            [CombinedTrial(number, cast(CombinedConfig, one), book) for number, one, book in tried]
        )
        members = member_scores(run, config.strategy, panel, known, members_of(trials))
        done = sweep.run_combined(trials, members)
    elif config.strategy.uses_predictions:
        done = sweep.run(_predictions(run, panel, tried))
    else:
        done = sweep.run(_signals(run, panel, known, tried, failed))
    return sorted([*failed, *done], key=lambda one: one.number), list(panel.session_date)


def _needs_volatility(config: RunConfig) -> str | None:
    """Return why a config cannot be tried where there is no ``volatility_20``, None where it can."""
    for key, portfolio in portfolios_of(config.strategy, config.portfolio).items():
        if portfolio.weighting == "inverse_volatility":
            return (
                f"{key}.weighting=inverse_volatility needs marts.features.volatility_20, which no chosen "
                "feature set has"
            )
    return None


def _predictions(
    run: Run, panel: Panel, tried: Sequence[tuple[int, StrategyConfig, BookConfig]]
) -> Iterator[Batch]:
    """Yield the model's scores with all trials: no key that may be varied changes them."""
    from execution.panel import load_scores

    model_id = run.outputs["train"]["model_id"]
    scores = load_scores(run.warehouse, panel, strategy=run.config.strategy, model_id=model_id)
    yield scores, [(number, book) for number, _, book in tried]


def _signals(
    run: Run,
    panel: Panel,
    volatility: Floats,
    tried: Sequence[tuple[int, StrategyConfig, BookConfig]],
    failed: list[Evaluation],
) -> Iterator[Batch]:
    """Yield the scores of each set of strategy parameters with its trials; those that the SQL refuses fail."""
    from execution.sweep import Evaluation, read_scores
    from flows.trial_signals import trial_queries

    trials: dict[str, list[tuple[int, BookConfig]]] = {}
    strategies: dict[str, StrategyConfig] = {}
    for number, strategy, book in tried:
        key = repr(strategy)
        strategies[key] = strategy
        trials.setdefault(key, []).append((number, book))
    name = run.config.strategy.name
    run.display.update("sensitivity", f"compiling the signals of {len(strategies):,} sets of parameters")
    with trial_queries(
        run.home, run.warehouse, build_vars(run), list(strategies.values()), engine=run.config.engine
    ) as queries:
        for query, waiting in zip(queries, trials.values(), strict=True):
            if isinstance(query, QuantmillError):
                failed.extend(Evaluation(number, {}, -1, str(query)) for number, _ in waiting)
            else:
                yield read_scores(run.warehouse, panel, query, volatility, strategy=name), waiting


def _tell(run: Run, result: Sensitivity) -> None:
    """Warn of a best that stands alone, of one at the grid's edge, and of trials that failed."""
    best = result.judgement
    if result.failed:
        error = next(one.error for one in result.evaluations if one.error)
        run.alert(
            "warning", f"{result.failed:,} of {len(result.evaluations):,} trials failed, such as: {error}"
        )
    if best is None:
        return
    if best.is_sharp_peak:
        run.alert(
            "warning",
            f"the best {result.metric}, {result.value(best.best):.3g}, is a sharp peak: its neighbours' mean is "
            f"{result.around.mean.flat[best.best]:.3g}. Such a result is rarely found again",
        )
    if best.edges:
        keys = ", ".join(result.keys[axis] for axis in best.edges)
        run.alert(
            "warning",
            f"the best {result.metric} lies at the edge of the grid: more may lie beyond it in {keys}",
        )


def _output(result: Sensitivity, deflated: float | None) -> dict[str, Any]:
    from execution.types import defined

    best = result.judgement
    if best is None:
        raise QuantmillError(f"no trial has a {result.metric}; execution.sensitivity says of each why")
    return {
        "sweep": result.sweep,
        "metric": result.metric,
        "trials": len(result.evaluations),
        "failed": result.failed,
        "best": {
            "trial": best.best,
            "value": result.value(best.best),
            "parameters": result.values[best.best],
            "deflated_sharpe": deflated,
        },
        "neighbour_mean": defined(result.around.mean.flat[best.best]),
        "stability": defined(best.stability),
        "is_sharp_peak": best.is_sharp_peak,
        "robust": {
            "trial": best.robust,
            "value": result.value(best.robust),
            "parameters": result.values[best.robust],
        },
    }


STAGE = Stage(
    "sensitivity",
    code=(
        "execution",
        "models_sql",
        "transforms/operators",
        "flows/trial_signals.py",
        "flows/grid.py",
        "flows/members.py",
        "flows/member_scores.py",
    ),
    inputs=_inputs,
    carry_out=_carry_out,
    detail=lambda out: (
        f"{out['trials']:,} trials, {out['failed']:,} failed; best {out['metric']} {out['best']['value']:.3f}"
    ),
)


def _report_inputs(run: Run) -> Any:
    return {"sweep": run.outputs["sensitivity"]["sweep"], "config": plain(run.config)}


def _report(run: Run, _fingerprint: str) -> dict[str, Any]:
    from reports.sensitivity import write_sensitivity

    path = write_sensitivity(
        run.warehouse,
        run.home,
        run_id=run.run_id,
        sweep=run.outputs["sensitivity"]["sweep"],
        most_keys=run.config.sensitivity.heat_map_keys,
        manifest=run.manifest(),
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
