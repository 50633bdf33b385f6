"""Stress: what a book trades with, made worse. Each scenario is a pure change of market, costs, scores or config."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from execution.config import BookConfig
from execution.kernel.types import DAY, EXPLICIT, STOP, CostTable, Orders
from execution.panel import ScorePanel
from execution.rules import Terms
from execution.simulator import decided_rows
from execution.types import Floats

# More shares than any book holds: an order with a goal is cut to what leads there.
_EVERYTHING = 1e12
# A level that a split multiplies and divides again must still be touched.
_NUDGE = 1e-12


@dataclass(frozen=True)
class Setting:
    """What a book is simulated with.

    Attributes:
        first: The panel's row of its first bar.
        orders: Orders that nobody decided, None for none.
    """

    scores: ScorePanel
    terms: Terms
    config: BookConfig
    first: int
    orders: Orders | None = None


Scenario = Callable[[Setting], Setting]


def with_slippage(setting: Setting, factor: float) -> Setting:
    """Multiply spread, slippage (fixed, fitted and by volatility) and impact."""
    return _with_costs(setting, _slipping(setting.terms.costs, factor))


def with_costs(setting: Setting, factor: float) -> Setting:
    """Multiply everything that fills and holdings cost: slippage as above, commission, fees and borrow rates."""
    costs = _slipping(setting.terms.costs, factor)
    charged = {
        name: getattr(costs, name) * factor
        for name in (
            "per_share",
            "per_order",
            "rate",
            "minimum",
            "maximum",
            "maximum_rate",
            "sale_rate",
            "sale_per_share",
            "sale_maximum",
            "borrow_rate",
        )
    }
    return _with_costs(setting, costs._replace(**charged))


def with_delay(setting: Setting) -> Setting:
    """Let every decision be made a bar later, with the scores of the bar it was due on.

    What was due on the last bar is never decided.
    """
    scores, panel = setting.scores, setting.terms.panel
    due = decided_rows(panel, scores, setting.config, setting.first)
    due = due[due + 1 < len(panel)]

    def late(values: Floats) -> Floats:
        moved = np.full_like(values, np.nan)
        moved[due + 1] = values[due]
        return moved

    delayed = ScorePanel(
        scores.strategy, late(scores.score), late(scores.confidence), late(scores.volatility)
    )
    # The days of decision are those that have scores now.
    every_bar = replace(setting.config, portfolio=replace(setting.config.portfolio, rebalance="bar"))
    return replace(setting, scores=delayed, config=every_bar)


def with_missed_fills(setting: Setting, fraction: float, seed: int) -> Setting:
    """Let nobody trade a symbol on a random part of its bars: orders and stops find no market, closes still count."""
    market = setting.terms.market
    missed = np.random.default_rng(seed).random(market.open.shape) < fraction
    # An open of 0 is a bar that nobody could trade on (docs/simulator.md, fine print).
    untradeable = np.where(missed & (market.open > 0), 0.0, market.open)
    return replace(setting, terms=replace(setting.terms, market=market._replace(open=untradeable)))


def with_flash_crash(setting: Setting, factor: float, seed: int) -> Setting:
    """On one random session of each quarter, stop every position out at its worst price and multiply slippage.

    Longs are sold at the session's low and shorts bought back at its high, in one trade, whatever the book's own
    stops are; spread, slippage and impact of every fill of that session are multiplied.
    """
    terms = setting.terms
    panel, costs, market = terms.panel, terms.costs, terms.market
    crashed = crash_sessions(panel.dates, setting.first, seed)
    is_crash = np.isin(panel.session, crashed)
    rows = len(costs.spread)
    # A second set of spreads for those days; it takes in the fixed slippage, which is the same on all days.
    worse = costs.spread * factor + costs.slippage * (factor - 1)
    costs = costs._replace(
        spread=np.vstack([costs.spread, worse]), bucket=np.where(is_crash, costs.bucket + rows, costs.bucket)
    )
    if costs.slippage_volatility or costs.impact:
        # Both are multiples of the volatility that the market shows the kernel.
        volatility = np.where(is_crash[:, None], market.volatility * factor, market.volatility)
        market = market._replace(volatility=volatility)
    return replace(
        setting,
        terms=replace(terms, market=market, costs=costs),
        orders=_forced_stops(terms, crashed),
    )


def crash_sessions(dates: NDArray[np.datetime64], first: int, seed: int) -> NDArray[np.int64]:
    """Return the numbers of the sessions with a flash crash: one per calendar quarter from row ``first`` + 1 on.

    Args:
        dates: Session of each bar, ascending, ``datetime64[D]``, (T,).
    """
    changed = np.diff(dates, prepend=dates[:1]).astype(np.int64) != 0
    session = np.cumsum(changed)
    starts = np.append(0, np.flatnonzero(changed))
    later = starts[starts > first]
    quarter = dates[later].astype("datetime64[M]").astype(np.int64) // 3
    random = np.random.default_rng(seed)
    picked = [random.choice(session[later[quarter == one]]) for one in np.unique(quarter)]
    return np.array(picked, dtype=np.int64)


def _forced_stops(terms: Terms, sessions: NDArray[np.int64]) -> Orders:
    """Return a stop at the low (for longs) and at the high (for shorts) of every symbol in these sessions."""
    panel, market = terms.panel, terms.market
    bars, symbols, quantities, levels = [], [], [], []
    for number in sessions.tolist():
        start, end = np.searchsorted(panel.session, [number, number + 1])
        traded = np.flatnonzero(np.any(market.open[start:end] > 0, axis=0))
        # On the basis of the bar before, on which the orders enter.
        basis = market.split_ratio[start, traded]
        low = np.nanmin(market.low[start:end, traded], axis=0) * basis
        high = np.nanmax(market.high[start:end, traded], axis=0) * basis
        for sign, level in ((-1.0, low * (1 + _NUDGE)), (1.0, high * (1 - _NUDGE))):
            is_price = level > 0
            symbols.append(traded[is_price])
            levels.append(level[is_price])
            bars.append(np.full(int(is_price.sum()), start - 1))
            quantities.append(np.full(int(is_price.sum()), sign * _EVERYTHING))
    if not bars:
        bars = symbols = [np.zeros(0, np.int64)]
        quantities = levels = [np.zeros(0)]
    bar = np.concatenate(bars).astype(np.int64)
    none = np.full(len(bar), np.nan)
    return Orders(
        bar=bar,
        symbol=np.concatenate(symbols).astype(np.int64),
        quantity=np.concatenate(quantities),
        type=np.full(len(bar), STOP),
        limit=none,
        stop=np.concatenate(levels),
        trail=none,
        time_in_force=np.full(len(bar), DAY),
        reason=np.full(len(bar), EXPLICIT),
        goal=np.zeros(len(bar)),
    )


def _slipping(costs: CostTable, factor: float) -> CostTable:
    return costs._replace(
        spread=costs.spread * factor,
        slippage=costs.slippage * factor,
        slippage_volatility=costs.slippage_volatility * factor,
        impact=costs.impact * factor,
    )


def _with_costs(setting: Setting, costs: CostTable) -> Setting:
    return replace(setting, terms=replace(setting.terms, costs=costs))
