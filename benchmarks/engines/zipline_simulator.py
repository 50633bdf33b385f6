"""zipline-reloaded: an order of a bar fills at the close of the next one, which is given the open as its price."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.engines import portfolio
from benchmarks.engines.protocol import arguments, say, timed

_BUNDLE = "benchmark"
_MOST_SHARES = 4_000_000_000  # its store of bars keeps 32 bits


def main() -> None:
    """Run the portfolio; bars are ingested into its own store before, which is not timed."""
    job = arguments(("portfolio",))
    inputs = portfolio.read(job.data)
    count, names = inputs.close.shape
    with tempfile.TemporaryDirectory() as home:
        os.environ["ZIPLINE_ROOT"] = home  # read when zipline is imported
        sessions, columns = _ingest(inputs)
        run, values, fills = _algorithm(inputs, sessions, columns)
        _, seconds = timed(run, job.repeats)
    import zipline

    # Its last session is left out: there is no next one. What it holds is worth the price it last traded at.
    curve = np.full(count, values[-1])
    curve[: len(values) - 1] = values[1:]
    portfolio.keep(job.out, curve)
    say(f"zipline-reloaded {zipline.__version__}", seconds, rows=count * names, fills=fills[0])


def _ingest(inputs: portfolio.Inputs) -> tuple[Any, list[str]]:
    from zipline.data.bundles import ingest, register
    from zipline.utils.calendar_utils import get_calendar

    count, names = inputs.close.shape
    sessions = get_calendar("XNYS").sessions_in_range("2004-01-02", "2022-12-30")[:count]
    columns = [f"S{i:04d}" for i in range(names)]

    def write(
        environ: Any, assets: Any, minutes: Any, daily: Any, adjustments: Any, *_: Any, **__: Any
    ) -> None:
        listing = pd.DataFrame(
            {
                "symbol": columns,
                "asset_name": columns,
                "start_date": sessions[0],
                "end_date": sessions[-1],
                "first_traded": sessions[0],
                "auto_close_date": sessions[-1] + pd.Timedelta(days=1),
                "exchange": "NYSE",
            }
        )
        exchanges = pd.DataFrame(
            [["NYSE", "NYSE", "US"]], columns=["exchange", "canonical_name", "country_code"]
        )
        assets.write(equities=listing, exchanges=exchanges)

        def bars() -> Iterator[tuple[int, pd.DataFrame]]:
            for i in range(names):
                price = inputs.open[:, i].round(3)
                frame = pd.DataFrame(dict.fromkeys(("open", "high", "low", "close"), price), index=sessions)
                volume = np.minimum(inputs.volume[:, i], _MOST_SHARES).astype(np.int64)
                yield i, frame.assign(volume=volume)

        daily.write(bars(), show_progress=False)
        adjustments.write()

    register(_BUNDLE, write, calendar_name="XNYS", start_session=sessions[0], end_session=sessions[-1])
    ingest(_BUNDLE, show_progress=False)
    return sessions, columns


def _algorithm(
    inputs: portfolio.Inputs, sessions: Any, columns: list[str]
) -> tuple[Any, list[float], list[int]]:
    from zipline import run_algorithm
    from zipline.api import order_target_percent, set_commission, set_slippage, symbol
    from zipline.finance import commission, slippage
    from zipline.utils.calendar_utils import get_calendar

    values: list[float] = []
    fills = [0]

    def initialize(context: Any) -> None:
        context.assets = [symbol(name) for name in columns]
        context.held = np.zeros(len(columns), dtype=bool)
        set_commission(commission.PerDollar(portfolio.RATE + portfolio.SLIPPAGE))
        set_slippage(slippage.FixedSlippage(spread=0.0))

    def handle(context: Any, _: Any) -> None:
        weight = inputs.weight[len(values)]
        values.append(context.portfolio.portfolio_value)
        if np.isnan(weight[0]):
            return
        for i in (*np.flatnonzero(context.held & (weight == 0)), *np.flatnonzero(weight > 0)):
            order_target_percent(context.assets[i], weight[i])
            fills[0] += 1
        context.held = weight > 0

    def run() -> None:
        values.clear()
        fills[0] = 0
        run_algorithm(
            start=sessions[0],
            end=sessions[-2],
            initialize=initialize,
            handle_data=handle,
            capital_base=portfolio.CASH,
            bundle=_BUNDLE,
            data_frequency="daily",
            benchmark_returns=pd.Series(0.0, index=sessions),
            trading_calendar=get_calendar("XNYS"),
        )

    return run, values, fills


if __name__ == "__main__":
    main()
