"""bt: it trades at the price it decides on, which is the next open here."""

from __future__ import annotations

from typing import Any

import bt
import numpy as np
import pandas as pd

from benchmarks.engines import portfolio
from benchmarks.engines.protocol import arguments, say, timed


def main() -> None:
    """Run the portfolio."""
    job = arguments(("portfolio",))
    inputs = portfolio.read(job.data)
    count, names = inputs.close.shape
    dates = pd.bdate_range("2010-01-01", periods=count)
    columns = [f"S{i:04d}" for i in range(names)]
    prices = pd.DataFrame(inputs.next_open, index=dates, columns=columns)
    weights = pd.DataFrame(inputs.weight, index=dates, columns=columns).dropna()
    rate = portfolio.RATE + portfolio.SLIPPAGE

    def compute() -> Any:
        algorithms = [bt.algos.RunOnDate(*weights.index), bt.algos.WeighTarget(weights), bt.algos.Rebalance()]
        test = bt.Backtest(
            bt.Strategy("momentum", algorithms),
            prices,
            initial_capital=portfolio.CASH,
            commissions=lambda quantity, price: abs(quantity) * price * rate,
            integer_positions=False,
            progress_bar=False,
        )
        bt.run(test)
        return test

    test, seconds = timed(compute, job.repeats)
    portfolio.keep(job.out, test.strategy.values.to_numpy()[-count:])
    fills = int(np.count_nonzero(test.strategy.get_transactions()["quantity"]))
    say(f"bt {bt.__version__}", seconds, rows=count * names, fills=fills)


if __name__ == "__main__":
    main()
