"""Target weights → what may be traded. Every change is recorded with its reason.

Rules, in order: price sanity (``no_price``, ``stale_price``, ``price_move``: the symbol is left alone,
weight NaN), ``min_price`` and ``min_confidence`` (the position may shrink or close but not open or grow),
``max_position_weight`` (cut), ``max_gross`` (all scaled down alike; positions left alone count and cannot
be scaled).
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from execution.config import RiskConfig
from execution.types import Account, Floats, RiskDecision, Scores, Snapshot
from transforms.errors import QuantmillError


def prudent_equity(account: Account, snapshot: Snapshot, risk: RiskConfig) -> float:
    """Return the equity (USD) that decisions are sized by: cash + Σ quantity × last_close.

    A position whose price made an implausible move counts with whichever of its last two closes is worth
    less, so that a bad print cannot inflate the other positions.
    """
    held = np.flatnonzero(account.quantity)
    value = account.quantity[held] * snapshot.last_close[held]
    before = account.quantity[held] * snapshot.previous_close[held]
    jumped = _moved_too_far(snapshot, risk)[held]
    return math.fsum([account.cash, *np.where(jumped, np.fmin(value, before), value).tolist()])


def apply(
    weights: Floats, held: Floats, snapshot: Snapshot, scores: Scores, risk: RiskConfig
) -> tuple[Floats, tuple[RiskDecision, ...]]:
    """Return the weights that may be traded and what was changed to get there.

    Args:
        weights: Target weights, signed fraction of equity, (N,).
        held: Present weights, likewise.

    Returns:
        Weights after risk, (N,), NaN where a position is left alone; the changes, by rule, then by symbol.

    Raises:
        QuantmillError: If a target weight is not finite; the message names the symbol.
    """
    broken = np.flatnonzero(~np.isfinite(weights))
    if broken.size:
        names = ", ".join(snapshot.symbols[i] for i in broken[:5].tolist())
        raise QuantmillError(
            f"strategy {scores.strategy}: the target weight of {names} is not finite; nothing is decided"
        )
    allowed = weights.copy()
    decisions: list[RiskDecision] = []

    def change(rule: str, where: NDArray[np.bool_], after: Floats, reason: Callable[[int], str]) -> None:
        """Set ``allowed`` to ``after`` in the places of ``where``, by name, and record it."""
        for i in sorted(np.flatnonzero(where).tolist(), key=lambda i: snapshot.symbols[i]):
            new = float(after[i])
            decisions.append(RiskDecision(snapshot.symbols[i], rule, float(allowed[i]), new, reason(i)))
            allowed[i] = new

    concerned = (weights != 0) | (held != 0)
    alone = np.full(len(weights), np.nan)
    close, since = snapshot.last_close, snapshot.sessions_since_bar
    priced = np.isfinite(close) & (close > 0)
    stale = priced & (since > risk.max_stale_sessions)
    jumped = priced & ~stale & _moved_too_far(snapshot, risk)
    change("no_price", concerned & ~priced, alone, lambda i: "it has no price yet; left alone")
    change(
        "stale_price",
        concerned & stale,
        alone,
        lambda i: (
            f"its last bar is {since[i]:.0f} sessions old, more than {risk.max_stale_sessions}; left alone"
        ),
    )
    change(
        "price_move",
        concerned & jumped,
        alone,
        lambda i: (
            f"its close moved from {snapshot.previous_close[i]:.6g} to {close[i]:.6g}, more than "
            f"{risk.max_price_move:.0%}; taken for an error and left alone"
        ),
    )

    smaller = _no_larger(allowed, held)
    cheap = (close < risk.min_price) & (smaller != allowed) & ~np.isnan(allowed)
    change(
        "min_price",
        cheap,
        smaller,
        lambda i: f"its price {close[i]:.6g} is below {risk.min_price:g}; not bought or shorted",
    )
    unsure = ~(scores.confidence >= risk.min_confidence) & (smaller != allowed) & ~np.isnan(allowed)
    change(
        "min_confidence",
        unsure,
        smaller,
        lambda i: (
            f"its confidence {scores.confidence[i]:.3g} is not {risk.min_confidence:g} or more; not opened"
        ),
    )

    capped = np.clip(allowed, -risk.max_position_weight, risk.max_position_weight)
    change(
        "max_position_weight",
        np.abs(allowed) > risk.max_position_weight,
        capped,
        lambda i: f"cut to {risk.max_position_weight:.1%} of equity",
    )
    decisions.extend(_cap_gross(allowed, held, risk))
    return allowed, tuple(decisions)


def _cap_gross(allowed: Floats, held: Floats, risk: RiskConfig) -> list[RiskDecision]:
    """Scale the weights down, in place, so that with the positions left alone they keep the gross cap."""
    left_alone = np.isnan(allowed)
    frozen = math.fsum(np.abs(held[left_alone]).tolist())
    active = math.fsum(np.abs(allowed[~left_alone]).tolist())
    gross = frozen + active
    if active == 0 or gross <= risk.max_gross * (1 + 1e-12):
        return []
    scale = max(0.0, risk.max_gross - frozen) / active
    allowed *= scale
    reason = f"gross {gross:.1%} of equity scaled by {scale:.4g} to keep {risk.max_gross:.1%}"
    if frozen > 0:
        reason += f", {frozen:.1%} of it left alone"
    return [RiskDecision("*", "max_gross", gross, frozen + active * scale, reason)]


def _no_larger(allowed: Floats, held: Floats) -> Floats:
    """Return the weights nearest to ``allowed`` that neither open nor enlarge what is held."""
    return np.where(
        held >= 0, np.clip(allowed, 0, np.maximum(held, 0)), np.clip(allowed, np.minimum(held, 0), 0)
    )


def _moved_too_far(snapshot: Snapshot, risk: RiskConfig) -> NDArray[np.bool_]:
    """Whether the last close-to-close move is implausible, (N,); a first close made none."""
    before = snapshot.previous_close
    known = np.isfinite(before) & (before > 0)
    move = np.zeros(len(before))
    np.divide(snapshot.last_close, before, out=move, where=known)
    return known & (np.abs(move - 1) > risk.max_price_move)
