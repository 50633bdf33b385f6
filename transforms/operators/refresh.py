"""The materialisation ``refreshed``: bring a model's table up to date with the bars that have changed.

A full refresh makes the table anew. Otherwise only the rows that can differ are replaced, as
``intermediate.int_changed_symbols`` says: for each symbol the first bar that is new, restated or gone. What replaces
them comes from the same SELECT and the same code, so that both ways end in the same table, bit for bit.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa

from transforms.errors import QuantmillError
from transforms.operators.catalogue import Rows
from transforms.operators.execute import KEY, ROWS, Plan, plan
from transforms.operators.rows import SortedRows, read_rows
from transforms.operators.stream import schema_of, stream

CHANGED = "intermediate.int_changed_symbols"
MODES = ("symbol", "session", "all")
_FLOATS = ("FLOAT", "DOUBLE")
_AS_THEY_ARE = " using compression uncompressed"
_NEVER = np.iinfo(np.int64).max
_BOUNDS = "refreshed_bounds"

# Rows that are read at a time: those of DuckDB's row groups.
_READ_ROWS = 122_880


def refresh(
    connection: Any,
    *,
    sql: str,
    target: str,
    full: bool,
    changes: str = "symbol",
    reach_back: int = 0,
    may_look_ahead: bool = False,
) -> None:
    """Bring ``target`` up to date, within the connection's transaction.

    Args:
        connection: DuckDB connection.
        sql: The model's SELECT; may be over operators.
        target: ``schema.table``, or ``database.schema.table`` of an attached one.
        full: Make the table anew whatever has changed.
        changes: ``symbol`` (a row depends on its symbol's bars up to its own), ``session`` (on all symbols' bars up
            to its own) or ``all`` (on anything: always made anew). Operators along bars need ``symbol`` or ``all``,
            those across symbols ``session`` or ``all``.
        reach_back: Days before the first changed bar from which rows may differ (buckets of bars).
        may_look_ahead: Whether operators that depend on later bars are allowed (labels).

    Raises:
        QuantmillError: The model's SQL or options are wrong; names the model.
    """
    try:
        if changes not in MODES:
            raise QuantmillError(f"changes must be one of {', '.join(MODES)}, was {changes!r}")
        planned = plan(sql, lambda relation: _columns(connection, relation))
        if planned is not None and planned.lookahead and not may_look_ahead:
            ahead = next(name for name, call in planned.calls.items() if call.lookahead)
            raise QuantmillError(
                f'"{ahead}" looks ahead: that is for labels, and never for what is decided on'
            )
        if planned is not None and changes == ("symbol" if planned.across else "session"):
            right = "session" if planned.across else "symbol"
            raise QuantmillError(f"changes must be {right} or all for these operators, was {changes!r}")
        everything = full or changes == "all" or not _columns(connection, target)
        if planned is not None:
            planned = _narrowed(connection, planned)
        if planned is not None and planned.across:
            _refresh_across(connection, planned, target, everything, reach_back)
        elif planned is not None:
            _refresh_along(connection, planned, target, everything, reach_back)
        elif everything:
            connection.execute(f"create or replace table {target} as {sql}")
        else:
            _refresh_plain(connection, sql, target, changes, reach_back)
    except QuantmillError as error:
        raise QuantmillError(f"{target}: {error}") from error


def _columns(connection: Any, relation: str) -> list[str]:
    *database, schema, name = relation.replace('"', "").split(".")
    query = (
        "select column_name from information_schema.columns where table_catalog = coalesce(?, current_database()) "
        "and table_schema = ? and table_name = ? order by ordinal_position"
    )
    parts = [database[0] if database else None, schema, name]
    return [row[0] for row in connection.execute(query, parts).fetchall()]


def _narrowed(connection: Any, planned: Plan) -> Plan:
    """Return the plan with only those columns of the relation that DuckDB reads for the model's SQL."""
    ((_, explained),) = _asked(connection, planned, "explain (format json)")
    read = {name for scan in _scans(json.loads(explained)) for name in scan}
    return replace(planned, columns=tuple(name for name in planned.columns if name in read or name in KEY))


