"""cvxportfolio: it trades at the price it decides on, which is the next open here."""

from __future__ import annotations

from typing import Any

import cvxportfolio
import pandas as pd

from benchmarks.engines import portfolio
from benchmarks.engines.protocol import arguments, say, timed


def main() -> None:
    """Run the portfolio."""
    job = arguments(("portfolio",))
    inputs = portfolio.read(job.data)
    count, names = inputs.close.shape
    dates = pd.bdate_range("2010-01-01", periods=count, tz="UTC")
    columns = [f"S{i:04d}" for i in range(names)]
    prices = pd.DataFrame(inputs.next_open, index=dates, columns=columns)
    returns = prices.pct_change().shift(-1).iloc[:-1].assign(cash=0.0)
    volumes = pd.DataFrame(inputs.volume * inputs.close, index=dates, columns=columns).iloc[:-1]
    weights = pd.DataFrame(inputs.weight, index=dates, columns=columns)
    decided = weights.dropna().assign(cash=lambda frame: 1 - frame.sum(axis=1))
    data = cvxportfolio.UserProvidedMarketData(
        returns=returns,
        volumes=volumes,
        prices=prices.iloc[:-1],
        cash_key="cash",
        trading_frequency=None,
        min_history=pd.Timedelta("0d"),
    )
    rate = portfolio.RATE + portfolio.SLIPPAGE

    class OnDates(cvxportfolio.policies.Policy):  # type: ignore[misc]
        """The weights on their dates, nothing in between."""

        def values_in_time(self, t: Any, current_weights: Any, **_: Any) -> Any:
            return decided.loc[t] if t in decided.index else current_weights

    def compute() -> Any:
        simulator = cvxportfolio.MarketSimulator(
            market_data=data, costs=[cvxportfolio.TransactionCost(a=rate, b=0.0)], round_trades=False
        )
        return simulator.backtest(
            OnDates(), start_time=decided.index[0], end_time=returns.index[-1], initial_value=portfolio.CASH
        )

    result, seconds = timed(compute, job.repeats)
    # Before its first decision it has no value, and its last one is that of the last return's beginning.
    curve = result.v.reindex(dates).ffill().fillna(portfolio.CASH)
    portfolio.keep(job.out, curve)
    traded = int((result.u.drop(columns="cash").abs() > 1e-6).to_numpy().sum())
    say(f"cvxportfolio {cvxportfolio.__version__}", seconds, rows=count * names, fills=traded)


if __name__ == "__main__":
    main()
