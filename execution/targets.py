"""Target weights of a panel's bars: what is known at a close, brought to the portfolio's construction."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from execution.config import PortfolioConfig
from execution.construction import (
    Construction,
    History,
    construct,
    inputs_at,
    is_by_scores_alone,
    needs_account,
    needs_history,
    weights_of_all,
)
from execution.costs import linear_costs
from execution.kernel.types import CostTable
from execution.panel import Notes, Panel, ScorePanel
from execution.types import Floats


class Standing(NamedTuple):
    """How a book stands at a close.

    Attributes:
        held: Present weights, signed fraction of equity, (N,).
        equity: USD.
        peak: Highest equity at a close so far, USD.
    """

    held: Floats
    equity: float
    peak: float


class TargetBuilder:
    """Builds the target weights of one portfolio on one panel; what it says at a bar depends on no later one."""

    def __init__(self, panel: Panel, scores: ScorePanel, config: PortfolioConfig, costs: CostTable) -> None:
        self._panel = panel
        self._scores = scores
        self._config = config
        self._costs = costs

    @cached_property
    def needs_account(self) -> bool:
        """Whether ``at`` must be told how the book stands."""
        return needs_account(self._config)

    @cached_property
    def _history(self) -> History:
        return History.of(self._panel)

    def at(self, t: int, standing: Standing | None = None) -> Construction:
        """Return the target weights at the close of bar ``t``, before risk; none for a book that is used up.

        Raises:
            QuantmillError: If a score, confidence or volatility is infinite; the message names the symbol.
        """
        config, panel = self._config, self._panel
        if standing is not None and not standing.equity > 0:
            return Construction(np.full(len(panel.symbols), np.nan), ())
        history = self._history if needs_history(config) else None
        scores = self._scores.at(t)
        if standing is None:
            return self._told(t, construct(inputs_at(history, t, panel.symbols, scores, config), config))
        costs = linear_costs(self._costs, t, price=panel.last_close[t], volatility=panel.volatility[t])
        inputs = inputs_at(
            history,
            t,
            panel.symbols,
            scores,
            config,
            held=standing.held,
            costs=costs,
            equity=standing.equity,
            peak=standing.peak,
        )
        return self._told(t, construct(inputs, config))

    def _told(self, t: int, built: Construction) -> Construction:
        """Return a construction with what its scores have to say."""
        notes = tuple(note for row, note in self._scores.notes if row == t)
        return replace(built, notes=notes + built.notes) if notes else built

    def all(self, rows: NDArray[np.int64]) -> tuple[Floats, Notes]:
        """Return the target weights at many closes, (R, N), with (row, note) of what was changed on the way.

        For portfolios that need not be told how the book stands.
        """
        if is_by_scores_alone(self._config):
            chosen = set(rows.tolist())
            notes = tuple(note for note in self._scores.notes if note[0] in chosen)
            return weights_of_all(self._panel.symbols, self._scores, rows, self._config), notes
        built = [self.at(t) for t in rows.tolist()]
        weights = np.array([one.weights for one in built]).reshape(len(rows), len(self._panel.symbols))
        notes = tuple((t, note) for t, one in zip(rows.tolist(), built, strict=True) for note in one.notes)
        return weights, notes
