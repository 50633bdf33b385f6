"""That nothing looks ahead: what is known of a bar must be the same whether or not later bars are there.

History is cut at a bar, everything is built on what is left, and every cell up to the cut is compared with the build
on the whole history. This module chooses the cuts, copies what was known by then and compares; who builds in between
is up to the caller (``flows/lookahead.py``).
"""

from __future__ import annotations

import random
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any

import polars as pl

from transforms.errors import QuantmillError
from transforms.ingest import sessions_until
from transforms.warehouse import Warehouse

ROWS = "(rows)"  # in place of a column: rows that are there on one side only
_EARLY_BARS = 10  # windows longer than this are not full yet at the first cut
_NAMED = 8  # columns in the one line of an error
_COLUMNS_AT_ONCE = 32  # the join holds so many columns of a table in memory
_CUT, _WHOLE = "cut_history", "whole_history"  # what the databases are attached as
_PARAMETER = re.compile(r"\$(\w+)")


@dataclass(frozen=True)
class Audited:
    """A table that must not look ahead.

    Attributes:
        name: ``schema.table``.
        key: Its key.
        moment: The column of the key that says when a row holds from: a bar's start, or a session.
        restated: Column → expression that takes its place in the comparison, where what it says of the past may
            rightly be amended later. ``$until`` is the cut.
    """

    name: str
    key: tuple[str, ...]
    moment: str
    restated: Mapping[str, str] = field(default_factory=dict)


AUDITED = (
    Audited("marts.bars", ("symbol", "bar_at"), "bar_at"),
    Audited("marts.features", ("symbol", "bar_at"), "bar_at"),
    Audited("marts.signals", ("strategy", "symbol", "bar_at"), "bar_at"),
    # A membership that is open at the cut may end later.
    Audited(
        "marts.universe",
        ("symbol", "valid_from"),
        "valid_from",
        {"valid_to": "case when valid_to <= $until then valid_to end"},
    ),
    Audited("marts.universe_rebalances", ("rebalance_date", "symbol"), "rebalance_date"),
)


@dataclass(frozen=True)
class Cut:
    """Where history is cut: the last bar that is kept, and its session."""

    bar_at: datetime
    session_date: date

    def until(self, audited: Audited) -> datetime | date:
        """Return the last moment whose rows of a table are compared."""
        return self.bar_at if audited.moment == "bar_at" else self.session_date


@dataclass(frozen=True)
class Finding:
    """What one cut says of one column.

    Attributes:
        cut: The cut.
        table: ``schema.table``.
        column: The column, or ``ROWS``.
        cells: Cells that were compared.
        differing: How many of them differ between the build on the cut and on the whole history.
        first: The earliest moment of one that differs, None if none does.
    """

    cut: Cut
    table: str
    column: str
    cells: int
    differing: int
    first: datetime | date | None


