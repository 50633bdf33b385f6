"""Great Expectations on the warehouse's own connection.

Three library facts shape this module (Great Expectations 1.24, duckdb-engine 0.17):

- SQLAlchemy ends its transaction before the rows are fetched, which empties DuckDB's result; see ``dialect``.
- ``UnexpectedRowsExpectation`` counts in SQL but also runs the query for its first 200 rows; it gets a query
  of one constant column, so that a million failures cost a counter and not a million rows.
- Importing the library takes about 3 s, mostly scipy and altair; ``preload`` starts that beside the SQL.
"""

from __future__ import annotations

import html
import os
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from expectations.suites import Expectation, Suite
from transforms.errors import QuantmillError, nearest

if TYPE_CHECKING:
    from transforms.warehouse import Warehouse

_SEVERITY = {"row": "warning", "batch": "critical", "warn": "info"}
# The library keeps one current context per process.
_one_at_a_time = threading.Lock()


@dataclass(frozen=True)
class Verdict:
    """What Great Expectations found.

    Attributes:
        passed: Expectation → whether it holds.
        failed: Expectation → number of failing rows or findings.
        document: Its rendered result page, for Data Docs.
    """

    passed: Mapping[str, bool]
    failed: Mapping[str, int]
    document: Any


def preload() -> None:
    """Start importing Great Expectations on a thread of its own; call it early to hide the wait."""
    # No daemon: a process that ends amid the import of C extensions may crash instead of saying why it ends.
    threading.Thread(target=_library, name="import-great-expectations").start()


def _library() -> Any:
    # Read by the library at import; nothing is ever sent.
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    import great_expectations

    return great_expectations


def validate(
    warehouse: Warehouse,
    suite: Suite,
    queries: Mapping[str, str],
    chosen: Sequence[Expectation],
    *,
    run_id: str,
) -> Verdict:
    """Validate ``chosen`` against the view ``batch`` of the calling thread's cursor.

    Args:
        warehouse: The warehouse; its cursor holds ``batch`` and whatever ``queries`` name.
        suite: The suite that the expectations come from.
        queries: Expectation → query of its bad rows, for those that are not native.
        chosen: The expectations to validate.
        run_id: The run's id, shown in the documents.

    Raises:
        ConfigError: Where an entry names no expectation of the library, or has the wrong kwargs.
        QuantmillError: Where an expectation could not be evaluated.
    """
    with _one_at_a_time:
        gx = _library()
        batch = _batch(gx, warehouse, suite)
        asked = gx.ExpectationSuite(
            name=suite.name, expectations=[_expectation(entry, suite, queries) for entry in chosen]
        )
        # Numbers only: values of the data have no place in the documents' HTML.
        form = {"result_format": "SUMMARY", "partial_unexpected_count": 0}
        result = batch.validate(asked, result_format=form)
        result.meta["run_id"] = gx.RunIdentifier(run_name=run_id)
        passed: dict[str, bool] = {}
        failed: dict[str, int] = {}
        for one in result.results:
            name = one.expectation_config.meta["name"]
            if _raised(one.exception_info):
                raise QuantmillError(
                    f"{suite.path}: {name}: could not be evaluated ({_message(one.exception_info)})"
                )
            passed[name] = bool(one.success)
            failed[name] = _failures(one)
        from great_expectations.render.renderer import ValidationResultsPageRenderer

        document = ValidationResultsPageRenderer().render(result)
    return Verdict(passed, failed, document)


def _batch(gx: Any, warehouse: Warehouse, suite: Suite) -> Any:
    """Return the library's handle on the view ``batch``, in a context of its own that nothing is kept of."""
    from great_expectations.data_context.types.base import (
        DataContextConfig,
        InMemoryStoreBackendDefaults,
        ProgressBarsConfig,
    )
    from sqlalchemy.dialects import registry
    from sqlalchemy.pool import StaticPool

    from expectations.dialect import BorrowedConnection

    registry.register("duckdb.warehouse", "expectations.dialect", "WarehouseDialect")
    config = DataContextConfig(
        store_backend_defaults=InMemoryStoreBackendDefaults(init_temp_docs_sites=False),
        progress_bars=ProgressBarsConfig(globally=False, metric_calculations=False),
        analytics_enabled=False,
    )
    context = gx.get_context(mode="ephemeral", project_config=config)
    asset = context.data_sources.add_or_update_sql(
        "warehouse",
        connection_string="duckdb+warehouse:///",
        kwargs={"creator": lambda: BorrowedConnection(warehouse.cursor), "poolclass": StaticPool},
    ).add_table_asset(suite.table, table_name="batch")
    return asset.add_batch_definition_whole_table("all").get_batch()


def _expectation(entry: Expectation, suite: Suite, queries: Mapping[str, str]) -> Any:
    from great_expectations import expectations as library

    common = {
        "meta": {"name": entry.name},
        "severity": _SEVERITY[entry.severity],
        # The page template escapes parameters but not this; $ would begin one.
        "description": html.escape(f"{entry.name}: {entry.description}").replace("$", "$$"),
    }
    if entry.native is None:
        # The library asks for the name of the batch, which the queries know as `batch`.
        query = f"select 1 as bad from ({queries[entry.name]}) as found /* {{batch}} */"
        return library.UnexpectedRowsExpectation(unexpected_rows_query=query, **common)
    known = [name for name in dir(library) if name.startswith("Expect")]
    if entry.native not in known:
        raise suite.error(
            entry.name, f"{entry.native!r} is no Great Expectations class.{nearest(entry.native, known)}"
        )
    try:
        return getattr(library, entry.native)(**entry.kwargs, **common)
    except (ValueError, TypeError) as error:
        raise suite.error(entry.name, f"{entry.native}: {' '.join(str(error).split())}") from error


def _failures(result: Any) -> int:
    details = result.result
    if "unexpected_count" in details:
        return int(details["unexpected_count"])
    if result.expectation_config.type == "unexpected_rows_expectation":
        return int(details["observed_value"])
    return 0 if result.success else 1


def _raised(info: Mapping[str, Any]) -> bool:
    if "raised_exception" in info:
        return bool(info["raised_exception"])
    return any(_raised(value) for value in info.values() if isinstance(value, Mapping))


def _message(info: Mapping[str, Any]) -> str:
    if "exception_message" in info:
        return str(info["exception_message"]).split("\n", 1)[0]
    return "; ".join(_message(value) for value in info.values() if isinstance(value, Mapping))
