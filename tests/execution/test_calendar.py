from datetime import date
from itertools import pairwise

import numpy as np
import pytest

from execution.calendar import rebalances
from transforms.errors import ConfigError


@pytest.mark.parametrize(
    ("session", "previous", "rebalance", "expected"),
    [
        (date(2024, 1, 3), date(2024, 1, 3), "bar", True),
        (date(2024, 1, 3), date(2024, 1, 2), "daily", True),
        (date(2024, 1, 3), date(2024, 1, 3), "daily", False),  # a later bar of the same session
        (date(2024, 1, 8), date(2024, 1, 5), "weekly", True),  # Monday after Friday
        (date(2024, 1, 9), date(2024, 1, 8), "weekly", False),
        (date(2024, 1, 16), date(2024, 1, 12), "weekly", True),  # Monday was a holiday
        (date(2024, 12, 31), date(2024, 12, 30), "weekly", False),
        (date(2025, 1, 2), date(2024, 12, 31), "weekly", False),  # one ISO week across the year's end
        (date(2024, 2, 1), date(2024, 1, 31), "monthly", True),
        (date(2024, 2, 2), date(2024, 2, 1), "monthly", False),
        (date(2025, 2, 3), date(2024, 2, 5), "monthly", True),  # a gap of a year
    ],
)
def test_rebalances_on_the_first_session_of_each_period(
    session: date, previous: date, rebalance: str, expected: bool
) -> None:
    dates = np.array([previous, session], dtype="datetime64[D]")
    assert rebalances(dates, rebalance).tolist() == [True, expected]


def test_weeks_are_those_of_the_iso_calendar() -> None:
    dates = np.arange("2019-12-20", "2027-01-20", dtype="datetime64[D]")
    weeks = [day.isocalendar()[:2] for day in dates.astype(object)]
    expected = [True] + [week != before for before, week in pairwise(weeks)]
    assert rebalances(dates, "weekly").tolist() == expected


def test_unknown_period_is_refused_with_the_nearest_one() -> None:
    with pytest.raises(ConfigError, match="weekly"):
        rebalances(np.array(["2024-01-03"], dtype="datetime64[D]"), "weakly")
