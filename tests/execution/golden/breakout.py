"""A breakout rule with stops, traded on real bars by a loop over one symbol; it knows nothing of the simulator.

Long with 95 % of equity after the first close above all of the 50 before, out after the first close below all of
the 25 before (closes without the jumps of splits). A stop lies 8 % below the entry or 15 % below the highest price
since, whichever is nearer. 100,000 USD in cash per symbol, whole shares, 0.005 USD per share and at least 1 USD of
commission, 5 basis points of slippage. ``python -m tests.execution.golden.breakout`` writes ``breakout.csv`` anew.
"""

from __future__ import annotations

import csv
import math
from pathlib import Path
from typing import NamedTuple

from transforms.config import SampleSourceConfig
from transforms.sources.sample import SampleSource

SYMBOLS = ("AAPL", "GOOG", "IBM", "MSFT")
CASH, WEIGHT = 100_000.0, 0.95
ENTRY_DAYS, EXIT_DAYS = 50, 25
STOP_LOSS, TRAILING_STOP = 0.08, 0.15
PER_SHARE, MINIMUM, SLIPPAGE = 0.005, 1.0, 0.0005
TRADES = Path(__file__).with_suffix(".csv")
COLUMNS = ("symbol", "session_date", "quantity", "price", "commission", "cash", "reason")


class Day(NamedTuple):
    session_date: str
    open: float
    high: float
    low: float
    close: float
    volume: float
    ratio: float  # new shares per old before this open
    dividend: float  # USD per share


class Trade(NamedTuple):
    symbol: str
    session_date: str
    quantity: int
    price: float
    commission: float
    cash: float  # USD after it
    reason: str


def days_of(symbol: str) -> list[Day]:
    """The sample source's bars of a symbol with its splits and dividends."""
    source = SampleSource(SampleSourceConfig(symbols=[symbol]))
    bars = next(iter(source.pages("bars"))).frame.sort("session_date")
    actions = next(iter(source.pages("corporate_actions"))).frame
    ratios, dividends = (
        {row["ex_date"]: row["value"] for row in actions.filter(kind=kind).iter_rows(named=True)}
        for kind in ("split", "dividend")
    )
    return [
        Day(
            bar["session_date"].isoformat(),
            *(bar[name] for name in ("open", "high", "low", "close", "volume")),
            ratios.get(bar["session_date"], 1.0),
            dividends.get(bar["session_date"], 0.0),
        )
        for bar in bars.iter_rows(named=True)
        if bar["defect"] is None
    ]


def wishes(days: list[Day]) -> dict[int, float]:
    """Weight wanted at the close of the days on which the rule changes its mind."""
    shares, closes = 1.0, []
    for day in days:
        shares *= day.ratio
        closes.append(day.close * shares)
    wanted, is_long = {}, False
    for t in range(ENTRY_DAYS, len(days)):
        if not is_long and closes[t] > max(closes[t - ENTRY_DAYS : t]):
            wanted[t], is_long = WEIGHT, True
        elif is_long and closes[t] < min(closes[t - EXIT_DAYS : t]):
            wanted[t], is_long = 0.0, False
    return wanted


def trades(symbol: str, days: list[Day]) -> list[Trade]:
    """Every trade of the rule."""
    wanted, done = wishes(days), []
    cash, shares, entry, peak, ordered = CASH, 0, 0.0, 0.0, 0

    def trade(day: Day, quantity: int, at: float, reason: str) -> None:
        nonlocal cash, shares, entry, peak
        price = at * (1 + SLIPPAGE) if quantity > 0 else at * (1 - SLIPPAGE)
        commission = max(MINIMUM, PER_SHARE * abs(quantity))
        cash -= quantity * price + commission
        shares += quantity
        entry = peak = price if quantity > 0 else 0.0
        done.append(Trade(symbol, day.session_date, quantity, price, commission, cash, reason))

    def pays(day: Day, quantity: int) -> bool:
        return cash >= quantity * day.open * (1 + SLIPPAGE) + max(MINIMUM, PER_SHARE * quantity)

    for t, day in enumerate(days):
        if day.ratio != 1:
            whole = math.floor(shares * day.ratio)
            cash += (shares * day.ratio - whole) * day.open
            shares, ordered = whole, int(ordered * day.ratio)
            entry, peak = entry / day.ratio, peak / day.ratio
        cash += shares * day.dividend
        stop = max(entry * (1 - STOP_LOSS), peak * (1 - TRAILING_STOP))
        reason = "stop_loss" if entry * (1 - STOP_LOSS) >= peak * (1 - TRAILING_STOP) else "trailing_stop"
        if shares and day.open <= stop:
            trade(day, -shares, day.open, reason)
        if ordered > 0:
            while not pays(day, ordered):
                ordered -= 1
            trade(day, ordered, day.open, "target")
            stop, reason = entry * (1 - STOP_LOSS), "stop_loss"
        elif ordered < 0 and shares:
            trade(day, -shares, day.open, "target")
        ordered = 0
        if shares and day.low <= stop:
            trade(day, -shares, stop, reason)
        peak = max(peak, day.high) if shares else 0.0
        if t in wanted:
            equity = cash + shares * day.close
            ordered = math.floor(wanted[t] * equity / day.close) - shares
    return done


def all_trades() -> list[Trade]:
    return [trade for symbol in SYMBOLS for trade in trades(symbol, days_of(symbol))]


def main() -> None:
    with TRADES.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows(
            trade._replace(price=round(trade.price, 8), cash=round(trade.cash, 6)) for trade in all_trades()
        )


if __name__ == "__main__":
    main()
