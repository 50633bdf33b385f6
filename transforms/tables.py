"""The shape of a table contract."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True)
class Table:
    """A table's contract.

    Attributes:
        name: ``schema.table``.
        grain: One sentence that says what a row is.
        key: Columns that are unique together. Kept by ``Warehouse.upsert`` and ``replace_where`` and tested
            by the gates; not an index, which would cost more memory than the table.
        columns: Column → DuckDB type, in order.
    """

    name: str
    grain: str
    key: tuple[str, ...]
    columns: dict[str, str]

    @property
    def polars(self) -> dict[str, Any]:
        """Return column → polars type, in order."""
        import polars as pl  # contracts are read where no frame is

        kinds = {
            "VARCHAR": pl.String,
            "INTEGER": pl.Int32,
            "BIGINT": pl.Int64,
            "DOUBLE": pl.Float64,
            "BOOLEAN": pl.Boolean,
            "TIMESTAMP": pl.Datetime("us"),
            "DATE": pl.Date,
        }
        return {column: kinds[kind] for column, kind in self.columns.items()}

    def frame(self, rows: Sequence[Mapping[str, Any]]) -> pl.DataFrame:
        """Return rows as a polars frame of the contract's types, without columns that no row has."""
        import polars as pl

        named = {name for row in rows for name in row} or self.columns.keys()
        schema = {name: kind for name, kind in self.polars.items() if name in named}
        return pl.DataFrame([dict(row) for row in rows], schema=schema)

    @property
    def ddl(self) -> str:
        """Return the ``create table if not exists`` statement."""
        lines = [f'"{column}" {kind}' for column, kind in self.columns.items()]
        return f"create table if not exists {self.name} ({', '.join(lines)})"
