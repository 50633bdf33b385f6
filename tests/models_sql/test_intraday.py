"""The intraday set against its definitions, its calendar and the past alone."""

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

from flows.dbt import BuildVars
from tests.models_sql.market import Lab
from tests.models_sql.market import bar as raw_bar
from tests.models_sql.minutes import (
    FEATURES,
    INTRADAY,
    LONGER,
    Exchange,
    Session,
    bar_of,
    random_minutes,
    short_sessions,
)
from transforms import calendars, schemas
from transforms.config import UniverseConfig
from transforms.operators.catalogue import Array, Segments, operators

KEY = ["symbol", "bar_at", "session_date"]
SESSIONS = short_sessions(
    date(2024, 5, 1), 15, half_days=(2, 7)
)  # the calendar knows more than there are bars

Tables = dict[str, pl.DataFrame]


def market() -> list[dict[str, Any]]:
    return [
        row
        for seed, symbol in enumerate(("AAA", "BBB"))
        for row in random_minutes(symbol, SESSIONS[:12], seed)
    ]


@pytest.fixture(scope="module")
def exchange(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Exchange]:
    """A warehouse that each test loads and builds for itself."""
    with Exchange.at(tmp_path_factory.mktemp("exchange")) as exchange:
        yield exchange


def build(exchange: Exchange, until: datetime | None = None) -> Tables:
    """Build both sets on the random market's bars that had ended by then."""
    bars = market()
    if until is not None:
        bars = [row for row in bars if row["bar_at"] + timedelta(minutes=1) <= until]
    exchange.load(bars, SESSIONS)
    return exchange.build()


@pytest.fixture(scope="module")
def whole(exchange: Exchange) -> Tables:
    """Both sets of the whole random market."""
    return build(exchange)


# ------------------------------------------------------------------------ definitions


def expected() -> pd.DataFrame:
    """The features of the random market from their definitions, bar by bar."""
    sessions = {session.session_date: session for session in SESSIONS}
    rows = []
    for _, bars in pd.DataFrame(market()).sort_values(["symbol", "bar_at"]).groupby("symbol"):
        seen: list[dict[str, Any]] = []
        for bar in bars.to_dict("records"):
            session = sessions[bar["session_date"]]
            bar["end"] = bar["bar_at"] + pd.Timedelta(minutes=1)
            bar["inside"] = session.open_at <= bar["bar_at"] < session.close_at
            rows.append({name: bar[name] for name in KEY} | features(bar, session, seen))
            seen.append(bar)
    return pd.DataFrame(rows)


def features(bar: dict[str, Any], session: Session, before: list[dict[str, Any]]) -> dict[str, float]:
    since = (bar["end"] - session.open_at).total_seconds() / 60
    until = (session.close_at - bar["end"]).total_seconds() / 60
    out = {"minutes_since_open": since, "minutes_to_close": until}
    others = ["session_vwap_distance", "opening_range_position", "momentum_5", "momentum_30"]
    others += ["volume_profile_zscore", "volatility_regime"]
    out |= dict.fromkeys(others, np.nan)
    out |= {"is_first_hour": float(0 < since <= 60), "is_last_hour": float(0 <= until < 60)}
    if not bar["inside"]:
        return out | {"is_first_hour": 0.0, "is_last_hour": 0.0}
    inside = [b for b in before if b["inside"]] + [bar]
    today = [b for b in inside if b["session_date"] == bar["session_date"]]
    volume = sum(b["volume"] for b in today)
    value = sum((b["high"] + b["low"] + b["close"]) / 3 * b["volume"] for b in today)
    if volume:
        out["session_vwap_distance"] = bar["close"] / (value / volume) - 1
    opening = [b for b in today if b["end"] <= session.open_at + timedelta(minutes=20)]
    if opening and since >= 20:
        high, low = max(b["high"] for b in opening), min(b["low"] for b in opening)
        out["opening_range_position"] = (bar["close"] - low) / (high - low)
    for minutes in (5, 30):
        span = pd.Timedelta(minutes=minutes)
        base = [b for b in today if bar["end"] - 2 * span <= b["end"] <= bar["end"] - span]
        if base:
            out[f"momentum_{minutes}"] = bar["close"] / base[-1]["close"] - 1
    minute = [b["volume"] for b in inside[:-1] if b["bar_at"].time() == bar["bar_at"].time()][-3:]
    if len(minute) == 3 and np.std(minute) > 0:
        out["volume_profile_zscore"] = (bar["volume"] - np.mean(minute)) / np.std(minute, ddof=1)
    moves = [
        np.log(b["close"] / (a["close"] if a["session_date"] == b["session_date"] else b["open"]))
        for a, b in zip([{"session_date": None}, *inside[:-1]], inside, strict=True)
    ]
    if len(moves) >= 60:
        out["volatility_regime"] = np.sqrt(np.mean(np.square(moves[-10:])) / np.mean(np.square(moves[-60:])))
    return out


