"""The shape of a table contract."""

from __future__ import annotations

from dataclasses import dataclass


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
    def ddl(self) -> str:
        """Return the ``create table if not exists`` statement."""
        lines = [f'"{column}" {kind}' for column, kind in self.columns.items()]
        return f"create table if not exists {self.name} ({', '.join(lines)})"
