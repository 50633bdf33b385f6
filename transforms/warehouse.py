"""The warehouse: one DuckDB file, one writing process, published to readers by atomic rename.

This is the only importer of duckdb. The lock is a file of our own: DuckDB's is dropped when the same
process reads the database file by other means.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

import duckdb
import polars as pl

from transforms import schemas
from transforms.config import EngineConfig
from transforms.errors import QuantmillError, WarehouseBusyError, first_line
from transforms.failpoints import failpoint

_COPIED_BYTES = 1 << 24  # at a time
_IDENTIFIER = re.compile(r"[a-z_][a-z0-9_]*(\.[a-z_][a-z0-9_]*)?")


def utc_now() -> datetime:
    """Return the present moment as naive UTC, as TIMESTAMP columns hold it."""
    return datetime.now(UTC).replace(tzinfo=None)


def _checked(name: str) -> str:
    """Return ``name`` if it is a plain (schema-qualified) identifier; refuse everything else."""
    if _IDENTIFIER.fullmatch(name) is None:
        raise QuantmillError(f"{name!r} is no table or column name")
    return name


class WriterLock:
    """An advisory lock on ``warehouse.lock`` that says who holds it."""

    def __init__(self, path: Path, run_id: str) -> None:
        self._path = path
        self._run_id = run_id
        self._descriptor: int | None = None

    def __enter__(self) -> Self:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.pread(descriptor, 4096, 0).decode(errors="replace").strip()
            os.close(descriptor)
            raise WarehouseBusyError(
                f"{self._path}: another run is writing to this warehouse ({_describe(holder)}); "
                "wait for it, or set QUANTMILL_HOME to a warehouse of your own"
            ) from error
        note = {"run": self._run_id, "pid": os.getpid(), "since": utc_now().isoformat(timespec="seconds")}
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, json.dumps(note).encode(), 0)
        self._descriptor = descriptor
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._descriptor is not None:
            os.ftruncate(self._descriptor, 0)
            os.close(self._descriptor)
            self._descriptor = None


def _describe(holder: str) -> str:
    try:
        note = json.loads(holder)
        return f"run {note['run']}, process {note['pid']}, since {note['since']} UTC"
    except (ValueError, KeyError, TypeError):
        return "its holder has not said who it is"


class Warehouse:
    """The open warehouse of the one writing process.

    Hold a ``WriterLock`` while one is open. Every thread works on a cursor of its own.
    """

    def __init__(self, path: Path, engine: EngineConfig | None = None, *, read_only: bool = False) -> None:
        engine = engine or EngineConfig()
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self._local = threading.local()
        self._file: BinaryIO | None = None
        try:
            self._root = duckdb.connect(str(path), read_only=read_only, config=connection_config(engine))
            if not read_only:
                self.create_contracts()
        except duckdb.Error as error:
            raise QuantmillError(
                f"{path}: cannot be opened as a warehouse ({first_line(error)}). Everything in it can be "
                "rebuilt from the landing directory: move the file away and run again"
            ) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._root.close()
        if self._file is not None:
            self._file.close()

    @property
    def cursor(self) -> duckdb.DuckDBPyConnection:
        """The calling thread's cursor."""
        cursor: duckdb.DuckDBPyConnection | None = getattr(self._local, "cursor", None)
        if cursor is None:
            cursor = self._root.cursor()
            self._local.cursor = cursor
        return cursor

    def create_contracts(self) -> None:
        """Create every schema and contract table that is not there yet, and every column that a table lacks.

        A column that came into a contract later is NULL in the rows of before.
        """
        for schema in schemas.SCHEMAS:
            self.cursor.execute(f"create schema if not exists {schema}")
        sql = (
            "select schema_name || '.' || table_name, list(column_name) from duckdb_columns() "
            "where database_name = current_database() group by all"
        )
        there = {name: set(columns) for name, columns in self.cursor.execute(sql).fetchall()}
        for table in schemas.CONTRACTS:
            if table.name not in there:
                self.cursor.execute(table.ddl)
                continue
            for column, kind in table.columns.items():
                if column not in there[table.name]:
                    self.cursor.execute(f'alter table {table.name} add column "{column}" {kind}')

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Commit what the block did on this thread's cursor, or roll all of it back.

        A block within a block joins the outer one.
        """
        if getattr(self._local, "in_transaction", False):
            yield
            return
        self.cursor.begin()
        self._local.in_transaction = True
        try:
            yield
        except BaseException:
            with suppress(duckdb.Error):  # a database that gave up cannot roll back; nothing was committed
                self.cursor.rollback()
            raise
        else:
            with self._file_named():
                self.cursor.commit()
        finally:
            self._local.in_transaction = False

    def execute(self, sql: str, parameters: Sequence[Any] | dict[str, Any] | None = None) -> None:
        """Run one statement; values are bound, never pasted."""
        with self._file_named():
            self.cursor.execute(sql, parameters)

    def read(self, sql: str, parameters: Sequence[Any] | dict[str, Any] | None = None) -> pl.DataFrame:
        """Return a query's rows as a polars frame."""
        with self._file_named():
            return self.cursor.execute(sql, parameters).pl()

    def value(self, sql: str, parameters: Sequence[Any] | dict[str, Any] | None = None) -> Any:
        """Return the first column of the first row, None where there is no row."""
        with self._file_named():
            row = self.cursor.execute(sql, parameters).fetchone()
        return None if row is None else row[0]

    @contextmanager
    def _file_named(self) -> Iterator[None]:
        """Turn a failure of the file itself (a damaged block, a full disk) into one clear line."""
        try:
            yield
        except (duckdb.IOException, duckdb.FatalException, duckdb.SerializationException) as error:
            raise QuantmillError(
                f"{self.path}: the file cannot be read or written ({first_line(error)}). If the disk "
                "is full, free some space; if the file is damaged, move it away and run again, and it is "
                "rebuilt from the landing directory"
            ) from error

    def has_table(self, name: str) -> bool:
        """Whether ``schema.table`` exists (as table or view)."""
        schema, table = _checked(name).split(".")
        sql = "select count(*) from information_schema.tables where table_schema = ? and table_name = ?"
        return bool(self.value(sql, [schema, table]))

    def columns(self, name: str) -> dict[str, str]:
        """Return column → DuckDB type of ``schema.table``, in order."""
        schema, table = _checked(name).split(".")
        sql = (
            "select column_name, data_type from information_schema.columns "
            "where table_schema = ? and table_name = ? order by ordinal_position"
        )
        return dict(self.cursor.execute(sql, [schema, table]).fetchall())

    def content_digest(self, name: str, *, leave_out: Sequence[str] = ()) -> str:
        """Return a digest of a table's rows, whatever their order; equal content gives equal digests.

        Comparable within one version of DuckDB.

        Args:
            name: ``schema.table``.
            leave_out: Columns that do not count, such as times and ids.
        """
        columns = [f'"{column}"' for column in self.columns(name) if column not in leave_out]
        if not columns:
            raise QuantmillError(f"{name}: no such table, or no column left to digest")
        row = f"hash({', '.join(columns)})"
        hashes = f"select {row} as h from {_checked(name)}"
        sql = f"select count(*), coalesce(bit_xor(h), 0), coalesce(sum(h::hugeint), 0) from ({hashes})"
        return ":".join(str(value) for value in self.cursor.execute(sql).fetchone() or ())

    def append(self, table: schemas.Table, frame: pl.DataFrame) -> int:
        """Insert ``frame`` (columns by name, missing ones NULL) and return the number of rows."""
        unknown = [name for name in frame.columns if name not in table.columns]
        if unknown:
            raise QuantmillError(f"{table.name} has no column {unknown[0]!r}")
        if frame.is_empty():
            return 0
        names = ", ".join(f'"{name}"' for name in frame.columns)
        self.cursor.register("incoming", frame)
        try:
            self.execute(f"insert into {table.name} ({names}) select {names} from incoming")
        finally:
            self.cursor.unregister("incoming")
        return len(frame)

    def upsert(self, table: schemas.Table, frame: pl.DataFrame) -> int:
        """Insert ``frame``, replacing the rows that have the same key; return the number of rows.

        Raises:
            QuantmillError: Two rows of ``frame`` have the same key, it lacks a column of the key, or it has a
                column that the table has not.
        """
        missing = [name for name in table.key if name not in frame.columns]
        if missing:
            raise QuantmillError(f"{table.name}: the key column {missing[0]!r} is missing from the rows")
        _require_unique(table, frame)
        target = table.name.split(".")[1]
        same = " and ".join(f'"{target}"."{name}" is not distinct from k."{name}"' for name in table.key)
        with self.transaction():
            self.cursor.register("incoming_keys", frame.select(table.key))
            try:
                self.execute(f"delete from {table.name} using incoming_keys k where {same}")
            finally:
                self.cursor.unregister("incoming_keys")
            return self.append(table, frame)

    def replace_where(self, table: schemas.Table, where: dict[str, Any], frame: pl.DataFrame) -> int:
        """Replace, in one transaction, the rows whose columns equal ``where`` (None: are NULL) by ``frame``.

        Raises:
            QuantmillError: Two rows of ``frame`` have the same key, or it has a column the table has not.
        """
        _require_unique(table, frame)
        condition = " and ".join(f'"{_checked(column)}" is not distinct from ?' for column in where)
        with self.transaction():
            self.execute(f"delete from {table.name} where {condition}", list(where.values()))
            return self.append(table, frame)

    @property
    def name(self) -> str:
        """What the database is called in full names: ``<name>.<schema>.<table>``."""
        return str(self.value("select current_database()"))

    @contextmanager
    def attached(self, path: Path, name: str, *, read_only: bool = True) -> Iterator[None]:
        """Let SQL say ``<name>.<schema>.<table>`` for the tables of another database while the block lasts.

        Args:
            path: The other database's file, which nothing else in this process has open.
            name: A plain identifier.
            read_only: Whether it is only read; otherwise it is made if it is not there.
        """
        quoted = str(path).replace("'", "''")
        self.execute(f"attach '{quoted}' as {_checked(name)}{' (read_only)' if read_only else ''}")
        try:
            yield
        finally:
            self.execute(f"detach {name}")

    def publish(self, target: Path) -> None:
        """Copy the warehouse to ``target``: readers see the old file or the new one, never a mixture."""
        target.parent.mkdir(parents=True, exist_ok=True)
        building = target.with_name(f".{target.name}.building")
        for leftover in (building, building.with_name(building.name + ".wal")):
            leftover.unlink(missing_ok=True)
        self.execute(f'checkpoint "{self.name}"')  # nothing is in the log alone then
        with building.open("wb") as handle:
            self._copy(handle)
            os.fsync(handle.fileno())
        failpoint("publish.rename")
        building.replace(target)
        fsync_directory(target.parent)

    def _copy(self, into: BinaryIO) -> None:
        """Write the file's bytes, which is quicker than to have DuckDB copy every table.

        What we read it by stays open as long as the database: to close it would drop DuckDB's lock on the file.
        """
        if self._file is None:
            self._file = self.path.open("rb")
        self._file.seek(0)
        shutil.copyfileobj(self._file, into, _COPIED_BYTES)


def _require_unique(table: schemas.Table, frame: pl.DataFrame) -> None:
    """Refuse a frame that would break the table's key by itself."""
    keys = frame.select(name for name in table.key if name in frame.columns)
    repeated = keys.filter(keys.is_duplicated()) if keys.width else keys
    if not repeated.is_empty():
        values = ", ".join(f"{name}={value!r}" for name, value in repeated.row(0, named=True).items())
        raise QuantmillError(
            f"{table.name}: {len(repeated)} rows share a key with another one, such as {values}"
        )


def connection_config(engine: EngineConfig) -> dict[str, Any]:
    """Return the one configuration with which every client of this process opens the database."""
    return {
        "threads": engine.threads or os.cpu_count() or 1,
        "memory_limit": engine.memory_limit,
        "autoinstall_known_extensions": False,
        # Ingest commits page by page; checkpoints at the default 16 MB rewrite the tables' ends each time.
        "wal_autocheckpoint": "128MB",
        # An asof join whose left side is estimated as tiny, which it often is wrongly, becomes a nested loop.
        "asof_loop_join_threshold": 0,
    }


def fsync_directory(path: Path) -> None:
    """Make a rename in ``path`` durable."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
