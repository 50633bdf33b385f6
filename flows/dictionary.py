"""The warehouse's data dictionary, ``docs/warehouse.md``: ``python -m flows.dictionary`` writes it.

What Python writes comes from ``transforms.schemas``, what SQL builds from the manifest of the dbt project. A
test holds that the committed file is what this module writes.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from flows.dbt import BuildVars, parse
from flows.dbt_state import BUILT_SCHEMAS
from transforms.paths import PROJECT, Home
from transforms.schemas import CONTRACTS, Table

PAGE = PROJECT / "docs" / "warehouse.md"

_HEAD = """\
# The warehouse

Every table of `var/warehouse.duckdb`, and so of the published snapshot. Written by `python -m flows.dictionary`
from `transforms/schemas.py` and `models_sql/`; edit those.

`bar_at` is the start of a bar in UTC, `session_date` the exchange's date, `known_at` when a row reached us in
UTC. Prices are USD per share; `adj_` columns are adjusted forwards from a symbol's first bar, so that a later
split or dividend changes nothing earlier.
"""

_SCHEMAS = {
    "raw": "What sources delivered: appended, never changed.",
    "quarantine": "What the gate refused, whole, with the reason.",
    "staging": "Raw rows as the run asks for them: one source and dataset, known at `as_of`, latest good revision.",
    "intermediate": "Steps between staging and marts.",
    "marts": "What learning, decisions and reports read.",
    "ml": "What learning writes.",
    "execution": "What decisions, the simulator and trading write.",
    "ops": "What the system knows of itself.",
}


def render(manifest: dict[str, Any], contracts: Iterable[Table] = CONTRACTS) -> str:
    """Return the page for dbt's manifest and the table contracts."""
    models = sorted(
        (node for node in manifest["nodes"].values() if node["resource_type"] == "model"),
        key=lambda node: node["name"],
    )
    parts = [_HEAD]
    for schema, summary in _SCHEMAS.items():
        parts.append(f"## {schema}\n\n{summary}\n")
        if schema in BUILT_SCHEMAS:
            parts += [_model(node) for node in models if node["schema"] == schema]
        else:
            parts += [_table(table) for table in contracts if table.name.startswith(f"{schema}.")]
    return "\n".join(parts)


def _model(node: dict[str, Any]) -> str:
    kind = node["config"]["materialized"]
    columns = [
        f"| `{name}` | {spec['data_type'].upper()} | {spec['description']} |"
        for name, spec in node["columns"].items()
    ]
    title = f"### {node['schema']}.{node['name']}\n\n{' '.join(node['description'].split())} A {kind}.\n"
    return "\n".join([title, "| column | type | meaning |", "| --- | --- | --- |", *columns, ""])


def _table(table: Table) -> str:
    columns = [
        f"| `{name}` | {kind} | {'yes' if name in table.key else ''} |"
        for name, kind in table.columns.items()
    ]
    title = f"### {table.name}\n\n{table.grain}\n"
    return "\n".join([title, "| column | type | key |", "| --- | --- | --- |", *columns, ""])


def current() -> str:
    """Return the page as the code of now makes it. Parses the dbt project in a directory of its own."""
    any_vars = BuildVars(source="any", dataset="any", timeframe="1d", calendar="XNYS")
    with tempfile.TemporaryDirectory() as directory:
        return render(parse(Home(Path(directory)), any_vars))


if __name__ == "__main__":
    PAGE.write_text(current())
