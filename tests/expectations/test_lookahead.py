"""Cuts, what is known at a cut, and the comparison of two builds, on tables made by hand."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from expectations.lookahead import (
    ROWS,
    Cut,
    Finding,
    as_frame,
    as_rows,
    choose_cuts,
    choose_tickers,
    compare,
    complaint,
    copy_history,
    summarise,
    uncompared,
)
from tests.models_sql.market import action, bar, day, symbol_change
from transforms.errors import QuantmillError
from transforms.schemas import BARS, CORPORATE_ACTIONS, SESSIONS
from transforms.warehouse import Warehouse


def bars(count: int) -> list[Cut]:
    return [Cut(datetime.combine(day(number), datetime.min.time()), day(number)) for number in range(count)]


CUT = bars(6)[5]
SOURCE = {"source": "test", "dataset": "default", "timeframe": "1d", "calendar": "24/7"}


# ---------------------------------------------------------------- cuts


@given(st.integers(1, 8), st.integers(0, 10_000), st.integers(0, 2**32 - 1))
def test_cuts_are_as_many_as_asked_in_order_and_leave_bars_on_both_sides(
    count: int, more: int, seed: int
) -> None:
    history = bars(2 * count + 1 + more % 400)
    chosen = choose_cuts(history, count, seed)
    assert len(set(chosen)) == count
    assert chosen == sorted(chosen, key=lambda cut: cut.bar_at)
    assert chosen[-1].bar_at < history[-1].bar_at
    assert chosen == choose_cuts(history, count, seed)


def test_the_first_of_several_cuts_is_where_windows_are_not_full() -> None:
    for seed in range(50):
        first, *others = choose_cuts(bars(1000), 4, seed)
        assert day(1) <= first.session_date < day(10)
        assert [(cut.session_date - day(0)).days // 334 for cut in others] == [0, 1, 2]


def test_other_seeds_choose_other_cuts() -> None:
    assert len({tuple(choose_cuts(bars(1000), 3, seed)) for seed in range(20)}) == 20


def test_a_history_too_short_for_the_cuts_says_so() -> None:
    with pytest.raises(QuantmillError, match=r"9 moments: too few to cut it at 5; lower flow\.audit_cuts"):
        choose_cuts(bars(9), 5, 0)


# ---------------------------------------------------------------- what was known


@pytest.fixture
def raw(warehouse: Warehouse) -> Warehouse:
    """Ten sessions of A and B and forty to come; actions on both sides of the cut."""
    rows = [bar(symbol, number, 10.0) for symbol in ("A", "B") for number in range(10)]
    rows.append(bar("A", 3, 10.0, timeframe="1m"))
    rows.append(bar("A", 3, 10.0, dataset="another"))
    warehouse.append(BARS, pl.DataFrame(rows, infer_schema_length=None))
    actions = [
        action("A", 5, "split", 2.0),
        action("A", 6, "dividend", 0.5),
        symbol_change("B", 8, "C"),
    ]
    warehouse.append(CORPORATE_ACTIONS, pl.DataFrame(actions, infer_schema_length=None))
    days = [day(number) for number in range(100)]
    warehouse.append(SESSIONS, pl.DataFrame({"calendar": "24/7", "session_date": days, "is_half_day": False}))
    return warehouse


def copied(warehouse: Warehouse, file: Path, cut: Cut | None, tickers: list[str] | None = None) -> Warehouse:
    copy_history(warehouse, file, **SOURCE, cut=cut, tickers=tickers)
    return Warehouse(file)


def test_a_cut_keeps_bars_up_to_it_and_actions_by_their_ex_date(raw: Warehouse, tmp_path: Path) -> None:
    with copied(raw, tmp_path / "cut.duckdb", CUT) as left:
        kept = left.read("select symbol, max(session_date), count(*) from raw.bars group by 1 order by 1")
        assert kept.rows() == [("A", day(5), 6), ("B", day(5), 6)], "of one dataset and timeframe"
        kinds = left.read("select kind from raw.corporate_actions order by ex_date")["kind"].to_list()
        assert kinds == ["split", "symbol_change"], "a name to come is no knowledge"
        # What ingest loads where day(5) is the last session: until the end of the month thirty days on.
        assert left.value("select max(session_date) from raw.sessions") == date(2020, 2, 29)


def test_without_a_cut_everything_of_the_tickers_is_kept(raw: Warehouse, tmp_path: Path) -> None:
    with copied(raw, tmp_path / "whole.duckdb", None, ["A"]) as left:
        assert left.value("select count(*) from raw.bars") == 10
        assert left.value("select count(*) from raw.corporate_actions") == 2
        assert left.value("select count(*) from raw.sessions") == 100


def test_a_sample_of_symbols_comes_with_the_benchmark_and_earlier_names(warehouse: Warehouse) -> None:
    warehouse.execute(
        "create table marts.bars as select * from (values "
        "('A', 'OLD', false), ('A', 'A', false), ('B', 'B', false), ('IDX', 'IDX', true)"
        ") as rows (symbol, ticker, is_benchmark)"
    )
    samples = {tuple(choose_tickers(warehouse, 1, seed)) for seed in range(20)}
    assert samples == {("A", "IDX", "OLD"), ("B", "IDX")}
    assert choose_tickers(warehouse, 99, 0) == ["A", "B", "IDX", "OLD"]


# ---------------------------------------------------------------- the comparison


def built(warehouse: Warehouse, days: int, *, change: str = "") -> None:
    """Fill the marts of a small market; ``change`` is SQL that spoils them afterwards."""
    warehouse.execute(
        f"create table marts.bars as select 'A' as symbol, {_at('n')} as bar_at, n * 1.0 as close "
        f"from range({days}) as days (n)"
    )
    warehouse.execute(
        "create table marts.features as select *, close + 1 as plus, null as nothing from marts.bars"
    )
    warehouse.execute("create table marts.signals as select 'one' as strategy, * from marts.bars")
    warehouse.execute(
        "create table marts.universe as select 'A' as symbol, date '2020-01-01' as valid_from, "
        f"case when {days} > 7 then date '2020-01-08' end as valid_to, true as is_member"
    )
    if change:
        warehouse.execute(change)


def _at(number: str) -> str:
    return f"timestamp '2020-01-01' + to_days(cast({number} as integer))"


def differing(warehouse: Warehouse, tmp_path: Path, change: str) -> list[tuple[str, str, int]]:
    """Build nine days here and six days in another file, there with a change; return what differs."""
    built(warehouse, 9)
    file = tmp_path / "cut.duckdb"
    with Warehouse(file) as cut:
        built(cut, 6, change=change)
    findings = compare(warehouse, CUT, file)
    return [(finding.table, finding.column, finding.differing) for finding in findings if finding.differing]


@pytest.mark.parametrize(
    ("change", "found"),
    [
        pytest.param("", [], id="nothing, though a membership ends after the cut"),
        pytest.param(
            f"update marts.features set plus = 0 where bar_at >= {_at('4')}",
            [("marts.features", "plus", 2)],
            id="two cells",
        ),
        pytest.param(
            "update marts.features set plus = null", [("marts.features", "plus", 6)], id="a value and none"
        ),
        pytest.param(
            "update marts.features set nothing = 1", [("marts.features", "nothing", 6)], id="none and a value"
        ),
        pytest.param(
            f"delete from marts.signals where bar_at = {_at('2')}",
            [("marts.signals", ROWS, 1)],
            id="a row that is not there",
        ),
        pytest.param(
            f"insert into marts.signals values ('two', 'A', {_at('2')}, 1)",
            [("marts.signals", ROWS, 1)],
            id="a row too many",
        ),
        pytest.param(
            "update marts.universe set valid_to = date '2020-01-05'",
            [("marts.universe", "valid_to", 1)],
            id="a membership that ended before the cut on one side",
        ),
        pytest.param(
            "insert into marts.universe values ('B', date '2020-01-06', null, true)",
            [("marts.universe", ROWS, 1)],
            id="a member on one side",
        ),
    ],
)
def test_what_differs_before_the_cut_is_counted_by_column(
    warehouse: Warehouse, tmp_path: Path, change: str, found: list[tuple[str, str, int]]
) -> None:
    assert differing(warehouse, tmp_path, change) == found


def test_tables_wider_than_one_comparison_are_compared_whole(warehouse: Warehouse, tmp_path: Path) -> None:
    wide = "create or replace table marts.features as select symbol, bar_at, " + ", ".join(
        f"close + {number} as f{number}" for number in range(70)
    )
    built(warehouse, 9, change=f"{wide} from marts.bars")
    file = tmp_path / "cut.duckdb"
    with Warehouse(file) as cut:
        built(cut, 6, change=f"{wide} from marts.bars")
        cut.execute(f"update marts.features set f0 = 0 where bar_at = {_at('5')}")
        cut.execute("update marts.features set f69 = 0")
    findings = [f for f in compare(warehouse, CUT, file) if f.table == "marts.features"]
    assert [finding.column for finding in findings] == [ROWS, *(f"f{number}" for number in range(70))]
    assert {f.column: (f.cells, f.differing, f.first) for f in findings if f.differing} == {
        "f0": (6, 1, CUT.bar_at),
        "f69": (6, 6, CUT.bar_at - timedelta(days=5)),
    }


def test_a_sample_is_compared_with_its_own_whole(warehouse: Warehouse, tmp_path: Path) -> None:
    built(warehouse, 9, change="update marts.features set plus = -1")
    files = [tmp_path / "cut.duckdb", tmp_path / "whole.duckdb"]
    for file, days in zip(files, (6, 9), strict=True):
        with Warehouse(file) as other:
            built(other, days)
    assert any(f.differing for f in compare(warehouse, CUT, files[0]))
    assert not any(f.differing for f in compare(warehouse, CUT, files[0], built_on_whole=files[1]))


def test_builds_of_other_sql_are_not_compared(warehouse: Warehouse, tmp_path: Path) -> None:
    with pytest.raises(QuantmillError, match=r"marts\.features has other columns"):
        differing(warehouse, tmp_path, "alter table marts.features drop column plus")


# ---------------------------------------------------------------- what is said


def finding(column: str, differing: int, number: int = 5) -> Finding:
    cut = bars(9)[number]
    return Finding(cut, "marts.features", column, 100, differing, day(1) if differing else None)


def test_cuts_are_put_together_by_column() -> None:
    columns = summarise([finding("a", 2), finding("b", 0), finding("a", 3, 7), finding("b", 0, 7)])
    assert [(c.column, c.cells, c.differing, c.cuts, c.first) for c in columns] == [
        ("a", 200, 5, 2, day(1)),
        ("b", 200, 0, 0, None),
    ]
    header, rows = as_rows(columns)
    assert header == ["table", "column", "cells", "differing", "at cuts", "first"]
    assert rows == [
        ["marts.features", "a", "200", "5", "2", "2020-01-02"],
        ["marts.features", "all others, 1", "200", "0", "0", ""],
    ]


def test_a_table_without_a_row_before_any_cut_is_told_from_one_that_agrees() -> None:
    nothing = Finding(CUT, "marts.signals", "score", 0, 0, None)
    assert uncompared(summarise([finding("a", 0), nothing])) == ["marts.signals"]


def test_the_complaint_names_the_columns_and_how_many_more() -> None:
    assert complaint(summarise([finding("a", 0)])) is None
    assert complaint(summarise([finding("a", 2)])) == (
        "1 column differs before a cut, so later bars have a say in them: marts.features.a (2 of 100 cells)"
    )
    many = complaint(summarise([finding(f"c{number}", 1) for number in range(11)]))
    assert many is not None
    assert "11 columns differ" in many
    assert many.endswith("and 3 more")


def test_findings_are_a_table_of_one_row_per_cut_and_column() -> None:
    frame = as_frame([finding("a", 2), finding("a", 0, 7)])
    assert frame.select("cut_at", "column", "differing", "first_differing_at").rows() == [
        (CUT.bar_at, "a", 2, "2020-01-02"),
        (bars(9)[7].bar_at, "a", 0, None),
    ]
