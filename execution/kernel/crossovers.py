"""Moving-average crossovers on one symbol: the loop of ``execution.crossovers``, block by block of bars."""

from __future__ import annotations

import numpy as np

from execution.kernel.types import Floats, Ints, Records
from transforms.operators.compiled import compiled_with_package as compiled

# The account of one pair of windows: cash and shares; the highest equity and the deepest fall from it; bars held,
# closed round trips; what the last close decided (1 to buy, -1 to sell, 0 nothing).
ACCOUNT = np.dtype(
    [(name, np.float64) for name in ("cash", "quantity", "peak", "drawdown")]
    + [(name, np.int64) for name in ("held", "trips", "wants")],
    align=True,
)
# Of one window: its sum, and what rounding lost of it.
SUM = np.dtype([("total", np.float64), ("lost", np.float64)], align=True)


@compiled
def average(close: Floats, windows: Ints, sums: Records, first: int, averages: Floats) -> None:
    """Fill ``averages`` (W, B) with means of the last closes up to rows ``first``, ``first`` + 1, …; NaN before.

    Args:
        sums: One SUM per window as the rows before left them; carried on.
    """
    for w in range(len(windows)):
        window, running = windows[w], sums[w]
        total, lost = running.total, running.lost
        for k in range(averages.shape[1]):
            t = first + k
            added = close[t] - close[t - window] if t >= window else close[t]
            # Neumaier's sum: a million bars later the mean is still that of its window.
            after = total + added
            if abs(total) >= abs(added):
                lost += (total - after) + added
            else:
                lost += (added - after) + total
            total = after
            averages[w, k] = (total + lost) / window if t + 1 >= window else np.nan
        running.total, running.lost = total, lost


@compiled
def cross(
    opens: Floats,
    closes: Floats,
    averages: Floats,
    fast: Ints,
    slow: Ints,
    accounts: Records,
    buy: float,
    sell: float,
    paid: float,
    kept: float,
) -> None:
    """Carry the accounts over a block of B bars.

    Args:
        opens: Of the block, (B,); ``closes`` likewise.
        averages: By window, (W, B).
        fast: Row of ``averages`` of each account, (P,); ``slow`` likewise.
        buy: Price of a bought share as a multiple of the open; ``sell``: of a sold one.
        paid: What is paid for a bought dollar, commission included; ``kept``: of a sold dollar.
    """
    for p in range(len(accounts)):
        account = accounts[p]
        cash, quantity, wants = account.cash, account.quantity, account.wants
        peak, drawdown, held, trips = account.peak, account.drawdown, account.held, account.trips
        quick, late = averages[fast[p]], averages[slow[p]]
        for k in range(len(opens)):
            if wants > 0 and quantity == 0.0:
                quantity = cash / (opens[k] * buy * paid)
                cash = 0.0
            elif wants < 0 and quantity > 0.0:
                cash = quantity * (opens[k] * sell) * kept
                quantity = 0.0
                trips += 1
            equity = cash
            if quantity > 0.0:
                equity = quantity * closes[k]
                held += 1
            if equity > peak:
                peak = equity
            elif equity < peak * (1.0 - drawdown):
                drawdown = 1.0 - equity / peak
            # Equal averages decide nothing, and neither do unknown ones.
            wants = 1 if quick[k] > late[k] else (-1 if quick[k] < late[k] else 0)
        account.cash, account.quantity, account.wants = cash, quantity, wants
        account.peak, account.drawdown, account.held, account.trips = peak, drawdown, held, trips
