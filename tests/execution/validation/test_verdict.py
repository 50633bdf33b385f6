from dataclasses import replace
from datetime import datetime

import numpy as np
import pytest

from execution.validation.holdout import HoldoutUse
from execution.validation.monte_carlo import TradeOrders
from execution.validation.parts import Curve, Figures
from execution.validation.permutation import Permutation
from execution.validation.suite import Evidence, Row
from execution.validation.verdict import Criterion, Elsewhere, judge, verdict
from execution.validation_config import ValidationConfig, VerdictLimitsConfig
from tests.execution.markets import weekdays

DAYS = weekdays(100)
CONFIG = ValidationConfig(name="test", regimes={"2008": ["2008-01-01", "2008-12-31"]})


def figures(sharpe: float | None, drawdown: float | None = -0.1) -> Figures:
    return Figures(50, 0.1, 0.1, 0.1, sharpe, drawdown, 0.05)


def row(kind: str, name: str, found: Figures | None, **given: object) -> Row:
    return Row(kind, name, found is not None, found, DAYS[0], DAYS[-1], **given)  # type: ignore[arg-type]


ROWS = (
    row("base", "as backtested", figures(1.0)),
    row("part", "train", figures(1.0)),
    row("part", "validation", figures(0.8)),
    row("part", "holdout", figures(0.6)),
    row("stress", "one-bar delay", figures(0.4)),
    row("months", "bear months", figures(0.1), mean_return=-0.02, mean_benchmark=-0.07),
    row("months", "range months", figures(0.1), mean_return=0.001, mean_benchmark=0.0),
    row("regime", "2008", figures(0.1, -0.3)),
)
EVIDENCE = Evidence(
    rows=ROWS,
    parts={"train": slice(0, 60), "validation": slice(60, 80), "holdout": slice(80, 100)},
    before_holdout=figures(0.9),
    curve=Curve(DAYS, np.ones(100), np.ones(100)),
    permutation=Permutation(0.01, 0.5, 0.1, 0.1, 30),
    trade_orders=TradeOrders(np.linspace(-0.4, -0.1, 101), 0.0, -0.2, 30),
    position_correlation=0.3,
)
ELSEWHERE = Elsewhere(
    deflated_sharpe=0.97,
    trials=12.0,
    sharpe_low=0.2,
    most_alike=("trend (backtest/2)", 0.5),
    neighbourhood=(0.9, "12 trials"),
    earlier_uses=[],
)


def judged(evidence: Evidence = EVIDENCE, elsewhere: Elsewhere = ELSEWHERE) -> dict[str, Criterion]:
    return {one.name: one for one in judge(evidence, elsewhere, CONFIG)}


def with_row(changed: Row) -> Evidence:
    return replace(EVIDENCE, rows=tuple(changed if one.scenario == changed.scenario else one for one in ROWS))


def test_degradation_is_what_is_lost_of_the_sharpe_ratio_before() -> None:
    found = judged()
    assert found["validation_degradation"].value == pytest.approx(1 - 0.8 / 1.0)
    # The holdout against all that came before it, not against the validation part alone.
    assert found["holdout_degradation"].value == pytest.approx(1 - 0.6 / 0.9)
    assert found["holdout_degradation"].note == "Sharpe 0.90, then 0.60 in the holdout"


def test_everything_within_its_limit_passes() -> None:
    found = judged()
    assert all(one.passed for one in found.values())
    assert verdict(list(found.values())) == "passed"


@pytest.mark.parametrize(
    ("criterion", "changed"),
    [
        ("validation_degradation", row("part", "validation", figures(0.49))),
        ("holdout_degradation", row("part", "holdout", figures(0.44))),
        ("one_bar_delay_sharpe", row("stress", "one-bar delay", figures(-0.01))),
        ("one_bar_delay_drawdown", row("stress", "one-bar delay", figures(0.4, -0.51))),
        ("bear_months_excess", row("months", "bear months", figures(0.1), mean_return=-0.08, mean_benchmark=-0.07)),
        ("range_months_return", row("months", "range months", figures(0.1), mean_return=-0.02, mean_benchmark=0.0)),
        ("regime_2008_drawdown", row("regime", "2008", figures(0.1, -0.41))),
    ],
)  # fmt: skip
def test_one_row_beyond_its_limit_fails_its_criterion_alone(criterion: str, changed: Row) -> None:
    found = judged(with_row(changed))
    assert [name for name, one in found.items() if one.passed is False] == [criterion]
    assert verdict(list(found.values())) == "failed"


