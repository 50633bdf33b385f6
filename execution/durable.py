"""One SQLite file whose commits are on disk when they return: the journal and the simulated books."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from transforms.errors import QuantmillError
from transforms.warehouse import fsync_directory

_WAIT_SECONDS = 5.0


class DurableFileError(QuantmillError):
    """A state file cannot be opened, read or written. The message names it and the way out."""


class DurableFile:
    """A SQLite database in WAL mode with ``synchronous=FULL``: a commit costs one fsync and survives a kill.

    Args:
        path: The file; its directory is made.
        tables: DDL that creates what is missing.
        columns: Table → column → its type and default, of columns that tables of earlier versions lack.
        purpose: What the file is, for messages.
        remedy: What to do if it cannot be used.

    Raises:
        DurableFileError: where it is no database, damaged, or held by another process for over five seconds.
    """

    def __init__(
        self,
        path: Path,
        tables: str,
        *,
        purpose: str,
        remedy: str,
        columns: Mapping[str, Mapping[str, str]] | None = None,
    ) -> None:
        self.path = path
        self._about = f"{path} ({purpose})"
        self._remedy = remedy
        self._depth = 0
        path.parent.mkdir(parents=True, exist_ok=True)
        is_new = not path.exists()
        with self._explained():
            self._connection = sqlite3.connect(path, timeout=_WAIT_SECONDS, isolation_level=None)
            try:
                self._connection.execute("pragma journal_mode = wal")
                self._connection.execute("pragma synchronous = full")
                found = self._connection.execute("pragma quick_check(1)").fetchone()[0]
                if found != "ok":
                    raise sqlite3.DatabaseError(found)
                self._connection.executescript(f"begin immediate; {tables} commit;")
                self._add_missing(columns or {})
            except BaseException:
                self._connection.close()
                raise
        if is_new:
            fsync_directory(path.parent)

    def _add_missing(self, columns: Mapping[str, Mapping[str, str]]) -> None:
        for table, wanted in columns.items():
            known = {row[1] for row in self._connection.execute(f"pragma table_info({table})")}
            for name in wanted.keys() - known:
                self._connection.execute(f"alter table {table} add column {name} {wanted[name]}")

    def close(self) -> None:
        self._connection.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Commit what the block did, durably, or none of it; inner blocks join the outer."""
        if self._depth:
            yield
            return
        with self._explained():
            self._connection.execute("begin immediate")
            self._depth = 1
            try:
                yield
            except BaseException:
                self._connection.execute("rollback")
                raise
            else:
                self._connection.execute("commit")
            finally:
                self._depth = 0

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> None:
        """Run one statement inside ``transaction``."""
        self._connection.execute(sql, parameters)

    def execute_many(self, sql: str, rows: Sequence[Sequence[Any]]) -> None:
        """Run one statement per row inside ``transaction``."""
        self._connection.executemany(sql, rows)

    def rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Return a query's rows."""
        with self._explained():
            return self._connection.execute(sql, parameters).fetchall()

    def row(self, sql: str, parameters: Sequence[Any] = ()) -> tuple[Any, ...] | None:
        """Return a query's first row, None where there is none."""
        with self._explained():
            found: tuple[Any, ...] | None = self._connection.execute(sql, parameters).fetchone()
            return found

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise DurableFileError(f"{self._about}: {error}. {self._remedy}") from error
