"""Do two engines' tables agree? Compared cell by cell on the sampled symbols, in standard deviations of the column."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

_KEY = ("symbol", "session_date")


@dataclass(frozen=True)
class Agreement:
    """How far two tables are apart.

    Attributes:
        columns: How many columns both have.
        cells: How many cells have a value in both.
        worst: Largest difference, in standard deviations of its column; NaN where nothing was compared.
        column: Where that was.
        one_sided: Cells after the warm-up that only one of the tables has a value in.
    """

    columns: int
    cells: int
    worst: float
    column: str
    one_sided: int

    def holds(self, tolerance: float) -> bool:
        """Whether the tables agree to ``tolerance`` standard deviations, and on which cells have a value."""
        return self.worst <= tolerance and self.one_sided == 0

    def __str__(self) -> str:
        return (
            f"{self.columns} columns, {self.cells:,} cells: largest difference {self.worst:.1e} standard "
            f"deviations ({self.column}); {self.one_sided:,} cells with a value on one side only"
        )


def compare(ours: Path, theirs: Path, *, warm_up: int) -> Agreement:
    """Compare two engines' samples: Parquet files of symbol, session_date and features.

    Args:
        ours: Names may be written in any way: ``roc_20`` is ``ROC20``.
        theirs: The peer's.
        warm_up: Bars from each symbol's first on where a value on one side only is no difference of opinion: some
            fill windows that are not full, others do not.

    Raises:
        ValueError: The files have no rows in common, or no column.
    """
    left, right = _normalised(ours), _normalised(theirs)
    columns = [name for name in left.columns if name in right.columns and name not in _KEY]
    both = left.join(right, on=_KEY, how="inner", suffix=" theirs").sort(_KEY)
    if both.is_empty() or not columns:
        raise ValueError(f"{ours} and {theirs} have nothing to compare")
    if len(both) != max(len(left), len(right)):
        raise ValueError(f"{ours} and {theirs} have {len(left)} and {len(right)} rows, {len(both)} in common")
    late = (both.select(pl.int_range(pl.len()).over("symbol")).to_series() >= warm_up).to_numpy()
    cells, one_sided = 0, 0
    worst, where = float("nan"), ""
    for name in columns:
        a, b = both[name].to_numpy(), both[f"{name} theirs"].to_numpy()
        present = np.isfinite(a) & np.isfinite(b)
        one_sided += int((late & (np.isfinite(a) != np.isfinite(b))).sum())
        cells += int(present.sum())
        if not present.any():
            continue
        difference = float(np.abs(a - b)[present].max() / (b[present].std() or 1.0))
        if not difference <= worst:
            worst, where = difference, name
    return Agreement(len(columns), cells, worst, where, one_sided)


def _normalised(path: Path) -> pl.DataFrame:
    frame = pl.read_parquet(path).with_columns(pl.col("session_date").cast(pl.Date))
    features = [name for name in frame.columns if name not in _KEY]
    return frame.select(
        *_KEY,
        *(pl.col(name).cast(pl.Float64).fill_null(np.nan).alias(_plain(name)) for name in features),
    )


def _plain(name: str) -> str:
    return name.replace("_", "").lower()
