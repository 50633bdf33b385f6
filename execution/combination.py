"""Several strategies in one account: what each wants of its own capital, summed by their parts of the account.

Every strategy first trades alone, with the account's costs, orders, exits and risk rules: its own backtest. What the
account wants at a close is the sum of what the strategies hold then, or have just decided to hold, each by its part of
the capital. The account trades the difference to what it holds: opposite wishes cancel before they cost anything. Both
the backtests and the shares at a close depend on no later bar.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from execution.allocation import Shares, allocate
from execution.calendar import rebalances
from execution.combined_config import CombinedConfig
from execution.config import BookConfig, StrategyConfig
from execution.panel import Panel, ScorePanel, load_scores
from execution.rules import Terms, kernel_rules
from execution.simulator import SimulationResult, simulate
from execution.types import Floats, Scores, Wish
from transforms.errors import QuantmillError
from transforms.warehouse import Warehouse


@dataclass(frozen=True, kw_only=True)
class CombinedScores(ScorePanel):
    """What several strategies want together; a score is a target weight over ``gross``.

    A confidence is the highest that a strategy had which wants the symbol, at its last decision.

    Attributes:
        members: The strategies, (S,).
        scores: Of each, (S,).
        weights: What each wants of its own capital (signed fraction of it), (T, N) each.
        shares: Each one's part of the account.
        alone: Equity of each one's own backtest at the closes (USD), (T, S); NaN before it begins.
        gross: What a score of 1 stands for (fraction of equity).
    """

    members: tuple[str, ...]
    scores: tuple[ScorePanel, ...]
    weights: tuple[Floats, ...]
    shares: Shares
    alone: Floats
    gross: float

    def at(self, t: int) -> Scores:
        """Return the scores of bar ``t``; their origins say which strategy wants how much."""
        stakes = self.stakes(t)
        scored = np.flatnonzero(~np.isnan(self.score[t])).tolist()
        origins = dict.fromkeys(scored, "no strategy wants it")
        for i in np.flatnonzero(stakes.any(axis=0)).tolist():
            wanted = zip(self.members, stakes[:, i].tolist(), strict=True)
            origins[i] = " and ".join(f"{name} wants {stake:+.1%}" for name, stake in wanted if stake != 0)
        return replace(super().at(t), origins=origins)

    def wishes(self, t: int) -> tuple[Wish, ...]:
        """Return what each strategy wants at the close of bar ``t``, by strategy, then by symbol."""
        shares = self.shares.held[t].tolist()
        return tuple(
            Wish(
                name,
                i,
                float(scores.score[t, i]),
                float(scores.confidence[t, i]),
                float(weights[t, i]),
                share,
            )
            for name, scores, weights, share in zip(
                self.members, self.scores, self.weights, shares, strict=True
            )
            for i in np.flatnonzero(weights[t]).tolist()
        )

    def stakes(self, t: int) -> Floats:
        """Return what each strategy wants of the account at the close of row ``t`` (fraction of equity), (S, N)."""
        own = np.array([weights[t] for weights in self.weights])
        wanted: Floats = own * self.shares.held[t][:, None]
        return wanted


def load_strategy(
    warehouse: Warehouse,
    terms: Terms,
    *,
    strategy: StrategyConfig,
    model_id: str | None,
    config: BookConfig,
) -> ScorePanel:
    """Load the scores of a strategy, or of several that share an account, onto the panel of ``terms``.

    Raises:
        QuantmillError: as ``load_scores``; if a member cannot be simulated, with a note that names it.
    """
    if not isinstance(strategy, CombinedConfig):
        return load_scores(
            warehouse, terms.panel, strategy=strategy, model_id=model_id, portfolio=config.portfolio
        )
    members = {
        name: load_scores(
            warehouse,
            terms.panel,
            strategy=member,
            model_id=model_id,
            portfolio=config.members[name],
            may_begin_later=True,
        )
        for name, member in strategy.members.items()
    }
    return combine(members, terms, strategy=strategy, config=config)


def combine(
    members: Mapping[str, ScorePanel], terms: Terms, *, strategy: CombinedConfig, config: BookConfig
) -> CombinedScores:
    """Return what several strategies want together at every close.

    Args:
        members: Name → its scores.
        config: The account's; ``members`` has each one's portfolio.

    Raises:
        QuantmillError: If no member has a score on the panel, or one cannot be simulated; the error carries a note that
            names the member. One without a score has not begun.
    """
    alone = {
        name: trade_alone(name, scores, terms, member_book(config, name)) for name, scores in members.items()
    }
    return together(alone, terms.panel, strategy=strategy, config=config)


@dataclass(frozen=True)
class Alone:
    """What a strategy's own backtest says to the account that it shares.

    Attributes:
        equity: At the panel's closes (USD), (T,); NaN before it begins.
        weights: What it wants of its own capital (signed fraction of it), (T, N).
        confidence: Of each symbol at its last decision, (T, N).
    """

    scores: ScorePanel
    equity: Floats
    weights: Floats
    confidence: Floats


def member_book(config: BookConfig, name: str) -> BookConfig:
    """Return what a member trades by on its own: the account's config, with the portfolio that is its."""
    return replace(config, portfolio=config.members[name], members={})


