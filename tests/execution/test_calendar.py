from datetime import date

import pytest

from execution.calendar import is_rebalance
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
        (date(2024, 1, 3), None, "monthly", True),
    ],
)
def test_rebalances_on_the_first_session_of_each_period(
    session: date, previous: date | None, rebalance: str, expected: bool
) -> None:
    assert is_rebalance(session, previous, rebalance) is expected


def test_unknown_period_is_refused_with_the_nearest_one() -> None:
    with pytest.raises(ConfigError, match="weekly"):
        is_rebalance(date(2024, 1, 3), None, "weakly")
