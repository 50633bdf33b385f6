"""backtrader: orders of a close fill at the next open, in whole shares."""

from __future__ import annotations

from typing import Any

import backtrader
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
    frames = [
        pd.DataFrame(
            {name: getattr(inputs, name)[:, i] for name in ("open", "high", "low", "close", "volume")},
            index=dates,
        )
        for i in range(names)
    ]
    values: list[float] = []
    fills = [0]

    class Weights(backtrader.Strategy):  # type: ignore[misc]
        def next(self) -> None:
            values.append(self.broker.getvalue())
            weight = inputs.weight[len(self) - 1]
            if np.isnan(weight[0]):
                return
            for feed, wanted in zip(self.datas, weight, strict=True):
                if wanted == 0 and self.getposition(feed).size:
                    self.order_target_percent(feed, 0.0)
            for feed, wanted in zip(self.datas, weight, strict=True):
                if wanted > 0:
                    self.order_target_percent(feed, wanted)

        def notify_order(self, order: Any) -> None:
            fills[0] += order.status == order.Completed

    def compute() -> None:
        values.clear()
        fills[0] = 0
        cerebro = backtrader.Cerebro(stdstats=False)
        cerebro.broker.setcash(portfolio.CASH)
        cerebro.broker.setcommission(commission=portfolio.RATE)
        cerebro.broker.set_slippage_perc(portfolio.SLIPPAGE)
        for frame in frames:
            cerebro.adddata(backtrader.feeds.PandasData(dataname=frame))
        cerebro.addstrategy(Weights)
        cerebro.run()

    _, seconds = timed(compute, job.repeats)
    portfolio.keep(job.out, values)
    say(f"backtrader {backtrader.__version__}", seconds, rows=count * names, fills=fills[0])


if __name__ == "__main__":
    main()
