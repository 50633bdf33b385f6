"""The rows of a model with the columns of its operators, computed by segment on threads while DuckDB reads them."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import accumulate
from queue import Empty, SimpleQueue
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from transforms.operators.catalogue import Array, Rows, Segments
from transforms.operators.execute import Evaluation, Frame, Plan
from transforms.operators.rows import SortedRows

Memory = npt.NDArray[np.uint8]
Block = list[npt.NDArray[Any]]

# Rows that one thread computes at a time: few enough for the processor's caches, and enough that the threads seldom
# wait for the interpreter between two kernels.
_CHUNK_ROWS = 60_000

# Rows of DuckDB's row groups. Batches of this size are stored as they come; others are put together once more when
# they are inserted, and again at the checkpoint.
_ROW_GROUP = 122_880

# Every column of a block begins on a multiple of so many bytes.
_ALIGNED = 64

# Seconds to wait for a reader that is slower than we are before memory is taken for one more batch.
_PATIENCE = 2.0


def schema_of(plan: Plan, columns: pa.Schema) -> pa.Schema:
    """Return the schema of the stream, given that of the relation's columns."""
    single = plan.single
    for name in plan.calls:
        columns = columns.append(pa.field(name, pa.float32() if name in single else pa.float64()))
    return columns


def stream(
    plan: Plan, rows: SortedRows, wanted: Rows, threads: int, history: SortedRows | None = None
) -> pa.RecordBatchReader:
    """Return the wanted rows with every call's column, in order, in batches of a row group.

    Args:
        plan: What to compute.
        rows: The relation's rows.
        wanted: First wanted row of each segment; shape (segments,).
        threads: How many chunks are in work at once.
        history: All rows of the same segments, for the calls that need them; None where ``rows`` are all.
    """
    table = rows.table
    if not np.array_equal(wanted, rows.starts[:-1]):
        spans = zip(wanted, rows.starts[1:], strict=True)
        table = table.take(pa.array(np.concatenate([np.arange(first, end) for first, end in spans])))
    if not plan.calls:
        return table.to_reader(max_chunksize=_ROW_GROUP)
    schema = schema_of(plan, table.schema)

    history = history or rows

    def compute(chunk: tuple[int, int]) -> list[Array]:
        return _compute(plan, rows, wanted, history, *chunk)

    share = sum(plan.needs_history(call) for call in plan.calls.values()) / len(plan.calls)
    computed_rows = share * history.starts + (1 - share) * rows.starts
    values = _in_order(compute, list(_chunks(computed_rows)), threads)
    return pa.RecordBatchReader.from_batches(schema, _batches(schema, table, values, threads))


def _batches(
    schema: pa.Schema, table: pa.Table, chunks: Iterator[list[Array]], threads: int
) -> Iterator[pa.RecordBatch]:
    """Lay the columns of all chunks end to end beside the table's, and cut both into row groups."""
    size = min(_ROW_GROUP, len(table))
    types = [field.type.to_pandas_dtype() for field in schema][table.num_columns :]
    # One for each thread that reads, one that is being filled, one on its way.
    blocks = _Blocks(types, size, threads + 2)
    block, filled, done = blocks.lease(), 0, 0
    for columns in chunks:
        taken, count = 0, len(columns[0])
        while taken < count:
            part = min(count - taken, size - filled)
            _fill(block, filled, columns, taken, part)
            filled, taken = filled + part, taken + part
            if filled == size:
                yield _batch(schema, table.slice(done, filled), block)
                del block  # so that it can come back
                block, filled, done = blocks.lease(), 0, done + filled
    if filled:
        yield _batch(schema, table.slice(done, filled), block)


def _fill(block: Block, at: int, columns: list[Array], taken: int, count: int) -> None:
    """Copy ``count`` values of each column from ``taken`` on to the block's row ``at``; singles are rounded."""
    for into, column in zip(block, columns, strict=True):
        into[at : at + count] = column[taken : taken + count]


