"""The gate on bars: everything injected is caught, nothing else is, and a refusal leaves its traces."""

from __future__ import annotations

import random
import threading
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tests.expectations import market
from transforms import schemas
from transforms.errors import ConfigError, DataGateError, QuantmillError
from transforms.paths import Home
from transforms.warehouse import Warehouse

NAN, INF = float("nan"), float("inf")
FUTURE = market.midnight(date(2025, 3, 7))

# Mutation → changed columns, the expectation that must name the row, its reason.
MUTATIONS: dict[str, tuple[dict[str, Any], str, str]] = {
    "nan close": ({"close": NAN}, "prices_are_finite", "close nan"),
    "nan open": ({"open": NAN}, "prices_are_finite", "open nan"),
    "infinite high": ({"high": INF}, "prices_are_finite", "high inf"),
    "minus infinite low": ({"low": -INF}, "prices_are_finite", "low -inf"),
    "zero low": ({"low": 0.0}, "prices_are_positive", "low 0.0"),
    "negative open": ({"open": -1.5}, "prices_are_positive", "open -1.5"),
    "high below low": ({"high": 9.5, "low": 10.0}, "high_is_not_below_low", "high 9.5 < low 10.0"),
    "high below close": ({"high": 50.0, "close": 50.5}, "high_is_highest", "high 50.0 < open"),
    "low above open": ({"low": 49.0, "open": 48.5}, "low_is_lowest", "low 49.0 > open 48.5"),
    "null close": ({"close": None}, "prices_are_present", "close null"),
    "null symbol": ({"symbol": None}, "key_is_present", "symbol null"),
    "null session": ({"session_date": None}, "key_is_present", "session_date null"),
    "nan volume": ({"volume": NAN}, "volume_is_valid", "volume nan"),
    "negative volume": ({"volume": -1.0}, "volume_is_valid", "volume -1.0"),
    "null volume": ({"volume": None}, "volume_is_valid", "volume null"),
    "defect": ({"defect": "close 'abc' is no number"}, "row_was_readable", "close 'abc' is no number"),
    "future": (
        {"bar_at": FUTURE, "session_date": FUTURE.date()},
        "bar_has_begun",
        "begins after it was known",
    ),
    "half grown": ({"known_at": "noon of its session"}, "bar_is_complete", "before the bar was over"),
    "off calendar": (
        {"bar_at": market.midnight(date(2025, 1, 9)), "session_date": date(2025, 1, 9)},
        "session_is_on_calendar",
        "2025-01-09 is no session",
    ),
    "wrong day": (
        {"bar_at": "fifteen hours later"},
        "bar_belongs_to_its_session",
        ":00:00 is not of session",
    ),
    "bad symbol": ({"symbol": "x'; drop table raw.bars"}, "symbol_is_well_formed", "symbol x'; drop table"),
}


def mutate(frame: pl.DataFrame, seed: int) -> tuple[pl.DataFrame, dict[tuple[Any, ...], str]]:
    """Change one random row per mutation; return the frame and identity → mutation."""
    rows = frame.to_dicts()
    chosen = random.Random(seed).sample(range(len(rows)), len(MUTATIONS))
    for index, (changes, _, _) in zip(chosen, MUTATIONS.values(), strict=True):
        row = rows[index]
        for column, value in changes.items():
            if value == "noon of its session":
                row[column] = row["bar_at"] + timedelta(hours=12)
            elif value == "fifteen hours later":
                row[column] = row["bar_at"] + timedelta(hours=15)
            else:
                row[column] = value
    injected = {
        tuple(rows[index][column] for column in market.IDENTITY): name
        for index, name in zip(chosen, MUTATIONS, strict=True)
    }
    return pl.DataFrame(rows, schema=frame.schema), injected


def test_clean_market_with_half_day_and_closure_raises_nothing(warehouse: Warehouse, home: Home) -> None:
    market.load(warehouse, market.bars())
    assert date(2024, 11, 29) in market.days()
    assert date(2025, 1, 9) not in market.days()
    result = market.check(warehouse, home)
    assert [one.name for one in result.outcomes if not one.passed] == []
    assert (result.quarantined_rows, result.warnings, result.data_docs) == (0, (), None)


