"""Appending is a function of the batches: the order of pages and their repetition change nothing."""

from __future__ import annotations

import itertools
import os
import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.transforms.tiny_source import actions, bars
from transforms import revisions
from transforms.landing import Batch, LandedPage, Landing
from transforms.revisions import append_page
from transforms.warehouse import Warehouse

Row = tuple[str | None, int | None, float | None]
Answer = list[list[Row]]  # the pages of one batch
START = datetime(2024, 4, 1)  # noqa: DTZ001


class Room:
    """A warehouse and a landing directory; each ``play`` is a source of its own in them."""

    def __init__(self, root: Path) -> None:
        self.warehouse = Warehouse(root / "warehouse.duckdb")
        self.landing = Landing(root / "landing")
        self._sources = itertools.count()

    def play(self, answers: list[Answer], shuffle: random.Random | None = None) -> str:
        """Land and append batches of bars, one a day, and return the source's name.

        ``shuffle`` permutes and repeats the pages of each batch.
        """
        source = f"source{next(self._sources)}"
        for day, answer in enumerate(answers):
            batch = self.batch(source, day)
            landed = [self.landing.land(batch, "bars", n, bars(*rows)) for n, rows in enumerate(answer)]
            order = list(landed)
            if shuffle is not None:
                order += shuffle.sample(order, shuffle.randint(0, len(order)))
                shuffle.shuffle(order)
            for page in order:
                append_page(self.warehouse, self.landing, page, self.landing.read(page))
        return source

    def batch(self, source: str, day: int) -> Batch:
        known_at = START + timedelta(days=day)
        batch = Batch(
            source, "default", "1d", f"{source}.{day}", "request", "v", "2024-03-01", None, known_at
        )
        self.landing.begin(batch)
        return batch

    def rows(self, source: str) -> list[tuple[Any, ...]]:
        """Return (symbol, day of March, close, day of the revision) of a source's bars, sorted."""
        sql = """
            select symbol, day(bar_at), close, date_diff('day', $start::timestamp, known_at) as revision
            from raw.bars where source = $source order by all
        """
        return self.warehouse.read(sql, {"start": START, "source": source}).rows()