def _batch(schema: pa.Schema, table: pa.Table, block: Block) -> pa.RecordBatch:
    columns = [pa.concat_arrays(column.chunks) for column in table.columns]
    columns += [_as_array(values[: len(table)]) for values in block]
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def _as_array(values: npt.NDArray[Any]) -> pa.Array:
    """Return the values as they lie in memory, not copied; NaN becomes NULL."""
    unknown = np.isnan(values)
    nulls = int(np.count_nonzero(unknown))
    known = pa.py_buffer(np.packbits(~unknown, bitorder="little")) if nulls else None
    kind = pa.from_numpy_dtype(values.dtype)
    return pa.Array.from_buffers(kind, len(values), [known, pa.py_buffer(values)], null_count=nulls)


class _Lease:
    """What arrays over a piece of memory hold on to: when the last of them is gone, it is free again."""

    def __init__(self, memory: Memory, free: SimpleQueue[Memory]) -> None:
        self.__array_interface__ = memory.__array_interface__
        self._memory, self._free = memory, free

    def __del__(self) -> None:
        self._free.put(self._memory)


class _Blocks:
    """A few blocks of columns for batches, used again and again: fresh memory costs more than filling it.

    They also keep us from running far ahead of a slow reader.
    """

    def __init__(self, types: list[type[np.generic]], rows: int, most: int) -> None:
        sizes = [rows * np.dtype(kind).itemsize for kind in types]
        *starts, self._bytes = accumulate((-(-size // _ALIGNED) * _ALIGNED for size in sizes), initial=0)
        self._columns = [
            (slice(start, start + size), kind) for start, size, kind in zip(starts, sizes, types, strict=True)
        ]
        self._unmade = most
        self._free: SimpleQueue[Memory] = SimpleQueue()

    def lease(self) -> Block:
        """Return the columns of a free block."""
        memory = np.asarray(_Lease(self._memory(), self._free))
        return [memory[place].view(kind) for place, kind in self._columns]

    def _memory(self) -> Memory:
        if self._unmade and self._free.empty():
            self._unmade -= 1
            return np.empty(self._bytes, dtype=np.uint8)
        try:
            return self._free.get(timeout=_PATIENCE)
        except Empty:  # the reader keeps what it has read
            return np.empty(self._bytes, dtype=np.uint8)


def _in_order(
    compute: Callable[[Any], list[Array]], chunks: Sequence[Any], threads: int
) -> Iterator[list[Array]]:
    """Yield the results of ``compute`` in the order of ``chunks``, a few ahead of the reader."""
    with ThreadPoolExecutor(max_workers=max(threads, 1)) as pool:
        pending: deque[Future[list[Array]]] = deque()
        for chunk in chunks:
            pending.append(pool.submit(compute, chunk))
            if len(pending) > threads:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()


def _chunks(starts: Array) -> Iterator[tuple[int, int]]:
    """Yield runs of segments [first, last) of about ``_CHUNK_ROWS`` rows, given how many there are before each."""
    first, segments = 0, len(starts) - 1
    while first < segments:
        last = int(np.searchsorted(starts, starts[first] + _CHUNK_ROWS, side="right")) - 1
        last = min(max(last, first + 1), segments)
        yield first, last
        first = last


def _compute(
    plan: Plan, rows: SortedRows, wanted: Rows, history: SortedRows, first: int, last: int
) -> list[Array]:
    """Compute the calls for segments [first, last) and return their wanted rows."""
    counts = rows.starts[first + 1 : last + 1] - wanted[first:last]
    recent = _frame(rows, counts, first, last)
    computed = Evaluation(plan, recent, recent if history is rows else _frame(history, counts, first, last))
    values = [computed.value(call) for call in plan.calls.values()]
    segments = recent.segments
    if np.array_equal(segments.wanted, segments.starts[:-1]):
        return values
    spans = zip(segments.wanted, segments.starts[1:], strict=True)
    keep = np.concatenate([np.arange(start, end) for start, end in spans])
    return [value[keep] for value in values]


def _frame(rows: SortedRows, counts: Rows, first: int, last: int) -> Frame:
    """Return the rows of segments [first, last), of which the last so many are wanted."""
    low, high = int(rows.starts[first]), int(rows.starts[last])
    starts = rows.starts[first : last + 1] - low
    return Frame(Segments(starts, starts[1:] - counts), rows.series(low, high))
