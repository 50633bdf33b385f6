"""Carry out the operator calls of a model: read a relation once, compute by symbol, stream rows to the model's SQL."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from transforms.errors import QuantmillError
from transforms.operators.calls import Call, find_calls, without_calls
from transforms.operators.catalogue import Array, Rows, Segments

KEY = ("symbol", "bar_at")
ROWS = "operator_rows"  # the name under which the model's SQL finds the stream

_OVER = re.compile(r"operators_(over|across)\(([a-zA-Z0-9_.\"]+)\)")
_WORD = re.compile(r"[a-z_][a-z0-9_]*")

# Rows that one thread takes at a time: large enough for DuckDB's row groups, small enough for memory.
_CHUNK_ROWS = 150_000


@dataclass(frozen=True)
class Plan:
    """What a model's SQL asks of operators.

    Attributes:
        sql: The model's SQL with the relation's place taken by ``ROWS``.
        relation: What is read.
        calls: Identifier → call.
        columns: Columns of the relation that the SQL reads besides, the key first.
        expressions: Expressions that the calls are over, each once.
        across: Whether operators go across the symbols of each bar instead of along the bars of each symbol.
    """

    sql: str
    relation: str
    across: bool
    calls: dict[str, Call]
    columns: tuple[str, ...]
    expressions: tuple[str, ...]

    @property
    def lookahead(self) -> int:
        """How many bars after its own a row may depend on."""
        return max((call.lookahead for call in self.calls.values()), default=0)

    @property
    def reading(self) -> str:
        """The query that reads everything, without a condition."""
        names = [f'"{column}"' for column in self.columns]
        series = [f'cast({text} as double) as "{_series_name(i)}"' for i, text in enumerate(self.expressions)]
        return f"select {', '.join([*names, *series])} from {self.relation}"


def plan(sql: str, columns_of: Any) -> Plan | None:
    """Return the plan of a model's SQL, None where it has no ``operators_over`` or ``operators_across``.

    Args:
        sql: The compiled SQL.
        columns_of: Function from a relation's name to its column names.

    Raises:
        QuantmillError: It is over two relations, over one without the key, or a call is wrong.
    """
    found = _OVER.findall(sql)
    calls = find_calls(sql)
    if not found:
        if calls:
            raise QuantmillError(
                f'"{next(iter(calls))}": calls need a relation: from {{{{ operators_over(…) }}}}'
            )
        return None
    if len(found) > 1:
        names = ", ".join(name for _, name in found)
        raise QuantmillError(f"a model is over one relation, was {names}")
    across, relation = found[0][0] == "across", found[0][1]
    for name, call in calls.items():
        if any(operator.across != across for operator in call.operators):
            direction = "across symbols: from {{ operators_across(…) }}"
            direction = "along bars: from {{ operators_over(…) }}" if across else direction
            raise QuantmillError(f'"{name}" goes {direction}')
    there = tuple(columns_of(relation))
    missing = [name for name in KEY if name not in there]
    if missing:
        raise QuantmillError(
            f"{relation}: operators go by symbol and bar_at; there is no column {missing[0]}"
        )
    text = without_calls(sql)
    read = set(_WORD.findall(text))
    wanted = [name for name in there if name not in KEY and (name in read or "*" in text)]
    expressions = tuple(dict.fromkeys(part for call in calls.values() for part in call.expressions))
    return Plan(
        sql=_OVER.sub(ROWS, sql),
        relation=relation,
        across=across,
        calls=calls,
        columns=(*KEY, *wanted),
        expressions=expressions,
    )


@dataclass(frozen=True)
class SortedRows:
    """The relation's rows, sorted by symbol and bar; across symbols, by bar and symbol.

    Attributes:
        table: The plan's columns.
        series: The plan's expressions.
        symbols: Every symbol once, ascending.
        starts: Row of each symbol's first bar, or of each bar's first symbol, and the total at the end.
        bar_at: Microseconds since 1970.
    """

    table: pa.Table
    series: tuple[Array, ...]
    symbols: list[str]
    starts: Rows
    bar_at: Rows


def read_rows(plan_: Plan, table: pa.Table) -> SortedRows:
    """Sort what was read and take the series out of it.

    Raises:
        QuantmillError: Two rows have the same symbol and bar.
    """
    count = len(table)
    encoded = table.column("symbol").combine_chunks().dictionary_encode()
    if isinstance(encoded, pa.ChunkedArray):
        encoded = encoded.combine_chunks()
    names: list[str] = encoded.dictionary.to_pylist()
    order = np.argsort(np.array(names, dtype=object)) if names else np.empty(0, dtype=np.int64)
    rank = np.empty(len(names), dtype=np.int32)
    rank[order] = np.arange(len(names), dtype=np.int32)
    codes = rank[encoded.indices.to_numpy(zero_copy_only=False)] if count else np.empty(0, np.int32)
    bar_at = table.column("bar_at").cast(pa.timestamp("us")).cast(pa.int64()).to_numpy()
    series = [_as_doubles(table.column(_series_name(i))) for i in range(len(plan_.expressions))]
    table = table.select(list(plan_.columns))
    segment, within, segments = codes, bar_at, len(names)
    if plan_.across:
        bars = np.unique(bar_at)
        # Few enough to fit: sorting by small numbers is quicker.
        kind = np.uint16 if len(bars) <= np.iinfo(np.uint16).max else np.int64
        segment, within, segments = np.searchsorted(bars, bar_at).astype(kind), codes, len(bars)
    if not _is_sorted(segment, within):
        permutation = np.argsort(segment, kind="stable")
        if not _is_sorted(segment[permutation], within[permutation]):
            permutation = np.lexsort((within, segment))
        segment, within, bar_at = segment[permutation], within[permutation], bar_at[permutation]
        series = [values[permutation] for values in series]
        table = table.take(pa.array(permutation))
        repeated = (segment[1:] == segment[:-1]) & (within[1:] == within[:-1])
        if repeated.any():
            where = int(np.argmax(repeated))
            moment = np.datetime64(int(bar_at[where]), "us")
            raise QuantmillError(
                f"{plan_.relation}: symbol and bar_at must be a key; {table.column('symbol')[where]} at {moment} "
                "is there twice"
            )
    starts = np.searchsorted(segment, np.arange(segments + 1)).astype(np.int64)
    return SortedRows(table, tuple(series), [names[i] for i in order], starts, bar_at)


def _is_sorted(segment: Any, within: Any) -> bool:
    """Whether rows ascend strictly by segment and within it."""
    same = segment[1:] == segment[:-1]
    return bool(np.all((segment[1:] > segment[:-1]) | (same & (within[1:] > within[:-1]))))


def _as_doubles(column: pa.ChunkedArray) -> Array:
    values: Array = np.concatenate(
        [chunk.to_numpy(zero_copy_only=False) for chunk in column.chunks] or [np.empty(0)]
    )
    return values.astype(np.float64, copy=False)


def _series_name(index: int) -> str:
    return f"series {index}"


def stream(plan_: Plan, rows: SortedRows, wanted: Rows, threads: int) -> pa.RecordBatchReader:
    """Return the wanted rows with every call's column, computed by segment on ``threads`` threads while they are read.

    Args:
        plan_: What to compute.
        rows: The relation's rows.
        wanted: First wanted row of each symbol; shape (symbols,).
        threads: How many chunks are in work at once.
    """
    schema = rows.table.schema
    for name in plan_.calls:
        schema = schema.append(pa.field(name, pa.float64()))
    chunks = list(_chunks(rows.starts))

    def compute(chunk: tuple[int, int]) -> list[pa.RecordBatch]:
        return _compute(plan_, rows, wanted, schema, *chunk)

    return pa.RecordBatchReader.from_batches(schema, _in_order(compute, chunks, threads))


def _in_order(compute: Any, chunks: Sequence[Any], threads: int) -> Iterator[pa.RecordBatch]:
    """Yield the results of ``compute`` in the order of ``chunks``, a few ahead of the reader."""
    with ThreadPoolExecutor(max_workers=max(threads, 1)) as pool:
        pending: deque[Future[list[pa.RecordBatch]]] = deque()
        for chunk in chunks:
            pending.append(pool.submit(compute, chunk))
            if len(pending) > threads:
                yield from pending.popleft().result()
        while pending:
            yield from pending.popleft().result()


def _chunks(starts: Rows) -> Iterator[tuple[int, int]]:
    """Yield runs of symbols [first, last) of about ``_CHUNK_ROWS`` rows."""
    first, symbols = 0, len(starts) - 1
    while first < symbols:
        last = int(np.searchsorted(starts, starts[first] + _CHUNK_ROWS, side="right")) - 1
        last = min(max(last, first + 1), symbols)
        yield first, last
        first = last


def _compute(
    plan_: Plan, rows: SortedRows, wanted: Rows, schema: pa.Schema, first: int, last: int
) -> list[pa.RecordBatch]:
    """Compute the calls for symbols [first, last) and return their wanted rows."""
    low, high = int(rows.starts[first]), int(rows.starts[last])
    starts = rows.starts[first : last + 1] - low
    segments = Segments(starts, np.clip(wanted[first:last] - low, starts[:-1], starts[1:]))
    series = {text: rows.series[i][low:high] for i, text in enumerate(plan_.expressions)}
    computed = Evaluation(segments, series)
    values = [computed.value(call, inner=False) for call in plan_.calls.values()]
    if np.array_equal(segments.wanted, starts[:-1]):
        table, keep = rows.table.slice(low, high - low), None
    else:
        spans = [np.arange(a, b) for a, b in zip(segments.wanted, starts[1:], strict=True)]
        keep = np.concatenate(spans) if spans else np.empty(0, dtype=np.int64)
        table = rows.table.slice(low, high - low).take(pa.array(keep))
    arrays = [column.combine_chunks() for column in table.columns]
    arrays = [array.chunk(0) if isinstance(array, pa.ChunkedArray) else array for array in arrays]
    arrays += [pa.array(value if keep is None else value[keep], from_pandas=True) for value in values]
    batch = pa.RecordBatch.from_arrays(arrays, schema=schema)
    return [batch] if len(batch) else []


class Evaluation:
    """The values of calls over the series of some symbols; work that calls share is done once."""

    def __init__(self, segments: Segments, series: dict[str, Array]) -> None:
        self._segments = segments
        self._whole = Segments.whole(segments.starts)
        self._series = series
        self._done: dict[Any, Any] = {}

    def value(self, call: Call, *, inner: bool) -> Array:
        """Return the call's values, one per row; of ``inner`` ones, earlier rows than wanted are needed as well."""
        segments = self._whole if inner else self._segments
        key = (call.operator.compute, call.series, call.parameters, inner)
        if key not in self._done:
            arguments = [
                self.value(part, inner=True) if isinstance(part, Call) else self._series[part]
                for part in call.series
            ]
            with np.errstate(all="ignore"):
                self._done[key] = call.operator.compute(segments, *arguments, *call.parameters)
        result = self._done[key]
        values: Array = result if call.operator.output is None else result[call.operator.output]
        return values