@pytest.fixture(autouse=True)
def lazy_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Spare the tests the waiting for a disk whose failure they cannot see."""
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Room]:
    room = Room(tmp_path_factory.mktemp("revisions"))
    with room.warehouse:
        yield room


def text(value: Any) -> str:
    return "NULL" if value is None else str(value)


def expected(answers: list[Answer]) -> list[tuple[str, ...]]:
    """Return what must be in the table, said plainly: a batch counts for a key unless it repeats one row."""
    last: dict[tuple[str, str], set[str]] = {}
    rows = []
    for day, answer in enumerate(answers):
        said: dict[tuple[str, str], set[str]] = {}
        for symbol, bar, close in itertools.chain(*answer):
            said.setdefault((text(symbol), text(bar)), set()).add(text(close))
        for key, closes in said.items():
            if len(closes) == 1 and last.get(key) == closes:
                continue
            last[key] = closes
            rows += [(*key, close, str(day)) for close in closes]
    return sorted(rows)


ROW = st.tuples(
    st.sampled_from(["A", "B", None]),
    st.sampled_from([4, 5, None]),
    st.sampled_from([1.0, 2.0, float("nan"), None]),
)
ANSWERS = st.lists(
    st.lists(st.lists(ROW, min_size=1, max_size=5), min_size=1, max_size=3), min_size=1, max_size=3
)


@settings(max_examples=10, suppress_health_check=list(HealthCheck))
@given(answers=ANSWERS, seed=st.integers(0, 2**16))
def test_any_order_and_repetition_of_pages_gives_the_same_table(
    room: Room, answers: list[Answer], seed: int
) -> None:
    for shuffle in (None, random.Random(seed)):
        got = room.rows(room.play(answers, shuffle))
        assert sorted(tuple(text(value) for value in row) for row in got) == expected(answers)


NAN = float("nan")


@pytest.mark.parametrize(
    ("answers", "rows"),
    [
        pytest.param([[[("A", 4, 1.0), ("A", 4, 1.0)]]], [("A", 4, 1.0, 0)], id="a duplicate is one row"),
        pytest.param(
            [[[("A", 4, 1.0)]], [[("A", 4, 1.0)]]], [("A", 4, 1.0, 0)], id="a repetition is no revision"
        ),
        pytest.param([[[("A", 4, NAN)]], [[("A", 4, NAN)]]], [("A", 4, NAN, 0)], id="NaN equals NaN"),
        pytest.param(
            [[[("A", 4, 1.0)]], [[("A", 4, 2.0)]], [[("A", 4, 1.0)]]],
            [("A", 4, 1.0, 0), ("A", 4, 1.0, 2), ("A", 4, 2.0, 1)],
            id="going back is a revision",
        ),
        pytest.param(
            [[[("A", 4, 1.0)], [("A", 4, 2.0)]]],
            [("A", 4, 1.0, 0), ("A", 4, 2.0, 0)],
            id="both sides of a contradiction are kept",
        ),
        pytest.param(
            [[[("A", 4, 1.0)]], [[("A", 4, 1.0)], [("A", 4, 2.0)]]],
            [("A", 4, 1.0, 0), ("A", 4, 1.0, 1), ("A", 4, 2.0, 1)],
            id="a repeated row that a later page contradicts is said again",
        ),
        pytest.param(
            [[[("A", 4, 1.0), ("A", 4, 2.0)]], [[("A", 4, 1.0)]]],
            [("A", 4, 1.0, 0), ("A", 4, 1.0, 1), ("A", 4, 2.0, 0)],
            id="a resolved contradiction is a revision",
        ),
        pytest.param(
            [[[(None, 4, 1.0), ("A", None, 1.0)]], [[("A", None, 1.0), (None, 4, 1.0)]]],
            [("A", None, 1.0, 0), (None, 4, 1.0, 0)],
            id="rows without symbol or time are kept once",
        ),
    ],
)
def test_revisions(room: Room, answers: list[Answer], rows: list[tuple[Any, ...]]) -> None:
    got = room.rows(room.play(answers))
    assert [tuple(map(text, row)) for row in got] == [tuple(map(text, row)) for row in rows]


def test_row_of_another_page_keeps_its_own_place(room: Room) -> None:
    source = room.play(
        [[[("A", 4, 1.0)]], [[("B", 4, 9.0), ("A", 4, 1.0)], [("A", 4, 2.0)]]],
    )
    sql = """
        select close, page, page_row from raw.bars where source = ? and symbol = 'A' order by known_at, close
    """
    assert room.warehouse.read(sql, [source]).rows() == [(1.0, 0, 0), (1.0, 0, 1), (2.0, 1, 0)]


def test_page_appended_before_adds_nothing_and_counts_once(room: Room) -> None:
    batch = room.batch("counted", 0)
    frame = bars(("A", 4, 1.0), ("A", 4, 1.0), ("A", 6, 1.5), ("B", None, 2.0))
    page = room.landing.land(batch, "bars", 0, frame)
    assert append_page(room.warehouse, room.landing, page, frame) == 3
    assert append_page(room.warehouse, room.landing, page, frame) == 0
    landed = room.warehouse.read(
        "select kind, page, rows, appended from ops.landed_pages where source = 'counted'"
    )
    assert landed.rows() == [("bars", 0, 4, 3)]
    sql = """
        select symbol, rows, last_bar_at, range_start, range_end is null
        from ops.checkpoints where source = 'counted' order by symbol
    """
    day = datetime(2024, 3, 6)  # noqa: DTZ001
    assert room.warehouse.read(sql).rows() == [
        ("A", 3, day, datetime(2024, 3, 1).date(), True),  # noqa: DTZ001
        ("B", 1, None, datetime(2024, 3, 1).date(), True),  # noqa: DTZ001
    ]


def test_failure_before_the_commit_leaves_neither_rows_nor_page(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(name: str) -> None:
        assert name == "ingest.before_commit"
        raise KeyboardInterrupt

    batch = room.batch("stopped", 0)
    frame = bars(("A", 4, 1.0))
    page = room.landing.land(batch, "bars", 0, frame)
    with monkeypatch.context() as patch:
        patch.setattr(revisions, "failpoint", fail)
        with pytest.raises(KeyboardInterrupt):
            append_page(room.warehouse, room.landing, page, frame)
    for table in ("raw.bars", "ops.landed_pages", "ops.checkpoints"):
        assert room.warehouse.value(f"select count(*) from {table} where source = 'stopped'") == 0
    assert append_page(room.warehouse, room.landing, page, frame) == 1


def test_corporate_actions_of_two_timeframes_are_one_history(room: Room) -> None:
    def give(timeframe: str, day: int, frame: pl.DataFrame) -> int:
        batch = replace(room.batch("acting", day), timeframe=timeframe)
        page: LandedPage = room.landing.land(batch, "corporate_actions", 0, frame)
        return append_page(room.warehouse, room.landing, page, frame)

    split = actions(("A", 5, "split", 2.0), ("A", 5, "dividend", 2.0))
    assert give("1d", 0, split) == 2
    assert give("1m", 1, split) == 0
    assert give("1m", 2, actions(("A", 5, "split", 3.0), ("A", 5, "dividend", 2.0))) == 1
    sql = "select kind, value from raw.corporate_actions where source = 'acting' order by known_at, kind"
    assert room.warehouse.read(sql).rows() == [("dividend", 2.0), ("split", 2.0), ("split", 3.0)]


def test_pages_and_tables_from_before_a_column_came_into_the_contract_have_it_as_null(tmp_path: Path) -> None:
    old_page = actions(("A", 5, "split", 2.0)).drop("new_symbol")
    with Warehouse(tmp_path / "warehouse.duckdb") as before:
        before.execute("alter table raw.corporate_actions drop column new_symbol")
    room = Room(tmp_path)
    try:
        page = room.landing.land(room.batch("old", 0), "corporate_actions", 0, old_page)
        assert append_page(room.warehouse, room.landing, page, room.landing.read(page)) == 1
        same = actions(("A", 5, "split", 2.0))
        again = room.landing.land(room.batch("old", 1), "corporate_actions", 0, same)
        assert append_page(room.warehouse, room.landing, again, same) == 0, "it says the same"
        sql = "select symbol, value, new_symbol from raw.corporate_actions"
        assert room.warehouse.read(sql).rows() == [("A", 2.0, None)]
    finally:
        room.warehouse.close()
