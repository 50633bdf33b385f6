from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from execution.config import RiskConfig
from execution.risk import apply, prudent_equity
from tests.execution.markets import NAN, account, risks, scores, snapshot
from transforms.errors import QuantmillError

RISK = RiskConfig(
    name="test", max_position_weight=0.5, max_gross=1.0, min_confidence=0.2, min_price=5.0, max_price_move=0.5
)


def gate(
    weights: list[float], held: list[float], *, bar: Any = None, confidence: float = 1.0
) -> tuple[list[float], list[tuple[str, str, float, float]]]:
    market = snapshot([100.0] * len(weights)) if bar is None else bar
    given_scores = scores([0.1] * len(weights), confidence=confidence)
    allowed, changes = apply(np.array(weights), np.array(held), market, given_scores, RISK)
    assert all(change.reason for change in changes)
    return allowed.tolist(), [(c.symbol, c.rule, c.before, c.after) for c in changes]


def test_weights_within_every_rule_pass_unchanged() -> None:
    assert gate([0.5, -0.3, 0.2], [0, 0, 0.9]) == ([0.5, -0.3, 0.2], [])


def test_position_beyond_its_cap_is_cut_on_either_side() -> None:
    allowed, changes = gate([0.6, -0.51], [0, 0])
    assert allowed == [0.5, -0.5]
    assert changes == [
        ("A", "max_position_weight", 0.6, 0.5),
        ("B", "max_position_weight", -0.51, -0.5),
    ]


def test_gross_beyond_its_cap_scales_every_weight_alike() -> None:
    allowed, changes = gate([0.5, -0.5, 0.25], [0, 0, 0])
    assert allowed == pytest.approx([0.4, -0.4, 0.2])
    assert changes == [("*", "max_gross", pytest.approx(1.25), pytest.approx(1.0))]


def test_position_left_alone_uses_up_gross() -> None:
    stale = snapshot([100.0] * 3, sessions_since_bar=[2, 0, 0])
    allowed, changes = gate([0.0, 0.5, 0.3], [0.6, 0, 0], bar=stale)
    assert allowed == pytest.approx([NAN, 0.25, 0.15], nan_ok=True)
    assert [rule for _, rule, _, _ in changes] == ["stale_price", "max_gross"]


def test_position_left_alone_beyond_the_cap_leaves_room_for_nothing() -> None:
    stale = snapshot([100.0] * 2, sessions_since_bar=[2, 0])
    allowed, changes = gate([0.0, 0.5], [1.2, 0], bar=stale)
    assert allowed == pytest.approx([NAN, 0.0], nan_ok=True)
    assert changes[-1] == ("*", "max_gross", pytest.approx(1.7), pytest.approx(1.2))


@pytest.mark.parametrize(
    ("bar", "rule"),
    [
        (snapshot([NAN], sessions_since_bar=[NAN]), "no_price"),
        (snapshot([0.0]), "no_price"),
        (snapshot([np.inf]), "no_price"),
        (snapshot([100.0], sessions_since_bar=[1]), "stale_price"),
        (snapshot([151.0], previous_close=[100.0]), "price_move"),
        (snapshot([49.0], previous_close=[100.0]), "price_move"),
    ],
)
def test_price_that_cannot_be_trusted_leaves_the_symbol_alone(bar: Any, rule: str) -> None:
    for weights, held in (([0.4], [0.0]), ([0.0], [0.4])):
        allowed, changes = gate(weights, held, bar=bar)
        assert np.isnan(allowed[0])
        assert [(symbol, name) for symbol, name, _, _ in changes] == [("A", rule)]


def test_move_at_the_limit_and_first_price_are_trusted() -> None:
    bar = snapshot([150.0, 100.0], previous_close=[100.0, NAN])
    assert gate([0.4, 0.4], [0, 0], bar=bar) == ([0.4, 0.4], [])