def _asked(connection: Any, planned: Plan, question: str) -> list[Any]:
    """Return what DuckDB answers about the model's SQL; over no rows, with the columns of the stream."""
    columns = ", ".join(f'"{name}"' for name in planned.columns)
    rows = connection.execute(f"select {columns} from {planned.relation} limit 0").to_arrow_table()
    with _registered(connection, ROWS, schema_of(planned, rows.schema).empty_table()):
        answer: list[Any] = connection.execute(f"{question} {planned.sql}").fetchall()
    return answer


def _scans(nodes: list[dict[str, Any]]) -> Iterator[list[str]]:
    """Yield the columns of every scan of the stream in an explained query."""
    for node in nodes:
        if node["name"] == "ARROW_SCAN":
            projections = node["extra_info"]["Projections"]
            yield [projections] if isinstance(projections, str) else projections
        yield from _scans(node["children"])


def _changed(reach_back: int) -> str:
    return f"(select symbol, changed_from - interval {int(reach_back)} day as changed_from from {CHANGED})"


def _refresh_plain(connection: Any, sql: str, target: str, changes: str, reach_back: int) -> None:
    """Replace the rows from the first changed bar on: of the changed symbols, or of all."""
    changed = _changed(reach_back)
    since = _first_change(connection, reach_back)
    if since is None:
        return
    table = target.rsplit(".", maxsplit=1)[-1]
    if changes == "session":
        connection.execute(f"delete from {target} where bar_at >= {since}")
        connection.execute(f"insert into {target} select * from ({sql}) as model where bar_at >= {since}")
        return
    connection.execute(
        f"delete from {target} using {changed} as changed "
        f"where {table}.symbol = changed.symbol and {table}.bar_at >= changed.changed_from"
    )
    # The literal is pushed down into the model's windows and scans; the join keeps each symbol to its own rows.
    connection.execute(
        f"insert into {target} select model.* from ({sql}) as model inner join {changed} as changed "
        f"on model.symbol = changed.symbol and model.bar_at >= changed.changed_from where model.bar_at >= {since}"
    )


def _first_change(connection: Any, reach_back: int) -> str | None:
    """Return the literal of the first changed bar of any symbol, None where nothing has changed."""
    first = connection.execute(f"select min(changed_from) from {_changed(reach_back)}").fetchone()[0]
    return None if first is None else f"cast('{first.isoformat()}' as timestamp)"


def _refresh_across(connection: Any, planned: Plan, target: str, everything: bool, reach_back: int) -> None:
    """Compute calls across symbols: a bar's values depend on that bar alone, so only the replaced ones are read."""
    reading = planned.reading()
    if not everything:
        since = _first_change(connection, reach_back)
        if since is None:
            return
        connection.execute(f"delete from {target} where bar_at >= {since}")
        reading += f" where bar_at >= {since}"
    rows = _read(connection, planned, reading)
    _write(connection, planned, rows, rows.starts[:-1].copy(), target, everything)


def _refresh_along(connection: Any, planned: Plan, target: str, everything: bool, reach_back: int) -> None:
    """Compute calls along each symbol's bars; of the changed symbols, from the first changed bar on.

    Of all their bars only the key is read then, and what calls rest on that remember everything; of the last bars, as
    many before the first changed one as the others look back, all the rest.
    """
    if everything:
        rows = _read(connection, planned, planned.reading())
        _write(connection, planned, rows, rows.starts[:-1].copy(), target, everything)
        return
    of_changed = f"where symbol in (select symbol from {CHANGED})"
    history = _read(connection, planned.history, f"{planned.history.reading()} {of_changed}")
    wanted = _wanted(connection, history, planned.lookahead, reach_back)
    # One row at least of each symbol, wanted or not, so that the symbols stay the same.
    firsts = np.clip(wanted - planned.memory, history.starts[:-1], history.starts[1:] - 1)
    rows = _read_from(connection, planned.recent, history, firsts)
    _delete(connection, history, wanted, target, reach_back)
    wanted += rows.starts[1:] - history.starts[1:]
    _write(connection, planned, rows, wanted, target, everything, history)