def choose_cuts(bars: Sequence[Cut], count: int, seed: int) -> list[Cut]:
    """Return ``count`` cuts in order of time; the same seed chooses the same.

    The first, of two or more, is within the first bars, where windows are not full: only there does a value show
    that was filled in backwards. The others lie one in each equal stretch of what follows, never on the last bar.

    Args:
        bars: Every moment at which there is a bar, in order.
        count: How many, at least 1.
        seed: Chooses among them.

    Raises:
        QuantmillError: There are too few bars.
    """
    usable = len(bars) - 1
    if usable < 2 * count:
        raise QuantmillError(
            f"history has bars at {len(bars)} moments: too few to cut it at {count}; lower flow.audit_cuts"
        )
    generator = random.Random(seed)  # noqa: S311 (a choice of dates, no secret)
    chosen = []
    begin = 0
    if count > 1:
        chosen.append(generator.randint(1, min(_EARLY_BARS, usable // count) - 1))
        begin = chosen[0] + 1
    stretches = count - len(chosen)
    for number in range(stretches):
        low = begin + (usable - begin) * number // stretches
        high = begin + (usable - begin) * (number + 1) // stretches
        chosen.append(generator.randrange(low, high))
    return [bars[index] for index in chosen]


def bars_of(warehouse: Warehouse) -> list[Cut]:
    """Return every moment at which ``marts.bars`` has a bar, in order."""
    frame = warehouse.read(
        "select bar_at, max(session_date) as session_date from marts.bars group by bar_at order by bar_at"
    )
    return [Cut(bar_at, session_date) for bar_at, session_date in frame.iter_rows()]


def choose_tickers(warehouse: Warehouse, count: int, seed: int) -> list[str]:
    """Return what ``count`` symbols of ``marts.bars`` and the benchmark have been called in raw rows."""
    symbols = warehouse.read("select distinct symbol from marts.bars where not is_benchmark order by symbol")[
        "symbol"
    ].to_list()
    chosen = random.Random(seed).sample(symbols, min(count, len(symbols)))  # noqa: S311
    frame = warehouse.read(
        "select distinct ticker from marts.bars where is_benchmark or list_contains(?, symbol) order by ticker",
        [chosen],
    )
    tickers: list[str] = frame["ticker"].to_list()
    return tickers


def copy_history(
    warehouse: Warehouse,
    target: Path,
    *,
    source: str,
    dataset: str,
    timeframe: str,
    calendar: str,
    cut: Cut | None,
    tickers: Sequence[str] | None = None,
) -> None:
    """Make a warehouse file that holds the raw rows which were there at the cut, and nothing else.

    Corporate actions are known by their ex-date. A symbol change is kept whenever it comes: what an instrument will
    be called tells nothing of it, and its rows must be found under one name on both sides.

    Args:
        warehouse: Has the whole history.
        target: The file, which is not there yet.
        source, dataset, timeframe, calendar: Which rows.
        cut: Where to cut; None for the whole history.
        tickers: Which raw symbols; None for all.
    """
    Warehouse(target).close()  # creates the tables
    of_source = "source = $source and dataset = $dataset"
    bars, actions, sessions = f"{of_source} and timeframe = $timeframe", of_source, "calendar = $calendar"
    values: dict[str, Any] = {
        "source": source,
        "dataset": dataset,
        "timeframe": timeframe,
        "calendar": calendar,
    }
    if tickers is not None:
        values["tickers"] = list(tickers)
        bars += " and list_contains($tickers, symbol)"
        actions += " and list_contains($tickers, symbol)"
    if cut is not None:
        values |= {
            "bar_at": cut.bar_at,
            "session": cut.session_date,
            "calendar_end": sessions_until(cut.session_date),
        }
        bars += " and bar_at <= $bar_at"
        actions += " and (ex_date <= $session or kind = 'symbol_change')"
        sessions += " and session_date <= $calendar_end"
    tables = {
        "raw.bars": bars,
        "raw.corporate_actions": actions,
        "raw.sessions": sessions,
        "quarantine.bars": bars,
        "quarantine.corporate_actions": actions,
    }
    with warehouse.attached(target, _CUT, read_only=False):
        for table, condition in tables.items():
            named = {name: values[name] for name in _PARAMETER.findall(condition)}
            warehouse.execute(
                f"insert into {_CUT}.{table} by name select * from {table} where {condition}", named
            )


def compare(
    warehouse: Warehouse,
    cut: Cut,
    built_on_cut: Path,
    *,
    built_on_whole: Path | None = None,
) -> list[Finding]:
    """Compare every cell up to the cut, column by column.

    Args:
        warehouse: The open warehouse.
        cut: Where history was cut.
        built_on_cut: The warehouse file that was built on what is left of it.
        built_on_whole: The one that was built on the whole history; None: that is ``warehouse`` itself.

    Raises:
        QuantmillError: The two builds have other tables or columns: they are not of the same SQL and config.
    """
    if built_on_whole is not None:
        with warehouse.attached(built_on_whole, _WHOLE):
            return _compare(warehouse, _WHOLE, cut, built_on_cut)
    return _compare(warehouse, warehouse.name, cut, built_on_cut)


def _compare(warehouse: Warehouse, whole: str, cut: Cut, built_on_cut: Path) -> list[Finding]:
    findings: list[Finding] = []
    with warehouse.attached(built_on_cut, _CUT):
        for audited in AUDITED:
            columns = _columns(warehouse, whole, audited.name)
            if columns != _columns(warehouse, _CUT, audited.name):
                raise QuantmillError(
                    f"{audited.name} has other columns in the build on the cut at {cut.bar_at} than in the build on "
                    "the whole history; build again and repeat the audit"
                )
            others = [name for name in columns if name not in audited.key]
            for first in range(0, len(others), _COLUMNS_AT_ONCE):
                part = others[first : first + _COLUMNS_AT_ONCE]
                findings += _compare_columns(warehouse, whole, cut, audited, part, with_rows=first == 0)
    return findings


def _columns(warehouse: Warehouse, database: str, table: str) -> list[str]:
    """Return a table's columns in order; none where there is no such table."""
    sql = (
        "select column_name from duckdb_columns() "
        "where database_name = ? and schema_name = ? and table_name = ? order by column_index"
    )
    names: list[str] = warehouse.read(sql, [database, *table.split(".")])["column_name"].to_list()
    return names


def _compare_columns(
    warehouse: Warehouse, whole: str, cut: Cut, audited: Audited, columns: Sequence[str], *, with_rows: bool
) -> list[Finding]:
    keys = ", ".join(f'"{name}"' for name in audited.key)
    moment = f'"{audited.moment}"'

    def side(database: str) -> str:
        expressions = [
            f'{audited.restated.get(name, quoted)} as "{index}"'
            for index, (name, quoted) in enumerate((name, f'"{name}"') for name in columns)
        ]
        return (
            f"select {', '.join([keys, *expressions])}, true as is_there "
            f'from "{database}".{audited.name} where {moment} <= $until'
        )

    one_sided = "before.is_there is null or after.is_there is null"
    conditions = [one_sided] if with_rows else []
    conditions += [
        f'before.is_there and after.is_there and before."{index}" is distinct from after."{index}"'
        for index in range(len(columns))
    ]
    counted = [
        f"count(*) filter (where {condition}), min({moment}) filter (where {condition})"
        for condition in conditions
    ]
    sql = (
        f"with before as ({side(_CUT)}), after as ({side(whole)}) "
        f"select count(*), count(*) filter (where not ({one_sided})), {', '.join(counted)} "
        f"from before full join after using ({keys})"
    )
    rows, common, *counts = warehouse.read(sql, {"until": cut.until(audited)}).row(0)
    names = [ROWS, *columns] if with_rows else list(columns)
    return [
        Finding(cut, audited.name, name, rows if name == ROWS else common, differing, first)
        for name, differing, first in zip(names, counts[::2], counts[1::2], strict=True)
    ]


@dataclass(frozen=True)
class ColumnSummary:
    """What all cuts together say of a column; see ``Finding``."""

    table: str
    column: str
    cells: int
    differing: int
    cuts: int
    first: datetime | date | None


def summarise(findings: Iterable[Finding]) -> list[ColumnSummary]:
    """Put the cuts together, columns in the order of their tables; ``cuts`` counts those where any cell differs."""
    by_column: dict[tuple[str, str], list[Finding]] = defaultdict(list)
    for finding in findings:
        by_column[finding.table, finding.column].append(finding)
    return [
        ColumnSummary(
            table=table,
            column=column,
            cells=sum(finding.cells for finding in found),
            differing=sum(finding.differing for finding in found),
            cuts=sum(finding.differing > 0 for finding in found),
            first=min((finding.first for finding in found if finding.first is not None), default=None),
        )
        for (table, column), found in by_column.items()
    ]


def as_frame(findings: Iterable[Finding]) -> pl.DataFrame:
    """Return the findings as a table: one row per cut, table and column."""
    return pl.DataFrame(
        [
            (
                finding.cut.bar_at,
                finding.table,
                finding.column,
                finding.cells,
                finding.differing,
                None if finding.first is None else str(finding.first),
            )
            for finding in findings
        ],
        schema={
            "cut_at": pl.Datetime("us"),
            "table": pl.String,
            "column": pl.String,
            "cells": pl.Int64,
            "differing": pl.Int64,
            "first_differing_at": pl.String,
        },
        orient="row",
    )


def uncompared(columns: Sequence[ColumnSummary]) -> list[str]:
    """Return the tables of which no cut had a row: that nothing differs says nothing of them."""
    cells: dict[str, int] = defaultdict(int)
    for summary in columns:
        cells[summary.table] += summary.cells
    return [table for table, count in cells.items() if not count]


def as_rows(columns: Sequence[ColumnSummary]) -> tuple[list[str], list[list[str]]]:
    """Return the summary as header and rows to print: columns that differ one by one, the others by table."""
    rows = []
    for table in dict.fromkeys(summary.table for summary in columns):
        of_table = [summary for summary in columns if summary.table == table]
        differing = [summary for summary in of_table if summary.differing]
        rows += [
            [table, one.column, f"{one.cells:,}", f"{one.differing:,}", str(one.cuts), str(one.first)]
            for one in differing
        ]
        if same := len(of_table) - len(differing):
            what = "all others" if differing else "all"
            cells = sum(summary.cells for summary in of_table if not summary.differing)
            rows.append([table, f"{what}, {same}", f"{cells:,}", "0", "0", ""])
    return ["table", "column", "cells", "differing", "at cuts", "first"], rows


def complaint(columns: Sequence[ColumnSummary]) -> str | None:
    """Return one line that names the columns which look ahead, None if none does."""
    differing = [summary for summary in columns if summary.differing]
    if not differing:
        return None
    named = ", ".join(
        f"{summary.table}.{summary.column} ({summary.differing:,} of {summary.cells:,} cells)"
        for summary in differing[:_NAMED]
    )
    others = f" and {len(differing) - _NAMED} more" if len(differing) > _NAMED else ""
    noun = "column differs" if len(differing) == 1 else "columns differ"
    return f"{len(differing)} {noun} before a cut, so later bars have a say in them: {named}{others}"
