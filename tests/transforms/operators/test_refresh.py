"""What is read, and what is replaced, where a few rows of a relation have changed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from transforms.operators import refresh as module
from transforms.operators.refresh import CHANGED, refresh
from transforms.operators.rows import SortedRows, read_rows
from transforms.warehouse import Warehouse

SYMBOLS = ("A", "B", "C", "D")
BARS = 60
# Windows, windows over windows, smoothed ones, windows over these, and what looks ahead.
MIXED = """
    select
        symbol, bar_at, x + y as both,
        "rolling_mean(x, 5)" as a, "rolling_max(change(x * y, 2), 7)" as b, "ema(x, 4)" as c,
        "lagged(ema(rolling_mean(x, 3), 2), 3)" as d, "above(y, ema(x, 4))" as e, "leading(y, 2)" as f
    from operators_over(intermediate.t)
"""
WINDOWED = (
    'select symbol, bar_at, y, "rolling_mean(growth(x, 2), 5)" as a from operators_over(intermediate.t)'
)


def day(number: int) -> str:
    return f"timestamp '2024-01-01' + interval {number} day"


@pytest.fixture
def warehouse(tmp_path: Path) -> Iterator[Warehouse]:
    with Warehouse(tmp_path / "w.duckdb") as warehouse:
        warehouse.execute(
            "create table intermediate.t (symbol varchar, bar_at timestamp, x double, y double)"
        )
        warehouse.execute(f"create table {CHANGED} (symbol varchar, changed_from timestamp)")
        yield warehouse


def add(warehouse: Warehouse, symbol: str, number: int, random: np.random.Generator) -> None:
    x = "null" if random.random() < 0.03 else repr(random.normal(100, 1))
    warehouse.execute(
        f"insert into intermediate.t values ('{symbol}', {day(number)}, {x}, {random.normal(100, 1)!r})"
    )


def filled(warehouse: Warehouse, random: np.random.Generator, bars: int = BARS) -> None:
    """Histories with bars missing."""
    for symbol in SYMBOLS:
        for number in range(bars):
            if random.random() > 0.1:
                add(warehouse, symbol, number, random)


def made(warehouse: Warehouse, sql: str, seed: int, **options: Any) -> np.random.Generator:
    """Fill the relation and make the table; return what further rows are drawn from."""
    random = np.random.default_rng(seed)
    filled(warehouse, random)
    refresh(warehouse.cursor, sql=sql, target="marts.mine", full=True, **options)
    return random


def change(warehouse: Warehouse, random: np.random.Generator, number: int) -> None:
    """One more bar, a late or restated one, or one bar fewer, for each symbol or for none."""
    warehouse.execute(f"delete from {CHANGED}")
    for symbol in (*SYMBOLS, "NEW"):
        kind = random.choice(["none", "more", "more", "more", "late", "gone"])
        if kind == "none":
            continue
        at = number if kind == "more" else int(random.integers(number))
        warehouse.execute(f"delete from intermediate.t where symbol = '{symbol}' and bar_at = {day(at)}")
        if kind != "gone":
            add(warehouse, symbol, at, random)
        warehouse.execute(f"insert into {CHANGED} values ('{symbol}', {day(at)})")


@pytest.mark.parametrize("sql", [MIXED, WINDOWED])
@pytest.mark.parametrize("seed", range(6))
def test_after_random_changes_the_table_is_the_one_made_anew(
    warehouse: Warehouse, sql: str, seed: int
) -> None:
    random = np.random.default_rng(seed)
    filled(warehouse, random)
    options: dict[str, Any] = {"sql": sql, "may_look_ahead": True, "reach_back": seed % 3}
    refresh(warehouse.cursor, target="marts.mine", full=True, **options)
    for step in range(5):
        change(warehouse, random, BARS + step)
        refresh(warehouse.cursor, target="marts.mine", full=False, **options)
        refresh(warehouse.cursor, target="marts.anew", full=True, **options)
        mine, anew = (warehouse.read(f"select * from marts.{name} order by all") for name in ("mine", "anew"))
        assert mine.equals(anew), step


@pytest.mark.parametrize("symbol", ["A", "D"])
def test_who_lost_its_last_bar_keeps_the_others(warehouse: Warehouse, symbol: str) -> None:
    """Where calls look at no earlier bar, none of its bars is wanted."""
    filled(warehouse, np.random.default_rng(1))
    options: dict[str, Any] = {
        "sql": 'select symbol, bar_at, "above(x, y)" as a from operators_over(intermediate.t)'
    }
    refresh(warehouse.cursor, target="marts.mine", full=True, **options)
    last = warehouse.value("select max(bar_at) from intermediate.t where symbol = ?", [symbol])
    warehouse.execute("delete from intermediate.t where symbol = ? and bar_at = ?", [symbol, last])
    warehouse.execute(f"insert into {CHANGED} values (?, ?)", [symbol, last])
    refresh(warehouse.cursor, target="marts.mine", full=False, **options)
    refresh(warehouse.cursor, target="marts.anew", full=True, **options)
    mine, anew = (warehouse.read(f"select * from marts.{name} order by all") for name in ("mine", "anew"))
    assert mine.equals(anew)


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[pl.DataFrame]:
    """What is read from here on, in order."""
    seen: list[pl.DataFrame] = []

    def noted(plan: Any, table: Any) -> SortedRows:
        seen.append(pl.DataFrame(table))
        return read_rows(plan, table)

    monkeypatch.setattr(module, "read_rows", noted)
    return seen


def test_of_one_more_bar_only_what_it_looks_back_on_is_read(
    warehouse: Warehouse, read: list[pl.DataFrame]
) -> None:
    random = made(warehouse, WINDOWED, 1)
    for symbol in ("A", "B"):
        add(warehouse, symbol, BARS, random)
        warehouse.execute(f"insert into {CHANGED} values ('{symbol}', {day(BARS)})")
    read.clear()
    refresh(warehouse.cursor, sql=WINDOWED, target="marts.mine", full=False)
    keys, last = read
    assert keys.columns == ["symbol", "bar_at"]
    assert set(keys["symbol"]) == {"A", "B"}
    assert last["symbol"].value_counts().sort("symbol").rows() == [("A", 7), ("B", 7)]


def test_a_late_bar_reaches_far_back_for_its_own_symbol_alone(
    warehouse: Warehouse, read: list[pl.DataFrame]
) -> None:
    random = made(warehouse, WINDOWED, 2)
    for symbol, number in (("A", 20), ("B", BARS)):
        warehouse.execute(f"delete from intermediate.t where symbol = '{symbol}' and bar_at = {day(number)}")
        add(warehouse, symbol, number, random)
        warehouse.execute(f"insert into {CHANGED} values ('{symbol}', {day(number)})")
    read.clear()
    refresh(warehouse.cursor, sql=WINDOWED, target="marts.mine", full=False)
    counts = dict(read[-1]["symbol"].value_counts().rows())
    assert counts["B"] == 7
    assert 30 < counts["A"] < BARS


def test_what_remembers_everything_is_read_whole_and_nothing_else_is(
    warehouse: Warehouse, read: list[pl.DataFrame]
) -> None:
    random = made(warehouse, MIXED, 3, may_look_ahead=True)
    add(warehouse, "A", BARS, random)
    warehouse.execute(f"insert into {CHANGED} values ('A', {day(BARS)})")
    read.clear()
    refresh(warehouse.cursor, sql=MIXED, target="marts.mine", full=False, may_look_ahead=True)
    history, last = read
    assert history.columns == ["symbol", "bar_at", "series 0"], "x, and not y"
    assert len(history) == warehouse.value("select count(*) from intermediate.t where symbol = 'A'")
    assert len(last) == 1 + 2 + 8, (
        "the bar, those that looked ahead to it, those that a window of windows takes"
    )
