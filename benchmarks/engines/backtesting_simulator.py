"""backtesting.py: pairs of the grid one after another; it trades whole shares, so it is given much cash."""

from __future__ import annotations

import os
import warnings

import backtesting
import numpy as np
import pandas as pd
from backtesting import Backtest, Strategy

from benchmarks.engines import minutes, portfolio
from benchmarks.engines.protocol import arguments, say, timed

_CASH = 1e14
_ALL = 0.9999  # of the cash; 1 would be one share


def main() -> None:
    """Run the grid."""
    warnings.filterwarnings("ignore")
    job = arguments(("grid",))
    opens, closes = minutes.read(job.data)
    pairs = minutes.chosen(int(os.environ["PAIRS"]))
    frame = pd.DataFrame(
        {"Open": opens, "High": np.maximum(opens, closes), "Low": np.minimum(opens, closes), "Close": closes},
        index=pd.date_range("2020-01-01", periods=len(closes), freq="min"),
    )

    def mean(values: object, window: int) -> object:
        return pd.Series(values).rolling(window).mean()

    class Crossover(Strategy):  # type: ignore[misc]
        fast = slow = 0

        def init(self) -> None:
            self.quick = self.I(mean, self.data.Close, self.fast)
            self.late = self.I(mean, self.data.Close, self.slow)

        def next(self) -> None:
            if self.quick[-1] > self.late[-1] and not self.position:
                self.buy(size=_ALL)
            elif self.quick[-1] < self.late[-1] and self.position:
                self.position.close()

    def compute() -> list[tuple[float, int]]:
        found = []
        for fast, slow in pairs:
            # Its spread is on entries alone: ours, on both sides, is added to the commission.
            rate = minutes.RATE + minutes.SLIPPAGE
            result = Backtest(frame, Crossover, cash=_CASH, commission=rate).run(fast=fast, slow=slow)
            found.append((result["Equity Final [$]"] / _CASH, 2 * int(result["# Trades"])))
        return found

    found, seconds = timed(compute, job.repeats)
    portfolio.keep(job.out, [final for final, _ in found])
    say(
        f"backtesting.py {backtesting.__version__}",
        seconds,
        rows=len(closes) * len(pairs),
        fills=sum(fills for _, fills in found),
    )


if __name__ == "__main__":
    main()
