"""Ingest: each answer once, each restatement a revision, everything rebuilt from landing."""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from tests.transforms import tiny_source
from tests.transforms.tiny_source import EDITIONS, TinyConfig, TinySource, bars, weekdays
from transforms import calendars
from transforms import ingest as ingest_module
from transforms.errors import ConfigError, LandingCorruptError, QuantmillError
from transforms.ingest import IngestResult, data_version, ingest
from transforms.landing import LandedPage
from transforms.paths import Home
from transforms.sources.base import Page
from transforms.warehouse import Warehouse

RAW = ("raw.bars", "raw.corporate_actions", "ops.landed_pages")


@pytest.fixture(autouse=True)
def quick_calendar_and_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calendars, "sessions", weekdays)
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


@pytest.fixture
def warehouse(home: Home) -> Iterator[Warehouse]:
    with Warehouse(home.warehouse) as warehouse:
        yield warehouse


def tables(warehouse: Warehouse, *, without: tuple[str, ...] = ()) -> list[pl.DataFrame]:
    """Return the raw tables and the page list, sorted, ``without`` some columns."""
    frames = []
    for name in RAW:
        columns = [column for column in warehouse.columns(name) if column not in without]
        listed = ", ".join(f'"{column}"' for column in columns)
        frames.append(warehouse.read(f"select {listed} from {name} order by all"))
    return frames


def assert_same(got: list[pl.DataFrame], expected: list[pl.DataFrame]) -> None:
    for one, other in zip(got, expected, strict=True):
        assert one.equals(other), f"{one} is not {other}"


def forbid_fetching(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: TinySource, kind: str, *, after: int = -1) -> Iterator[Page]:
        raise AssertionError(f"{kind} was fetched after page {after}")

    monkeypatch.setattr(TinySource, "pages", refuse)


