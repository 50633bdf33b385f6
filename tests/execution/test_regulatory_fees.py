from datetime import date

import numpy as np
import pytest

from execution.regulatory_fees import (
    SECTION_31,
    TRADING_ACTIVITY_FEE,
    section_31_rates,
    trading_activity_fees,
)


@pytest.mark.parametrize(
    ("day", "per_million"),
    [
        (date(2001, 12, 27), 100 / 3),
        (date(2003, 3, 31), 25.20),  # NASD's alert of 2003-03-03: until April 1st
        (date(2003, 4, 1), 46.80),
        (date(2008, 3, 31), 11.00),  # FINRA's notice of 2008-03-10
        (date(2008, 4, 1), 5.60),
        (date(2014, 3, 17), 17.40),  # FINRA's notice of 2014-03-03
        (date(2014, 3, 18), 22.10),
        (date(2025, 5, 13), 27.80),  # FINRA's notice of 2025-04-24
        (date(2025, 5, 14), 0.0),
        (date(2100, 1, 1), 20.60),
    ],
)
def test_the_sec_fee_is_that_of_the_day(day: date, per_million: float) -> None:
    assert section_31_rates([day], {})[0] == pytest.approx(per_million * 1e-6, rel=1e-12)


@pytest.mark.parametrize(
    ("day", "per_share", "most"),
    [
        (date(2002, 9, 30), 0.0, 0.0),
        (date(2011, 6, 30), 0.000075, 3.75),  # Regulatory Notice 11-27
        (date(2011, 7, 1), 0.000090, 4.50),
        (date(2012, 3, 1), 0.000095, 4.75),  # Regulatory Notice 12-06
        (date(2021, 12, 31), 0.000119, 5.95),  # SR-FINRA-2020-032
        (date(2024, 1, 1), 0.000166, 8.30),
    ],
)
def test_the_taf_is_that_of_the_day(day: date, per_share: float, most: float) -> None:
    rate, cap = trading_activity_fees([day], {})
    assert (rate[0], cap[0]) == (per_share, most)


def test_the_tables_are_in_order_and_the_taf_is_capped_at_about_fifty_thousand_shares() -> None:
    for table in (SECTION_31, TRADING_ACTIVITY_FEE):
        assert list(table) == sorted(table)
        assert all(date.fromisoformat(day).isoformat() == day for day in table)
    capped_at = [most / rate for day, (rate, most) in TRADING_ACTIVITY_FEE.items() if day > "2004"]
    assert capped_at == pytest.approx([50_000] * len(capped_at), rel=0.01)


def test_rates_of_ones_own_take_the_place_of_the_published_ones() -> None:
    days = [date(2019, 12, 31), date(2020, 1, 1), date(2020, 6, 1)]
    own = {"2020-06-01": 5.0, "2020-01-01": 10.0}
    np.testing.assert_allclose(section_31_rates(days, own), [0.0, 1e-5, 5e-6], rtol=1e-15)
    rate, most = trading_activity_fees(days, {"2020-01-01": [0.001, 2.0]})
    assert (rate.tolist(), most.tolist()) == ([0.0, 0.001, 0.001], [0.0, 2.0, 2.0])
