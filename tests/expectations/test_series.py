"""The gate on series of bars: what is missing, stale or implausible is named, causally."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import polars as pl
import pytest

from expectations.config import GateConfig
from expectations.gate import check_bars
from tests.expectations import market
from transforms import schemas
from transforms.errors import DataGateError
from transforms.paths import Home
from transforms.warehouse import Warehouse


def test_every_missing_session_is_named_once(warehouse: Warehouse, home: Home) -> None:
    gone = {
        "AAA": [date(2024, 11, 27), date(2024, 11, 29), date(2024, 12, 2), date(2025, 1, 10)],
        "BBB": [date(2025, 1, 8), date(2025, 1, 10)],
    }
    frame = market.bars().filter(
        ~pl.any_horizontal(
            (pl.col("symbol") == symbol) & pl.col("session_date").is_in(dates)
            for symbol, dates in gone.items()
        )
    )
    market.load(warehouse, frame)
    result = market.check(warehouse, home)
    assert result.warnings == (
        "AAA: no bars from 2024-11-27 to 2024-12-02 (3 sessions)",
        "AAA: no bars on 2025-01-10",
        "BBB: no bars from 2025-01-08 to 2025-01-10",
    )
    assert market.outcome(warehouse, "sessions_have_no_gaps")["failed_rows"] == 1


def test_stale_symbol_is_named_with_its_age(warehouse: Warehouse, home: Home) -> None:
    last = market.days()[-7]
    frame = market.bars().filter((pl.col("symbol") != "BBB") | (pl.col("session_date") <= last))
    market.load(warehouse, frame)
    assert market.check(warehouse, home).warnings == (
        f"BBB: last bar {last}, 6 sessions behind the source's newest",
    )
    assert market.check(warehouse, home, stale_sessions=6).warnings == ()


def test_missing_sessions_over_the_limit_stop_the_run(warehouse: Warehouse, home: Home) -> None:
    frame = market.bars().filter((pl.col("symbol") != "CCC") | (pl.col("page_row") % 10 != 5))
    market.load(warehouse, frame)
    with pytest.raises(DataGateError, match=r"missing_sessions_are_few failed \(1 found: CCC lacks 11 of"):
        market.check(warehouse, home)
    assert len(market.check(warehouse, home, max_missing_fraction=0.1).warnings) == 11


def with_returns(symbol: str, jumps: dict[int, float]) -> pl.DataFrame:
    """Return the market with ``symbol``'s closes scaled from the given bars on."""
    factor = pl.lit(1.0)
    for number, jump in jumps.items():
        factor = factor * pl.when(pl.col("page_row") >= number).then(jump).otherwise(1.0)
    scaled = [pl.col(name) * factor for name in ("open", "high", "low", "close")]
    frame = market.bars()
    return pl.concat(
        [frame.filter(symbol=symbol).with_columns(scaled), frame.filter(pl.col("symbol") != symbol)]
    )


def test_outliers_agree_with_polars_and_do_not_depend_on_later_bars(warehouse: Warehouse, home: Home) -> None:
    frame = with_returns("AAA", {40: 1.5, 70: 0.6, 90: 1.1})
    spoiled = frame.with_columns(
        high=pl.when((pl.col("symbol") == "BBB") & (pl.col("page_row") == 30))
        .then(1.0)
        .otherwise(pl.col("high"))
    )
    returns = (
        spoiled.filter(symbol="AAA")
        .sort("bar_at")
        .select("bar_at", r=pl.col("close") / pl.col("close").shift(1) - 1)
        .with_columns(vol=pl.col("r").rolling_std(60, min_samples=20).shift(1))
    )
    expected = set(returns.filter(pl.col("r").abs() > 4 * pl.col("vol"))["bar_at"])
    assert len(expected) >= 2

    cut = market.days()[75]
    found: list[tuple[set[str], list[Any]]] = []
    for part in (spoiled, spoiled.filter(pl.col("session_date") <= cut)):
        market.load(warehouse, part)
        market.check(warehouse, home, outlier_sigmas=4.0)
        details = market.outcome(warehouse, "returns_are_plausible")["details"]
        found.append((set(details.split("; ")), market.quarantined(warehouse).rows()))
    whole, truncated = found
    assert len(whole[0]) == len(expected)
    assert all(any(str(moment.date()) in text for text in whole[0]) for moment in expected)
    before = {text for text in whole[0] if text.split(" on ")[1].split(" is ")[0] <= str(cut)}
    assert truncated[0] == before
    assert truncated[1] == whole[1]
    assert len(whole[1]) > 0


