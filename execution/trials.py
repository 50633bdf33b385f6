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
        book: In ``execution.*``; None where nothing of it was written, as in a sweep.
        sharpe: Per session; None where it is not defined.
        skew, kurtosis: Of the sessions' returns, kurtosis in excess of 3; None where not defined.
        sessions: At whose closes equity was measured; one more than returns.
        periods: Sessions per year.
    """

    book: str | None
    sharpe: float | None
    skew: float | None
    kurtosis: float | None
    sessions: int
    periods: int

    @classmethod
    def of(cls, book: str | None, metrics: Mapping[str, float | None], periods: int) -> TrialResult:
        """Return what a backtest's metrics come to."""
        sharpe = metrics["sharpe"]
        return cls(
            book=book,
            sharpe=None if sharpe is None else sharpe / math.sqrt(periods),
            skew=metrics["skew"],
            kurtosis=metrics["kurtosis"],
            sessions=int(metrics["sessions"] or 0),
            periods=periods,
        )


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
    family = _family(trials)
    known = _read(warehouse, family)
    _upsert(warehouse, known, trials)
    rows = _read(warehouse, family)
    figures = _deflated(rows)
    entered = {result.book for _, result in trials}
    _replace_figures(warehouse, rows, figures, leave_out=entered)
    books = dict(rows.select("book", "trial").iter_rows())
    return {book: figures[trial] for book, trial in books.items() if book is not None}


def count_in(
    warehouse: Warehouse, trials: list[tuple[Trial, TrialResult]]
) -> dict[str, dict[str, float | None]]:
    """Enter those trials of one family that the ledger does not know and return fingerprint → deflated figures.

    For trials without books; one that was backtested before keeps its book and figures. Otherwise as ``enter``.
    """
    family = _family(trials)
    known = _read(warehouse, family)
    there = set(known["trial"])
    _upsert(warehouse, known, [(trial, result) for trial, result in trials if trial.fingerprint not in there])
    rows = _read(warehouse, family)
    figures = _deflated(rows)
    _replace_figures(warehouse, rows, figures, leave_out=set())
    return figures


def _family(trials: list[tuple[Trial, TrialResult]]) -> tuple[str, str]:
    families = {(trial.strategy, trial.data) for trial, _ in trials}
    if len(families) != 1:
        raise ValueError(f"{len(families)} families of trials; enter one at a time")
    return families.pop()


def _read(warehouse: Warehouse, family: tuple[str, str]) -> pl.DataFrame:
    return warehouse.read(
        "select * from ops.trials where strategy = ? and data = ? order by trial", list(family)
    )


def _upsert(warehouse: Warehouse, known: pl.DataFrame, trials: list[tuple[Trial, TrialResult]]) -> None:
    """Enter trials; those that ``known``, the family's rows, has keep the moment they were first tried."""
    first_tried = dict(known.select("trial", "created_at").iter_rows())
    now = utc_now()
    rows = [
        {
            "strategy": trial.strategy,
            "data": trial.data,
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


def _replace_figures(
    warehouse: Warehouse,
    family: pl.DataFrame,
    figures: Mapping[str, Mapping[str, float | None]],
    *,
    leave_out: set[str | None],
) -> None:
    """Write the figures of the family's books, but for those left out, into ``execution.metrics``."""
    rows = [
        {"book": book, "metric": name, "value": value}
        for book, trial in family.select("book", "trial").iter_rows()
        if book is not None and book not in leave_out
        for name, value in figures[trial].items()
    ]
    if rows:
        kinds = {"book": pl.String, "metric": pl.String, "value": pl.Float64}
        warehouse.upsert(schemas.PERFORMANCE, pl.DataFrame(rows, schema=kinds))


def _deflated(family: pl.DataFrame) -> dict[str, dict[str, float | None]]:
    """Return fingerprint → figures of a whole family, all of them deflated by all of it."""
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
        found[row["trial"]] = {
            "deflated_sharpe": probability,
            "expected_max_sharpe": luck * math.sqrt(row["periods"]),
            "trials": float(count),
        }
    return found