def test_every_column_is_its_definition(whole: Tables) -> None:
    got, want = whole[INTRADAY], expected()
    assert set(got.columns) == set(want.columns)
    assert got["bar_at"].to_list() == want.bar_at.to_list()
    for name in got.drop(KEY).columns:
        values = got[name].to_numpy()
        np.testing.assert_allclose(values, want[name], rtol=1e-9, atol=1e-9, err_msg=name)
        assert np.isfinite(values).mean() > 0.1, f"comparing only NULLs of {name} shows nothing"
        assert np.unique(values[np.isfinite(values)]).size > 1, name


def test_units_of_price_and_volume_do_not_matter(exchange: Exchange, whole: Tables) -> None:
    prices = ("open", "high", "low", "close")
    bars = [
        row | {name: 37.0 * row[name] for name in prices} | {"volume": row["volume"] / 8} for row in market()
    ]
    exchange.load(bars, SESSIONS)
    for name, table in exchange.build().items():
        for column in table.drop(KEY, "complete_at", "adj_close", strict=False).columns:
            got, want = table[column].to_numpy(), whole[name][column].to_numpy()
            np.testing.assert_allclose(got, want, rtol=1e-9, atol=1e-9, err_msg=column)


# ------------------------------------------------------------------------ calendars


def exchange_sessions(calendar: str, first: date, last: date) -> list[Session]:
    rows = calendars.sessions(calendar, first, last).iter_rows(named=True)
    return [Session(row["session_date"], row["open_at"], row["close_at"]) for row in rows]


def moments(*texts: str) -> list[datetime]:
    return [datetime.fromisoformat(text) for text in texts]


def test_minutes_and_hours_follow_half_days_and_summer_time(exchange: Exchange) -> None:
    sessions = exchange_sessions("XNYS", date(2024, 3, 8), date(2024, 3, 11))
    sessions += exchange_sessions("XNYS", date(2024, 11, 29), date(2024, 11, 29))
    places = {
        # New York opens at 14:30 UTC in winter, 13:30 in summer; on the day after Thanksgiving it closes at 18:00.
        "2024-03-08T14:30": (1, 389, 1, 0),
        "2024-03-08T20:59": (390, 0, 0, 1),
        "2024-03-11T13:30": (1, 389, 1, 0),
        "2024-03-11T14:29": (60, 330, 1, 0),
        "2024-03-11T14:30": (61, 329, 0, 0),
        "2024-11-29T17:00": (151, 59, 0, 1),
        "2024-11-29T17:59": (210, 0, 0, 1),
        "2024-11-29T18:00": (211, -1, 0, 0),
        "2024-11-29T14:29": (0, 210, 0, 0),
    }
    bars = [bar_of("A", at.date(), at, 10.0) for at in moments(*places)]
    exchange.load(bars, sessions)
    table = exchange.build()[INTRADAY]
    columns = ["minutes_since_open", "minutes_to_close", "is_first_hour", "is_last_hour"]
    got = {
        row[0].isoformat(timespec="minutes"): row[1:] for row in table.select("bar_at", *columns).iter_rows()
    }
    assert got == places


def test_a_market_that_never_closes_runs_on_over_midnight(exchange: Exchange) -> None:
    sessions = exchange_sessions("24/7", date(2024, 3, 8), date(2024, 3, 10))  # a weekend among them
    start = datetime.fromisoformat("2024-03-08T23:50")
    bars = [
        bar_of("A", (at := start + timedelta(minutes=i)).date(), at, 100.0 * 1.01**i, volume=1.0 + i)
        for i in range(20)
    ]
    exchange.load(bars, sessions)
    table = exchange.build()[INTRADAY]
    midnight = table.filter(pl.col("bar_at") == datetime.fromisoformat("2024-03-09"))
    # The session is the day: its average price begins anew. Momentum is the price's, whatever the date.
    assert midnight["minutes_since_open"].to_list() == [1]
    np.testing.assert_allclose(midnight["session_vwap_distance"].to_numpy(), [0], atol=1e-12)
    np.testing.assert_allclose(table["momentum_5"].to_numpy()[5:], 1.01**5 - 1)
    assert table["momentum_5"].null_count() == 5