def test_split_is_no_outlier_if_its_action_is_known(warehouse: Warehouse, home: Home) -> None:
    market.load(warehouse, with_returns("AAA", {80: 0.25}))
    assert market.check(warehouse, home).warnings[0].startswith("AAA: return of -7")
    action = {
        "source": "test",
        "dataset": "default",
        "symbol": "AAA",
        "ex_date": market.days()[80],
        "kind": "split",
        "value": 4.0,
        "known_at": market.KNOWN_AT,
        "batch_id": "b1",
        "page": 0,
        "page_row": 0,
    }
    warehouse.append(schemas.CORPORATE_ACTIONS, pl.DataFrame([action]))
    assert market.check(warehouse, home).warnings == ()


def test_intraday_bars_after_a_half_days_close_are_named(warehouse: Warehouse, home: Home) -> None:
    template = market.bars(("AAA",))[:1]
    moments = [datetime.fromisoformat(f"2024-11-29 {clock}") for clock in ("14:30", "17:30", "18:00")]
    frame = pl.concat(
        template.with_columns(
            timeframe=pl.lit("30m"),
            bar_at=pl.lit(moment),
            session_date=pl.lit(moment.date()),
            page_row=pl.lit(row, pl.Int32),
        )
        for row, moment in enumerate(moments)
    )
    market.load(warehouse, frame)
    result = check_bars(
        warehouse,
        home,
        source="test",
        dataset="default",
        timeframe="30m",
        calendar="XNYS",
        gate=GateConfig(name="test", data_docs=False),
        run_id="run",
    )
    assert result.quarantined_rows == 0
    assert result.warnings == ("AAA: 1 bars outside regular hours, the first at 2024-11-29 18:00:00",)


def test_symbol_that_trades_without_volume_is_named_and_an_index_is_not(
    warehouse: Warehouse, home: Home
) -> None:
    zero = (pl.col("symbol") == "D-X") | ((pl.col("symbol") == "AAA") & (pl.col("page_row") == 3))
    market.load(
        warehouse, market.bars().with_columns(volume=pl.when(zero).then(0.0).otherwise(pl.col("volume")))
    )
    assert market.check(warehouse, home).warnings == (
        f"AAA: 1 bars without volume, the first at {market.days()[3]} 04:00:00",
    )


def renamed(symbol: str, day: int, new_symbol: str) -> dict[str, Any]:
    return {
        "source": "test",
        "dataset": "default",
        "symbol": symbol,
        "ex_date": market.days()[day],
        "kind": "symbol_change",
        "new_symbol": new_symbol,
        "known_at": market.KNOWN_AT,
        "batch_id": "b1",
        "page": 0,
        "page_row": day,
    }


def test_symbol_that_was_given_up_and_taken_by_another_is_neither_stale_nor_full_of_gaps(
    warehouse: Warehouse, home: Home
) -> None:
    days = market.days()
    whole = market.bars(("AAA", "BBB", "CCC"))
    first = whole.filter((pl.col("symbol") != "AAA") | (pl.col("session_date") < days[30]))
    # AAA becomes NEW on day 30; from day 90 on another company trades as AAA.
    new = whole.filter((pl.col("symbol") == "AAA") & (pl.col("session_date") >= days[30]))
    other = market.bars(("AAA",)).filter(pl.col("session_date") >= days[90])
    frame = pl.concat(
        [
            first,
            new.with_columns(symbol=pl.lit("NEW"), batch_id=pl.lit("b2")),
            other.with_columns(batch_id=pl.lit("b3")),
        ]
    )
    market.load(warehouse, frame)
    with pytest.raises(DataGateError, match=r"missing_sessions_are_few.*AAA lacks 60 of"):
        market.check(warehouse, home)

    warehouse.append(schemas.CORPORATE_ACTIONS, pl.DataFrame([renamed("AAA", 30, "NEW")]))
    assert market.check(warehouse, home).warnings == ()


def test_symbol_is_stale_unless_it_trades_under_another_one(warehouse: Warehouse, home: Home) -> None:
    days = market.days()
    stopped = market.bars(("AAA", "BBB")).filter(
        (pl.col("symbol") == "BBB") | (pl.col("session_date") < days[60])
    )
    market.load(warehouse, stopped)
    (stale,) = market.check(warehouse, home).warnings
    assert stale.startswith(f"AAA: last bar {days[59]}")

    warehouse.append(schemas.CORPORATE_ACTIONS, pl.DataFrame([renamed("AAA", 60, "NEW")]))
    assert market.check(warehouse, home).warnings == (
        f"AAA: is NEW since {days[60]}, which has no bars from then on",
    )
    warehouse.execute("update raw.corporate_actions set new_symbol = 'AAA'")  # taken back
    assert market.check(warehouse, home).warnings == (stale,)
