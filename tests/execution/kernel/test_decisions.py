"""Weights → risk rules → orders."""

import numpy as np
import pytest

from execution.kernel import decide, new_state, run
from execution.kernel.types import (
    MAX_GROSS,
    MAX_POSITION_WEIGHT,
    MIN_CONFIDENCE,
    MIN_PRICE,
    NO_PRICE,
    PRICE_MOVE,
    STALE_PRICE,
    Outcome,
)
from tests.execution.kernel.books import NAN, beside, costs, fills, market, order, play, rules, sent, targets


def events(out: Outcome) -> list[tuple[int, int, float, float]]:
    return [
        (int(e["symbol"]), int(e["rule"]), float(e["before"]), float(e["after"])) for e in out.risk_events
    ]


def test_weight_becomes_whole_shares_at_the_close_and_fills_at_the_next_open() -> None:
    out = play(market(30, 40), targets=targets({0: [0.5]}), cash=1000, whole_shares=True)
    assert fills(out) == [(1, 16, 40)]
    assert out.weights.tolist() == [[0.5]]


def test_nan_leaves_a_position_alone_and_zero_closes_it_whatever_the_thresholds() -> None:
    bars = beside(market(10, 10, 10), market(10, 10, 10))
    plan = targets({0: [0.5, 0.001], 1: [NAN, 0.0]})
    out = play(bars, order(1, symbol=1), targets=plan, cash=1000, min_trade_weight=0.01, min_notional=50)
    assert [(f["bar"], f["symbol"], f["quantity"]) for f in out.fills] == [(0, 1, 1), (1, 0, 50), (2, 1, -1)]


@pytest.mark.parametrize(
    ("rule", "traded"), [({"min_trade_weight": 0.02}, 0), ({"min_notional": 20}, 0), ({}, 1)]
)
def test_changes_too_small_are_not_traded(rule: dict[str, float], traded: int) -> None:
    out = play(market(10, 10), targets=targets({0: [0.015]}), cash=1000, **rule)
    assert len(out.fills) == traded


def test_lots_round_the_target_towards_zero() -> None:
    out = play(market(10, 10), targets=targets({0: [-0.27]}), cash=10_000, lot=100)
    assert fills(out) == [(1, -200, 10)]


def test_price_rules_leave_a_symbol_alone_and_tell_why() -> None:
    late, stale, jumped = market(None, None, None), market(10, None, None), market(10, 10, 16)
    out = play(
        beside(late, stale, jumped),
        targets=targets({2: [0.1, 0.1, 0.1]}),
        max_stale_sessions=1,
        max_price_move=0.5,
    )
    np.testing.assert_equal(out.weights, [[NAN, NAN, NAN]])
    np.testing.assert_equal(
        events(out), [(0, NO_PRICE, 0.1, NAN), (1, STALE_PRICE, 0.1, NAN), (2, PRICE_MOVE, 0.1, NAN)]
    )


def test_jump_across_a_split_is_no_jump() -> None:
    out = play(market(10, 2.5, split_ratio=[1, 4]), targets=targets({1: [0.1]}), max_price_move=0.5)
    assert events(out) == []


@pytest.mark.parametrize(
    ("rule", "code", "confidence"),
    [({"min_price": 20}, MIN_PRICE, 1.0), ({"min_confidence": 0.6}, MIN_CONFIDENCE, 0.5)],
)
def test_cheap_or_unsure_positions_may_shrink_but_not_grow_or_turn(
    rule: dict[str, float], code: int, confidence: float
) -> None:
    bars = beside(*[market(10, 10)] * 4)
    held = [order(20, symbol=i) for i in range(3)]
    plan = targets({0: [0.1, 0.5, -0.1, 0.1]}, confidence)
    out = play(bars, *held, targets=plan, cash=1000, **rule)
    assert out.weights.tolist() == [[0.1, 0.2, 0.0, 0.0]]
    assert events(out) == [(1, code, 0.5, 0.2), (2, code, -0.1, 0.0), (3, code, 0.1, 0.0)]


def test_position_and_gross_caps_scale_what_may_be_scaled() -> None:
    bars = beside(*[market(10, 10)] * 3)
    out = play(
        bars,
        order(20),
        targets=targets({0: [NAN, 0.9, -0.4]}),
        cash=1000,
        max_position_weight=0.4,
        max_gross=0.6,
    )
    assert events(out) == [
        (1, MAX_POSITION_WEIGHT, 0.9, 0.4),
        (-1, MAX_GROSS, pytest.approx(1.0), pytest.approx(0.6)),
    ]
    np.testing.assert_allclose(out.weights, [[NAN, 0.2, -0.2]])


def test_equity_is_prudent_about_a_position_whose_price_jumped() -> None:
    bars = beside(market(10, 100), market(10, 10))
    out = play(bars, order(50), targets=targets({1: [NAN, 0.1]}), cash=1000, max_price_move=0.5)
    # 500 cash and 50 shares that count at 10 each.
    assert out.orders["quantity"].tolist() == [50, 10]


def test_decision_alone_gives_the_orders_that_the_run_puts_into_its_book() -> None:
    bars = beside(market(10, 11, 12, 13), market(20, 19, 18, 17))
    plan = targets({1: [0.6, -0.3], 2: [0.0, -0.5]})
    changed = {"max_position_weight": 0.5, "participation": 0.000001, "carries_remainder": True}
    whole = play(bars, targets=plan, **changed)
    state = new_state(2, 1e6)
    run(
        bars,
        costs(bars),
        rules(**changed),
        state,
        first=0,
        last=3,
        targets=plan._replace(bar=plan.bar[:1], weight=plan.weight[:1], confidence=plan.confidence[:1]),
    )
    before = state.orders.copy()
    made = decide(bars, rules(**changed), state, 2, weights=plan.weight[1], confidence=plan.confidence[1])
    assert made.weights.tolist() == whole.weights[1].tolist()
    assert made.replaced.tolist() == before["id"].tolist() == [0, 1]
    placed = whole.orders[whole.orders["bar"] == 2]
    for name in ("symbol", "quantity", "goal", "type"):
        assert getattr(made.orders, name).tolist() == placed[name].tolist()
    assert state.orders.tobytes() == before.tobytes()


def test_ruined_book_decides_nothing() -> None:
    bars = market(100, 40)
    state = new_state(1, 1000)
    run(bars, costs(bars), rules(), state, first=0, last=2, orders=sent(order(20)))
    made = decide(bars, rules(), state, 1, weights=np.array([0.5]), confidence=np.ones(1))
    assert len(made.orders.bar) == 0
    assert np.isnan(made.weights).all()