def test_symbol_nobody_wants_or_holds_is_not_mentioned() -> None:
    bar = snapshot([NAN, 100.0], sessions_since_bar=[NAN, 0])
    assert gate([0.0, 0.4], [0, 0], bar=bar) == ([0.0, 0.4], [])


@pytest.mark.parametrize(
    ("weight", "held", "after"),
    [
        (0.4, 0.0, 0.0),
        (-0.4, 0.0, 0.0),
        (0.4, 0.3, 0.3),
        (-0.4, 0.3, 0.0),
        (-0.4, -0.1, -0.1),
        (0.2, -0.1, 0.0),
    ],
)
@pytest.mark.parametrize("rule", ["min_price", "min_confidence"])
def test_cheap_or_unsure_names_neither_open_nor_grow(
    rule: str, weight: float, held: float, after: float
) -> None:
    bar = snapshot([4.0 if rule == "min_price" else 100.0])
    confidence = 0.1 if rule == "min_confidence" else 1.0
    assert gate([weight], [held], bar=bar, confidence=confidence) == ([after], [("A", rule, weight, after)])


@pytest.mark.parametrize(("weight", "held"), [(0.2, 0.3), (0.0, 0.3), (-0.2, -0.3)])
def test_cheap_or_unsure_names_may_shrink_and_close(weight: float, held: float) -> None:
    assert gate([weight], [held], bar=snapshot([4.0]), confidence=0.1) == ([weight], [])


def test_unknown_confidence_opens_nothing() -> None:
    assert gate([0.4], [0.0], confidence=NAN)[0] == [0.0]


@pytest.mark.parametrize("bad", [NAN, np.inf, -np.inf])
def test_weight_that_is_not_finite_stops_with_the_symbol(bad: float) -> None:
    with pytest.raises(QuantmillError, match="target weight of B is not finite"):
        gate([0.1, bad], [0, 0])


def test_bad_print_does_not_inflate_the_equity_that_sizes_the_rest() -> None:
    bar = snapshot([1000.0, 50.0, 20.0], previous_close=[100.0, 49.0, 20.0])
    assert prudent_equity(account([10, 10, 0], cash=1), bar, RISK) == 1 + 1000 + 500
    assert prudent_equity(account([-10, 10, 0], cash=20_000), bar, RISK) == 20_000 - 10_000 + 500


@given(
    numbers=st.lists(
        st.tuples(st.floats(-3, 3), st.floats(-1, 1), st.floats(0.5, 20), st.floats(0, 4), st.floats(0, 1)),
        min_size=1,
        max_size=6,
    ),
    risk=risks,
)
def test_no_input_gets_past_the_caps(numbers: list[tuple[float, ...]], risk: RiskConfig) -> None:
    weights, held, price, since, confidence = (np.array(column) for column in zip(*numbers, strict=True))
    bar = snapshot(price.tolist(), sessions_since_bar=np.floor(since), previous_close=price[::-1].copy())
    given_scores = scores([0.1] * len(weights))
    given_scores.confidence[:] = confidence
    allowed, changes = apply(weights, held, bar, given_scores, risk)
    alone = np.isnan(allowed)
    assert np.all(np.abs(allowed[~alone]) <= risk.max_position_weight)
    frozen = np.abs(held[alone]).sum()
    assert np.abs(allowed[~alone]).sum() <= max(risk.max_gross - frozen, 0) + 1e-9
    opened = ~alone & (np.abs(allowed) > np.maximum(np.abs(held), 1e-300))
    assert np.all(confidence[opened] >= risk.min_confidence)
    assert np.all(price[opened] >= risk.min_price)
    changed = {i for i in range(len(weights)) if alone[i] or allowed[i] != weights[i]}
    recorded = {bar.symbols.index(c.symbol) for c in changes if c.symbol != "*"}
    assert recorded <= changed
    assert changed == recorded or any(c.rule == "max_gross" for c in changes)
