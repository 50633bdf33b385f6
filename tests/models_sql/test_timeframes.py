"""Longer bars and their features: what they are made of, when they are complete, and who may look at them."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
import talib

from tests.models_sql.minutes import (
    FEATURES,
    LONGER,
    Exchange,
    Session,
    bar_of,
    random_minutes,
    short_sessions,
)
from transforms import calendars

MONDAY = date(2024, 5, 6)


@pytest.fixture(scope="module")
def exchange(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Exchange]:
    """A warehouse that each test loads and builds for itself."""
    with Exchange.at(tmp_path_factory.mktemp("exchange")) as exchange:
        yield exchange


def at(session: Session, minutes: int) -> datetime:
    return session.open_at + timedelta(minutes=minutes)


# ------------------------------------------------------------------------ minute bars


def test_longer_bars_are_anchored_at_the_open_and_keep_to_their_session(exchange: Exchange) -> None:
    full, half = short_sessions(MONDAY, 2, half_days=[1])
    prices = {-5: 1, 0: 10, 1: 12, 4: 11, 5: 20, 14: 9, 97: 30, 99: 31, 100: 99}
    bars = [
        *[bar_of("A", full.session_date, at(full, minute), price) for minute, price in prices.items()],
        bar_of("A", half.session_date, at(half, 49), 40, open=39, high=41, low=38, volume=7.5),
    ]
    exchange.load(bars, [full, half])
    exchange.build()
    columns = ["bar_at", "complete_at", *(f"adj_{x}" for x in ("open", "high", "low", "close", "volume"))]
    got = {
        name: exchange.resampled(name).select(*columns, "bar_count").rows()
        for name in ("5m", "15m", "1h", "session", "week")
    }
    last_of_half = (39, 41, 38, 40, 7.5, 1)
    assert got["5m"] == [
        (at(full, 0), at(full, 5), 10, 12, 10, 11, 300, 3),
        (at(full, 5), at(full, 10), 20, 20, 20, 20, 100, 1),
        (at(full, 10), at(full, 15), 9, 9, 9, 9, 100, 1),
        (at(full, 95), at(full, 100), 30, 31, 30, 31, 200, 2),
        (at(half, 45), at(half, 50), *last_of_half),
    ]
    # The last of a session is as long as the session lasts.
    assert got["15m"] == [
        (at(full, 0), at(full, 15), 10, 20, 9, 9, 500, 5),
        (at(full, 90), at(full, 100), 30, 31, 30, 31, 200, 2),
        (at(half, 45), at(half, 50), *last_of_half),
    ]
    assert [bar[:2] for bar in got["1h"]] == [
        (at(full, 0), at(full, 60)),
        (at(full, 60), at(full, 100)),
        (at(half, 0), at(half, 50)),
    ]
    assert got["session"] == [
        (at(full, 0), at(full, 100), 10, 31, 9, 31, 700, 7),
        (at(half, 0), at(half, 50), *last_of_half),
    ]
    # The calendar ends on Tuesday: nobody knows yet when this week will be over.
    assert got["week"] == [(datetime.fromisoformat("2024-05-06"), None, 10, 41, 9, 40, 707.5, 8)]


def test_a_longer_bar_is_told_from_the_minute_that_completes_it(exchange: Exchange) -> None:
    first, second = short_sessions(MONDAY, 2)
    # Of the first five minutes the last is missing: the next minute's bar completes them.
    told = {0: None, 3: None, 5: 4.0, 9: 10.0, 10: 10.0, 99: 100.0, 105: 100.0}
    bars = [bar_of("A", first.session_date, at(first, minute), minute + 1.0) for minute in (*told, 2)]
    bars.append(bar_of("A", second.session_date, at(second, 0), 500.0))
    exchange.load(bars, [first, second])
    table = exchange.build()[LONGER]
    prices = pl.DataFrame([{"bar_at": row["bar_at"], "adj_close": row["close"]} for row in bars])
    table = table.join(prices, on="bar_at").sort("bar_at")
    table = table.with_columns(close=pl.col("adj_close") / (pl.col("close_distance_5m") + 1))
    got = dict(zip(table["bar_at"], table["close"], strict=True))
    # Minute 9 ends with its five, as minute 4 would have.
    for minute, value in told.items():
        assert got[at(first, minute)] == pytest.approx(value) if value else got[at(first, minute)] is None
    # The night is over, the session of the day before complete: its last five minutes had one bar.
    assert got[at(second, 0)] == pytest.approx(100.0)
    session = table["adj_close"] / (table["close_distance_session"] + 1)
    assert dict(zip(table["bar_at"], session, strict=True)) == {
        **dict.fromkeys([at(first, minute) for minute in (0, 2, 3, 5, 9, 10)]),
        at(first, 99): pytest.approx(100.0),
        at(first, 105): pytest.approx(100.0),
        at(second, 0): pytest.approx(100.0),
    }


# ------------------------------------------------------------------------ daily bars


def test_weeks_and_months_end_with_their_last_session(exchange: Exchange) -> None:
    # Good Friday was 2024-03-29: week and month ended on Thursday the 28th.
    rows = calendars.sessions("XNYS", date(2024, 3, 1), date(2024, 5, 31)).iter_rows(named=True)
    sessions = [Session(row["session_date"], row["open_at"], row["close_at"]) for row in rows]
    days = [session.session_date for session in sessions if session.session_date <= date(2024, 4, 10)]
    price = {day: 100.0 + i for i, day in enumerate(days)}
    midnight = datetime.min.time()
    exchange.load([bar_of("A", day, datetime.combine(day, midnight), price[day]) for day in days], sessions)
    daily = dataclasses.replace(FEATURES, sets=["multi_timeframe"], higher_timeframes=["week", "month"])
    table = exchange.build(daily, "1d")[LONGER]
    closes = {session.session_date: session.close_at for session in sessions}
    assert exchange.resampled("week")["complete_at"].to_list() == [
        closes[date(2024, *day)] for day in ((3, 1), (3, 8), (3, 15), (3, 22), (3, 28), (4, 5), (4, 12))
    ]
    assert exchange.resampled("month")["complete_at"].to_list() == [
        closes[date(2024, 3, 28)],
        closes[date(2024, 4, 30)],
    ]
    for row in table.iter_rows(named=True):
        day = row["session_date"]
        complete = [
            d for d in map(date.fromisoformat, ("2024-03-22", "2024-03-28", "2024-04-05")) if d <= day
        ]
        if complete:
            assert row["close_distance_week"] == pytest.approx(price[day] / price[complete[-1]] - 1)
        if day < date(2024, 3, 28):
            assert row["close_distance_month"] is None
        else:
            march = price[date(2024, 3, 28)]
            assert row["close_distance_month"] == pytest.approx(price[day] / march - 1)


# ------------------------------------------------------------------------ the features themselves

SESSIONS = short_sessions(date(2024, 5, 1), 45, half_days=[5, 30])


def market(first: int, last: int) -> list[dict[str, Any]]:
    """Return sessions ``first`` up to ``last`` of a random market."""
    return [
        row
        for seed, symbol in enumerate(("AAA", "BBB"))
        for row in random_minutes(symbol, SESSIONS[first:last], 100 * seed + first)
    ]


def expected(bars: pd.DataFrame, timeframe: str) -> pd.DataFrame:
    """What one symbol's bars are told of a longer timeframe: pandas groups, TA-Lib, and an as-of join."""
    sessions = pd.DataFrame([dataclasses.asdict(session) for session in SESSIONS])
    bars = bars.merge(sessions, on="session_date").sort_values("bar_at")
    bars["ended_at"] = bars["bar_at"] + pd.Timedelta(minutes=1)
    inside = bars[(bars["bar_at"] >= bars["open_at"]) & (bars["bar_at"] < bars["close_at"])].copy()
    if timeframe == "session":
        inside["bucket"], inside["complete_at"] = inside["open_at"], inside["close_at"]
    else:
        length = pd.Timedelta(timeframe.replace("m", "min"))
        inside["bucket"] = inside["open_at"] + (inside["bar_at"] - inside["open_at"]) // length * length
        inside["complete_at"] = (inside["bucket"] + length).clip(upper=inside["close_at"])
    longer = inside.groupby("bucket").agg(
        complete_at=("complete_at", "first"),
        high=("high", "max"),
        low=("low", "min"),
        close=("close", "last"),
        volume=("volume", "sum"),
    )
    high, low, close = (longer[name].to_numpy() for name in ("high", "low", "close"))
    highest, lowest = longer["high"].rolling(20).max(), longer["low"].rolling(20).min()
    volume = longer["volume"]
    longer = longer.assign(
        return_1=longer["close"].pct_change(1),
        return_5=longer["close"].pct_change(5),
        sma_distance_20=longer["close"] / longer["close"].rolling(20).mean() - 1,
        rsi_14=talib.RSI(close, 14),
        natr_14=talib.NATR(high, low, close, 14),
        donchian_position_20=(longer["close"] - lowest) / (highest - lowest),
        volume_zscore_20=(volume - volume.rolling(20).mean()) / volume.rolling(20).std(),
        close=longer["close"],
    )
    told = pd.merge_asof(bars, longer, left_on="ended_at", right_on="complete_at", suffixes=("", "_longer"))
    told["close_distance"] = told["close"] / told["close_longer"] - 1
    names = ["close_distance", "return_1", "return_5", "sma_distance_20", "rsi_14", "natr_14"]
    names += ["donchian_position_20", "volume_zscore_20"]
    return told[names].add_suffix(f"_{timeframe}")