@pytest.mark.parametrize("seed", [1, 2])
def test_every_injected_fault_is_quarantined_and_nothing_else(
    warehouse: Warehouse, home: Home, seed: int
) -> None:
    frame, injected = mutate(market.bars(), seed)
    market.load(warehouse, frame.sample(fraction=1.0, shuffle=True, seed=seed))
    result = market.check(warehouse, home, max_quarantined_fraction=0.2, max_missing_fraction=1.0)

    bad = market.quarantined(warehouse)
    caught = set(bad.select(market.IDENTITY).iter_rows())
    assert caught == set(injected)
    assert result.quarantined_rows == len(injected)
    for identity, name in injected.items():
        _, expectation, reason = MUTATIONS[name]
        named = bad.filter(
            *(pl.col(column) == value for column, value in zip(market.IDENTITY, identity, strict=True)),
            expectation=expectation,
        )
        assert len(named) == 1, name
        assert reason in named["reason"][0], name
    whole = bad.unique(market.IDENTITY).select(list(schemas.BARS.columns)).sort(market.IDENTITY)
    original = frame.join(whole.select(market.IDENTITY), on=market.IDENTITY, how="semi").sort(market.IDENTITY)
    assert whole.equals(original)


def test_price_rules_agree_with_polars(warehouse: Warehouse, home: Home) -> None:
    chance = random.Random(5)
    values = [NAN, INF, -INF, None, 0.0, -3.0, 40.0, 60.0]
    rows = market.bars().to_dicts()
    for row in rows:
        if chance.random() < 0.5:
            row[chance.choice(["open", "high", "low", "close", "volume"])] = chance.choice(values)
    frame = pl.DataFrame(rows, schema=market.bars().schema)
    market.load(warehouse, frame)
    market.check(warehouse, home, max_quarantined_fraction=1.0, max_missing_fraction=1.0)

    prices = [pl.col(name) for name in ("open", "high", "low", "close")]
    finite = frame.with_columns(pl.col("open", "high", "low", "close").replace(NAN, INF))
    oracle = {
        "prices_are_present": frame.filter(pl.any_horizontal(price.is_null() for price in prices)),
        "prices_are_finite": frame.filter(pl.any_horizontal(~price.is_finite() for price in prices)),
        "prices_are_positive": frame.filter(pl.any_horizontal(price <= 0 for price in prices)),
        # NaN is above everything in SQL, as infinity is in both.
        "high_is_not_below_low": finite.filter(pl.col("high") < pl.col("low")),
        "volume_is_valid": frame.filter(
            pl.col("volume").is_null() | ~pl.col("volume").is_finite() | (pl.col("volume") < 0)
        ),
    }
    bad = market.quarantined(warehouse)
    for expectation, expected in oracle.items():
        found = set(bad.filter(expectation=expectation).select(market.IDENTITY).iter_rows())
        assert found == set(expected.select(market.IDENTITY).iter_rows()), expectation
        assert found, expectation


def test_conflicting_copies_all_go_and_of_equal_ones_the_first_stays(
    warehouse: Warehouse, home: Home
) -> None:
    frame = market.bars()
    conflicting, equal = frame[10:11], frame[20:21]
    extra = [
        conflicting.with_columns(
            close=pl.col("close") + 0.2, batch_id=pl.lit("b2"), page_row=pl.lit(0, pl.Int32)
        ),
        conflicting.with_columns(batch_id=pl.lit("b2"), page_row=pl.lit(1, pl.Int32)),
        equal.with_columns(batch_id=pl.lit("b2"), page_row=pl.lit(2, pl.Int32)),
        equal.with_columns(batch_id=pl.lit("b2"), page_row=pl.lit(3, pl.Int32)),
    ]
    market.load(warehouse, pl.concat([*reversed(extra), frame]))
    result = market.check(warehouse, home)
    found = market.quarantined(warehouse).select("batch_id", "page_row", "expectation").rows()
    assert found == [
        ("b1", 10, "key_is_unique"),
        ("b2", 0, "key_is_unique"),
        ("b2", 1, "key_is_unique"),
        ("b2", 2, "row_is_not_repeated"),
        ("b2", 3, "row_is_not_repeated"),
    ]
    assert result.warnings == (f"AAA: no bars on {market.days()[10]}",)


def test_two_daily_stamps_of_one_session_are_a_conflict(warehouse: Warehouse, home: Home) -> None:
    frame = market.bars()
    shifted = frame[10:11].with_columns(bar_at=pl.col("bar_at") - timedelta(hours=4), batch_id=pl.lit("b2"))
    market.load(warehouse, pl.concat([frame, shifted]))
    market.check(warehouse, home)
    found = market.quarantined(warehouse).select("batch_id", "page_row", "expectation").rows()
    assert found == [("b1", 10, "key_is_unique"), ("b2", 10, "key_is_unique")]


