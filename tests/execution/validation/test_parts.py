from datetime import date

import numpy as np
import pytest

from execution.performance import sharpe
from execution.validation import parts
from execution.validation.parts import Curve
from execution.validation_config import ValidationConfig
from tests.execution.markets import weekdays
from transforms.errors import ConfigError, QuantmillError

DAYS = weekdays(200)


def curve(equity: list[float], days: list[str] | None = None, benchmark: list[float] | None = None) -> Curve:
    dates = weekdays(len(equity)) if days is None else tuple(date.fromisoformat(day) for day in days)
    market = np.full(len(equity), np.nan) if benchmark is None else np.array(benchmark)
    return Curve(dates, np.array(equity), market)


def test_fractions_split_the_sessions_in_their_order() -> None:
    found = parts.split(DAYS, ValidationConfig(name="test", train=0.5, validation=0.3))
    assert found == {
        "train": slice(0, 100),
        "validation": slice(100, 160),
        "holdout": slice(160, 200),
    }


def test_dates_take_the_place_of_fractions_and_need_be_no_sessions() -> None:
    # DAYS[60] is a Monday; the Saturday before stands for it.
    config = ValidationConfig(name="test", validation_start="2024-03-23", holdout_start=DAYS[150].isoformat())
    assert [part.start for part in parts.split(DAYS, config).values()] == [0, 60, 150]


def test_too_short_a_history_is_refused_with_the_part_that_lacks_sessions() -> None:
    with pytest.raises(
        QuantmillError, match=r"12 of the book's 60 sessions .* are validation; each part needs 20"
    ):
        parts.split(DAYS[:60], ValidationConfig(name="test"))


def test_dates_beyond_the_history_are_a_mistake_in_the_config() -> None:
    config = ValidationConfig(name="test", validation_start="2024-06-03", holdout_start="2031-01-01")
    with pytest.raises(ConfigError, match=r"0 of the book's 200 sessions .* are holdout"):
        parts.split(DAYS, config)


def test_part_is_measured_from_the_close_before_it() -> None:
    figures = parts.of_sessions(curve([100, 110, 99, 198]), np.array([False, False, True, True]), 252)
    assert figures.sessions == 2
    assert figures.total_return == pytest.approx(0.8)
    assert figures.max_drawdown == pytest.approx(-0.1)
    assert figures.sharpe == pytest.approx(sharpe(np.array([1.0, 0.9, 1.8])))
    assert figures.benchmark_return is None


def test_sessions_apart_are_put_one_after_the_other() -> None:
    given = curve([100, 110, 220, 110], benchmark=[1, 2, 3, 4])
    figures = parts.of_sessions(given, np.array([True, True, False, True]), 252)
    assert figures.total_return == pytest.approx(1.1 * 0.5 - 1)
    assert figures.benchmark_return == pytest.approx(2 * 4 / 3 - 1)


def test_no_sessions_have_no_figures() -> None:
    figures = parts.of_sessions(curve([100, 110]), np.array([True, False]), 252)
    assert (figures.sessions, figures.sharpe, figures.total_return) == (0, None, None)


def test_months_begin_at_the_last_close_before_them() -> None:
    given = curve(
        [100, 110, 121, 100],
        ["2024-01-30", "2024-01-31", "2024-02-01", "2024-03-01"],
        [50, 50, 40, 44],
    )
    found = parts.months(given)
    assert found.of_session.tolist() == [0, 0, 1, 2]
    assert found.book.tolist() == pytest.approx([0.1, 0.1, 100 / 121 - 1])
    assert found.benchmark.tolist() == pytest.approx([0.0, -0.2, 0.1])


@pytest.mark.parametrize(
    ("first", "last", "covered"),
    [
        ("2008-01-02", "2008-12-31", True),
        ("2007-01-03", "2010-12-31", True),
        ("2008-02-01", "2008-12-31", False),
        ("2007-01-03", "2008-11-28", False),
        ("2009-01-02", "2012-12-31", False),
    ],
)
def test_regime_is_covered_from_end_to_end_or_not_at_all(first: str, last: str, covered: bool) -> None:
    dates = [date.fromisoformat(first), date.fromisoformat(last)]
    assert parts.is_covered(dates, ["2008-01-01", "2008-12-31"]) is covered


def test_regime_takes_in_both_its_days() -> None:
    days = [date(2020, 1, 1), date(2020, 3, 31), date(2020, 4, 1)]
    assert parts.regime(days, ["2020-01-01", "2020-03-31"]).tolist() == [True, True, False]
