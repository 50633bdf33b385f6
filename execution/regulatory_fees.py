"""What the SEC and FINRA charge on sales, by the day they became effective.

Both are charged to the exchanges and brokers, who pass them on to whoever sells. Rates are those of the day of the
trade; the last one holds until a newer one is known (``costs.sec_fee_rates`` and ``costs.taf_rates`` take newer ones).
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from datetime import date

import numpy as np

from execution.types import Floats

SECTION_31: dict[str, float] = {
    "1934-10-01": 100 / 3,  # 1/300 of 1 %
    "2001-12-28": 15.00,
    "2002-04-01": 30.10,
    "2003-03-22": 25.20,
    "2003-04-01": 46.80,
    "2004-02-22": 39.00,
    "2004-04-01": 23.40,
    "2005-01-07": 32.90,
    "2005-04-01": 41.80,
    "2005-12-22": 30.70,
    "2007-03-17": 15.30,
    "2008-01-25": 11.00,
    "2008-04-01": 5.60,
    "2009-04-10": 25.70,
    "2010-01-15": 12.70,
    "2010-04-01": 16.90,
    "2011-01-21": 19.20,
    "2012-02-21": 18.00,
    "2012-04-01": 22.40,
    "2013-05-25": 17.40,
    "2014-03-18": 22.10,
    "2015-02-14": 18.40,
    "2016-02-16": 21.80,
    "2017-07-04": 23.10,
    "2018-05-22": 13.00,
    "2019-04-16": 20.70,
    "2020-02-18": 22.10,
    "2021-02-25": 5.10,
    "2022-05-14": 22.90,
    "2023-02-27": 8.00,
    "2024-05-22": 27.80,
    "2025-05-14": 0.00,
    "2026-04-04": 20.60,
}
"""Effective date → USD per million of sales, under Section 31 of the Securities Exchange Act (15 U.S.C. 78ee).

From the SEC's fee rate advisories and orders, and the notices of NASD and FINRA that repeat them. Those that were read
for 2007-03-17, 2008-01-25, 2009-04-10, 2010-01-15, 2013-05-25, 2016-02-16 and 2022-05-14 name the rate only: the first
day was reckoned from the law's rule (30 days after the appropriation, 60 since 2012). The rates of 2015-02-14 and
2026-04-04 are at second hand.
"""

TRADING_ACTIVITY_FEE: dict[str, Sequence[float]] = {
    "2002-10-01": (0.000100, 10.00),
    "2004-11-01": (0.000075, 3.75),
    "2011-07-01": (0.000090, 4.50),
    "2012-03-01": (0.000095, 4.75),
    "2012-07-01": (0.000119, 5.95),
    "2022-01-01": (0.000130, 6.49),
    "2023-01-01": (0.000145, 7.27),
    "2024-01-01": (0.000166, 8.30),
    "2026-01-01": (0.000195, 9.79),
}
"""Effective date → USD per share sold and largest USD per trade, of covered equity securities.

FINRA By-Laws, Schedule A, Section 1: NASD's notice of 2002-10-17, Notices to Members 03-43 and 04-84, Regulatory
Notices 11-27 and 12-06, 77 FR 38690, SR-FINRA-2020-032 and SR-FINRA-2024-019. For some months before 2003-09-01
NASD charged less than the first row says; the row of 2026 is at second hand.
"""


def section_31_rates(sessions: Sequence[date], rates: Mapping[str, float]) -> Floats:
    """Return the SEC's fee on each session as a fraction of the value of a sale, (T,); 0 before the first rate.

    Args:
        rates: Effective date → USD per million; empty for ``SECTION_31``.
    """
    table = rates or SECTION_31
    return _of_day(sessions, {day: (rate,) for day, rate in table.items()})[:, 0] * 1e-6


def trading_activity_fees(
    sessions: Sequence[date], rates: Mapping[str, Sequence[float]]
) -> tuple[Floats, Floats]:
    """Return the TAF on each session: USD per share sold and largest USD of a fill, (T,) each; 0 before it began.

    Args:
        rates: Effective date → both; empty for ``TRADING_ACTIVITY_FEE``.
    """
    values = _of_day(sessions, rates or TRADING_ACTIVITY_FEE)
    return values[:, 0].copy(), values[:, 1].copy()


def _of_day(sessions: Sequence[date], table: Mapping[str, Sequence[float]]) -> Floats:
    """Return the row in force on each session, zeros before the first, (T, columns)."""
    days = sorted(table)
    rows = np.array([[0.0] * len(table[days[0]]), *(table[day] for day in days)])
    place = {day: bisect_right(days, day.isoformat()) for day in set(sessions)}
    found: Floats = rows[np.array([place[day] for day in sessions], dtype=np.int64)]
    return found
