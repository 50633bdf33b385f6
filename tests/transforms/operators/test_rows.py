"""The relation's rows in order, however DuckDB delivers them."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pytest

from transforms.errors import QuantmillError
from transforms.operators.execute import Plan, plan
from transforms.operators.rows import read_rows

SQL = 'select symbol, bar_at, "lagged(x, 1)" as a, "rolling_mean(x + 1, 2)" as b from operators_over(s.t)'


def planned(sql: str = SQL) -> Plan:
    found = plan(sql, lambda _: ["symbol", "bar_at", "x"])
    assert found is not None
    return found


def delivered(rows: list[tuple[str, int, float | None]]) -> pa.Table:
    """What the plan's query would return: the columns, and the one expression that is no column."""
    symbols, days, x = zip(*rows, strict=True) if rows else ((), (), ())
    start = datetime.fromisoformat("2024-01-01")
    return pa.table(
        {
            "symbol": pa.array(symbols, pa.string()),
            "bar_at": pa.array([start + timedelta(days=day) for day in days], pa.timestamp("us")),
            "x": pa.array(x, pa.float64()),
            "series 1": pa.array([None if value is None else value + 1 for value in x], pa.float64()),
        }
    )


def test_columns_are_read_once_and_other_expressions_as_series() -> None:
    assert (
        planned().reading() == 'select "symbol", "bar_at", "x", cast(x + 1 as double) as "series 1" from s.t'
    )


def test_rows_ascend_by_symbol_and_bar_with_their_series() -> None:
    rows = read_rows(planned(), delivered([("B", 1, 4.0), ("A", 1, 2.0), ("B", 0, 3.0), ("A", 0, None)]))
    assert rows.symbols == ["A", "B"]
    assert rows.starts.tolist() == [0, 2, 4]
    assert rows.table.column("symbol").to_pylist() == ["A", "A", "B", "B"]
    assert rows.table.column("x").to_pylist() == [None, 2, 3, 4]
    np.testing.assert_array_equal(list(rows.series(0, 4).values()), [[np.nan, 2, 3, 4], [np.nan, 3, 4, 5]])
    assert {text: x.tolist() for text, x in rows.series(1, 3).items()} == {"x": [2, 3], "x + 1": [3, 4]}
    assert np.diff(rows.bar_at).tolist() == [86_400_000_000, -86_400_000_000, 86_400_000_000]


@pytest.mark.parametrize("most_runs", [0, 20_000])
def test_moving_runs_and_moving_rows_come_to_the_same(
    monkeypatch: pytest.MonkeyPatch, most_runs: int
) -> None:
    """Pieces of a sorted table, out of order and in chunks, as threads deliver them after a join."""
    monkeypatch.setattr("transforms.operators.rows._MOST_RUNS", most_runs)
    whole = delivered([(f"S{i // 50}", i % 50, float(i)) for i in range(400)])
    cuts = [0, 30, 100, 101, 260, 400]
    pieces = [whole.slice(a, b - a) for a, b in pairwise(cuts)]
    rows = read_rows(planned(), pa.concat_tables([pieces[i] for i in (3, 0, 4, 2, 1)]))
    assert rows.table.column("x").to_pylist() == [float(i) for i in range(400)]
    assert rows.series(90, 310)["x + 1"].tolist() == [float(i + 1) for i in range(90, 310)]
    assert rows.starts.tolist() == [50 * i for i in range(9)]


def test_what_appends_have_added_at_the_end_goes_to_its_symbol() -> None:
    stored = [(symbol, day, 10.0 * day) for symbol in "ABC" for day in range(5)]
    appended = [(symbol, day, 10.0 * day) for day in (5, 6) for symbol in "ABCD"]
    rows = read_rows(planned(), delivered(stored + appended))
    assert rows.starts.tolist() == [0, 7, 14, 21, 23]
    assert rows.table.column("x").to_pylist() == [10.0 * day for day in [*range(7)] * 3 + [5, 6]]


def test_a_late_bar_at_the_end_goes_between_those_around_it() -> None:
    stored = [(symbol, day, 10.0 * day) for symbol in "AB" for day in (0, 1, 3, 4)]
    rows = read_rows(planned(), delivered([*stored, ("A", 2, 20.0), ("A", 5, 50.0), ("B", 2, 20.0)]))
    assert rows.table.column("x").to_pylist() == [0, 10, 20, 30, 40, 50, 0, 10, 20, 30, 40]


def test_across_symbols_rows_ascend_by_bar_and_symbol() -> None:
    sql = 'select symbol, bar_at, "percent_rank_across(x)" as a from operators_across(s.t)'
    rows = read_rows(planned(sql), delivered([("A", 0, 1.0), ("A", 1, 2.0), ("B", 0, 3.0), ("C", 1, 4.0)]))
    assert rows.table.column("symbol").to_pylist() == ["A", "B", "A", "C"]
    assert rows.starts.tolist() == [0, 2, 4]


def test_no_rows_are_no_segments() -> None:
    rows = read_rows(planned(), delivered([]))
    assert (rows.symbols, rows.starts.tolist(), len(rows.table)) == ([], [0], 0)


def test_a_bar_that_is_there_twice_is_refused_by_name() -> None:
    with pytest.raises(QuantmillError, match=r"s\.t: symbol and bar_at must be a key; B at 2024-01-02"):
        read_rows(planned(), delivered([("B", 1, 1.0), ("A", 0, 2.0), ("B", 1, 3.0)]))
