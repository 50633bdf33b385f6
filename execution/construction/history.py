"""Returns and traded value per session up to a close, from a panel's bars."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from execution.config import PortfolioConfig
from execution.construction.inputs import ConstructionInputs, needs_history
from execution.panel import Panel
from execution.types import Floats, Scores


@dataclass(frozen=True)
class History:
    """A panel as seen from its closes. Build it once per panel; what it says at a bar depends on no later one.

    Attributes:
        wealth: What one share bought at the symbol's first close has become with dividends reinvested, (T, N); carried
            over bars the symbol lacks, NaN before its first.
        last_bar: Row of each symbol's last bar up to now, (T, N); -1 before its first.
        value: Traded value (close times volume) of the session so far, USD, (T, N).
        benchmark: The benchmark's total-return close, (T,).
        session: Number of the bar's session, (T,).
        ends: Row of the last bar of each session, (S,).
        sessions_per_year: The panel's.
    """

    wealth: Floats
    last_bar: NDArray[np.int64]
    value: Floats
    benchmark: Floats
    session: NDArray[np.int64]
    ends: NDArray[np.int64]
    sessions_per_year: int

    @classmethod
    def of(cls, panel: Panel) -> History:
        """Return the history of a panel. A bar's growth is split_ratio × (close + dividend) / close before."""
        dates = np.array(panel.session_date, dtype="datetime64[D]")
        ends = np.flatnonzero(np.append(dates[1:] != dates[:-1], True))
        session = np.searchsorted(ends, np.arange(len(dates))).astype(np.int64)
        has_bar = np.isfinite(panel.close)
        last_bar = np.maximum.accumulate(np.where(has_bar, np.arange(len(dates))[:, None], -1), axis=0)
        before = np.full_like(panel.close, np.nan)
        before[1:] = panel.last_close[:-1]
        growth = np.ones_like(panel.close)
        known = has_bar & (before > 0)
        np.divide(panel.split_ratio * (panel.close + panel.dividend), before, out=growth, where=known)
        wealth: Floats = np.multiply.accumulate(growth, axis=0)
        wealth[last_bar < 0] = np.nan
        value: Floats = np.where(has_bar & np.isfinite(panel.volume), panel.close * panel.volume, 0.0)
        if len(ends) < len(dates):
            starts = np.concatenate([[0], ends[:-1] + 1])
            for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
                np.cumsum(value[start : end + 1], axis=0, out=value[start : end + 1])
        return cls(wealth, last_bar, value, panel.benchmark, session, ends, panel.sessions_per_year)

    def _rows(self, t: int, sessions: int) -> NDArray[np.int64]:
        """Return the rows that end the ``sessions`` sessions before bar ``t``'s, as far as there are, and ``t``."""
        current = int(self.session[t])
        return np.append(self.ends[max(0, current - sessions) : current], t)

    def returns(self, t: int, sessions: int) -> Floats:
        """Return total returns (fraction) per session up to the close of bar ``t``, (L, N), L at most ``sessions``.

        The current session counts up to bar t. NaN where a symbol had no bar in the session, or none before it; the
        return over a gap falls on the first session after it.
        """
        rows = self._rows(t, sessions)
        returns: Floats = self.wealth[rows[1:]] / self.wealth[rows[:-1]] - 1
        returns[self.last_bar[rows[1:]] <= rows[:-1, None]] = np.nan
        return returns

    def benchmark_returns(self, t: int, sessions: int) -> Floats:
        """Return the benchmark's total returns per session up to the close of bar ``t``, (M,); NaN before its first."""
        wealth = self.benchmark[self._rows(t, sessions)]
        returns: Floats = wealth[1:] / wealth[:-1] - 1
        return returns

    def dollar_volume(self, t: int, sessions: int) -> Floats:
        """Return the mean traded value (USD) of the ``sessions`` sessions before bar ``t``'s, (N,).

        A session without a bar counts as 0; NaN where there is no session before.
        """
        rows = self._rows(t, sessions)[:-1]
        if not rows.size:
            return np.full(self.wealth.shape[1], np.nan)
        mean: Floats = self.value[rows].mean(axis=0)
        return mean


def inputs_at(
    history: History | None,
    t: int,
    symbols: tuple[str, ...],
    scores: Scores,
    config: PortfolioConfig,
    *,
    held: Floats | None = None,
    costs: Floats | None = None,
    equity: float = 0.0,
    peak: float = 0.0,
) -> ConstructionInputs:
    """Return what a construction looks at when deciding at the close of bar ``t``.

    Args:
        history: The panel's; may be None unless ``needs_history``.
        held: Present weights, signed fraction of equity, (N,); it and what follows unless ``needs_account`` may be left
            out.
        costs: Cost of a trade as a fraction of its value, (N,).
        equity: USD at this close.
        peak: Highest equity so far, USD.
    """
    inputs = ConstructionInputs(symbols, scores, held=held, costs=costs, equity=equity, peak=peak)
    if history is None or not needs_history(config):
        return inputs
    sizing = config.sizing
    # An average of n closes is one of n - 1 returns.
    sessions = max(sizing.regime_average - 1, sizing.regime_sessions)
    return replace(
        inputs,
        returns=history.returns(t, config.covariance.lookback),
        benchmark=history.benchmark_returns(t, sessions),
        dollar_volume=history.dollar_volume(t, config.limits.volume_sessions),
        sessions_per_year=history.sessions_per_year,
    )
