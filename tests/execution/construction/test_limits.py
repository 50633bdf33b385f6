"""Limits hold, change nothing where they are kept, and say which of them clash."""

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from execution.construction import Construction, construct
from execution.portfolio_config import BarbellConfig, LimitsConfig
from execution.types import Floats
from tests.execution.construction.cases import config, inputs, random_returns

NAN = float("nan")


def limited(
    score: Any, limits: LimitsConfig, *, gross: float = 1.0, side: str = "long", **changes: Any
) -> Construction:
    chosen = config(weighting="score", side=side, gross=gross, limits=limits)
    return construct(inputs(score, random_returns(len(score)), **changes), chosen)


def barbell(
    score: Any, sleeves: BarbellConfig, limits: LimitsConfig | None = None, **changes: Any
) -> Construction:
    chosen = config(weighting="score", barbell=sleeves, limits=limits or LimitsConfig(), **changes)
    return construct(inputs(score, random_returns(len(score))), chosen)


def test_weights_within_the_limits_are_not_touched() -> None:
    free = limited([0.3, 0.2, 0.1], LimitsConfig())
    kept = limited([0.3, 0.2, 0.1], LimitsConfig(max_weight=0.3, max_turnover=0.6, max_net=0.6, min_net=0.1))
    assert kept.weights.tobytes() == free.weights.tobytes()
    assert kept.notes == ()


def test_position_limit_cuts_and_leaves_the_others() -> None:
    made = limited([0.5, 0.2, 0.1], LimitsConfig(max_weight=0.25))
    assert made.weights.tolist() == pytest.approx([0.25, 0.2, 0.1], abs=1e-8)
    assert [(note.rule, note.symbol) for note in made.notes] == [("limits", "*")]
    assert "max_weight 0.25" in made.notes[0].reason


def test_group_limit_takes_the_same_from_each_of_its_names_on_either_side() -> None:
    limits = LimitsConfig(groups={"S00": "tech", "S01": "tech", "S02": "bank"}, max_group_weight=0.4)
    made = limited([0.3, -0.2, 0.3], limits, side="long_short")
    assert made.weights.tolist() == pytest.approx([0.25, -0.15, 0.3], abs=1e-8)


def test_groups_own_cap_goes_before_the_common_one() -> None:
    limits = LimitsConfig(
        groups={"S00": "tech", "S01": "bank"}, max_group_weight=0.1, group_caps={"tech": 0.3}
    )
    assert limited([0.4, 0.4], limits).weights.tolist() == pytest.approx([0.3, 0.1], abs=1e-8)


@pytest.mark.parametrize(
    ("limits", "expected"),
    [(LimitsConfig(max_net=0.1), [0.35, -0.25]), (LimitsConfig(min_net=0.7, max_net=0.8), [0.7, 0.0])],
)
def test_net_limit_moves_both_sides_alike_as_far_as_they_go(
    limits: LimitsConfig, expected: list[float]
) -> None:
    found = limited([0.4, -0.2], limits, side="long_short").weights
    assert found.tolist() == pytest.approx(expected, abs=1e-8)


def test_turnover_limit_counts_purchases_and_sales() -> None:
    made = limited([0.4, 0.0], LimitsConfig(max_turnover=0.3), held=np.array([0.1, 0.3]))
    assert np.abs(made.weights - [0.1, 0.3]).sum() == pytest.approx(0.3, abs=1e-8)
    assert made.weights.tolist() == pytest.approx([0.25, 0.15], abs=1e-7)


def test_participation_limits_each_trade_by_its_dollar_volume() -> None:
    volume = np.array([1e5, 1e7, NAN])
    made = limited(
        [0.3, 0.3, 0.3],
        LimitsConfig(max_participation=0.1),
        dollar_volume=volume,
        held=np.array([0.0, 0.0, 0.2]),
    )
    # A tenth of 1e5 USD is a tenth of the equity; what nobody is known to trade is not traded.
    assert made.weights.tolist() == pytest.approx([0.1, 0.3, 0.2], abs=1e-8)


