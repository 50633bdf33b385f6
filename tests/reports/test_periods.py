from __future__ import annotations

from datetime import date, timedelta

import polars as pl
import pytest

from reports.periods import bar_width


@pytest.mark.parametrize(
    ("days", "longest", "width"),
    [
        (0, "1mo", "1d"),
        (27, "1mo", "1d"),
        (28, "1mo", "1w"),
        (119, "1mo", "1w"),
        (120, "1mo", "1mo"),
        (10_000, "1mo", "1mo"),
        (1459, "1y", "1mo"),
        (1460, "1y", "1y"),
    ],
)
def test_a_bar_stands_for_the_longest_period_that_leaves_four_of_them(
    days: int, longest: str, width: str
) -> None:
    first = date(2020, 1, 1)

    assert bar_width(pl.Series([first, first + timedelta(days=days)]), longest=longest) == width


def test_a_book_without_sessions_has_bars_of_a_day() -> None:
    assert bar_width(pl.Series([], dtype=pl.Date)) == "1d"
