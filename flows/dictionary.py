"""The warehouse's data dictionary, ``docs/warehouse.md``: ``python -m flows.dictionary`` writes it.

What Python writes comes from ``transforms.schemas``, what SQL builds from the manifest of the dbt project, models
that the default config does not build among them; the macros from ``models_sql/analyst``. A test holds that the
committed file is what this module writes.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from flows.dbt import BuildVars, parse
from flows.dbt_state import BUILT_SCHEMAS
from flows.saved_macros import SavedMacro, saved_macros
from transforms.paths import PROJECT, Home
from transforms.schemas import CONTRACTS, Table

PAGE = PROJECT / "docs" / "warehouse.md"
QUERIES = PROJECT / "docs" / "queries.md"
CONTRACTS_IN = "transforms/schemas*.py"

_HEAD = """\
# The warehouse

Every table of `var/warehouse.duckdb`, and so of the published snapshot. Written by `python -m flows.dictionary`
from `transforms/schemas*.py` and `models_sql/`; edit those.

`bar_at` is the start of a bar in UTC, `session_date` the exchange's date, `known_at` when a row reached us in
UTC. Prices are USD per share; `adj_` columns are adjusted forwards from a symbol's first bar, so that a later
split or dividend changes nothing earlier. `symbol` is what an instrument trades as now, on its earlier bars too;
`ticker` is what it traded as on that bar. NULL is what is not known or not defined; there is no NaN.
"""

_MACROS_HEAD = """\
## macros

Functions for queries of your own, saved in the warehouse by every build. `from macros.help()` lists them there. Those
over bars take the rows of one table or CTE, by its columns `symbol` and `bar_at`; what they give equals the columns of
`marts.features` to about 1e-9, whose last digits do not depend on threads.
"""

MACRO_GROUPS = {
    "arithmetic": "Of a row, or of a group",
    "windows": "Of a symbol's bars up to this one",
    "cross_sections": "Of all rows of a bar",
    "lookups": "Tables, for `from`",
}

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


def render(manifest: dict[str, Any]) -> str:
    """Return the page for dbt's manifest, the contracts of what Python writes, and the saved macros."""
    disabled = (node for nodes in manifest["disabled"].values() for node in nodes)
    models = sorted(
        (node for node in (*manifest["nodes"].values(), *disabled) if node["resource_type"] == "model"),
        key=lambda node: node["name"],
    )
    parts = [_HEAD, _questions()]
    for schema, summary in _SCHEMAS.items():
        parts.append(f"## {schema}\n\n{summary}\n")
        if schema in BUILT_SCHEMAS:
            parts += [_model(node) for node in models if node["schema"] == schema]
        else:
            parts += [_table(table) for table in CONTRACTS if table.name.startswith(f"{schema}.")]
    return "\n".join([*parts, *_macros(saved_macros())])


def _questions() -> str:
    """Return links to the example queries."""
    titles = re.findall(r"^## (.+)$", QUERIES.read_text(encoding="utf-8"), re.MULTILINE)
    links = []
    for title in titles:
        anchor = re.sub(r"[^a-z0-9 _-]", "", title.lower()).replace(" ", "-")
        links.append(f"- [{title}](queries.md#{anchor})")
    return "\n".join(["[Example queries](queries.md), each run by a test:\n", *links, ""])


def _macros(macros: list[SavedMacro]) -> Iterable[str]:
    yield _MACROS_HEAD
    for group, title in MACRO_GROUPS.items():
        rows = [
            f"| `{macro.call}` | {_cell(macro.description)} |" for macro in macros if macro.group == group
        ]
        yield "\n".join([f"### {title}\n", "| macro | gives |", "| --- | --- |", *rows, ""])


def _model(node: dict[str, Any]) -> str:
    kind = node["config"]["materialized"]
    columns = [
        f"| `{name}` | {spec['data_type'].upper()} | {_cell(spec['description'])} |"
        for name, spec in node["columns"].items()
    ]
    built = "" if node["config"]["enabled"] else " Built where the config asks for it."
    kind = "table" if kind == "refreshed" else kind  # how it is kept up to date is the build's affair
    title = (
        f"### {node['schema']}.{node['name']}\n\n{' '.join(node['description'].split())} A {kind}.{built}\n"
    )
    return "\n".join([title, "| column | type | meaning |", "| --- | --- | --- |", *columns, ""])


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _table(table: Table) -> str:
    meanings = _meanings(table)
    columns = [
        f"| `{name}` | {kind} | {'yes' if name in table.key else ''} | {_cell(meanings.get(name, ''))} |"
        for name, kind in table.columns.items()
    ]
    title = f"### {table.name}\n\n{table.grain}\n"
    return "\n".join([title, "| column | type | key | meaning |", "| --- | --- | --- | --- |", *columns, ""])


def _meanings(table: Table) -> dict[str, str]:
    """Return column → the comment beside it in its contract; a quarantine's columns are its table's."""
    found: dict[str, str] = {}
    source = "".join(path.read_text(encoding="utf-8") for path in sorted(PROJECT.glob(CONTRACTS_IN)))
    for block in re.split(r"^(?=\w+ = )", source, flags=re.MULTILINE):
        named = re.search(r"Table\(\s+\"([a-z_.]+)\"", block)
        name = "raw." + table.name.split(".")[1] if table.name.startswith("quarantine.") else table.name
        if block.startswith("_PROVENANCE") or (named is not None and named[1] in (name, table.name)):
            found |= dict(re.findall(r"^\s+\"(\w+)\": \"[A-Z]+\",  # (.+)$", block, re.MULTILINE))
    return found


def parsed() -> dict[str, Any]:
    """Return dbt's manifest of the project as it is now. Parses it in a directory of its own."""
    any_vars = BuildVars(source="any", dataset="any", timeframe="1d", calendar="XNYS")
    with tempfile.TemporaryDirectory() as directory:
        return parse(Home(Path(directory)), any_vars)


if __name__ == "__main__":
    PAGE.write_text(render(parsed()), encoding="utf-8")