def test_position_beyond_its_limit_shrinks_as_fast_as_participation_allows() -> None:
    limits = LimitsConfig(max_weight=0.2, max_participation=0.1)
    made = limited([0.2, 0.2], limits, dollar_volume=np.full(2, 1e5), held=np.array([0.5, -0.3]))
    assert made.weights.tolist() == pytest.approx([0.4, -0.2], abs=1e-8)


@pytest.mark.parametrize(
    ("limits", "held", "culprits"),
    [
        (LimitsConfig(max_weight=0.1, min_net=0.5), [0, 0, 0], ["max_weight 0.1", "min_net 0.5"]),
        (LimitsConfig(max_turnover=0.1, min_net=0.5), [0.2, 0, 0], ["min_net 0.5", "max_turnover 0.1"]),
        (LimitsConfig(max_weight=0.9, min_net=2.0, max_turnover=3.0), [0, 0, 0], ["gross 1", "min_net 2"]),
        (
            LimitsConfig(
                groups={"S00": "a", "S01": "a", "S02": "b"}, group_caps={"a": 0.2, "b": 0.3}, min_net=0.6
            ),
            [0, 0, 0],
            ["group a 0.2", "group b 0.3", "min_net 0.6"],
        ),
    ],
)
def test_clashing_limits_are_named_and_every_position_is_left_alone(
    limits: LimitsConfig, held: list[float], culprits: list[str]
) -> None:
    made = limited([0.3, 0.3, 0.3], limits, held=np.array(held, dtype=float))
    assert np.isnan(made.weights).all()
    note = made.notes[-1]
    assert (note.rule, note.symbol) == ("infeasible", "*")
    assert note.reason == f"{' and '.join(culprits)} cannot be kept together; every position is left alone"


def test_off_barbell_changes_no_bit() -> None:
    plain = construct(inputs([0.3, 0.2]), config(weighting="score")).weights
    assert barbell([0.3, 0.2], BarbellConfig(safe_min=0.5, risk_max=0.1)).weights.tobytes() == plain.tobytes()


def test_safe_sleeve_is_filled_though_nobody_scores_it_and_risk_sleeve_is_cut() -> None:
    made = barbell(
        [0.6, 0.3, NAN, NAN], BarbellConfig(["S02", "S03"], safe_min=0.4, safe_max=0.5, risk_max=0.5)
    )
    assert made.weights.tolist() == pytest.approx([0.4, 0.1, 0.2, 0.2], abs=1e-8)


def test_sleeves_keep_the_caps_of_their_markets() -> None:
    markets = LimitsConfig(groups={"S02": "us", "S03": "eu"}, group_caps={"us": 0.1})
    made = barbell([0.3, 0.2, NAN, NAN], BarbellConfig(["S02", "S03"], safe_min=0.4), markets)
    assert made.weights.tolist() == pytest.approx([0.3, 0.2, 0.1, 0.3], abs=1e-8)


def test_sleeve_without_names_that_can_be_held_says_so() -> None:
    returns = random_returns(3)
    returns[:, 2] = np.nan
    made = construct(
        inputs([0.3, 0.2, NAN], returns),
        config(weighting="score", barbell=BarbellConfig(["S02"], safe_min=0.4)),
    )
    assert np.isnan(made.weights).all()
    assert made.notes[-1].reason.startswith("safe_min 0.4 cannot be kept;")


LIMITS = st.builds(
    LimitsConfig,
    max_weight=st.sampled_from([0.0, 0.1, 0.3]),
    groups=st.just({"S00": "a", "S01": "a", "S02": "b"}),
    max_group_weight=st.sampled_from([0.0, 0.2, 0.5]),
    min_net=st.sampled_from([None, -0.2, 0.3]),
    max_net=st.sampled_from([None, 0.4, 0.8]),
    max_turnover=st.sampled_from([0.0, 0.2, 0.6]),
    max_participation=st.sampled_from([0.0, 0.05, 0.5]),
)


def kept_and_most(limits: LimitsConfig, held: Floats) -> tuple[Floats, Floats]:
    """What counts as held, and how large each position may be."""
    reach = limits.max_participation or 9.0
    kept = held if limits.max_turnover > 0 or limits.max_participation > 0 else np.zeros(len(held))
    most = (
        np.maximum(limits.max_weight, np.abs(kept) - reach) if limits.max_weight else np.full(len(held), 9.0)
    )
    return kept, most


