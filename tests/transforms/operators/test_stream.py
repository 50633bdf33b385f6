"""Batches of the stream: whole rows in order, in row groups, NULL for NaN, from memory that comes back."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pytest

from tests.transforms.operators.windows import per_window
from transforms.operators import stream as module
from transforms.operators.execute import Plan, plan
from transforms.operators.rows import SortedRows, read_rows
from transforms.operators.stream import schema_of, stream

SQL = (
    'select symbol, bar_at, "rolling_mean(x, 3)" as a, cast("rolling_max(x, 2)" as float) as b, '
    'cast("lagged(x, 1)" as float) + "lagged(x, 1)" as c, "difference(rolling_mean(x, 3), x)" as d, '
    '"rolling_max(difference(rolling_mean(x, 3), x), 2)" as e from operators_over(s.t)'
)
LENGTHS = (40, 1, 2, 75, 30)


@pytest.fixture(autouse=True)
def _small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_ROW_GROUP", 32)
    monkeypatch.setattr(module, "_CHUNK_ROWS", 50)
    monkeypatch.setattr(module, "_PATIENCE", 0.05)


@pytest.fixture
def planned() -> Plan:
    found = plan(SQL, lambda _: ["symbol", "bar_at", "x"])
    assert found is not None
    return found


@pytest.fixture
def table() -> pa.Table:
    count = sum(LENGTHS)
    symbols = [f"S{i}" for i, length in enumerate(LENGTHS) for _ in range(length)]
    bars = [bar for length in LENGTHS for bar in range(length)]
    x = np.random.default_rng(1).normal(100, 1, count)
    x[50] = np.nan
    return pa.table(
        {"symbol": symbols, "bar_at": pa.array(bars, pa.timestamp("us")), "x": pa.array(x, from_pandas=True)}
    )


@pytest.fixture
def rows(planned: Plan, table: pa.Table) -> SortedRows:
    return read_rows(planned, table)


def expected(rows: SortedRows, wanted: np.ndarray) -> dict[str, list[float | None]]:
    """The calls' values of the wanted rows, symbol by symbol."""
    found: dict[str, list[float | None]] = {"mean": [], "max": []}
    for first, start, end in zip(wanted, rows.starts, rows.starts[1:], strict=False):
        x = rows.series(start, end)["x"]
        for name, f, n in (("mean", np.mean, 3), ("max", np.max, 2)):
            values = per_window(f, n, x)[first - start :]
            found[name] += [None if np.isnan(value) else float(value) for value in values]
    return found


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_all_rows_come_in_order_in_row_groups(planned: Plan, rows: SortedRows, threads: int) -> None:
    wanted = rows.starts[:-1].copy()
    batches = list(stream(planned, rows, wanted, threads))
    assert [len(batch) for batch in batches] == [32, 32, 32, 32, 20]
    table = pa.Table.from_batches(batches)
    assert table.select(["symbol", "bar_at", "x"]).equals(rows.table.combine_chunks())
    assert table.column("rolling_mean(x, 3)").to_pylist() == pytest.approx(expected(rows, wanted)["mean"])
    assert table.column("rolling_max(x, 2)").to_pylist() == pytest.approx(expected(rows, wanted)["max"])


def test_only_wanted_rows_come_with_the_same_values(planned: Plan, rows: SortedRows) -> None:
    everything = pa.Table.from_batches(list(stream(planned, rows, rows.starts[:-1].copy(), 2)))
    wanted = rows.starts[:-1] + np.array([39, 1, 0, 70, 30])
    some = pa.Table.from_batches(list(stream(planned, rows, wanted, 2)))
    spans = zip(wanted, rows.starts[1:], strict=True)
    assert some.equals(everything.take(np.concatenate([np.arange(a, b) for a, b in spans])))


def test_the_last_rows_come_to_the_same_as_all_where_what_remembers_everything_has_all(
    table: pa.Table,
) -> None:
    sql = (
        'select symbol, "ema(x, 3)" as a, "rolling_mean(ema(x, 3), 4)" as b, "lagged(x, 2)" as c, '
        '"difference(ema(lagged(x, 1), 2), x)" as d from operators_over(s.t)'
    )
    planned = plan(sql, lambda _: ["symbol", "bar_at", "x"])
    assert planned is not None
    assert planned.memory == 3
    whole = read_rows(planned, table)
    wanted = whole.starts[:-1] + np.array([38, 0, 2, 71, 30])
    everything = pa.Table.from_batches(list(stream(planned, whole, wanted, 2)))

    firsts = np.maximum(wanted - 3, whole.starts[:-1])
    spans = zip(firsts, whole.starts[1:], strict=True)
    rows = read_rows(planned.recent, table.take(np.concatenate([np.arange(a, b) for a, b in spans])))
    history = read_rows(planned.history, table.rename_columns(["symbol", "bar_at", "series 0"]))
    last = rows.starts[1:] - (whole.starts[1:] - wanted)
    assert pa.Table.from_batches(list(stream(planned, rows, last, 2, history))).equals(everything)


def test_nothing_wanted_is_an_empty_stream_with_its_columns(planned: Plan, rows: SortedRows) -> None:
    reader = stream(planned, rows, rows.starts[1:].copy(), 2)
    assert reader.schema == schema_of(planned, rows.table.schema)
    assert reader.read_all().num_rows == 0


def test_what_sql_takes_in_single_precision_only_is_rounded_before(planned: Plan, rows: SortedRows) -> None:
    kinds = {field.name: field.type for field in schema_of(planned, rows.table.schema)}
    assert kinds["rolling_max(x, 2)"] == pa.float32()
    assert kinds["rolling_mean(x, 3)"] == pa.float64()
    assert kinds["lagged(x, 1)"] == pa.float64(), "it is taken in double precision as well"


def test_a_reader_that_keeps_all_batches_finds_them_unchanged(planned: Plan, rows: SortedRows) -> None:
    kept = list(stream(planned, rows, rows.starts[:-1].copy(), 1))
    copied = pa.Table.from_batches(kept).to_pydict()
    again = pa.Table.from_batches(list(stream(planned, rows, rows.starts[:-1].copy(), 1))).to_pydict()
    assert copied == again


def test_memory_comes_back_when_the_last_array_over_it_is_gone() -> None:
    blocks = module._Blocks([np.float64, np.float32], 4, most=1)
    block = blocks.lease()
    block[0][:], block[1][:] = 1.5, 2.5
    array = module._as_array(block[1])
    address = block[0].ctypes.data
    del block
    other = blocks.lease()  # the first is still held: this one is made after waiting
    assert other[0].ctypes.data != address
    assert array.to_pylist() == [2.5] * 4
    del array
    assert blocks.lease()[0].ctypes.data == address


def test_an_error_in_a_kernel_reaches_the_reader(
    monkeypatch: pytest.MonkeyPatch, planned: Plan, rows: SortedRows
) -> None:
    def broken(*_: object) -> Iterator[None]:
        raise FloatingPointError("a kernel broke")

    monkeypatch.setattr(module, "_compute", broken)
    before = threading.active_count()
    with pytest.raises((FloatingPointError, pa.ArrowException), match="a kernel broke"):
        stream(planned, rows, rows.starts[:-1].copy(), 2).read_all()
    assert threading.active_count() <= before + 1
