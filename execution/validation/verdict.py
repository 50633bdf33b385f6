"""Evidence and limits → one verdict, criterion by criterion."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from execution.validation.holdout import HoldoutUse
from execution.validation.parts import Figures
from execution.validation.suite import MONTHS, PART, REGIME, STRESS, Evidence, Row
from execution.validation_config import ValidationConfig, VerdictLimitsConfig

AT_MOST, AT_LEAST = "at most", "at least"


@dataclass(frozen=True)
class Criterion:
    """What was asked of the strategy, and what came of it.

    Attributes:
        value: None where it is not covered or not defined.
        rule: Which side of the limit is right: ``at most`` or ``at least``.
        passed: None where the data does not cover it: neither a pass nor a failure.
    """

    name: str
    value: float | None
    rule: str
    limit: float
    passed: bool | None
    note: str


@dataclass(frozen=True)
class Elsewhere:
    """What is known of a strategy from beyond its own arrays; None where it is not known.

    Attributes:
        deflated_sharpe, trials: Of the ledger of trials.
        sharpe_low: Lower end of the Sharpe ratio's confidence interval.
        most_alike: The other strategy whose returns are most like this one's, and their correlation.
        neighbourhood: Stable-neighbourhood score of the newest sensitivity sweep, and what to say of it.
        earlier_uses: Of this holdout by other configs.
    """

    deflated_sharpe: float | None
    trials: float | None
    sharpe_low: float | None
    most_alike: tuple[str, float] | None
    neighbourhood: tuple[float | None, str] | None
    earlier_uses: Sequence[HoldoutUse]


def judge(evidence: Evidence, elsewhere: Elsewhere, config: ValidationConfig) -> list[Criterion]:
    """Return every criterion with its value, its limit and whether it is kept."""
    limits = config.limits
    by_name = {row.scenario: row for row in evidence.rows if row.kind in (PART, MONTHS)}
    return [
        _holdout_uses(elsewhere.earlier_uses),
        _degradation("validation_degradation", by_name["train"].figures, by_name["validation"], limits),
        _degradation("holdout_degradation", evidence.before_holdout, by_name["holdout"], limits),
        *(
            criterion
            for row in evidence.rows
            if row.kind == STRESS
            for criterion in _under_stress(row, limits)
        ),
        _bear(by_name["bear months"], limits),
        _range(by_name["range months"], limits),
        *(_in_regime(row, limits) for row in evidence.rows if row.kind == REGIME),
        *_by_chance(evidence, config),
        _correlation_of_positions(evidence, limits),
        *_from_elsewhere(elsewhere, limits),
    ]


def verdict(criteria: Sequence[Criterion]) -> str:
    """Return ``failed`` if any criterion failed, else ``passed``; nothing is passed by what is not covered."""
    judged = [criterion.passed for criterion in criteria if criterion.passed is not None]
    return "passed" if judged and all(judged) else "failed"


def _kept(
    name: str,
    value: float | None,
    rule: str,
    limit: float,
    note: str,
    *,
    missing: bool | None = None,
) -> Criterion:
    """Return a criterion; ``missing`` is what a value of None means for it."""
    if value is None:
        return Criterion(name, None, rule, limit, missing, note)
    is_kept = value <= limit if rule == AT_MOST else value >= limit
    return Criterion(name, value, rule, limit, is_kept, note)


def _holdout_uses(earlier: Sequence[HoldoutUse]) -> Criterion:
    note = "no other config has used this holdout before"
    if earlier:
        first = earlier[0]
        others = f" and {len(earlier) - 1} more" if len(earlier) > 1 else ""
        note = f"used before with another config by run {first.run_id} at {first.used_at:%Y-%m-%d %H:%M} UTC{others}"
    return _kept("holdout_uses_by_others", float(len(earlier)), AT_MOST, 0.0, note)


def _degradation(name: str, before: Figures | None, after: Row, limits: VerdictLimitsConfig) -> Criterion:
    """Return what part of the Sharpe ratio is lost: 1 - after / before."""
    earlier = before.sharpe if before else None
    later = after.figures.sharpe if after.figures else None
    limit = limits.max_degradation
    if earlier is None or later is None:
        return _kept(name, None, AT_MOST, limit, "a Sharpe ratio is not defined", missing=False)
    note = f"Sharpe {earlier:.2f}, then {later:.2f} in the {after.scenario}"
    if earlier <= 0:
        return _kept(name, None, AT_MOST, limit, f"{note}: nothing to lose", missing=False)
    return _kept(name, 1 - later / earlier, AT_MOST, limit, note)


def _under_stress(row: Row, limits: VerdictLimitsConfig) -> list[Criterion]:
    figures = row.figures
    sharpe = figures.sharpe if figures else None
    deepest = figures.max_drawdown if figures else None
    slug = row.scenario.replace(" ", "_").replace("-", "_")
    return [
        _kept(f"{slug}_sharpe", sharpe, AT_LEAST, limits.min_stress_sharpe, row.note, missing=False),
        _kept(
            f"{slug}_drawdown",
            None if deepest is None else -deepest,
            AT_MOST,
            limits.max_stress_drawdown,
            row.note,
            missing=False,
        ),
    ]


def _bear(row: Row, limits: VerdictLimitsConfig) -> Criterion:
    excess = None
    note = row.note
    if row.mean_return is not None and row.mean_benchmark is not None:
        excess = row.mean_return - row.mean_benchmark
        note += f", mean {row.mean_return:+.2%} against {row.mean_benchmark:+.2%}"
    return _kept("bear_months_excess", excess, AT_LEAST, limits.min_bear_excess, note)


def _range(row: Row, limits: VerdictLimitsConfig) -> Criterion:
    return _kept("range_months_return", row.mean_return, AT_LEAST, limits.min_range_return, row.note)


def _in_regime(row: Row, limits: VerdictLimitsConfig) -> Criterion:
    name, limit = f"regime_{row.scenario}_drawdown", limits.max_regime_drawdown
    if not row.covered or row.figures is None:
        return _kept(name, None, AT_MOST, limit, f"not covered: {row.note}")
    deepest = row.figures.max_drawdown
    value = None if deepest is None else -deepest
    note = "" if row.figures.total_return is None else f"return {row.figures.total_return:+.1%}"
    if row.figures.benchmark_return is not None:
        note += f", benchmark {row.figures.benchmark_return:+.1%}"
    return _kept(name, value, AT_MOST, limit, note, missing=False)


def _by_chance(evidence: Evidence, config: ValidationConfig) -> list[Criterion]:
    limits, entry, orders = config.limits, evidence.permutation, evidence.trade_orders
    said = "nothing was held"
    if entry is not None:
        said = (
            f"{entry.trades} trades against {config.permutations} random books: {entry.observed:+.3f} against "
            f"{entry.random_mean:+.3f} ± {entry.random_deviation:.3f}"
        )
    drawn = "fewer than 10 trades"
    if orders is not None:
        drawn = (
            f"{config.paths} orders of {orders.trades} trades; {-orders.observed:.1%} in the order they came"
        )
    return [
        _kept(
            "permutation_p_value",
            entry.p_value if entry else None,
            AT_MOST,
            limits.max_p_value,
            said,
            missing=False,
        ),
        _kept(
            "monte_carlo_drawdown_95",
            -orders.drawdown_95 if orders else None,
            AT_MOST,
            limits.max_monte_carlo_drawdown,
            drawn,
        ),
        _kept(
            "ruin_probability",
            orders.ruin if orders else None,
            AT_MOST,
            limits.max_ruin,
            f"paths that fall below {config.ruin_fraction:.0%} of the start" if orders else drawn,
        ),
    ]


def _correlation_of_positions(evidence: Evidence, limits: VerdictLimitsConfig) -> Criterion:
    value = evidence.position_correlation
    note = "mean over pairs held together" if value is not None else "no pair was held together for 60 bars"
    return _kept("position_correlation", value, AT_MOST, limits.max_position_correlation, note)


def _from_elsewhere(elsewhere: Elsewhere, limits: VerdictLimitsConfig) -> list[Criterion]:
    alike, around = elsewhere.most_alike, elsewhere.neighbourhood
    tried = "no trial is recorded"
    if elsewhere.trials is not None:
        tried = f"of {elsewhere.trials:.0f} in the ledger of trials"
    return [
        _kept(
            "strategy_correlation",
            alike[1] if alike else None,
            AT_MOST,
            limits.max_strategy_correlation,
            f"with {alike[0]}" if alike else "no other strategy's backtest here has 60 sessions in common",
        ),
        _kept(
            "parameter_neighbourhood",
            around[0] if around else None,
            AT_LEAST,
            limits.min_neighbourhood,
            around[1] if around else "no sensitivity sweep of this strategy on this data: flow=sensitivity",
        ),
        _kept(
            "deflated_sharpe",
            elsewhere.deflated_sharpe,
            AT_LEAST,
            limits.min_deflated_sharpe,
            tried,
        ),
        _kept(
            "sharpe_interval_low",
            elsewhere.sharpe_low,
            AT_LEAST,
            limits.min_sharpe_low,
            "lower end of the bootstrap interval"
            if elsewhere.sharpe_low is not None
            else "no interval is recorded",
        ),
    ]
