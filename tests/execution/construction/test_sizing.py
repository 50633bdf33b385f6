from typing import Any

import numpy as np
import pytest

from execution.construction import Construction, construct
from execution.portfolio_config import CovarianceConfig, SizingConfig
from tests.execution.construction.cases import config, exact_returns, inputs, random_returns, scores

NAN = float("nan")
SAMPLE = CovarianceConfig(estimator="sample", lookback=5040, min_history=20)


def sized(
    score: Any, sizing: SizingConfig, *, returns: Any = None, gross: float = 1.0, **changes: Any
) -> Construction:
    chosen = config(weighting="score", sizing=sizing, covariance=SAMPLE, gross=gross)
    given = random_returns(len(score)) if returns is None else returns
    return construct(inputs(scores(score), given, **changes), chosen)


def rules(made: Construction) -> list[str]:
    return [note.rule for note in made.notes]


def test_confidence_scales_each_name_and_none_is_no_weight() -> None:
    chosen = config(weighting="score", sizing=SizingConfig(confidence_power=2.0))
    given = scores([0.4, 0.4, 0.2], confidence=[1.0, 0.5, NAN])
    assert construct(inputs(given), chosen).weights.tolist() == pytest.approx([0.4, 0.1, 0.0])


@pytest.mark.parametrize(
    ("target", "gross", "expected"),
    [
        (0.1, 1.0, 0.2),  # half of the volatility wanted: half of the weights
        (0.4, 4.0, 0.8),
        (0.4, 0.5, 0.5),  # as far as the gross lets them grow
    ],
)
def test_target_volatility_scales_the_whole_to_it(target: float, gross: float, expected: float) -> None:
    returns = exact_returns([[0.25 / 252]])  # 50 % a year; 0.4 of it is 20 %
    score = 0.4 / gross
    made = sized([score], SizingConfig(target_volatility=target), returns=returns, gross=gross)
    assert made.weights.tolist() == pytest.approx([expected])
    assert rules(made) == ["target_volatility"]
    assert "volatility 20.00% a year" in made.notes[0].reason


def test_year_round_the_clock_has_more_sessions() -> None:
    returns = exact_returns([[0.25 / 365]])
    made = sized([0.4], SizingConfig(target_volatility=0.1), returns=returns, sessions_per_year=365)
    assert made.weights.tolist() == pytest.approx([0.2])


def test_name_too_young_for_a_volatility_gets_no_weight_and_a_note() -> None:
    returns = random_returns(3)
    returns[:-10, 1] = NAN
    made = sized([0.2, 0.3, 0.2], SizingConfig(target_volatility=0.1), returns=returns)
    assert made.weights[1] == 0
    assert rules(made) == ["short_history", "target_volatility"]
    assert made.notes[0].reason.startswith("1 of 3 scored names have fewer than 20 usable returns")
    assert made.notes[0].reason.endswith(": S01")


def test_benchmark_below_its_average_scales_by_the_regime() -> None:
    sizing = SizingConfig(regime_average=4, regime_scale=0.25)
    # Closes 1, 1.1, 1.21, x: their mean is above x as soon as x < 1.1033…
    for last, scale in ((1.104, 1.0), (1.103, 0.25)):
        benchmark = np.array([0.5, 0.1, 0.1, last / 1.21 - 1])
        made = sized([0.4], sizing, benchmark=benchmark)
        assert made.weights.tolist() == pytest.approx([0.4 * scale])
        assert rules(made) == ([] if scale == 1 else ["regime"])


def test_wild_benchmark_scales_by_the_regime() -> None:
    sizing = SizingConfig(regime_max_volatility=0.2, regime_sessions=4, regime_scale=0.5)
    swing = 0.2 / np.sqrt(252) * np.sqrt(3) / 2  # of ± this, the deviation of four is 20 % a year
    for factor, scale in ((0.999, 1.0), (1.001, 0.5)):
        benchmark = np.array([9.0, *(swing * factor * np.array([1, -1, 1, -1]))])
        assert sized([0.4], sizing, benchmark=benchmark).weights.tolist() == pytest.approx([0.4 * scale])


@pytest.mark.parametrize("benchmark", [[], [-0.5], [NAN, -0.5, -0.5]])
def test_benchmark_too_young_to_tell_scales_nothing(benchmark: list[float]) -> None:
    sizing = SizingConfig(regime_average=4, regime_max_volatility=0.01, regime_sessions=3)
    assert sized([0.4], sizing, benchmark=np.array(benchmark)).weights.tolist() == [0.4]


@pytest.mark.parametrize(
    ("equity", "scale"), [(100.0, 1.0), (90.0, 1.0), (80.0, 0.7), (70.0, 0.4), (50.0, 0.4)]
)
def test_drawdown_scales_down_to_its_floor(equity: float, scale: float) -> None:
    sizing = SizingConfig(drawdown_start=0.1, drawdown_full=0.3, drawdown_floor=0.4)
    made = sized([0.4], sizing, equity=equity, peak=100.0)
    assert made.weights.tolist() == pytest.approx([0.4 * scale])


def test_heat_is_what_all_stops_together_would_lose() -> None:
    by_price = SizingConfig(max_heat=0.02, stop_distance=0.1, stop_scale="none")
    assert sized([0.3, 0.1], by_price).weights.tolist() == pytest.approx([0.15, 0.05])
    cool = SizingConfig(max_heat=0.04, stop_distance=0.1, stop_scale="none")
    assert sized([0.3, 0.1], cool).weights.tolist() == [0.3, 0.1]
    # 2 and 4 % a session, stops two deviations away: 0.3 × 0.04 + 0.1 × 0.08 = 0.02 of equity.
    returns = exact_returns(np.diag([0.02**2, 0.04**2]))
    by_volatility = SizingConfig(max_heat=0.01, stop_distance=2.0)
    made = sized([0.3, 0.1], by_volatility, returns=returns)
    assert made.weights.tolist() == pytest.approx([0.15, 0.05])
    assert rules(made) == ["max_heat"]


def test_rules_follow_on_each_other_and_each_leaves_a_note() -> None:
    sizing = SizingConfig(
        regime_average=2, regime_scale=0.5, drawdown_start=0.1, drawdown_full=0.2, drawdown_floor=0.5,
        max_heat=0.01, stop_distance=0.2, stop_scale="none",
    )  # fmt: skip
    made = sized([0.8], sizing, benchmark=np.array([0.1, -0.1]), equity=50.0, peak=100.0)
    assert [(note.rule, note.before, note.after) for note in made.notes] == [
        ("regime", 0.8, pytest.approx(0.4)),
        ("drawdown", pytest.approx(0.4), pytest.approx(0.2)),
        ("max_heat", pytest.approx(0.2), pytest.approx(0.05)),
    ]
