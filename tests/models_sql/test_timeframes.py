"""Longer bars and their features: what they are made of, when they are complete, and who may look at them."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
import talib

from tests.models_sql.market import Lab
from tests.models_sql.minutes import (
    VARS,
    Session,
    append,
    bar_of,
    load,
    random_minutes,
    short_sessions,
    with_features,
)
from transforms import calendars
from transforms.schemas import QUARANTINE_BARS

FEATURES = "intermediate.int_features_multi_timeframe"
MONDAY = date(2024, 5, 6)


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A warehouse that each test loads and builds for itself."""
    lab = Lab.at(tmp_path_factory.mktemp("lab"), threads=1)
    yield lab
    lab.warehouse.close()


def resampled(lab: Lab, timeframe: str) -> pl.DataFrame:
    sql = "select * from marts.bars_resampled where timeframe = ? order by symbol, bar_at"
    return lab.warehouse.read(sql, [timeframe])


def at(session: Session, minutes: int) -> datetime:
    return session.open_at + timedelta(minutes=minutes)


# ------------------------------------------------------------------------ minute bars


def test_longer_bars_are_anchored_at_the_open_and_keep_to_their_session(lab: Lab) -> None:
    full, half = short_sessions(MONDAY, 2, half_days=[1])
    prices = {-5: 1, 0: 10, 1: 12, 4: 11, 5: 20, 14: 9, 97: 30, 99: 31, 100: 99}
    bars = [
        *[bar_of("A", full.day, at(full, minute), price) for minute, price in prices.items()],
        bar_of("A", half.day, at(half, 49), 40, open=39, high=41, low=38, volume=7.5),
    ]
    load(lab, bars, [full, half])
    lab.build(VARS, select="+bars_resampled", tests=False)
    columns = ["bar_at", "complete_at", *(f"adj_{x}" for x in ("open", "high", "low", "close", "volume"))]
    got = {
        name: resampled(lab, name).select(*columns, "bar_count").rows()
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


def test_a_longer_bar_is_told_from_the_minute_that_completes_it(lab: Lab) -> None:
    first, second = short_sessions(MONDAY, 2)
    # Of the first five minutes the last is missing: the next minute's bar completes them.
    told = {0: None, 3: None, 5: 4.0, 9: 10.0, 10: 10.0, 99: 100.0, 105: 100.0}
    bars = [bar_of("A", first.day, at(first, minute), minute + 1.0) for minute in (*told, 2)]
    bars.append(bar_of("A", second.day, at(second, 0), 500.0))
    load(lab, bars, [first, second])
    lab.build(VARS, select="+int_features_multi_timeframe", tests=False)
    close = pl.col("adj_close") / (pl.col("close_distance_5m") + 1)
    table = lab.warehouse.read(
        f"select f.*, b.adj_close from {FEATURES} as f join intermediate.int_feature_bars as b "
        "using (symbol, bar_at) order by bar_at"
    ).with_columns(close=close)
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


def test_weeks_and_months_end_with_their_last_session(lab: Lab) -> None:
    # Good Friday was 2024-03-29: week and month ended on Thursday the 28th.
    rows = calendars.sessions("XNYS", date(2024, 3, 1), date(2024, 5, 31)).iter_rows(named=True)
    sessions = [Session(row["session_date"], row["open_at"], row["close_at"]) for row in rows]
    days = [session for session in sessions if session.day <= date(2024, 4, 10)]
    bars = [
        bar_of(
            "A", session.day, datetime.combine(session.day, datetime.min.time()), 100.0 + i, timeframe="1d"
        )
        for i, session in enumerate(days)
    ]
    load(lab, bars, sessions)
    daily = dataclasses.replace(
        with_features(sets=["multi_timeframe"], higher_timeframes=["week", "month"]), timeframe="1d"
    )
    lab.build(daily, select="+int_features_multi_timeframe +bars_resampled", tests=False)
    closes = {session.day: session.close_at for session in sessions}
    weeks = resampled(lab, "week")
    assert weeks["complete_at"].to_list() == [
        closes[date(2024, *day)] for day in ((3, 1), (3, 8), (3, 15), (3, 22), (3, 28), (4, 5), (4, 12))
    ]
    assert resampled(lab, "month")["complete_at"].to_list() == [
        closes[date(2024, 3, 28)],
        closes[date(2024, 4, 30)],
    ]
    table = lab.table(FEATURES)
    price = {session.day: 100.0 + i for i, session in enumerate(days)}
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
    bars = bars.merge(sessions, left_on="session_date", right_on="day").sort_values("bar_at")
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


def test_features_are_those_of_the_last_completed_bar(lab: Lab) -> None:
    frames = ["5m", "15m", "session"]
    bars = market(0, 30)
    load(lab, bars, SESSIONS)
    lab.build(
        with_features(sets=["multi_timeframe"], higher_timeframes=frames),
        select="+int_features_multi_timeframe",
        tests=False,
    )
    table = lab.table(FEATURES)
    for (symbol,), got in table.group_by("symbol"):
        rows = pd.DataFrame([row for row in bars if row["symbol"] == symbol])
        want = pd.concat([expected(rows, frame) for frame in frames], axis=1)
        assert set(want.columns) == set(got.columns) - {"symbol", "bar_at", "session_date"}
        for name in want.columns:
            np.testing.assert_allclose(got[name].to_numpy(), want[name], rtol=1e-9, atol=1e-9, err_msg=name)
            assert np.isfinite(want[name]).any(), f"comparing only NULLs of {name} shows nothing"


# ------------------------------------------------------------------------ catching up


def test_late_restated_and_removed_bars_change_their_longer_bars(lab: Lab) -> None:
    """What is brought up to date equals, cell for cell, what is built from nothing."""
    tables = [
        "intermediate.int_features_intraday",
        "intermediate.int_features_multi_timeframe",
        *(f"intermediate.int_resampled_features_{name}" for name in ("5m", "15m", "session", "week")),
    ]

    def everything() -> dict[str, pl.DataFrame]:
        return {name: lab.table(name) for name in tables}

    # A symbol whose only bar of the first five minutes is about to be refused.
    alone = bar_of("AAA", SESSIONS[0].day, at(SESSIONS[0], 3), 100.0)
    bars = [alone, *market(1, 10)]
    kept = [row for row in bars if not (row["symbol"] == "BBB" and row["bar_at"] == at(SESSIONS[8], 47))]
    load(lab, kept, SESSIONS)
    assert lab.build(VARS, tests=False).mode == "full"
    before = everything()
    append(lab, market(10, 11), 1)
    assert lab.build(VARS, tests=False).mode == "appended"
    late = [row for row in bars if row not in kept]
    restated = bar_of("AAA", SESSIONS[9].day, at(SESSIONS[9], 58), 250.0, volume=9999.0)
    append(lab, [*late, restated], 2)
    lab.warehouse.execute(
        f"insert into {QUARANTINE_BARS.name} by name select *, 'tested' as reason from raw.bars "
        "where symbol = 'AAA' and bar_at = ?",
        [at(SESSIONS[0], 3)],
    )
    assert late
    assert lab.build(VARS, tests=False).mode == "appended"
    appended = everything()
    (lab.home.dbt / "state" / "build.json").unlink()
    assert lab.build(VARS, tests=False).mode == "full"
    for name, table in everything().items():
        assert appended[name].equals(table), name
        assert not before[name].equals(table)
