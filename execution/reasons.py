"""Decisions in words: what was wanted of each symbol and why, and what each risk rule changed."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from execution.config import RiskConfig
from execution.construction import ranking
from execution.kernel.types import (
    MAX_GROSS,
    MAX_POSITION_WEIGHT,
    MIN_CONFIDENCE,
    MIN_PRICE,
    NO_PRICE,
    PRICE_MOVE,
    RISK_RULES,
    STALE_PRICE,
    Records,
)
from execution.panel import Panel, ScorePanel
from execution.types import Floats, RiskDecision, Scores


def risk_decisions(
    panel: Panel, scores: ScorePanel, t: int, *, events: Records, risk: RiskConfig
) -> tuple[RiskDecision, ...]:
    """Return what the risk rules changed at the close of bar ``t``, by rule, then by symbol, in words.

    Args:
        events: RISK_EVENT records of that bar.
    """
    found = []
    for event in events:
        i, rule = int(event["symbol"]), int(event["rule"])
        before, after = float(event["before"]), float(event["after"])
        symbol = "*" if i < 0 else panel.symbols[i]
        if rule == MAX_GROSS:
            reason = f"gross {before:.1%} of equity scaled down to {after:.1%} to keep {risk.max_gross:.1%}"
        else:
            reason = _why(panel, scores, (t, i), rule, risk)
        found.append(RiskDecision(symbol, RISK_RULES[rule], before, after, reason))
    return tuple(found)


def _why(panel: Panel, scores: ScorePanel, place: tuple[int, int], rule: int, risk: RiskConfig) -> str:
    t, i = place
    if rule == NO_PRICE:
        return "it has no price yet; left alone"
    if rule == STALE_PRICE:
        since = panel.sessions_since_bar[t, i]
        return f"its last bar is {since:.0f} sessions old, more than {risk.max_stale_sessions}; left alone"
    if rule == PRICE_MOVE:
        return (
            f"its close moved from {panel.previous_close[t, i]:.6g} to {panel.last_close[t, i]:.6g}, more than "
            f"{risk.max_price_move:.0%}; taken for an error and left alone"
        )
    if rule == MIN_PRICE:
        return f"its price {panel.last_close[t, i]:.6g} is below {risk.min_price:g}; not bought or shorted"
    if rule == MIN_CONFIDENCE:
        confidence = scores.confidence[t, i]
        return f"its confidence {confidence:.3g} is not {risk.min_confidence:g} or more; not opened"
    if rule == MAX_POSITION_WEIGHT:
        return f"cut to {risk.max_position_weight:.1%} of equity"
    raise ValueError(f"risk rule {rule} has no words")


def weights_held(panel: Panel, t: int, quantity: Floats, equity: float) -> Floats:
    """Return positions as signed fractions of equity at the last closes of bar ``t``, (N,).

    Where equity is used up they are 1, -1 or 0: only whether there is a position counts then.
    """
    held = np.zeros(len(quantity))
    places = np.flatnonzero(quantity)
    held[places] = (
        quantity[places] * panel.last_close[t, places] / equity if equity > 0 else np.sign(quantity[places])
    )
    return held


def target_reasons(
    symbols: tuple[str, ...],
    scores: Scores,
    *,
    weights: Floats,
    held: Floats,
    changes: Sequence[RiskDecision],
    is_ruined: bool,
) -> list[str]:
    """Say, for each symbol with a score or a position, what is wanted of it and why; empty for the others, (N,).

    Args:
        weights: After risk, (N,); NaN where a position is left alone.
        held: Present weights, (N,).
    """
    reasons = [""] * len(symbols)
    notes: dict[str, str] = {}
    for change in changes:
        notes[change.symbol] = f"{notes.get(change.symbol, '')}; {change.reason}"
    everywhere = notes.get("*", "")
    ranked = ranking(symbols, scores).tolist()
    count = len(ranked)
    # Plain floats: hundreds of thousands of these are written in a backtest of a large universe.
    score, wanted, holds = scores.score.tolist(), weights.tolist(), held.tolist()
    of_all = f" of {count} → "
    flat = "0.0% of equity, equity is used up" if is_ruined else "0.0% of equity, holds 0.0%"
    for rank, i in enumerate(ranked, start=1):
        weight = wanted[i]
        if weight == 0 and holds[i] == 0:  # most of a large universe, most of the time
            outlook = flat
        else:
            target = "left alone" if math.isnan(weight) else f"{weight:.1%} of equity"
            outlook = f"{target}, equity is used up" if is_ruined else f"{target}, holds {holds[i]:.1%}"
        origin = scores.origins.get(i)
        reasons[i] = (
            f"{origin} → {outlook}" if origin else f"score {score[i]:.3g} rank {rank}{of_all}{outlook}"
        )
        if notes:
            reasons[i] += notes.get(symbols[i], "") + (everywhere if weight != 0 else "")
    for i in np.flatnonzero(held).tolist():
        if reasons[i]:
            continue
        target = "left alone" if math.isnan(wanted[i]) else f"{wanted[i]:.1%} of equity"
        now = "equity is used up" if is_ruined else f"holds {holds[i]:.1%}"
        reasons[i] = f"no score → {target}, {now}{notes.get(symbols[i], '')}"
    return reasons
