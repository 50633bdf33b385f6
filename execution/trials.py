"""The ledger of trials: every config that was backtested, so that luck among many is not taken for skill.

``ops.trials`` holds one row per strategy, data and config, entered in the transaction that writes the backtest. A
family is the trials of one strategy on one body of data. A new trial raises the bar for all of them, so their
deflated Sharpe ratios in ``execution.metrics`` are worked out anew.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from execution.performance import deflated_sharpe, expected_max_sharpe
from transforms import schemas, schemas_ops
from transforms.versions import digest
from transforms.warehouse import Warehouse, utc_now


@dataclass(frozen=True)
class Trial:
    """A config under trial, and on what.

    Attributes:
        strategy: Its name.
        source, dataset, timeframe: Whose bars.
        universe: What else decides which bars and symbols it is tried on, JSON-ready; no dates, so that another window
            or later bars make no new family.
        config: Everything that shapes the strategy, JSON-ready; trials differ by it.
        run_id: The run that carries it out.
    """

    strategy: str
    source: str
    dataset: str
    timeframe: str
    universe: Mapping[str, Any]
    config: Mapping[str, Any]
    run_id: str

    @property
    def data(self) -> str:
        """Digest of what it is tried on."""
        return digest("trial data", self.source, self.dataset, self.timeframe, dict(self.universe))

    @property
    def fingerprint(self) -> str:
        """Digest of the config; the same config is the same trial."""
        return digest("trial", dict(self.config))


@dataclass(frozen=True)
class TrialResult:
    """What a trial came to.

    Attributes:
        sharpe: Per session; None where it is not defined.
        skew, kurtosis: Of the sessions' returns, kurtosis in excess of 3; None where not defined.
        sessions: At whose closes equity was measured; one more than returns.
        periods: Sessions per year.
    """

    book: str
    sharpe: float | None
    skew: float | None
    kurtosis: float | None
    sessions: int
    periods: int


def enter(
    warehouse: Warehouse, trials: list[tuple[Trial, TrialResult]]
) -> dict[str, dict[str, float | None]]:
    """Enter trials of one family and return book → deflated figures, for every book of the family.

    The figures are ``deflated_sharpe`` (a probability), ``expected_max_sharpe`` (annualised: what the best of as many
    worthless trials would show) and ``trials``. Those of the family's other books are replaced in
    ``execution.metrics``; the given books' are the caller's to write. Call it within the transaction that writes them.

    Raises:
        ValueError: If the trials are of several families, or none are given.
    """
    families = {(trial.strategy, trial.data) for trial, _ in trials}
    if len(families) != 1:
        raise ValueError(f"{len(families)} families of trials; enter one at a time")
    strategy, data = families.pop()
    sql = "select * from ops.trials where strategy = ? and data = ? order by trial"
    known = warehouse.read(sql, [strategy, data])
    first_tried = dict(known.select("trial", "created_at").iter_rows())
    now = utc_now()
    rows = [
        {
            "strategy": strategy,
            "data": data,
            "trial": trial.fingerprint,
            "source": trial.source,
            "dataset": trial.dataset,
            "timeframe": trial.timeframe,
            "config": json.dumps(trial.config, sort_keys=True, default=str),
            "book": result.book,
            "run_id": trial.run_id,
            "sharpe": result.sharpe,
            "skew": result.skew,
            "kurtosis": result.kurtosis,
            "sessions": result.sessions,
            "periods": result.periods,
            "created_at": first_tried.get(trial.fingerprint, now),
            "updated_at": now,
        }
        for trial, result in trials
    ]
    warehouse.upsert(schemas_ops.TRIALS, pl.DataFrame(rows, schema=known.schema))
    deflated = _deflated(warehouse.read(sql, [strategy, data]))
    entered = {result.book for _, result in trials}
    others = [
        {"book": book, "metric": name, "value": value}
        for book, figures in deflated.items()
        if book not in entered
        for name, value in figures.items()
    ]
    if others:
        kinds = {"book": pl.String, "metric": pl.String, "value": pl.Float64}
        warehouse.upsert(schemas.PERFORMANCE, pl.DataFrame(others, schema=kinds))
    return deflated


def _deflated(family: pl.DataFrame) -> dict[str, dict[str, float | None]]:
    """Return book → figures of a whole family, all of them deflated by all of it."""
    count = len(family)
    ratios = family["sharpe"].drop_nulls().to_numpy()
    variance = float(np.var(ratios, ddof=1)) if len(ratios) > 1 else 0.0
    luck = expected_max_sharpe(count, variance)
    found = {}
    for row in family.iter_rows(named=True):
        moments = [row["sharpe"], row["skew"], row["kurtosis"]]
        probability = None
        if None not in moments:
            probability = deflated_sharpe(
                row["sharpe"],
                count=row["sessions"] - 1,
                skew=row["skew"],
                kurtosis=row["kurtosis"],
                trials=count,
                variance=variance,
            )
        found[row["book"]] = {
            "deflated_sharpe": probability,
            "expected_max_sharpe": luck * math.sqrt(row["periods"]),
            "trials": float(count),
        }
    return found
