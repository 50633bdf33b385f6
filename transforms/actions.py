"""Splits and dividends out of a vendor's raw and adjusted closes.

The *factor* of a session is adjusted / raw close. It is constant between corporate actions and rises (looking
forward in time) at each one. Vendors of the Quandl WIKI school reinvest a dividend at the ex-date's close, so
that the adjusted return is ``split × (close + dividend / split) / previous close``; a session's factor is
then that of the session before, times

    ratio = split × (1 + dividend / close)

where ``split`` is new shares per old share, and ``dividend`` cash per new share. The adjusted close is
rounded, so a factor is known as an interval, and a change is one only where no factor fits both sides.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from itertools import pairwise

import polars as pl

from transforms.frames import ACTIONS_SCHEMA

# Splits that boards declare: 2:1, 3:2, 7:1, 1:10 …; and stock dividends of 5 and 10 %.
_SPLITS = sorted(
    {Fraction(new, old) for new in range(1, 11) for old in range(1, 11) if new != old}
    | {Fraction(new) for new in range(11, 101)}
    | {Fraction(1, old) for old in range(11, 101)}
    | {Fraction(21, 20), Fraction(11, 10)}
)
_FLOAT_NOISE = 2e-12  # relative; published adjusted closes come from float arithmetic with about 12 digits
_MANY_DECIMALS = 6  # a dividend that needs more is no declared amount


@dataclass(frozen=True)
class _Change:
    """A session where the factor changed, with the bounds of new over old factor."""

    ex_date: date
    previous_close: float
    close: float
    low: float
    high: float


@dataclass(frozen=True)
class _Reading:
    """One way to explain a change. ``rank``: smaller is more plausible."""

    split: Fraction
    dividend: float
    rank: tuple[bool, int, bool, bool, float]


def derive_actions(closes: pl.DataFrame, *, adjusted_decimals: int) -> pl.DataFrame:
    """Derive the splits and dividends that turn raw closes into adjusted ones.

    A change of the factor is read as a split where it is a ratio that boards declare and the raw price fell
    (or rose) by about as much, as a dividend where it is a cash amount, as both where it takes both. Of
    several readings the one with the roundest amount counts. A change that rounding hides for some sessions
    is dated at the first session that proves it. Sessions without two positive, finite closes say nothing.

    Args:
        closes: Columns symbol, session_date, close, adjusted_close (USD), in any order of rows.
        adjusted_decimals: Decimals to which ``adjusted_close`` was rounded.

    Returns:
        Rows in the shape of ``frames.ACTIONS_SCHEMA``, by symbol, ex_date and kind. A change that is neither
        split nor dividend has NULL kind and value, and a ``defect`` that says so.
    """
    usable = pl.all_horizontal(
        pl.col(name).is_finite() & (pl.col(name) > 0) for name in ("close", "adjusted_close")
    )
    clean = closes.filter(usable).sort("symbol", "session_date")
    rows: list[tuple[str, date, str | None, float | None, str | None, str | None]] = []
    for (symbol,), one in clean.group_by("symbol", maintain_order=True):
        columns = zip(
            *(one[name].to_list() for name in ("session_date", "close", "adjusted_close")), strict=True
        )
        for change in _changes(columns, adjusted_decimals):
            rows.extend(
                (str(symbol), change.ex_date, kind, value, None, defect)
                for kind, value, defect in _explain(change)
            )
    return pl.DataFrame(rows, schema=ACTIONS_SCHEMA, orient="row").sort("symbol", "ex_date", "kind")


def _changes(sessions: Iterable[tuple[date, float, float]], decimals: int) -> Iterator[_Change]:
    """Yield the sessions at which no factor fits both the stretch before and what follows."""
    half_unit = 0.5 * 10.0**-decimals
    stretches: list[tuple[date, float, float, float, float]] = []
    previous_close = math.nan
    for day, close, adjusted in sessions:
        margin = half_unit + _FLOAT_NOISE * adjusted
        low, high = (adjusted - margin) / close, (adjusted + margin) / close
        if stretches and low <= stretches[-1][4] and high >= stretches[-1][3]:
            first_day, before, first, old_low, old_high = stretches[-1]
            stretches[-1] = (first_day, before, first, max(low, old_low), min(high, old_high))
        else:
            stretches.append((day, previous_close, close, low, high))
        previous_close = close
    for old, new in pairwise(stretches):
        yield _Change(new[0], new[1], new[2], new[3] / old[4], new[4] / old[3])


def _explain(change: _Change) -> list[tuple[str | None, float | None, str | None]]:
    """Return (kind, value, defect) of the actions that a change stands for."""
    readings = [reading for split in (Fraction(1), *_SPLITS) if (reading := _read(change, split))]
    if not readings:
        ratio = 0.5 * (change.low + change.high)
        told = f"adjusted_close: its factor changed by {ratio:.9g}, which is no split or dividend"
        return [(None, None, told)]
    best = min(readings, key=lambda reading: reading.rank)
    actions: list[tuple[str | None, float | None, str | None]] = []
    if best.dividend:
        actions.append(("dividend", best.dividend, None))
    if best.split != 1:
        actions.append(("split", float(best.split), None))
    return actions


def _read(change: _Change, split: Fraction) -> _Reading | None:
    """Read a change as ``split`` and, for what remains, a dividend; None where that cannot be."""
    ratio = float(split)
    if split != 1 and not _price_followed(change, ratio):
        return None
    low, high = change.low / ratio - 1, change.high / ratio - 1
    if low <= 0 <= high:
        return None if split == 1 else _Reading(split, 0.0, (False, 0, False, True, 0.0))
    if low < 0:
        return None
    dividend, decimals = _roundest(low * change.close, high * change.close)
    dividend_yield = dividend / change.close
    if dividend_yield > 0.2 and not _price_followed(change, 1 + dividend_yield):
        return None
    return _Reading(split, dividend, (True, decimals, dividend_yield > 0.2, split != 1, dividend_yield))


def _price_followed(change: _Change, ratio: float) -> bool:
    """Whether the raw price really moved by about ``ratio``: adjusted, the return is the calmer one."""
    raw = math.log(change.close / change.previous_close)
    return abs(raw + math.log(ratio)) < abs(raw)


def _roundest(low: float, high: float) -> tuple[float, int]:
    """Return the amount with the fewest decimals (two at least) in [low, high], and how many it needs."""
    middle = 0.5 * (low + high)
    for decimals in range(2, _MANY_DECIMALS + 1):
        amount = round(middle, decimals)
        if low <= amount <= high and amount > 0:
            return amount, decimals
    return middle, _MANY_DECIMALS + 1