def test_features_are_those_of_the_last_completed_bar(exchange: Exchange) -> None:
    frames = ["5m", "15m", "session"]
    bars = market(0, 30)
    exchange.load(bars, SESSIONS)
    chosen = dataclasses.replace(FEATURES, sets=["multi_timeframe"], higher_timeframes=frames)
    table = exchange.build(chosen)[LONGER]
    for (symbol,), got in table.group_by("symbol"):
        rows = pd.DataFrame([row for row in bars if row["symbol"] == symbol])
        want = pd.concat([expected(rows, frame) for frame in frames], axis=1)
        assert set(want.columns) == set(got.columns) - {"symbol", "bar_at", "session_date"}
        for name in want.columns:
            np.testing.assert_allclose(got[name].to_numpy(), want[name], rtol=1e-9, atol=1e-9, err_msg=name)
            assert np.isfinite(want[name]).any(), f"comparing only NULLs of {name} shows nothing"


# ------------------------------------------------------------------------ catching up


def test_late_restated_and_removed_bars_change_their_longer_bars(exchange: Exchange, tmp_path: Path) -> None:
    """What is brought up to date equals, cell for cell, what is built from nothing."""
    # AAA's first five minutes have one bar, which is about to be refused; BBB lacks one that comes late.
    alone = bar_of("AAA", SESSIONS[0].session_date, at(SESSIONS[0], 3), 100.0)
    *bars, late = [*market(1, 10), bar_of("BBB", SESSIONS[8].session_date, at(SESSIONS[8], 47), 101.0)]
    bars = [row for row in bars if (row["symbol"], row["bar_at"]) != ("BBB", late["bar_at"])]
    exchange.load([alone, *bars], SESSIONS)
    before = exchange.build()

    bars += market(10, 11)
    exchange.load([alone, *bars], SESSIONS)
    opening = at(SESSIONS[10], -10)
    exchange.build(changed_from={"AAA": opening, "BBB": opening})

    exchange.load([*bars, late], SESSIONS)
    exchange.build(changed_from={"AAA": alone["bar_at"], "BBB": late["bar_at"]})

    restated = at(SESSIONS[9], 58)
    bars = [row | {"volume": 9999.0, "close": 105.0} if row["bar_at"] == restated else row for row in bars]
    exchange.load([*bars, late], SESSIONS)
    mended = exchange.build(changed_from={"AAA": restated, "BBB": restated})

    with Exchange.at(tmp_path) as other:
        other.load([*bars, late], SESSIONS)
        for name, table in other.build().items():
            assert mended[name].equals(table), name
            assert not before[name].equals(table), name
