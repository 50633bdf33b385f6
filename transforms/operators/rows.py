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
    symbols, codes = _symbols(table.column("symbol"))
    bar_at = table.column("bar_at").cast(pa.timestamp("us")).cast(pa.int64()).to_numpy()
    segment, within, segments = codes, bar_at, len(symbols)
    if plan_.across:
        bars = np.unique(bar_at)
        # Few enough to fit: sorting by small numbers is quicker.
        kind = np.uint16 if len(bars) <= np.iinfo(np.uint16).max else np.int64
        segment, within, segments = np.searchsorted(bars, bar_at).astype(kind), codes, len(bars)
    order = _order(segment, within)
    if order is not None:
        segment, within, bar_at = (order.of_array(values) for values in (segment, within, bar_at))
        table = order.of_table(table)
        repeated = (segment[1:] == segment[:-1]) & (within[1:] == within[:-1])
        if repeated.any():
            where = int(np.argmax(repeated))
            moment = np.datetime64(int(bar_at[where]), "us")
            raise QuantmillError(
                f"{plan_.relation}: symbol and bar_at must be a key; {table.column('symbol')[where]} at {moment} "
                "is there twice"
            )
    starts = np.searchsorted(segment, np.arange(segments + 1)).astype(np.int64)
    names = [text if text in plan_.columns else series_name(i) for i, text in enumerate(plan_.expressions)]
    series = tuple(_as_doubles(table.column(name)) for name in names)
    return SortedRows(table.select(list(plan_.columns)), series, symbols, starts, bar_at)


def _symbols(column: pa.ChunkedArray) -> tuple[list[str], Any]:
    """Return the symbols, ascending, and for each row which of them it has."""
    encoded = column.dictionary_encode().combine_chunks()
    names: list[str] = encoded.dictionary.to_pylist()
    order = np.argsort(np.array(names, dtype=object)) if names else np.empty(0, dtype=np.int64)
    rank = np.empty(len(names), dtype=np.int32)
    rank[order] = np.arange(len(names), dtype=np.int32)
    return [names[i] for i in order], rank[encoded.indices.to_numpy()]


@dataclass(frozen=True)
class _Order:
    """Where rows go: the permutation, and the runs of rows that it moves as one, unless they are too many."""

    permutation: Rows
    runs: list[slice] | None

    @classmethod
    def of(cls, permutation: Rows) -> _Order:
        jumps = np.flatnonzero(np.diff(permutation) != 1) + 1
        if len(jumps) > _MOST_RUNS:
            return cls(permutation, None)
        starts, stops = np.append(0, jumps), np.append(jumps, len(permutation))
        bounds = zip(permutation[starts].tolist(), (permutation[stops - 1] + 1).tolist(), strict=True)
        return cls(permutation, [slice(first, last) for first, last in bounds])

    def of_array(self, values: Any) -> Any:
        if self.runs is None:
            return values[self.permutation]
        return np.concatenate([values[run] for run in self.runs])

    def of_table(self, table: pa.Table) -> pa.Table:
        if self.runs is None:
            return table.take(pa.array(self.permutation))
        return pa.concat_tables([table.slice(run.start, run.stop - run.start) for run in self.runs])


def _order(segment: Any, within: Any) -> _Order | None:
    """Return the order in which rows ascend by segment and within it; None where they do.

    DuckDB's threads deliver a sorted table in pieces that are out of order after a join.
    """
    if _is_sorted(segment, within):
        return None
    order = _Order.of(np.argsort(segment, kind="stable"))
    if _is_sorted(order.of_array(segment), order.of_array(within)):
        return order
    return _Order.of(np.lexsort((within, segment)))


def _is_sorted(segment: Any, within: Any) -> bool:
    """Whether rows ascend strictly by segment and within it."""
    same = segment[1:] == segment[:-1]
    return bool(np.all((segment[1:] > segment[:-1]) | (same & (within[1:] > within[:-1]))))


def _as_doubles(column: pa.ChunkedArray) -> Array:
    column = column.cast(pa.float64()).combine_chunks()
    values: Array = column.to_numpy(zero_copy_only=False)
    return values
