"""What the operators of a model are over: the relation's rows in order, and the series taken out of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from transforms.errors import QuantmillError
from transforms.operators.catalogue import Array, Rows
from transforms.operators.execute import Plan, series_name

# Runs of rows beyond which moving row by row is quicker than moving runs.
_MOST_RUNS = 20_000

_NO_ROWS = np.empty(0, dtype=np.int64)


@dataclass(frozen=True)
class SortedRows:
    """The relation's rows, sorted by symbol and bar; across symbols, by bar and symbol.

    Attributes:
        table: The plan's columns.
        expressions: The plan's expressions, as columns.
        symbols: Every symbol once, ascending.
        starts: Row of each symbol's first bar, or of each bar's first symbol, and the total at the end.
        bar_at: Microseconds since 1970.
    """

    table: pa.Table
    expressions: dict[str, pa.ChunkedArray]
    symbols: list[str]
    starts: Rows
    bar_at: Rows

    def series(self, low: int, high: int) -> dict[str, Array]:
        """Return the plan's expressions of rows [low, high) in doubles, NaN for NULL.

        They are copied when they are computed on, a few symbols at a time, and not as a whole: it would be as much
        memory again as was read, and memory that is used for the first time is slow.
        """
        return {text: _as_doubles(column.slice(low, high - low)) for text, column in self.expressions.items()}


def read_rows(plan_: Plan, table: pa.Table) -> SortedRows:
    """Sort what was read and take the series out of it.

    Raises:
        QuantmillError: Two rows have the same symbol and bar.
    """
    names, codes = _ranked(table.column("symbol"))
    symbols: list[str] = names.tolist()
    moments = table.column("bar_at").cast(pa.timestamp("us")).cast(pa.int64())
    bar_at = moments.to_numpy()
    segment, within, segments = codes, bar_at, len(symbols)
    if plan_.across:
        bars, segment = _ranked(moments)
        within, segments = codes, len(bars)
    order = _order(segment, within)
    if order is not None:
        segment, bar_at = order.of_array(segment), order.of_array(bar_at)
        within = order.of_array(codes) if plan_.across else bar_at
        table = order.of_table(table)
        repeated = (segment[1:] == segment[:-1]) & (within[1:] == within[:-1])
        if repeated.any():
            where = int(np.argmax(repeated))
            moment = np.datetime64(int(bar_at[where]), "us")
            raise QuantmillError(
                f"{plan_.relation}: symbol and bar_at must be a key; {table.column('symbol')[where]} at {moment} "
                "is there twice"
            )
    starts = np.searchsorted(segment, np.arange(segments + 1, dtype=segment.dtype)).astype(np.int64)
    expressions = {
        text: table.column(text if text in plan_.columns else series_name(i))
        for i, text in enumerate(plan_.expressions)
    }
    return SortedRows(table.select(list(plan_.columns)), expressions, symbols, starts, bar_at)


def _ranked(column: pa.ChunkedArray) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """Return every value once, ascending, and for each row which of them it has.

    Rows that follow each other with one value are looked at as one, and only the values that differ are sorted. The
    ranks are as small as they fit: sorting by small numbers is quicker.
    """
    runs = pc.run_end_encode(column).chunks
    lengths = [np.diff(run.run_ends.to_numpy(), prepend=0) for run in runs]
    encoded = pa.chunked_array([run.values for run in runs], column.type).dictionary_encode().combine_chunks()
    values: npt.NDArray[Any] = encoded.dictionary.to_numpy(zero_copy_only=False)
    order = np.argsort(values)
    rank = np.empty(len(values), dtype=np.min_scalar_type(len(values)))
    rank[order] = np.arange(len(values))
    return values[order], np.repeat(rank[encoded.indices.to_numpy()], np.concatenate([_NO_ROWS, *lengths]))


@dataclass(frozen=True)
class _Order:
    """Where rows go: runs of rows that move as one; or each row by itself, where the runs are too many."""

    runs: list[slice]
    permutation: Rows | None = None

    @classmethod
    def of(cls, permutation: Rows) -> _Order:
        jumps = np.flatnonzero(np.diff(permutation) != 1) + 1
        if len(jumps) > _MOST_RUNS:
            return cls([], permutation)
        starts, stops = np.append(0, jumps), np.append(jumps, len(permutation))
        return cls(_slices(permutation[starts], permutation[stops - 1] + 1))

    def of_array(self, values: Any) -> Any:
        if self.permutation is not None:
            return values[self.permutation]
        return np.concatenate([values[run] for run in self.runs])

    def of_table(self, table: pa.Table) -> pa.Table:
        if self.permutation is not None:
            return table.take(pa.array(self.permutation))
        return pa.concat_tables([table.slice(run.start, run.stop - run.start) for run in self.runs])


def _slices(starts: Rows, stops: Rows) -> list[slice]:
    return [slice(first, last) for first, last in zip(starts.tolist(), stops.tolist(), strict=True)]


def _order(segment: Any, within: Any) -> _Order | None:
    """Return the order in which rows ascend by segment and within it; None where they do."""
    falls = ~_ascend(segment[:-1], within[:-1], segment[1:], within[1:])
    if not falls.any():
        return None
    order = _order_of_runs(segment, within, falls)
    if order is not None:
        return order
    order = _Order.of(np.argsort(segment, kind="stable"))
    segments, withins = order.of_array(segment), order.of_array(within)
    if _ascend(segments[:-1], withins[:-1], segments[1:], withins[1:]).all():
        return order
    return _Order.of(np.lexsort((within, segment)))


def _order_of_runs(segment: Any, within: Any, falls: Any) -> _Order | None:
    """Return the order of the ascending runs of segments' rows; None where they are too many or overlap.

    After a join DuckDB's threads deliver a sorted table in pieces; what appends have added lies at its end.
    """
    cuts = np.flatnonzero(falls | (segment[1:] != segment[:-1])) + 1
    if len(cuts) > _MOST_RUNS:
        return None
    starts, stops = np.append(0, cuts), np.append(cuts, len(segment))
    order = np.lexsort((within[starts], segment[starts]))
    starts, stops = starts[order], stops[order]
    lasts, nexts = stops[:-1] - 1, starts[1:]
    if not _ascend(segment[lasts], within[lasts], segment[nexts], within[nexts]).all():
        return None
    apart = stops[:-1] != nexts
    return _Order(_slices(starts[np.append(True, apart)], stops[np.append(apart, True)]))


def _ascend(segment: Any, within: Any, next_segment: Any, next_within: Any) -> Any:
    """Whether each row comes before the next one, by segment and within it."""
    return (segment < next_segment) | ((segment == next_segment) & (within < next_within))


def _as_doubles(column: pa.ChunkedArray) -> Array:
    """Return the values in memory of our own, always: kernels are compiled anew for arrays that are read-only."""
    values: Array = column.cast(pa.float64()).combine_chunks().to_numpy(zero_copy_only=False)
    return values if values.flags.writeable else values.copy()
