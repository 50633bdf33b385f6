"""What the operators of a model are over: the relation's rows in order, and the series taken out of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from transforms.errors import QuantmillError
from transforms.operators.catalogue import Array, Rows
from transforms.operators.execute import Plan, series_name

# Runs of rows beyond which moving row by row is quicker than moving runs.
_MOST_RUNS = 20_000


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
    series = [_as_doubles(table.column(series_name(i))) for i in range(len(plan_.expressions))]
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
        runs = _runs(permutation)
        if runs is None:
            table = table.take(pa.array(permutation))
        else:
            table = pa.concat_tables([table.slice(run.start, run.stop - run.start) for run in runs])
        series = [_ordered(values, permutation, runs) for values in series]
        segment, within, bar_at = (
            _ordered(values, permutation, runs) for values in (segment, within, bar_at)
        )
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


def _runs(permutation: Any) -> list[slice] | None:
    """Return the slices of rows that, end to end, are the permuted rows; None where they are too many.

    DuckDB's threads deliver a sorted table in pieces that are out of order after a join.
    """
    jumps = np.flatnonzero(np.diff(permutation) != 1) + 1
    if len(jumps) > _MOST_RUNS:
        return None
    starts, stops = np.append(0, jumps), np.append(jumps, len(permutation))
    bounds = zip(permutation[starts].tolist(), (permutation[stops - 1] + 1).tolist(), strict=True)
    return [slice(first, last) for first, last in bounds]


def _ordered(values: Any, permutation: Any, runs: list[slice] | None) -> Any:
    return values[permutation] if runs is None else np.concatenate([values[run] for run in runs])


def _as_doubles(column: pa.ChunkedArray) -> Array:
    values: Array = np.concatenate(
        [chunk.to_numpy(zero_copy_only=False) for chunk in column.chunks] or [np.empty(0)]
    )
    return values.astype(np.float64, copy=False)