def stop_after(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    """Let the source break down after ``count`` pages of bars."""
    whole = TinySource.pages

    def broken(self: TinySource, kind: str, *, after: int = -1) -> Iterator[Page]:
        for page in whole(self, kind, after=after):
            if kind == "bars" and page.number >= count:
                raise QuantmillError("the source broke down")
            yield page

    monkeypatch.setattr(TinySource, "pages", broken)


def test_first_ingest_lands_and_appends_everything(warehouse: Warehouse, home: Home) -> None:
    seen: list[tuple[str, int, int]] = []

    def watch(page: LandedPage, appended: int) -> None:
        seen.append((page.kind, page.rows, appended))

    result = ingest(warehouse, home, TinyConfig(), on_page=watch)
    assert result == IngestResult(
        source="tiny",
        timeframe="1d",
        batch_id=result.batch_id,
        pages_recovered=0,
        pages_landed=4,
        rows_received=14,
        rows_appended=13,
        symbols=3,
        first_session=date(2024, 3, 4),
        last_session=date(2024, 3, 6),
        data_version=result.data_version,
        resumed=False,
    )
    assert seen == [("corporate_actions", 2, 2), ("bars", 4, 4), ("bars", 4, 3), ("bars", 4, 4)]
    assert len(result.batch_id) == len(result.data_version) == 16
    bar = warehouse.read("select * from raw.bars where symbol = 'A' and close = 5.1").row(0, named=True)
    known_at = bar.pop("known_at")
    assert bar == {
        "source": "tiny",
        "dataset": "default",
        "timeframe": "1d",
        "symbol": "A",
        "bar_at": datetime(2024, 3, 5),  # noqa: DTZ001
        "session_date": date(2024, 3, 5),
        "open": 5.1,
        "high": 5.1,
        "low": 5.1,
        "close": 5.1,
        "volume": 100.0,
        "defect": None,
        "batch_id": result.batch_id,
        "page": 0,
        "page_row": 1,
    }
    assert warehouse.read("select distinct known_at from raw.corporate_actions").rows() == [(known_at,)]


def test_unchanged_source_is_not_fetched_again(
    warehouse: Warehouse, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = ingest(warehouse, home, TinyConfig())
    files = {path: (path.stat().st_ino, path.read_bytes()) for path in home.landing.rglob("*.*")}
    before = tables(warehouse)
    forbid_fetching(monkeypatch)
    second = ingest(warehouse, home, TinyConfig())
    assert (second.pages_landed, second.rows_appended, second.resumed) == (0, 0, False)
    assert (second.batch_id, second.data_version) == (first.batch_id, first.data_version)
    assert_same(tables(warehouse), before)
    assert {path: (path.stat().st_ino, path.read_bytes()) for path in home.landing.rglob("*.*")} == files


def test_restated_bars_are_revisions_and_going_back_is_one_again(warehouse: Warehouse, home: Home) -> None:
    first = ingest(warehouse, home, TinyConfig())
    second = ingest(warehouse, home, TinyConfig(edition="second"))
    assert (first.rows_appended, second.rows_appended) == (13, 4)  # B 5 and 7, C 5 resolved, one dividend
    back = ingest(warehouse, home, TinyConfig())
    assert back.batch_id not in {first.batch_id, second.batch_id}
    assert back.rows_appended == 4  # B 5, C 5 twice, the dividend
    sql = "select close from raw.bars where symbol = 'B' and day(bar_at) = 5 order by known_at"
    assert warehouse.read(sql)["close"].to_list() == [20.5, 20.75, 20.5]
    assert len({first.data_version, second.data_version, back.data_version}) == 3
    known = warehouse.read(
        "select batch_id, min(known_at) as known from ops.landed_pages group by all order by known"
    )
    assert known["batch_id"].to_list() == [first.batch_id, second.batch_id, back.batch_id]


def test_answer_without_news_keeps_the_data_version(warehouse: Warehouse, home: Home) -> None:
    first = ingest(warehouse, home, TinyConfig())
    narrower = ingest(warehouse, home, TinyConfig(symbols=["A", "B", "C"]))
    assert narrower.batch_id != first.batch_id
    assert narrower.pages_landed == 4
    # C's unresolved contradiction is said again, so that nothing hides it.
    assert narrower.rows_appended == 2
    EDITIONS_WITHOUT = {"corporate_actions": [], "bars": EDITIONS["first"]["bars"][:2]}
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(tiny_source.EDITIONS, "first", EDITIONS_WITHOUT)
        least = ingest(warehouse, home, TinyConfig(symbols=["A", "B"]))
    assert (least.pages_landed, least.rows_appended) == (2, 0)
    assert least.data_version == narrower.data_version


def test_two_homes_have_the_same_data_version(warehouse: Warehouse, home: Home, tmp_path: Path) -> None:
    results = [ingest(warehouse, home, TinyConfig(edition=edition)) for edition in ("first", "second")]
    other = Home(tmp_path / "other")
    with Warehouse(other.warehouse) as elsewhere:
        again = [ingest(elsewhere, other, TinyConfig(edition=edition)) for edition in ("first", "second")]
        assert again == results
        assert_same(tables(elsewhere, without=("known_at",)), tables(warehouse, without=("known_at",)))


def test_lost_warehouse_is_rebuilt_from_landing(
    warehouse: Warehouse, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    for edition in ("first", "second", "first"):
        last = ingest(warehouse, home, TinyConfig(edition=edition))
    ingest(warehouse, home, TinyConfig(name="other", edition="small"))
    before = tables(warehouse)
    forbid_fetching(monkeypatch)
    with Warehouse(home.root / "again.duckdb") as rebuilt:
        result = ingest(rebuilt, home, TinyConfig())
        assert (result.pages_recovered, result.pages_landed) == (13, 0)
        assert result.data_version == last.data_version
        assert_same(tables(rebuilt), before)
        sql = "select calendar, min(session_date), max(session_date) from raw.sessions group by all"
        assert rebuilt.read(sql).rows() == warehouse.read(sql).rows()


def test_interrupted_batch_is_resumed_under_its_own_revision(
    warehouse: Warehouse, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        stop_after(patch, 1)
        with pytest.raises(QuantmillError, match="broke down"):
            ingest(warehouse, home, TinyConfig())
    result = ingest(warehouse, home, TinyConfig())
    assert (result.resumed, result.pages_landed, result.rows_appended) == (True, 2, 7)
    assert warehouse.value("select count(distinct known_at) from ops.landed_pages") == 1


def test_interrupted_batch_that_others_overtook_begins_anew(
    warehouse: Warehouse, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        stop_after(patch, 1)
        with pytest.raises(QuantmillError, match="broke down"):
            ingest(warehouse, home, TinyConfig())
    ingest(warehouse, home, TinyConfig(edition="second"))
    result = ingest(warehouse, home, TinyConfig())
    assert (result.resumed, result.pages_landed) == (False, 4)
    sql = "select close from raw.bars where symbol = 'B' and day(bar_at) = 5 order by known_at"
    assert warehouse.read(sql)["close"].to_list() == [20.75, 20.5]
    with Warehouse(home.root / "again.duckdb") as rebuilt:
        ingest(rebuilt, home, TinyConfig())
        assert_same(tables(rebuilt), tables(warehouse))


def test_clock_set_back_does_not_turn_revisions_around(
    warehouse: Warehouse, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    noon = datetime(2024, 4, 1, 12)  # noqa: DTZ001
    for moment, edition in [(noon, "first"), (noon - timedelta(hours=1), "second"), (noon, "first")]:
        monkeypatch.setattr(ingest_module, "utc_now", lambda moment=moment: moment)
        ingest(warehouse, home, TinyConfig(edition=edition))
    sql = "select close, known_at from raw.bars where symbol = 'B' and day(bar_at) = 5 order by known_at"
    tick = timedelta(microseconds=1)
    assert warehouse.read(sql).rows() == [(20.5, noon), (20.75, noon + tick), (20.5, noon + 2 * tick)]


def test_source_without_rows_closes_an_empty_batch(warehouse: Warehouse, home: Home) -> None:
    result = ingest(warehouse, home, TinyConfig(edition="empty"))
    assert (result.pages_landed, result.symbols, result.first_session) == (0, 0, None)
    assert ingest(warehouse, home, TinyConfig(edition="empty")).batch_id == result.batch_id
    assert warehouse.value("select count(*) from raw.sessions") == 0
    assert result.data_version == data_version(warehouse, TinyConfig(name="unheard-of"))


def test_datasets_of_one_source_are_not_revisions_of_each_other(
    warehouse: Warehouse, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(TinyConfig, "dataset", property(lambda config: f"edition-{config.edition}"))
    first = ingest(warehouse, home, TinyConfig())
    second = ingest(warehouse, home, TinyConfig(edition="second"))
    assert (first.rows_appended, second.rows_appended) == (13, 11)
    assert second.last_session == date(2024, 3, 7)
    forbid_fetching(monkeypatch)
    again = ingest(warehouse, home, TinyConfig())
    assert (again.batch_id, again.data_version) == (first.batch_id, first.data_version)
    assert (again.rows_appended, again.last_session) == (0, date(2024, 3, 6))


@pytest.mark.parametrize(
    ("number", "frame", "message"),
    [
        (1, bars(("A", 4, 1.0)), "bars page 0 was due, it gave bars page 1"),
        (
            0,
            bars(("A", 4, 1.0)).drop("volume"),
            r"another shape than raw\.bars \(volume: None instead of Float64",
        ),
        (0, bars(("A", 4, 1.0)).with_columns(extra=1), r"\(extra: Int32 instead of None"),
        (0, bars(("A", 4, 1.0)).with_columns(pl.col("close").cast(pl.String)), r"\(close: String instead of"),
        (
            0,
            bars(("A", 4, 1.0)).with_columns(pl.col("bar_at").dt.replace_time_zone("UTC")),
            r"\(bar_at: Datetime",
        ),
    ],
)
def test_page_that_breaks_the_contract_stops_before_anything_lands(
    warehouse: Warehouse,
    home: Home,
    monkeypatch: pytest.MonkeyPatch,
    number: int,
    frame: pl.DataFrame,
    message: str,
) -> None:
    def wrong(self: TinySource, kind: str, *, after: int = -1) -> Iterator[Page]:
        if kind == "bars":
            yield Page("bars", number, frame)

    monkeypatch.setattr(TinySource, "pages", wrong)
    with pytest.raises(QuantmillError, match=message):
        ingest(warehouse, home, TinyConfig())
    assert list(home.landing.rglob("page-*")) == []
    assert warehouse.value("select count(*) from raw.bars") == 0


def test_source_name_that_leaves_landing_is_refused(warehouse: Warehouse, home: Home) -> None:
    with pytest.raises(ConfigError, match=r"source\.name must be"):
        ingest(warehouse, home, TinyConfig(name="../x"))
    assert not (home.root / "x").exists()


def _flip(path: Path, generator: random.Random) -> None:
    data = bytearray(path.read_bytes())
    data[generator.randrange(len(data))] ^= 1 << generator.randrange(8)
    path.write_bytes(data)


def _truncate(path: Path, generator: random.Random) -> None:
    data = path.read_bytes()
    path.write_bytes(data[: generator.randrange(len(data))])


@pytest.mark.parametrize("damage", [_flip, _truncate])
@pytest.mark.parametrize("pattern", ["*.parquet", "page-*.json", "request.json", "batch.json"])
def test_damaged_landing_stops_a_rebuild_before_its_use(
    warehouse: Warehouse, home: Home, damage: Callable[[Path, random.Random], None], pattern: str
) -> None:
    ingest(warehouse, home, TinyConfig(edition="small"))
    for table in RAW:
        warehouse.execute(f"delete from {table}")
    generator = random.Random(11)
    for path in sorted(home.landing.rglob(pattern)):
        intact = path.read_bytes()
        for _ in range(4):
            damage(path, generator)
            with pytest.raises(LandingCorruptError):
                ingest(warehouse, home, TinyConfig(edition="small"))
            path.write_bytes(intact)
            damaged_kind = path.parent.name
            untouched = (
                RAW[:2] if damaged_kind not in ("bars", "corporate_actions") else [f"raw.{damaged_kind}"]
            )
            for table in untouched:
                assert warehouse.value(f"select count(*) from {table}") == 0
            for table in RAW:
                warehouse.execute(f"delete from {table}")


def test_the_way_out_of_a_damaged_batch_works(warehouse: Warehouse, home: Home, tmp_path: Path) -> None:
    first = ingest(warehouse, home, TinyConfig())
    before = tables(warehouse, without=("known_at",))
    batch = home.landing / "tiny" / "default" / "1d" / first.batch_id
    page = batch / "bars" / "page-00001.parquet"
    page.write_bytes(page.read_bytes()[:-1])
    with Warehouse(home.root / "again.duckdb") as rebuilt:
        with pytest.raises(LandingCorruptError, match=str(batch)):
            ingest(rebuilt, home, TinyConfig())
        shutil.move(batch, tmp_path / "aside")
        result = ingest(rebuilt, home, TinyConfig())
        assert result.pages_landed == 4
        sql = "select symbol, bar_at, close from raw.bars order by all"
        assert rebuilt.read(sql).equals(warehouse.read(sql))
    assert_same(tables(warehouse, without=("known_at",)), before)


def test_sessions_reach_around_the_bars_and_are_computed_once(
    warehouse: Warehouse, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[date, date]] = []

    def count(calendar: str, start: date, end: date) -> pl.DataFrame:
        asked.append((start, end))
        return weekdays(calendar, start, end)

    monkeypatch.setattr(calendars, "sessions", count)
    ingest(warehouse, home, TinyConfig())
    ingest(warehouse, home, TinyConfig())
    ingest(warehouse, home, TinyConfig(edition="second"))
    assert asked == [(date(2024, 3, 1), date(2024, 4, 30))]
    sql = "select calendar, count(*), min(session_date), max(session_date) from raw.sessions group by all"
    assert warehouse.read(sql).rows() == [("XNYS", 43, date(2024, 3, 1), date(2024, 4, 30))]


def test_bars_of_impossible_dates_do_not_stretch_the_calendar(
    warehouse: Warehouse, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    ages = bars(("A", 4, 1.0), ("A", -500_000, 1.0), ("A", 500_000, 1.0))
    monkeypatch.setitem(tiny_source.EDITIONS, "first", {"corporate_actions": [], "bars": [ages]})
    assert ingest(warehouse, home, TinyConfig()).rows_appended == 3
    sql = "select min(session_date), max(session_date) from raw.sessions"
    assert warehouse.read(sql).rows() == [(date(2024, 3, 1), date(2024, 4, 30))]