def test_bad_revision_goes_and_the_older_good_one_stays(warehouse: Warehouse, home: Home) -> None:
    frame = market.bars()
    later = pl.lit(market.KNOWN_AT + timedelta(days=1))
    restated = frame[5:7].with_columns(
        known_at=later, batch_id=pl.lit("b2"), close=pl.Series([NAN, frame["close"][6] + 0.01])
    )
    market.load(warehouse, pl.concat([restated, frame]))
    result = market.check(warehouse, home)
    assert set(market.quarantined(warehouse).select("batch_id", "page_row").rows()) == {("b2", 5)}
    assert result.warnings == ()


def test_too_many_quarantined_rows_stop_the_run_after_they_were_written(
    warehouse: Warehouse, home: Home
) -> None:
    frame = market.bars().with_columns(
        high=pl.when(pl.col("page_row") % 7 == 0).then(1.0).otherwise(pl.col("high"))
    )
    market.load(warehouse, frame)
    with pytest.raises(DataGateError) as caught:
        market.check(warehouse, home, max_missing_fraction=1.0, data_docs=True)
    assert caught.value.exit_code == 3
    bad = frame.filter(pl.col("high") == 1.0)
    message = str(caught.value)
    page = home.data_docs / "run" / "raw_bars.html"
    assert f"{len(bad)} of {len(frame)} rows are in quarantine" in message
    assert f"quarantine.bars in {home.warehouse}; Data Docs: {page}" in message
    assert page.is_file()
    assert len(market.quarantined(warehouse).unique(market.IDENTITY)) == len(bad)
    assert market.outcome(warehouse, "quarantined_fraction_is_low")["passed"] is False
    assert market.outcome(warehouse, "high_is_not_below_low")["failed_rows"] == len(bad)


@pytest.mark.parametrize(
    ("drift", "finding"),
    [
        ("alter table raw.bars add column vwap double", "column vwap: expected no such column, found DOUBLE"),
        ("alter table raw.bars drop column volume", "column volume: expected DOUBLE, found missing"),
        (
            "alter table raw.bars alter column close type varchar",
            "column close: expected DOUBLE, found VARCHAR",
        ),
        ("alter table raw.bars rename column source to origin", "column origin: expected no such column"),
    ],
)
def test_schema_drift_stops_before_anything_is_touched(
    warehouse: Warehouse, home: Home, drift: str, finding: str
) -> None:
    market.load(warehouse, mutate(market.bars(), 3)[0])
    market.check(warehouse, home, max_quarantined_fraction=1.0, max_missing_fraction=1.0)
    before = market.quarantined(warehouse)
    warehouse.execute(drift)
    with pytest.raises(DataGateError, match="schema_equals_contract") as caught:
        market.check(warehouse, home, run_id="second")
    assert caught.value.exit_code == 3
    assert finding in str(caught.value)
    assert market.quarantined(warehouse).equals(before)
    assert market.outcome(warehouse, "schema_equals_contract", "second")["passed"] is False


def test_second_run_changes_nothing_and_other_sources_are_left_alone(
    warehouse: Warehouse, home: Home
) -> None:
    frame, _ = mutate(market.bars(), 4)
    other = market.bars(("ZZZ",), source="other").with_columns(batch_id=pl.lit("o1"), low=pl.lit(-1.0))
    elsewhere = other.with_columns(source=pl.lit("test"), dataset=pl.lit("its"), batch_id=pl.lit("d1"))
    market.load(warehouse, pl.concat([frame, other, elsewhere]))
    loose = {"max_quarantined_fraction": 1.0, "max_missing_fraction": 1.0}
    market.check(warehouse, home, source="other", **loose)
    market.check(warehouse, home, dataset="its", **loose)
    first = market.check(warehouse, home, **loose)
    before = market.quarantined(warehouse)
    assert set(before.select("source", "dataset").rows()) == {
        ("test", "default"),
        ("test", "its"),
        ("other", "default"),
    }
    second = market.check(warehouse, home, **loose)
    assert second == first
    assert market.quarantined(warehouse).equals(before)
    assert warehouse.value("select count(*) from ops.gate_results") == len(first.outcomes)
    assert warehouse.value("select count(*) from information_schema.tables where table_catalog = 'temp'") == 0


