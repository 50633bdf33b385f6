"""How an account's capital is divided between strategies, and when it is moved.

A strategy's returns are those of its own backtest (``execution.combination``), so that what is decided at a close rests
on what was known at it, and a replay decides alike.
"""

from __future__ import annotations

import math
from dataclasses import replace
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from execution.combined_config import AllocationConfig
from execution.construction import ConstructionInputs, History, construct, needs_history
from execution.construction.build import LEFT_ALONE
from execution.construction.covariance import has_history
from execution.panel import Notes, Panel
from execution.portfolio_config import (
    CovarianceConfig,
    LimitsConfig,
    ObjectiveConfig,
    PortfolioConfig,
    SizingConfig,
)
from execution.types import Floats, RiskDecision, Scores

RULE = "allocation"

_NOTHING = 1e-6  # of the account: what a solver leaves of a share that is none


class Shares(NamedTuple):
    """The division of an account's capital, bar by bar.

    Attributes:
        held: Each strategy's part of the account (fraction of equity), (T, S): what it was given, grown by its returns;
            what is decided at a close is in force at it. 0 before it has begun.
        notes: (row, note) of each time that capital was moved, and of what could not be estimated.
    """

    held: Floats
    notes: Notes


def allocate(
    names: tuple[str, ...],
    equity: Floats,
    panel: Panel,
    rows: NDArray[np.int64],
    config: AllocationConfig,
) -> Shares:
    """Divide capital between strategies at the given closes, and let their parts drift in between.

    At each of ``rows`` it is worked out what every strategy that has begun should have. Where one has come further than
    ``drift`` from it, or begins, all of them are given what they should have; else nobody is touched.

    Args:
        names: The strategies, (S,).
        equity: Of each strategy's own backtest at the panel's closes (USD), (T, S); NaN before it begins. One that is
            used up gets nothing more.
        rows: The panel's rows on which capital may be moved, ascending, (R,).
    """
    growth = np.ones_like(equity)
    np.divide(equity[1:], equity[:-1], out=growth[1:], where=(equity[:-1] > 0) & np.isfinite(equity[1:]))
    np.maximum(growth, 0.0, out=growth)
    desired = _Desired(names, equity, panel, config)
    is_there = equity > 0
    due, known = set(rows.tolist()), np.zeros(len(names), dtype=bool)
    # Plain numbers: of a handful of strategies they are quicker than arrays.
    shares = [0.0] * len(names)
    held: list[list[float]] = []
    notes: list[tuple[int, RiskDecision]] = []
    for t, grown in enumerate(growth.tolist()):
        capital = [share * factor for share, factor in zip(shares, grown, strict=True)]
        worth = 1.0 - math.fsum(shares) + math.fsum(capital)
        # What strategies lost may be all that the account had: then there is nothing to divide.
        shares = [part / worth if worth > _NOTHING else 0.0 for part in capital]
        if t in due and (begun := is_there[t]).any():
            wanted, failed = desired.at(t, begun)
            away = max(abs(to - share) for to, share in zip(wanted.tolist(), shares, strict=True))
            is_moved = away > config.drift or bool(np.any(begun & ~known & (wanted > 0)))
            known |= begun
            after = wanted.tolist() if is_moved else shares
            said = [*failed, *([_moved(names, after, away)] if is_moved else [])]
            if said:
                total = math.fsum(shares), math.fsum(after)
                notes.append((t, RiskDecision("*", RULE, *total, "; ".join(said))))
            shares = after
        held.append(shares)
    return Shares(np.array(held).reshape(equity.shape), tuple(notes))


def _moved(names: tuple[str, ...], shares: list[float], away: float) -> str:
    parts = ", ".join(f"{name} {share:.1%}" for name, share in zip(names, shares, strict=True))
    return f"capital moved to {parts}; a share was {away:.1%} from where it should be"


class _Desired:
    """What each strategy should have, from its returns up to a close."""

    def __init__(
        self, names: tuple[str, ...], equity: Floats, panel: Panel, config: AllocationConfig
    ) -> None:
        self._names = names
        self._equity = equity
        self._panel = panel
        self._config = config
        self._portfolio = _portfolio(config)
        self._by_begun: dict[bytes, tuple[Floats, list[str]]] = {}

    @cached_property
    def _history(self) -> History:
        panel = self._panel
        # Of one that is used up there are no returns any more.
        equity = np.where(self._equity > 0, self._equity, np.nan)
        rows = np.where(np.isfinite(equity), np.arange(len(equity))[:, None], -1)
        ends = np.flatnonzero(np.append(np.diff(panel.session) != 0, True))
        return History(
            equity, rows, np.zeros_like(equity), panel.benchmark, panel.session, ends, panel.sessions_per_year
        )

    def at(self, t: int, begun: NDArray[np.bool_]) -> tuple[Floats, list[str]]:
        """Return the shares (S,) at the close of row ``t``, and why they could not be estimated where that failed."""
        if needs_history(self._portfolio):
            return self._worked_out(t, begun)
        # Without returns they hang on who has begun alone.
        key = begun.tobytes()
        if key not in self._by_begun:
            self._by_begun[key] = self._worked_out(t, begun)
        return self._by_begun[key]

    def _worked_out(self, t: int, begun: NDArray[np.bool_]) -> tuple[Floats, list[str]]:
        config, portfolio = self._config, self._portfolio
        plain = self._plain(begun)
        # Of those that have begun each has a score: its part where parts are given, else of them all the same.
        score = plain / config.total if config.weighting == "fixed" else np.ones(len(plain))
        score[~begun] = np.nan
        none = np.full(len(score), np.nan)
        inputs = ConstructionInputs(self._names, Scores("allocation", score, none, none))
        if needs_history(portfolio):
            returns = self._history.returns(t, config.lookback)
            if not has_history(returns, portfolio.covariance)[begun].all():
                return plain, []
            inputs = replace(inputs, returns=returns, sessions_per_year=self._history.sessions_per_year)
        built = construct(inputs, portfolio)
        if np.isfinite(built.weights).all():
            shares: Floats = np.where(built.weights > _NOTHING, built.weights, 0.0)
            return shares, []
        # Of positions, which the construction says are left alone, there are none here.
        why = [note.reason.removesuffix(LEFT_ALONE) for note in built.notes]
        return plain, [f"{reason}; shares do not rest on returns" for reason in why]

    def _plain(self, begun: NDArray[np.bool_]) -> Floats:
        """Return the shares that need no returns: the given ones, or equal ones."""
        config = self._config
        if config.weighting == "fixed":
            given = np.array([config.shares.get(name, 0.0) for name in self._names])
            return np.where(begun, given, 0.0)
        each = min(config.total / np.count_nonzero(begun), config.max_share)
        return np.where(begun, each, 0.0)


def _portfolio(config: AllocationConfig) -> PortfolioConfig:
    """Return the construction that the strategies are the names of."""
    return PortfolioConfig(
        name=RULE,
        k=0,
        weighting={"fixed": "score"}.get(config.weighting, config.weighting),
        gross=config.total,
        covariance=CovarianceConfig(lookback=config.lookback, min_history=config.min_history),
        objective=ObjectiveConfig(expected_return="history", kelly_fraction=config.kelly_fraction),
        limits=LimitsConfig(max_weight=config.max_share if config.max_share < config.total else 0.0),
        sizing=SizingConfig(target_volatility=config.target_volatility),
    )
