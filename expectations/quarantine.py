"""Quarantine: rows that failed, whole, with the expectation and the reason."""

from __future__ import annotations

from collections.abc import Mapping

from expectations.suites import Suite
from transforms import schemas
from transforms.warehouse import Warehouse


def replace(warehouse: Warehouse, suite: Suite, scope: Mapping[str, str]) -> int:
    """Put the rows of ``failed`` into the suite's quarantine table, in place of the scope's former ones.

    Reads the temporary relations ``batch`` and ``failed`` of this thread's cursor. A row that failed n
    expectations stands there n times; its identity is (batch_id, page, page_row).

    Args:
        warehouse: The open warehouse.
        suite: The suite, which names the quarantine table.
        scope: Column → value of the rows under test (source, timeframe); all of theirs are replaced.

    Returns:
        The number of different rows in quarantine.
    """
    table = _table(suite)
    condition = " and ".join(f'"{column}" = ?' for column in scope)
    columns = ", ".join(f'"{column}"' for column in table.columns)
    added = ("expectation", "reason")
    values = ", ".join(f'{"failed" if column in added else "batch"}."{column}"' for column in table.columns)
    with warehouse.transaction():
        warehouse.execute(f"delete from {table.name} where {condition}", list(scope.values()))
        warehouse.execute(f"""
            insert into {table.name} ({columns})
            select {values}
            from batch join failed using (row_id)
            order by batch.batch_id, batch.page, batch.page_row, failed.expectation
        """)
    return int(warehouse.value("select count(distinct row_id) from failed"))


def _table(suite: Suite) -> schemas.Table:
    for table in schemas.CONTRACTS:
        if table.name == suite.quarantine:
            return table
    raise suite.error("quarantine", f"{suite.quarantine} is no table of the contracts")
