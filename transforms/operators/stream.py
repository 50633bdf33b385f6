"""The rows of a model with the columns of its operators, computed by segment on threads while DuckDB reads them."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from queue import Empty, SimpleQueue
from typing import Any

import numpy as np
import pyarrow as pa

from transforms.operators.catalogue import Array, Rows, Segments
from transforms.operators.execute import Evaluation, Plan
from transforms.operators.rows import SortedRows

# Rows that one thread computes at a time: few enough for the processor's caches.
_CHUNK_ROWS = 60_000

# Rows of DuckDB's row groups. Batches of this size are stored as they come; others are put together once more when
# they are inserted, and again at the checkpoint.
_ROW_GROUP = 122_880

# Seconds to wait for a reader that is slower than we are before memory is taken for one more batch.
_PATIENCE = 2.0


def stream(plan: Plan, rows: SortedRows, wanted: Rows, threads: int) -> pa.RecordBatchReader:
    """Return the wanted rows with every call's column, in order, in batches of a row group.

    Args:
        plan: What to compute.
        rows: The relation's rows.
        wanted: First wanted row of each segment; shape (segments,).
        threads: How many chunks are in work at once.
    """
    table = rows.table
    if not np.array_equal(wanted, rows.starts[:-1]):
        spans = zip(wanted, rows.starts[1:], strict=True)
        table = table.take(pa.array(np.concatenate([np.arange(first, end) for first, end in spans])))
    if not plan.calls:
        return table.to_reader(max_chunksize=_ROW_GROUP)
    schema = table.schema
    for name in plan.calls:
        schema = schema.append(pa.field(name, pa.float64()))

    def compute(chunk: tuple[int, int]) -> list[Array]:
        return _compute(plan, rows, wanted, *chunk)

    values = _in_order(compute, list(_chunks(rows.starts)), threads)
    return pa.RecordBatchReader.from_batches(schema, _batches(schema, table, values, threads))


def _batches(
    schema: pa.Schema, table: pa.Table, chunks: Iterator[list[Array]], threads: int
) -> Iterator[pa.RecordBatch]:
    """Lay the columns of all chunks end to end beside the table's, and cut both into row groups."""
    size = min(_ROW_GROUP, len(table))
    # One for each thread that reads, one that is being filled, one on its way.
    blocks = _Blocks((len(schema) - table.num_columns, size), threads + 2)
    block, filled, done = blocks.lease(), 0, 0
    for columns in chunks:
        taken, count = 0, len(columns[0])
        while taken < count:
            part = min(count - taken, size - filled)
            _fill(block[:, filled : filled + part], columns, taken)
            filled, taken = filled + part, taken + part
            if filled == size:
                yield _batch(schema, table.slice(done, filled), block)
                del block  # so that it can come back
                block, filled, done = blocks.lease(), 0, done + filled
    if filled:
        yield _batch(schema, table.slice(done, filled), block)


def _fill(block: Array, columns: list[Array], first: int) -> None:
    for row, column in zip(block, columns, strict=True):
        row[:] = column[first : first + len(row)]


def _batch(schema: pa.Schema, table: pa.Table, block: Array) -> pa.RecordBatch:
    columns = [pa.concat_arrays(column.chunks) for column in table.columns]
    # Views of the block, not copies; NaN becomes NULL.
    columns += [pa.array(row[: len(table)], from_pandas=True) for row in block]
    return pa.RecordBatch.from_arrays(columns, schema=schema)


class _Lease:
    """What arrays over a block hold on to: when the last of them is gone, the block is free again."""

    def __init__(self, block: Array, free: SimpleQueue[Array]) -> None:
        self.__array_interface__ = block.__array_interface__
        self._block, self._free = block, free

    def __del__(self) -> None:
        self._free.put(self._block)


class _Blocks:
    """A few blocks of memory for batches, used again and again: fresh memory costs more than filling it.

    They also keep us from running ahead of a slow reader.
    """

    def __init__(self, shape: tuple[int, int], most: int) -> None:
        self._shape, self._unmade = shape, most
        self._free: SimpleQueue[Array] = SimpleQueue()

    def lease(self) -> Array:
        """Return a free block, made now or waited for."""
        block = self._made_now() if self._unmade and self._free.empty() else self._waited_for()
        return np.asarray(_Lease(block, self._free))

    def _made_now(self) -> Array:
        self._unmade -= 1
        return np.empty(self._shape)

    def _waited_for(self) -> Array:
        try:
            return self._free.get(timeout=_PATIENCE)
        except Empty:  # the reader keeps what it has read
            return np.empty(self._shape)


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


def _chunks(starts: Rows) -> Iterator[tuple[int, int]]:
    """Yield runs of segments [first, last) of about ``_CHUNK_ROWS`` rows."""
    first, segments = 0, len(starts) - 1
    while first < segments:
        last = int(np.searchsorted(starts, starts[first] + _CHUNK_ROWS, side="right")) - 1
        last = min(max(last, first + 1), segments)
        yield first, last
        first = last


def _compute(plan: Plan, rows: SortedRows, wanted: Rows, first: int, last: int) -> list[Array]:
    """Compute the calls for segments [first, last) and return their wanted rows."""
    low, high = int(rows.starts[first]), int(rows.starts[last])
    starts = rows.starts[first : last + 1] - low
    segments = Segments(starts, np.clip(wanted[first:last] - low, starts[:-1], starts[1:]))
    series = {text: rows.series[i][low:high] for i, text in enumerate(plan.expressions)}
    computed = Evaluation(segments, series)
    values = [computed.value(call, inner=False) for call in plan.calls.values()]
    if np.array_equal(segments.wanted, starts[:-1]):
        return values
    spans = zip(segments.wanted, starts[1:], strict=True)
    keep = np.concatenate([np.arange(start, end) for start, end in spans])
    return [value[keep] for value in values]
