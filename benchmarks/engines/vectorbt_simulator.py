"""vectorbt: ``portfolio`` by ``from_orders``, ``grid`` by ``from_signals``.

``STRATEGY`` is its engine, numba or rust. It compiles before it is timed.
"""

from __future__ import annotations

import os
import warnings
from typing import Any

import numpy as np
import pandas as pd
import vectorbt

from benchmarks.engines import minutes, portfolio
from benchmarks.engines.protocol import arguments, say, timed

_AT_ONCE = 20  # pairs: more of them take more memory, and no less time
_TO_COMPILE = 2_000  # bars, more than the longest window
_CASH = (
    1e9  # a pair that trades most loses all but a millionth of it; amounts near 1e-9 are nothing to vectorbt
)


def _portfolio(data: Any, engine: str) -> Any:
    inputs = portfolio.read(data)
    count, names = inputs.close.shape
    close = pd.DataFrame(inputs.close, index=pd.bdate_range("2010-01-01", periods=count))
    shifted = np.vstack([np.full((1, names), np.nan), inputs.weight[:-1]])

    def compute() -> tuple[Any, int]:
        made = vectorbt.Portfolio.from_orders(
            close,
            size=shifted,
            size_type="targetpercent",
            price=inputs.open,
            val_price=close.shift(1),
            fees=portfolio.RATE,
            slippage=portfolio.SLIPPAGE,
            group_by=True,
            cash_sharing=True,
            call_seq="auto",
            init_cash=portfolio.CASH,
            freq="1D",
            engine=engine,
        )
        return made.value().to_numpy(), len(made.orders.records)

    return compute, count * names


def _grid(data: Any, engine: str) -> Any:
    opens, closes = minutes.read(data)
    pairs = minutes.chosen(int(os.environ["PAIRS"]))

    def before(signal: Any) -> Any:
        return np.vstack([np.zeros((1, signal.shape[1]), dtype=bool), signal[:-1]])

    def compute(count: int = len(closes)) -> tuple[Any, int]:
        finals, fills = [], 0
        close = pd.Series(closes[:count])
        for first in range(0, len(pairs), _AT_ONCE):
            some = pairs[first : first + _AT_ONCE]
            fast, slow = (
                vectorbt.MA.run(close, window=[pair[k] for pair in some]).ma.to_numpy() for k in (0, 1)
            )
            made = vectorbt.Portfolio.from_signals(
                close,
                before(fast > slow),
                before(fast < slow),
                price=opens[:count, None],
                fees=minutes.RATE,
                slippage=minutes.SLIPPAGE,
                init_cash=_CASH,
                freq="1min",
                engine=engine,
            )
            finals.append(1.0 + made.total_return().to_numpy())
            fills += len(made.orders.records)
        return np.concatenate(finals), fills

    compute(_TO_COMPILE)
    return compute, len(closes) * len(pairs)


def main() -> None:
    """Run the case."""
    warnings.filterwarnings("ignore")
    job = arguments(("portfolio", "grid"))
    engine = os.environ["STRATEGY"]
    compute, rows = (_portfolio if job.case == "portfolio" else _grid)(job.data, engine)
    (curve, fills), seconds = timed(compute, job.repeats)
    portfolio.keep(job.out, curve)
    say(f"vectorbt {vectorbt.__version__}, {engine}", seconds, rows=rows, fills=fills)


if __name__ == "__main__":
    main()