@pytest.mark.parametrize(
    ("criterion", "changed"),
    [
        ("permutation_p_value", replace(EVIDENCE, permutation=Permutation(0.06, 0.2, 0.1, 0.1, 30))),
        (
            "monte_carlo_drawdown_95",
            replace(EVIDENCE, trade_orders=TradeOrders(np.full(101, -0.41), 0.0, -0.2, 30)),
        ),
        (
            "ruin_probability",
            replace(EVIDENCE, trade_orders=TradeOrders(np.full(101, -0.3), 0.02, -0.2, 30)),
        ),
        ("position_correlation", replace(EVIDENCE, position_correlation=0.81)),
    ],
)
def test_chance_and_crowding_beyond_their_limits_fail(criterion: str, changed: Evidence) -> None:
    found = judged(changed)
    assert [name for name, one in found.items() if one.passed is False] == [criterion]


@pytest.mark.parametrize(
    ("criterion", "changed"),
    [
        ("strategy_correlation", replace(ELSEWHERE, most_alike=("twin", 0.95))),
        ("parameter_neighbourhood", replace(ELSEWHERE, neighbourhood=(0.5, ""))),
        ("deflated_sharpe", replace(ELSEWHERE, deflated_sharpe=0.94)),
        ("sharpe_interval_low", replace(ELSEWHERE, sharpe_low=-0.01)),
    ],
)
def test_what_is_known_from_elsewhere_is_judged_too(criterion: str, changed: Elsewhere) -> None:
    found = judged(elsewhere=changed)
    assert [name for name, one in found.items() if one.passed is False] == [criterion]


def test_holdout_used_before_by_another_config_fails_and_says_by_whom() -> None:
    uses = [
        HoldoutUse("run-7", datetime.fromisoformat("2024-05-01T12:30")),
        HoldoutUse("run-9", datetime.fromisoformat("2024-06-01")),
    ]
    found = judged(elsewhere=replace(ELSEWHERE, earlier_uses=uses))["holdout_uses_by_others"]
    assert (found.passed, found.value) == (False, 2.0)
    assert found.note == "used before with another config by run run-7 at 2024-05-01 12:30 UTC and 1 more"


def test_what_the_data_does_not_cover_neither_passes_nor_fails() -> None:
    nothing = Row("regime", "2008", False, None, None, None, note="2008-01-01 to 2008-12-31")
    thin = replace(with_row(nothing), trade_orders=None, position_correlation=None)
    found = judged(thin, replace(ELSEWHERE, most_alike=None, neighbourhood=None, deflated_sharpe=None))
    open_ones = {name for name, one in found.items() if one.passed is None}
    assert open_ones == {
        "regime_2008_drawdown",
        "monte_carlo_drawdown_95",
        "ruin_probability",
        "position_correlation",
        "strategy_correlation",
        "parameter_neighbourhood",
        "deflated_sharpe",
    }
    assert found["regime_2008_drawdown"].note == "not covered: 2008-01-01 to 2008-12-31"
    assert verdict(list(found.values())) == "passed"


def test_a_verdict_over_nothing_is_no_pass() -> None:
    assert verdict([Criterion("x", None, "at most", 1.0, None, "")]) == "failed"


@pytest.mark.parametrize("before", [0.0, -0.5, None])
def test_nothing_earned_in_train_is_a_failure_not_a_division(before: float | None) -> None:
    found = judged(with_row(row("part", "train", figures(before))))["validation_degradation"]
    assert (found.value, found.passed) == (None, False)


def test_a_book_that_stress_ruins_fails_where_its_ratio_is_not_defined() -> None:
    found = judged(with_row(row("stress", "one-bar delay", figures(None, None))))
    assert found["one_bar_delay_sharpe"].passed is False
    assert found["one_bar_delay_drawdown"].passed is False


def test_limits_come_from_the_config() -> None:
    strict = replace(CONFIG, limits=VerdictLimitsConfig(max_p_value=0.005, min_stress_sharpe=0.5))
    failed = {one.name for one in judge(EVIDENCE, ELSEWHERE, strict) if one.passed is False}
    assert failed == {"permutation_p_value", "one_bar_delay_sharpe"}
