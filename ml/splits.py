"""Walk-forward folds over sessions, purged by label end and with an embargo.

After M. López de Prado, *Advances in Financial Machine Learning* (2018), ch. 7: a training row whose label
overlaps the test window in time is purged (7.4.1), and an embargo keeps some distance besides (7.4.2).
Walking forward never trains on what follows a test window, so the embargo stands before the window, where
serial correlation would leak, instead of behind it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ml.config import SplitConfig
from transforms.errors import ConfigError


@dataclass(frozen=True)
class FoldRows:
    """Positions of a fold's rows in a table, ascending.

    Attributes:
        train: Rows to fit on.
        validation: Rows for early stopping.
        test: Rows to predict, with or without a label.
        purged: How many labelled rows between the first training session and the test window are in neither
            training nor validation.
    """

    train: NDArray[np.intp]
    validation: NDArray[np.intp]
    test: NDArray[np.intp]
    purged: int


@dataclass(frozen=True)
class Fold:
    """One walk-forward fold; dates are first and last sessions, inclusive.

    Attributes:
        number: Position in time, from 0.
        train_start, train_end: Sessions that hold a row to fit on.
        validation_start, validation_end: Sessions that hold a row for early stopping.
        test_start, test_end: The test window.
        train_labels_before: A row to fit on has its label's end before this: validation's first bar.
        validation_labels_before: A validation row has its label's end before this: the first bar of the
            session ``embargo_sessions`` before ``test_start``.
    """

    number: int
    train_start: date
    train_end: date
    validation_start: date
    validation_end: date
    test_start: date
    test_end: date
    train_labels_before: datetime
    validation_labels_before: datetime

    def rows(self, session_date: NDArray[np.datetime64], label_end_at: NDArray[np.datetime64]) -> FoldRows:
        """Return the positions of this fold's rows.

        Args:
            session_date: (n,) ``datetime64[D]``, ascending.
            label_end_at: (n,) ``datetime64[us]``, NaT where a row has no label.
        """

        def window(first: date, last: date) -> tuple[int, int]:
            start = np.searchsorted(session_date, np.datetime64(first, "D"), side="left")
            stop = np.searchsorted(session_date, np.datetime64(last, "D"), side="right")
            return int(start), int(stop)

        def ended(first: date, last: date, before: datetime) -> NDArray[np.intp]:
            start, stop = window(first, last)  # NaT compares false: rows without a label stay out
            return np.flatnonzero(label_end_at[start:stop] < np.datetime64(before, "us")) + start

        train = ended(self.train_start, self.train_end, self.train_labels_before)
        validation = ended(self.validation_start, self.validation_end, self.validation_labels_before)
        test_start, test_stop = window(self.test_start, self.test_end)
        first = window(self.train_start, self.train_start)[0]
        labelled = int(np.count_nonzero(~np.isnat(label_end_at[first:test_start])))
        purged = labelled - len(train) - len(validation)
        return FoldRows(train, validation, np.arange(test_start, test_stop), purged)


def walk_forward(rows: pl.DataFrame, split: SplitConfig) -> list[Fold]:
    """Return the folds of a table's sessions, oldest first.

    Counting the table's sessions from 0, fold k's test window begins at session
    ``train_sessions + k * test_sessions`` and ends where the next one begins; the last one is open-ended: it
    ends at the newest session, whose rows need no labels. Its training window is all sessions before the test
    window (``expanding``) or the last ``train_sessions`` of them (``rolling``). Of that window,

    - a row is *usable* if its label's end lies at least ``embargo_sessions`` whole sessions before the test
      window: ``label_end_at`` < first bar of the session ``embargo_sessions`` before the test window's first
      (with 0: < the test window's first bar);
    - *validation* is the last ``validation_fraction`` of the sessions with a usable row (rounded, at
      least one), and its usable rows;
    - *training* is what comes before and has its label's end before validation's first bar.

    Where a window begins depends on the sessions before it alone: later data changes no earlier fold.

    Args:
        rows: ``session_date``, ``bar_at``, ``label_end_at`` (NULL where a row has no label), in any order.
        split: Scheme and sizes.

    Raises:
        ConfigError: There is too little history; the message says what there is and what is needed.
    """
    sessions = (
        rows.group_by("session_date")
        .agg(pl.col("bar_at").min(), pl.col("label_end_at").min())
        .sort("session_date")
    )
    dates: list[date] = sessions["session_date"].to_list()
    first_bar: list[datetime] = sessions["bar_at"].to_list()
    # The session's earliest label end: whether any row of it is usable.
    label_end: list[datetime | None] = sessions["label_end_at"].to_list()
    if len(dates) <= split.train_sessions:
        span = f" ({dates[0]} to {dates[-1]})" if dates else ""
        raise ConfigError(
            f"split.train_sessions must leave a session to test on: at {split.train_sessions} at least "
            f"{split.train_sessions + 1} sessions are needed, there are {len(dates)}{span}. "
            "Lower it, or ingest more history"
        )

    def ended(first: int, stop: int, before: datetime) -> list[int]:
        ends = ((session, label_end[session]) for session in range(first, stop))
        return [session for session, end in ends if end is not None and end < before]

    folds = []
    starts = range(split.train_sessions, len(dates), split.test_sessions)
    for number, start in enumerate(starts):
        first = 0 if split.scheme == "expanding" else start - split.train_sessions
        embargo_start = start - split.embargo_sessions
        usable = ended(first, start, first_bar[embargo_start]) if embargo_start > first else []
        if not usable:
            raise _nothing_left(split, number, dates[first], dates[start], "no labelled row is left")
        validation = usable[-max(1, round(split.validation_fraction * len(usable))) :]
        train = ended(first, validation[0], first_bar[validation[0]])
        if not train:
            raise _nothing_left(
                split,
                number,
                dates[first],
                dates[start],
                "too few labelled rows are left to fit and to stop early",
            )
        folds.append(
            Fold(
                number=number,
                train_start=dates[train[0]],
                train_end=dates[train[-1]],
                validation_start=dates[validation[0]],
                validation_end=dates[validation[-1]],
                test_start=dates[start],
                test_end=dates[min(start + split.test_sessions, len(dates)) - 1],
                train_labels_before=first_bar[validation[0]],
                validation_labels_before=first_bar[embargo_start],
            )
        )
    return folds


def _nothing_left(split: SplitConfig, number: int, first: date, start: date, what: str) -> ConfigError:
    return ConfigError(
        f"split.train_sessions is too small, was {split.train_sessions}: between {first} and the test window "
        f"of fold {number}, which begins on {start}, {what} once labels that end less than "
        f"{split.embargo_sessions} sessions (split.embargo_sessions) before it are purged. Raise it, or "
        "lower split.embargo_sessions or labels.horizon"
    )