@pytest.mark.parametrize("text", ["x'; drop table raw.bars; --", '{gap_sessions}" or (1=1'])
def test_names_are_values_and_never_sql(warehouse: Warehouse, home: Home, text: str) -> None:
    frame = market.bars().with_columns(
        symbol=pl.when(pl.col("symbol") == "AAA").then(pl.lit(text)).otherwise(pl.col("symbol"))
    )
    market.load(
        warehouse,
        pl.concat(
            [frame, frame.with_columns(source=pl.lit(text), dataset=pl.lit(text), batch_id=pl.lit("b2"))]
        ),
    )
    for source, dataset in (("test", "default"), (text, text)):
        result = market.check(warehouse, home, source=source, dataset=dataset, max_quarantined_fraction=1.0)
        assert result.quarantined_rows == len(market.days())
    found = market.quarantined(warehouse)
    assert set(found["symbol"]) == {text}
    assert found["reason"][0] == f"symbol {text} is not well formed"
    assert warehouse.value("select count(*) from raw.bars") == 2 * len(frame)


def test_no_rows_and_no_calendar_are_refused(warehouse: Warehouse, home: Home) -> None:
    market.load(warehouse, market.bars())
    with pytest.raises(DataGateError, match=r"nosuch, default, 1d, XNYS: rows_are_present failed"):
        market.check(warehouse, home, source="nosuch")
    warehouse.execute("delete from raw.sessions")
    with pytest.raises(DataGateError, match=r"raw\.sessions has no session of calendar XNYS"):
        market.check(warehouse, home)
    assert market.quarantined(warehouse).is_empty()


def test_row_that_landed_twice_stops_the_run(warehouse: Warehouse, home: Home) -> None:
    frame = market.bars()
    market.load(warehouse, pl.concat([frame, frame[:1]]))
    with pytest.raises(
        DataGateError, match=r"row_identity_is_unique failed .* batch b1 page 0 row 0 stands 2 times"
    ):
        market.check(warehouse, home)


def test_data_docs_are_one_offline_page_with_escaped_values(
    warehouse: Warehouse,
    home: Home,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    monkeypatch.setenv("HOME", str(elsewhere))
    monkeypatch.setenv("TMPDIR", str(elsewhere))
    market.load(warehouse, market.bars(("<script>alert(1)</script>", *market.SYMBOLS)))
    results: list[Any] = []

    def run() -> None:
        results.append(market.check(warehouse, home, data_docs=True, max_quarantined_fraction=0.5))

    worker = threading.Thread(target=run)
    worker.start()
    worker.join()

    page = home.data_docs / "run" / "raw_bars.html"
    assert results[0].data_docs == page
    html = page.read_text()
    assert "&lt;script&gt;alert(1)" in html
    assert "symbol_is_well_formed" in html
    assert "As Great Expectations saw it" in html
    for remote in ("<script", "http://", "https://", 'src="', "href="):
        assert remote not in html, remote
    assert list(elsewhere.iterdir()) == []
    assert capfd.readouterr() == ("", "")


def test_run_id_that_is_a_path_is_refused(warehouse: Warehouse, home: Home) -> None:
    market.load(warehouse, market.bars())
    with pytest.raises(QuantmillError, match="cannot name a directory"):
        market.check(warehouse, home, run_id="../run", data_docs=True)


@pytest.mark.parametrize(
    ("entry", "error", "message"),
    [
        (
            "expectation: ExpectTableRowCountToBeBetwen",
            ConfigError,
            "Did you mean: ExpectTableRowCountToBeBetween",
        ),
        (
            "expectation: ExpectTableRowCountToBeBetween\n    kwargs: {least: 1}",
            ConfigError,
            "added: .*least",
        ),
        ("where: nonsense > 1\n    reason: x", QuantmillError, "added: could not be evaluated .*nonsense"),
        (
            "query: select 1 as n from nowhere\n    reason: x",
            QuantmillError,
            "added: cannot be evaluated .*nowhere",
        ),
        ("query: select 1 as n\n    reason: '{m}'", QuantmillError, 'added: cannot be evaluated .*"m"'),
        (
            "query: select {nolimit} as n\n    reason: x",
            ConfigError,
            "added: .nolimit. is no limit of the gate",
        ),
    ],
)
def test_suite_that_cannot_be_evaluated_names_file_and_entry(
    warehouse: Warehouse,
    home: Home,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    entry: str,
    error: type[QuantmillError],
    message: str,
) -> None:
    from expectations import suites

    shipped = (suites.SUITES / "raw_bars.yaml").read_text()
    added = f"\n  - name: added\n    severity: warn\n    description: Added.\n    {entry}\n"
    (tmp_path / "raw_bars.yaml").write_text(shipped + added)
    monkeypatch.setattr(
        "expectations.gate.load_suite", lambda name: suites.load_suite(name, directory=tmp_path)
    )
    market.load(warehouse, market.bars())
    with pytest.raises(error, match=message) as caught:
        market.check(warehouse, home)
    assert str(tmp_path / "raw_bars.yaml") in str(caught.value)
    assert market.quarantined(warehouse).is_empty()
