"""Whose profit it was: an account's positions and cash divided between the strategies that share it.

Each strategy owns a part of every position. At a decision it wants what the account gives it (its stake); at the next
open what one strategy wants to buy and another to sell changes hands between them at the open's price, at no cost, and
the account's fills are shared by those who still want them. A fill that nobody asked for (an exit, a margin call, a
buy-in) shrinks everybody's part alike. So parts sum to the position, and profits to the account's, at every bar.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from execution.combination import CombinedScores
from execution.kernel.types import TARGET
from execution.simulator import SimulationResult
from execution.types import Floats

_EMPTY = 1e-9  # shares: a position that small is rounding


class Parts(NamedTuple):
    """What each strategy of an account did on the account's bars, (T, S) each.

    Attributes:
        pnl: Profit after costs (USD); with the account's interest they sum to the change of its equity.
        costs: Commission, fees, slippage and borrow (USD).
        value: Of its part of the positions at the close (USD, signed).
        gross: Likewise in absolute values.
        traded: Bought and sold in the market (USD).
        crossed: Bought from and sold to other strategies (USD).
    """

    pnl: Floats
    costs: Floats
    value: Floats
    gross: Floats
    traded: Floats
    crossed: Floats


def parts_of(result: SimulationResult, scores: CombinedScores) -> Parts:
    """Divide what a simulated account did between the strategies whose scores it traded."""
    panel, fills, actions = result.panel, result.outcome.fills, result.outcome.actions
    ledger = _Ledger(len(scores.members), len(panel.symbols))
    borrow, fill_ends = result.flow("borrow"), _ends(fills["bar"], result)
    action_ends = _ends(actions["bar"], result)
    goals: Floats | None = None
    decision_of = {t: r for r, t in enumerate(result.decided.tolist())}
    days: list[tuple[Floats, ...]] = []
    for b in range(len(result.equity)):
        t = b + result.first
        ledger.begin(borrow[b], result.borrow_rate)
        ledger.split(panel.split_ratio[t])
        for action in actions[action_ends[b] : action_ends[b + 1]]:
            if action["ratio"] != 1.0:
                i, quantity = int(action["symbol"]), float(action["quantity"])
                in_lieu = float(action["cash"]) - quantity * float(panel.dividend[t, i])
                ledger.round_off(i, quantity, in_lieu)
        ledger.pay(panel.dividend[t])
        if goals is not None:
            ledger.decide(goals * panel.split_ratio[t])
        ledger.cross(panel.open[t])
        for fill in fills[fill_ends[b] : fill_ends[b + 1]]:
            ledger.fill(fill)
        days.append(ledger.close(panel.last_close[t]))
        goals = _goals(result, scores, decision_of[t]) if t in decision_of else None
    return Parts._make(np.array(column) for column in zip(*days, strict=True))


def _ends(bars: Any, result: SimulationResult) -> list[int]:
    """Return where the records of each bar of the book begin, and where the last end, (T + 1,)."""
    edges = np.arange(result.first, result.first + len(result.equity) + 1)
    places: list[int] = np.searchsorted(bars, edges).tolist()
    return places


def _goals(result: SimulationResult, scores: CombinedScores, r: int) -> Floats:
    """Return the shares that each strategy is to own after a decision, (S, N); NaN where it keeps what it owns.

    What the risk rules cut is cut from all alike.
    """
    t = int(result.decided[r])
    stakes, allowed = scores.stakes(t), result.outcome.weights[r]
    wanted, price = stakes.sum(axis=0), result.panel.last_close[t]
    left = np.ones_like(wanted)
    np.divide(allowed, wanted, out=left, where=np.abs(wanted) > np.abs(allowed))
    equity = max(float(result.equity[t - result.first]), 0.0)
    goals = np.full_like(stakes, np.nan)
    np.divide(stakes * (left * equity), price, out=goals, where=np.isfinite(allowed) & (price > 0))
    return goals


class _Ledger:
    """What each strategy owns, still wants and has earned on the bar at hand."""

    def __init__(self, strategies: int, names: int) -> None:
        self._owned = np.zeros((strategies, names))
        self._want = np.zeros(
            (strategies, names)
        )  # shares to buy (above 0) or sell since the newest decision
        self._held = np.zeros((strategies, names))  # USD at the close before
        self._pnl, self._costs, self._traded, self._crossed = np.zeros((4, strategies))

    def begin(self, borrow: float, borrow_rate: Floats) -> None:
        """Begin a bar: its borrow fee is that of the symbols which the account is short of, by value times rate.

        Of a symbol's, those pay who are short of it, by value.
        """
        self._pnl, self._costs, self._traded, self._crossed = np.zeros((4, len(self._owned)))
        fees = np.maximum(-self._held.sum(axis=0), 0.0) * borrow_rate
        total = float(fees.sum())
        if borrow != 0 and total > 0:
            i = np.flatnonzero(fees)
            short = np.maximum(-self._held[:, i], 0.0)
            owed = short / short.sum(axis=0) @ fees[i]
            self._pnl += borrow * owed / total
            self._costs -= borrow * owed / total

    def split(self, ratio: Floats) -> None:
        """Take positions over a bar's splits."""
        if np.any(ratio != 1):
            self._owned *= ratio
            self._want *= ratio

    def pay(self, dividend: Floats) -> None:
        """Pay a bar's dividends (USD per share); who is short pays them."""
        if np.any(dividend != 0):
            self._pnl += self._owned @ dividend

    def round_off(self, i: int, quantity: float, cash: float) -> None:
        """Take what a split left over from all alike: the account has so many shares now, and was paid for the rest."""
        total = float(self._owned[:, i].sum())
        if abs(total) > _EMPTY:
            part = self._owned[:, i] / total
            self._owned[:, i] = part * quantity
            self._pnl += part * cash

    def decide(self, goals: Floats) -> None:
        """Let everybody want what leads to its goal (shares, (S, N)); NaN leaves what was wanted before."""
        self._want = np.where(np.isnan(goals), self._want, goals - self._owned)

    def cross(self, price: Floats) -> None:
        """Let those who want to buy a symbol and those who want to sell it deal with each other at its open.

        Where it has none (NaN), they do so at the next that it has.
        """
        is_asked = (self._want.max(axis=0) > 0) & (self._want.min(axis=0) < 0)
        i = np.flatnonzero(is_asked & (price > 0))
        if not i.size:
            return
        buys, sells = np.maximum(self._want[:, i], 0.0), np.maximum(-self._want[:, i], 0.0)
        bought, sold = buys.sum(axis=0), sells.sum(axis=0)
        dealt = np.minimum(bought, sold)
        shares = buys * (dealt / bought) - sells * (dealt / sold)
        self._owned[:, i] += shares
        self._want[:, i] -= shares
        self._pnl -= shares @ price[i]
        self._crossed += np.abs(shares) @ price[i]

    def fill(self, fill: Any) -> None:
        """Divide a fill by what each still wants on its side; one that nobody wants shrinks what all own alike.

        The latter leaves wants as they are: the order that they led to may still be filled.
        """
        i, shares = int(fill["symbol"]), float(fill["quantity"])
        is_wanted = fill["reason"] == TARGET
        own, want = self._owned[:, i], self._want[:, i]
        part = np.maximum(want * np.sign(shares), 0.0) if is_wanted else np.zeros(len(own))
        if not part.sum() > _EMPTY:
            is_wanted = False
            part = own.copy() if abs(own.sum()) > _EMPTY else np.ones(len(own))
        part *= shares / part.sum()
        of_all = np.abs(part) / np.abs(part).sum()
        cost, value = float(fill["commission"] + fill["fees"]), abs(shares) * fill["price"]
        self._owned[:, i] += part
        if is_wanted:
            self._want[:, i] -= part
        self._pnl -= part * fill["price"] + of_all * cost
        self._costs += of_all * (cost + shares * (fill["price"] - fill["reference"]))
        self._traded += of_all * value
        # Of those who owned both sides, one gave the other what the market was not asked for.
        self._crossed += np.abs(part) * fill["price"] - of_all * value

    def close(self, price: Floats) -> tuple[Floats, ...]:
        """Value what is owned at a close and return the bar's columns of ``Parts``, (S,) each."""
        held = np.zeros_like(self._owned)
        np.multiply(self._owned, price, out=held, where=self._owned != 0)
        self._pnl += held.sum(axis=1) - self._held.sum(axis=1)
        self._held = held
        value, gross = held.sum(axis=1), np.abs(held).sum(axis=1)
        return self._pnl, self._costs, value, gross, self._traded, self._crossed
