"""Decisions in words: every risk rule speaks, and every target says where it comes from."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from execution import tables
from execution.config import RiskConfig
from execution.panel import Panel
from execution.reasons import target_reasons, weights_held
from execution.types import RiskDecision, Scores
from tests.execution.markets import EVERY_DAY, LENIENT, NAN, book_config, panel, score_panel, simulated

TWO = replace(EVERY_DAY, k=2, gross=1.0)


def said(bars: Panel, score: Any, risk: RiskConfig, **scored: Any) -> list[tuple[str, str, str]]:
    """What risk said at the last bar's decision: (symbol, rule, reason)."""
    result = simulated(bars, score_panel(score, **scored), book_config(TWO, risk=risk))
    frame = tables.risk_decisions(result, tables.narrate(result))
    last = frame.filter(frame["bar_at"] == bars.bar_at[-1])
    return last.select("symbol", "rule", "reason").rows()


@pytest.mark.parametrize(
    ("close", "rule", "reason"),
    [
        ([[10.0, NAN], [10.0, NAN]], "no_price", "it has no price yet; left alone"),
        (
            [[10.0, 9.0], [10.0, NAN]],
            "stale_price",
            "its last bar is 1 sessions old, more than 0; left alone",
        ),
        (
            [[10.0, 9.0], [10.0, 18.5]],
            "price_move",
            "its close moved from 9 to 18.5, more than 50%; taken for an error and left alone",
        ),
        ([[10.0, 0.5], [10.0, 0.6]], "min_price", "its price 0.6 is below 1; not bought or shorted"),
    ],
)
def test_a_price_that_is_not_traded_on_says_why(close: Any, rule: str, reason: str) -> None:
    risk = RiskConfig(name="test", max_position_weight=1.0)
    assert said(panel(close), [[NAN, NAN], [0.5, 0.4]], risk) == [("B", rule, reason)]


def test_a_score_without_confidence_opens_nothing() -> None:
    risk = replace(LENIENT, min_confidence=0.5)
    bars = panel([[10.0, 10.0]] * 2)
    score, confidence = [[NAN, NAN], [0.5, 0.4]], [[1.0, 1.0], [0.9, 0.25]]
    assert said(bars, score, risk, confidence=confidence) == [
        ("B", "min_confidence", "its confidence 0.25 is not 0.5 or more; not opened")
    ]


def test_caps_say_what_they_cut() -> None:
    risk = replace(LENIENT, max_position_weight=0.4, max_gross=0.6)
    assert said(panel([[10.0, 10.0]] * 2), [[NAN, NAN], [0.5, 0.4]], risk) == [
        ("A", "max_position_weight", "cut to 40.0% of equity"),
        ("B", "max_position_weight", "cut to 40.0% of equity"),
        ("*", "max_gross", "gross 80.0% of equity scaled down to 60.0% to keep 60.0%"),
    ]


def test_a_target_tells_score_rank_weight_position_and_what_changed_it() -> None:
    scores = Scores("s", np.array([0.25, NAN, -0.5, NAN]), np.ones(4), np.ones(4))
    changes = [
        RiskDecision("A", "max_position_weight", 0.5, 0.3, "cut to 30.0% of equity"),
        RiskDecision("*", "max_gross", 1.2, 1.0, "gross scaled"),
    ]
    reasons = target_reasons(
        ("A", "B", "C", "D"),
        scores,
        weights=np.array([0.3, NAN, 0.0, 0.0]),
        held=np.array([0.1, 0.2, 0.0, 0.0]),
        changes=changes,
        is_ruined=False,
    )
    assert reasons == [
        "score 0.25 rank 1 of 2 → 30.0% of equity, holds 10.0%; cut to 30.0% of equity; gross scaled",
        "no score → left alone, holds 20.0%",
        "score -0.5 rank 2 of 2 → 0.0% of equity, holds 0.0%",
        "",
    ]


def test_a_book_without_equity_holds_signs_and_says_so() -> None:
    bars = panel([[10.0, 10.0]])
    held = weights_held(bars, 0, np.array([-5.0, 0.0]), 0.0)
    assert held.tolist() == [-1.0, 0.0]
    reasons = target_reasons(
        bars.symbols,
        Scores("s", np.array([NAN, NAN]), np.ones(2), np.ones(2)),
        weights=np.full(2, NAN),
        held=held,
        changes=(),
        is_ruined=True,
    )
    assert reasons == ["no score → left alone, equity is used up", ""]
    assert weights_held(bars, 0, np.array([-5.0, 0.0]), 200.0).tolist() == [-0.25, 0.0]
