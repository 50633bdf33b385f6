"""Table contracts of sensitivity sweeps."""

from __future__ import annotations

from transforms.tables import Table

SENSITIVITY = Table(
    "execution.sensitivity",
    "One row per sweep and trial: a combination of values and what a backtest of it comes to.",
    ("sweep", "trial"),
    {
        "sweep": "VARCHAR",  # sensitivity/<fingerprint>: the same grid on the same data is the same sweep
        "trial": "INTEGER",  # from 0, the grid's last key running fastest
        "strategy": "VARCHAR",
        "parameters": "VARCHAR",  # JSON: key of the config → value
        "config": "VARCHAR",  # fingerprint of all that shapes it, as ops.trials.trial; NULL where it failed
        "first_session": "DATE",  # with the first scores of these parameters
        "sharpe": "DOUBLE",  # NULL, as all figures, where the trial failed or it is not defined
        "sortino": "DOUBLE",
        "calmar": "DOUBLE",
        "cagr": "DOUBLE",
        "volatility": "DOUBLE",
        "max_drawdown": "DOUBLE",
        "total_return": "DOUBLE",
        "information_ratio": "DOUBLE",
        "final_equity": "DOUBLE",  # USD
        "turnover": "DOUBLE",  # traded value over equity, a year
        "exposure": "DOUBLE",  # mean gross exposure, fraction of equity
        "trades": "DOUBLE",
        "hit_rate": "DOUBLE",
        "costs": "DOUBLE",  # commission, fees, slippage and borrow, USD
        "deflated_sharpe": "DOUBLE",  # probability, by all trials of the strategy on this data when the sweep ended
        "neighbours": "INTEGER",  # trials beside it in the grid that have a value
        "neighbour_mean": "DOUBLE",  # of the sweep's metric
        "neighbour_median": "DOUBLE",
        "error": "VARCHAR",  # why it failed; NULL where it did not
    },
)

SENSITIVITY_SUMMARY = Table(
    "execution.sensitivity_summary",
    "One row per sweep: its best trial, and whether what is beside it is as good.",
    ("sweep",),
    {
        "sweep": "VARCHAR",
        "run_id": "VARCHAR",  # that carried it out
        "strategy": "VARCHAR",
        "data": "VARCHAR",  # digest of what it was tried on, as ops.trials.data; NULL where every trial failed
        "metric": "VARCHAR",  # of which the best has most
        "trials": "INTEGER",
        "failed": "INTEGER",
        "best_trial": "INTEGER",
        "best_value": "DOUBLE",
        "neighbour_mean": "DOUBLE",  # of the best's neighbours
        "stability": "DOUBLE",  # neighbour_mean over best_value; NULL where that is not above 0
        "is_sharp_peak": "BOOLEAN",
        "robust_trial": "INTEGER",  # of which the lower of its value and its neighbours' mean is highest
        "robust_value": "DOUBLE",
        "edges": "VARCHAR",  # JSON: keys at whose first or last value the best lies
        "influence": "VARCHAR",  # JSON: key → its part of the metric's variance over the grid
        "median_value": "DOUBLE",  # of all trials
    },
)