def _read(connection: Any, planned: Plan, reading: str) -> SortedRows:
    """Return the rows of a query, in order; read as a stream, since DuckDB keeps a whole result twice for a while."""
    return read_rows(planned, connection.sql(reading).to_arrow_reader(_READ_ROWS).read_all())


def _read_from(connection: Any, planned: Plan, history: SortedRows, firsts: Rows) -> SortedRows:
    """Return of each symbol the rows from this one of its history on."""
    bounds = _bounds(history, history.symbols, firsts)
    # The literal is pushed down into the scans; the join keeps each symbol to its own rows.
    since = int(history.bar_at[firsts].min()) if len(firsts) else 0
    source = (
        f"(select rows.* from {planned.relation} as rows inner join {_BOUNDS} as bounds "
        "on rows.symbol = bounds.symbol and rows.bar_at >= bounds.first "
        f"where rows.bar_at >= make_timestamp({since}))"
    )
    with _registered(connection, _BOUNDS, bounds):
        return _read(connection, planned, planned.reading(source))


def _write(
    connection: Any,
    planned: Plan,
    rows: SortedRows,
    wanted: Rows,
    target: str,
    everything: bool,
    history: SortedRows | None = None,
) -> None:
    """Make the table of the stream of rows, or add them to it; ``history`` as in ``stream``."""
    if everything:
        _create(connection, planned, target)
    threads = int(connection.execute("select current_setting('threads')").fetchone()[0])
    with _registered(connection, ROWS, stream(planned, rows, wanted, threads, history)):
        connection.execute(f"insert into {target} {planned.sql}")


def _create(connection: Any, planned: Plan, target: str) -> None:
    """Make the empty table of a model.

    Floats are stored as they are: what operators return has no pattern, so that compressing would save a quarter of
    the space and cost a third of the build's time.
    """
    columns = []
    for name, kind, *_ in _asked(connection, planned, "describe"):
        quoted = name.replace('"', '""')
        columns.append(f'"{quoted}" {kind}' + (_AS_THEY_ARE if kind in _FLOATS else ""))
    connection.execute(f"create or replace table {target} ({', '.join(columns)})")


def _wanted(connection: Any, rows: SortedRows, lookahead: int, reach_back: int) -> Any:
    """Return the first row of each symbol that may differ."""
    pairs = connection.execute(
        f"select symbol, epoch_us(greatest(changed_from, timestamp '1800-01-01')) from {_changed(reach_back)}"
    ).fetchall()
    changed_from = dict(pairs)
    wanted = np.empty(len(rows.symbols), dtype=np.int64)
    for i, symbol in enumerate(rows.symbols):
        low, high = rows.starts[i], rows.starts[i + 1]
        first = low + np.searchsorted(rows.bar_at[low:high], changed_from.get(symbol, _NEVER))
        wanted[i] = max(low, first - lookahead)
    return wanted


def _delete(connection: Any, rows: SortedRows, wanted: Any, target: str, reach_back: int) -> None:
    """Delete what the stream replaces, and what changed symbols no longer have."""
    table = target.rsplit(".", maxsplit=1)[-1]
    kept = np.flatnonzero(wanted < rows.starts[1:])
    bounds = _bounds(rows, [rows.symbols[i] for i in kept], wanted[kept])
    with _registered(connection, _BOUNDS, bounds):
        connection.execute(
            f"delete from {target} using (select symbol, min(first) as first from ("
            f"select symbol, first from {_BOUNDS} "
            f"union all select symbol, changed_from from {_changed(reach_back)}) group by symbol) as bounds "
            f"where {table}.symbol = bounds.symbol and {table}.bar_at >= bounds.first"
        )


def _bounds(rows: SortedRows, symbols: list[str], firsts: Rows) -> pa.Table:
    """Return the moments of these symbols' first rows."""
    moments = pa.array(rows.bar_at[firsts], pa.int64()).cast(pa.timestamp("us"))
    return pa.table({"symbol": pa.array(symbols, pa.string()), "first": moments})


@contextmanager
def _registered(connection: Any, name: str, data: Any) -> Iterator[None]:
    """Let queries find the data under a name."""
    connection.register(name, data)
    try:
        yield
    finally:
        connection.unregister(name)
