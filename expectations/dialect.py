"""How SQLAlchemy talks to the warehouse's own cursor."""

from __future__ import annotations

from typing import Any

from duckdb_engine import ConnectionWrapper, Dialect


class WarehouseDialect(Dialect):  # type: ignore[misc]
    """DuckDB without transactions of SQLAlchemy's.

    SQLAlchemy rolls back before Great Expectations has fetched, and DuckDB's result is empty after that.
    Nothing is written through this dialect, so nothing needs a transaction.
    """

    supports_statement_cache = False

    def do_begin(self, connection: Any) -> None:
        """Begin nothing."""

    def do_rollback(self, connection: Any) -> None:
        """Roll nothing back."""

    def do_commit(self, connection: Any) -> None:
        """Commit nothing."""


class BorrowedConnection(ConnectionWrapper):  # type: ignore[misc]
    """The caller's cursor, which stays open when SQLAlchemy lets go of it."""

    def close(self) -> None:
        self.closed = True
