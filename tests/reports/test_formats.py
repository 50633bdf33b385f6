from __future__ import annotations

import math
from collections.abc import Callable
from datetime import date, datetime

import pytest

from reports import formats


@pytest.mark.parametrize(
    ("write", "value", "written"),
    [
        (formats.percent, 0.0834, "8.3%"),
        (formats.percent, -0.5, "−50.0%"),
        (formats.ratio, 1.2345, "1.23"),
        (formats.ratio, math.inf, "∞"),
        (formats.ratio, -math.inf, "−∞"),
        (formats.usd, 1234567.891, "1,234,567.89"),
        (formats.count, 12345.0, "12,345"),
        (formats.shares, 300.0, "300"),
        (formats.shares, 2.5, "2.5000"),
        (formats.seconds, 0.0421, "0.04 s"),
        (formats.seconds, 65.31, "65.3 s"),
        (formats.moment, date(2020, 1, 31), "2020-01-31"),
        (formats.moment, datetime.fromisoformat("2020-01-31"), "2020-01-31"),
        (formats.moment, datetime.fromisoformat("2020-01-31T14:30"), "2020-01-31 14:30"),
        (formats.text, "x", "x"),
    ],
)
def test_values_are_written_in_their_way(write: Callable[[object], str], value: object, written: str) -> None:
    assert write(value) == written


def test_half_a_cent_falls_one_way_in_whatever_order_it_was_summed() -> None:
    exact = 2710.655
    sums = [math.nextafter(exact, 0), exact, math.nextafter(exact, math.inf)]
    assert len({formats.usd(amount) for amount in sums}) == 1


@pytest.mark.parametrize("nothing", [None, math.nan])
@pytest.mark.parametrize(
    "write", [formats.percent, formats.ratio, formats.usd, formats.count, formats.shares, formats.seconds]
)
def test_null_and_nan_are_written_as_a_dash(write: Callable[[object], str], nothing: object) -> None:
    assert write(nothing) == "–"


def test_absent_dates_and_texts_are_written_as_a_dash() -> None:
    assert [formats.moment(None), formats.text(None), formats.text("")] == ["–", "–", "–"]


@pytest.mark.parametrize(
    ("value", "written"), [(0.02, "+2.0%"), (-0.02, "−2.0%"), (0.0004, "0.0%"), (-0.0004, "0.0%")]
)
def test_signed_percent_says_the_sign_unless_it_rounds_to_nothing(value: float, written: str) -> None:
    assert formats.percent(value, signed=True) == written


def test_every_known_metric_can_be_written_and_says_what_it_is() -> None:
    for name in formats.METRIC_NAMES:
        assert formats.metric(name).written(0.5) not in ("", "–")
        assert formats.metric(name).about


def test_an_unknown_metric_is_written_as_a_plain_number_under_its_own_name() -> None:
    unknown = formats.metric("made_up_ratio")
    assert (unknown.label, unknown.written(1.5)) == ("Made up ratio", "1.50")


@pytest.mark.parametrize(
    ("name", "value", "base", "written"),
    [
        ("cagr", 0.12, 0.1, "+2.0 pp"),
        ("max_drawdown", -0.3, -0.1, "−20.0 pp"),
        ("var_95", -0.0211, -0.02, "−0.11 pp"),
        ("sharpe", 0.5, 0.75, "−0.25"),
        ("turnover", 12.0, 10.0, "+2.0×"),
        ("trades", 90.0, 100.0, "−10"),
        ("costs", 1500.0, 500.0, "+1,000.00"),
        ("holding_sessions", 12.25, 10.0, "+2.2"),
        ("auc", 0.51, 0.5, "+0.010"),
        ("sharpe", 0.5, 0.5, "0.00"),
        ("sharpe", None, 0.5, "–"),
        ("profit_factor", math.inf, 1.0, "–"),
    ],
)
def test_a_difference_is_written_in_the_metrics_unit(
    name: str, value: float | None, base: float, written: str
) -> None:
    assert formats.metric(name).difference(value, base) == written


def test_metrics_of_a_group_stand_together() -> None:
    groups = [formats.metric(name).group for name in formats.METRIC_NAMES]
    turns = [group for before, group in zip([None, *groups], groups, strict=False) if group != before]
    assert len(turns) == len(set(turns))