def trade_alone(name: str, scores: ScorePanel, terms: Terms, config: BookConfig) -> Alone:
    """Return a member's own backtest, from its first scores on; one without a score has not begun.

    Args:
        terms: Of the account.
        config: The member's, see ``member_book``.

    Raises:
        QuantmillError: as ``simulate``.
    """
    shape = scores.score.shape
    equity = np.full(shape[0], np.nan)
    if not scores.has_score.any():
        return Alone(scores, equity, np.zeros(shape), np.zeros(shape))
    result = simulate(
        scores,
        replace(terms, rules=kernel_rules(config)),
        book=f"{name} alone",
        config=config,
        first=int(np.argmax(scores.has_score)),
    )
    equity[result.rows] = result.equity
    return Alone(scores, equity, wanted_by(result), _last_confidence(result))


def together(
    members: Mapping[str, Alone], panel: Panel, *, strategy: CombinedConfig, config: BookConfig
) -> CombinedScores:
    """Return what several strategies want together at every close, from what each did alone.

    Args:
        members: Name → its own backtest, on ``panel``.
        config: The account's.

    Raises:
        QuantmillError: If no member has a score on the panel.
    """
    shape = panel.close.shape
    names = tuple(members)
    scores = tuple(member.scores for member in members.values())
    if not any(one.has_score.any() for one in scores):
        raise QuantmillError(
            f"none of {', '.join(names)} has a score from {panel.session_date[0]} to {panel.session_date[-1]}; "
            "take a later session, or build more scores"
        )
    alone = np.column_stack([member.equity for member in members.values()])
    rows = np.flatnonzero(rebalances(panel.dates, config.portfolio.rebalance))
    shares = allocate(names, alone, panel, rows, strategy.allocation)
    total, confidence = np.zeros(shape), np.zeros(shape)
    is_known = np.zeros(shape, dtype=bool)
    for s, member in enumerate(members.values()):
        is_wanted = member.weights != 0
        total += shares.held[:, s, None] * member.weights
        np.maximum(confidence, member.confidence, out=confidence, where=is_wanted)
        is_known |= is_wanted | ~np.isnan(member.scores.score)
    total /= config.portfolio.gross
    total[~is_known] = np.nan
    return CombinedScores(
        strategy=strategy.name,
        score=total,
        confidence=confidence,
        volatility=np.full(shape, np.nan),
        notes=shares.notes,
        members=names,
        scores=scores,
        weights=tuple(member.weights for member in members.values()),
        shares=shares,
        alone=alone,
        gross=config.portfolio.gross,
    )


def wanted_by(result: SimulationResult) -> Floats:
    """Return what a book wants at each of the panel's closes, (T, N): what it holds, or has just decided to hold.

    Signed fractions of its equity; 0 before it begins and once its equity is used up.
    """
    wanted = np.zeros(result.panel.close.shape)
    equity = result.equity[:, None]
    held = np.zeros_like(result.market_value)
    np.divide(result.market_value, equity, out=held, where=equity > 0)
    wanted[result.rows] = held
    decided = result.outcome.weights
    is_alive = result.equity[result.decided - result.first] > 0
    chosen = np.isfinite(decided) & is_alive[:, None]
    wanted[result.decided] = np.where(chosen, decided, wanted[result.decided])
    return wanted


def _last_confidence(result: SimulationResult) -> Floats:
    """Return each symbol's confidence at the book's newest decision up to a close, (T, N); 0 where there is none."""
    decided: NDArray[np.int64] = result.decided
    count = len(result.panel)
    newest = np.searchsorted(decided, np.arange(count), side="right") - 1
    known = np.zeros(result.panel.close.shape)
    has_decided = newest >= 0
    known[has_decided] = np.nan_to_num(result.scores.confidence[decided[newest[has_decided]]])
    return known