# ------------------------------------------------------------------------ the past alone


def cells_that_differ(whole: Tables, part: Tables, until: datetime) -> dict[str, int]:
    """Return column → number of cells of bars that ended by ``until`` which are not the same in both."""
    found = {}
    for name in (INTRADAY, LONGER):
        one, other = (
            tables[name].filter(pl.col("bar_at") + timedelta(minutes=1) <= until) for tables in (whole, part)
        )
        assert one.select(KEY).equals(other.select(KEY))
        assert len(one) > 100
        for column in one.drop(KEY).columns:
            found[column] = int((~one[column].eq_missing(other[column])).sum())
    return {column: count for column, count in found.items() if count}


@pytest.mark.parametrize(
    "until",
    moments(
        "2024-05-07T14:50",  # between two sessions' open and close, at the end of a longer bar
        "2024-05-10T15:07",  # within bars of 5 and 15 minutes; the week's last session
        "2024-05-15T16:10",  # at a close
    ),
)
def test_what_comes_later_changes_no_bit(exchange: Exchange, whole: Tables, until: datetime) -> None:
    assert cells_that_differ(whole, build(exchange, until), until) == {}


def test_a_longer_bar_that_is_joined_early_is_caught(
    exchange: Exchange, monkeypatch: pytest.MonkeyPatch
) -> None:
    def in_progress(segments: Segments, bucket: Array, complete: Array, ended: Array) -> Array:
        return bucket

    honest = operators()["last_completed"]
    monkeypatch.setitem(operators(), "last_completed", dataclasses.replace(honest, compute=in_progress))
    until = datetime.fromisoformat("2024-05-10T15:07")
    caught = cells_that_differ(build(exchange), build(exchange, until), until)
    assert {f"close_distance_{name}" for name in FEATURES.higher_timeframes} <= caught.keys()
    assert "momentum_5" not in caught


def test_bars_of_an_hour_by_the_clock_belong_to_the_session_that_they_reach(exchange: Exchange) -> None:
    sessions = exchange_sessions("XNYS", date(2024, 3, 11), date(2024, 3, 12))
    hours = moments("2024-03-11T12:00", "2024-03-11T13:00", "2024-03-11T14:00", "2024-03-11T19:00")
    exchange.load([bar_of("A", at.date(), at, 10.0) for at in hours], sessions)
    hourly = dataclasses.replace(
        FEATURES, opening_range_minutes=60, momentum_minutes=[60], higher_timeframes=["session"]
    )
    table = exchange.build(hourly, "1h")[INTRADAY]
    assert table["minutes_since_open"].to_list() == [-30, 30, 90, 390]
    assert table["session_vwap_distance"].to_list() == [None, 0, 0, 0]
    assert table["is_last_hour"].to_list() == [0, 0, 0, 1]
    # The hour that runs into the open is the session's first.
    assert exchange.resampled("session").select("bar_at", "bar_count").rows() == [(sessions[0].open_at, 3)]


# ------------------------------------------------------------------------ through dbt


def test_dbt_makes_the_same_tables_and_joins_them_with_other_sets(tmp_path: Path, whole: Tables) -> None:
    lab = Lab.at(tmp_path, threads=2)
    lab.load([raw_bar("X", 0, 1.0) | row | {"timeframe": "1m"} for row in market()])
    calendar = [dataclasses.asdict(session) for session in SESSIONS]
    lab.warehouse.append(schemas.SESSIONS, pl.DataFrame(calendar).with_columns(calendar=pl.lit("SHORT")))
    sets = ["core", *FEATURES.sets]
    vars_ = BuildVars(
        source="test",
        dataset="default",
        timeframe="1m",
        calendar="SHORT",
        universe=UniverseConfig(name="all"),
        features=dataclasses.replace(FEATURES, sets=sets),
    )
    assert lab.build(vars_).tests > 0
    for name, table in whole.items():
        assert lab.table(f"intermediate.{name}").equals(table), name
    joined = lab.table("marts.features")
    assert len(joined) == len(whole[INTRADAY])
    assert {"rsi_14", "rsi_14_15m", "session_vwap_distance", "momentum_30"} <= set(joined.columns)
    timeframes = "select distinct timeframe from marts.bars_resampled"
    assert set(lab.warehouse.read(timeframes)["timeframe"]) == {
        "5m",
        "15m",
        "30m",
        "1h",
        "session",
        "week",
        "month",
    }
    lab.warehouse.close()
