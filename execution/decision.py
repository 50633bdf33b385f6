"""The decision at the close of a bar: scores → weights → risk → orders, in backtest and trading alike."""

from __future__ import annotations

import math

import numpy as np

from execution import risk as risk_gate
from execution.config import PortfolioConfig, RiskConfig
from execution.construction import ConstructionInputs, construct, ranking
from execution.orders import orders_for
from execution.types import Account, Decision, Floats, RiskDecision, Scores, Snapshot
from transforms.errors import QuantmillError


def decide(
    snapshot: Snapshot,
    scores: Scores,
    account: Account,
    *,
    book: str,
    portfolio: PortfolioConfig,
    risk: RiskConfig,
    is_rebalance: bool,
) -> Decision:
    """Decide at the close of a bar, from what is known then. Pure; the orders are for the next bar's open.

    On a bar that is no rebalance, or for which nobody has a score, nothing is decided and every position is
    left alone. A book whose equity is not above 0 closes all it can and opens nothing more. The result does
    not depend on the order of the symbols.

    Args:
        account: Cash and positions at this close, over the snapshot's symbols.

    Raises:
        QuantmillError: If a score, confidence or volatility is infinite, a held symbol has no price, or the
            arrays belong to other symbols.
    """
    _check_symbols(snapshot, scores, account)
    if not is_rebalance or np.all(np.isnan(scores.score)):
        nothing = np.full(len(snapshot.symbols), np.nan)
        return Decision(nothing, ("",) * len(snapshot.symbols), (), ())
    equity = risk_gate.prudent_equity(account, snapshot, risk)
    if not math.isfinite(equity):
        raise QuantmillError(
            f"{snapshot.session_date}: the account holds a symbol that never had a price; close it by hand"
        )
    if equity > 0:
        target = construct(ConstructionInputs(snapshot.symbols, scores), portfolio).weights
        held = _weights_held(account, snapshot, equity)
    else:
        target = np.zeros(len(snapshot.symbols))
        held = np.sign(account.quantity)  # in units of nothing: only whether there is a position counts
    weights, changes = risk_gate.apply(target, held, snapshot, scores, risk)
    reasons = _reasons(weights, held, snapshot, scores, changes, is_ruined=equity <= 0)
    orders = orders_for(
        weights,
        snapshot,
        account,
        equity=equity,
        book=book,
        strategy=scores.strategy,
        portfolio=portfolio,
        reasons=reasons,
    )
    return Decision(weights, reasons, changes, orders)


def _check_symbols(snapshot: Snapshot, scores: Scores, account: Account) -> None:
    if account.symbols != snapshot.symbols or len(scores.score) != len(snapshot.symbols):
        raise QuantmillError(
            f"{snapshot.session_date}: account ({len(account.symbols)}), scores ({len(scores.score)}) and "
            f"prices ({len(snapshot.symbols)}) are not over the same symbols"
        )


def _weights_held(account: Account, snapshot: Snapshot, equity: float) -> Floats:
    held = np.zeros(len(account.symbols))
    places = np.flatnonzero(account.quantity)
    held[places] = account.quantity[places] * snapshot.last_close[places] / equity
    return held


def _reasons(
    weights: Floats,
    held: Floats,
    snapshot: Snapshot,
    scores: Scores,
    changes: tuple[RiskDecision, ...],
    *,
    is_ruined: bool,
) -> tuple[str, ...]:
    """Say, for each symbol with a score or a position, what is wanted of it and why."""
    reasons = [""] * len(snapshot.symbols)
    notes: dict[str, str] = {}
    for change in changes:
        notes[change.symbol] = f"{notes.get(change.symbol, '')}; {change.reason}"
    ranked = ranking(snapshot.symbols, scores).tolist()
    places = {i: rank for rank, i in enumerate(ranked, start=1)}
    # Plain floats: hundreds of thousands of these are written in a backtest of a large universe.
    score, wanted, holds = scores.score.tolist(), weights.tolist(), held.tolist()
    for i in ranked + [i for i in np.flatnonzero(held).tolist() if i not in places]:
        said = f"score {score[i]:.3g} rank {places[i]} of {len(ranked)}" if i in places else "no score"
        target = "left alone" if math.isnan(wanted[i]) else f"{wanted[i]:.1%} of equity"
        now = "equity is used up" if is_ruined else f"holds {holds[i]:.1%}"
        whole_book = notes.get("*", "") if abs(wanted[i]) > 0 else ""
        reasons[i] = f"{said} → {target}, {now}{notes.get(snapshot.symbols[i], '')}{whole_book}"
    return tuple(reasons)