def beyond(found: Floats, limits: LimitsConfig, held: Floats, gross: float) -> float:
    """How far weights are beyond the worst limit, said a second time."""
    held, most = kept_and_most(limits, held)
    sums = [
        (float(np.abs(found).sum()), gross),
        (float(found.sum()), 9 if limits.max_net is None else limits.max_net),
    ]
    sums.append((-float(found.sum()), 9 if limits.min_net is None else -limits.min_net))
    sums.append((float((np.abs(found) - most).max()), 0.0))
    sums += [(float(np.abs(found[members]).sum()), limits.max_group_weight or 9) for members in ([0, 1], [2])]
    sums.append((float(np.abs(found - held).sum()), limits.max_turnover or 9))
    sums.append((float(np.abs(found - held).max()), limits.max_participation or 9))
    return max(value - limit for value, limit in sums)


def can_hold(limits: LimitsConfig, held: Floats, gross: float, score: Floats) -> bool:
    """Whether any weights keep the limits, by another solver on w = up - down, w - held = more - less."""
    count, reach = len(held), limits.max_participation or 9.0
    kept, most = kept_and_most(limits, held)
    low = np.where(score < 0, -9.0, np.minimum(kept, 0))
    high = np.where(score > 0, 9.0, np.maximum(kept, 0))
    low, high = np.maximum(low, -most), np.minimum(high, most)
    eye, none = np.eye(count), np.zeros((count, count))
    equal = np.block([[eye, -eye, none, none], [eye, -eye, -eye, eye]])
    sums, bounds = [np.r_[np.ones(2 * count), np.zeros(2 * count)]], [gross]
    for sign, limit in ((1, limits.max_net), (-1, limits.min_net)):
        if limit is not None:
            sums.append(sign * np.r_[np.ones(count), -np.ones(count), np.zeros(2 * count)])
            bounds.append(sign * limit)
    if limits.max_group_weight:
        for members in ([0, 1], [2]):
            row = np.zeros(4 * count)
            row[members] = row[np.array(members) + count] = 1
            sums.append(row)
            bounds.append(limits.max_group_weight)
    if limits.max_turnover:
        sums.append(np.r_[np.zeros(2 * count), np.ones(2 * count)])
        bounds.append(limits.max_turnover)
    # The box of w lies between up and down: as rows.
    box = np.block([[eye, -eye, none, none], [-eye, eye, none, none]])
    found = linprog(
        np.zeros(4 * count),
        A_ub=np.vstack([np.array(sums), box]),
        b_ub=np.r_[bounds, high, -low],
        A_eq=equal[count:],
        b_eq=kept,
        bounds=[(0, None)] * (2 * count) + [(0, reach)] * (2 * count),
    )
    return bool(found.status == 0)


@settings(max_examples=60)
@given(LIMITS, st.integers(0, 10_000))
def test_limits_hold_wherever_they_can_and_no_nearer_weights_keep_them(
    limits: LimitsConfig, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    score = rng.uniform(-1, 1, 4).round(2)
    held = rng.uniform(-0.2, 0.3, 4).round(2)
    made = limited(score, limits, side="long_short", held=held, dollar_volume=np.full(4, 1e5))
    if np.isnan(made.weights).any():
        assert made.notes[-1].rule == "infeasible"
        assert not can_hold(limits, held, 1.0, score)
        return
    assert beyond(made.weights, limits, held, 1.0) <= 2e-7
    wanted = construct(inputs(score), config(weighting="score", side="long_short")).weights
    distance = float(np.square(made.weights - wanted).sum())
    for step in itertools.chain(np.eye(4) * 1e-2, -np.eye(4) * 1e-2, rng.standard_normal((40, 4)) * 1e-2):
        other = made.weights + step
        kept = kept_and_most(limits, held)[0]
        # A score of 0 is on neither side.
        low = np.where(score < 0, -np.inf, np.minimum(kept, 0))
        high = np.where(score > 0, np.inf, np.maximum(kept, 0))
        if ((low <= other) & (other <= high)).all() and beyond(other, limits, held, 1.0) <= 0:
            # Four weights below 1e-5 may have been swept to 0.
            assert float(np.square(other - wanted).sum()) >= distance - 4e-5
