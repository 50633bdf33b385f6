"""What is remembered between dbt builds: the manifest, the last complete build, the relations it made."""

from __future__ import annotations

import functools
import json
import re
import shutil
from pathlib import Path
from typing import Any

from transforms.paths import Home
from transforms.schemas_ops import BUILT_PAGES, BUILT_QUARANTINE, BUILT_TICKER_SPANS
from transforms.versions import code_version, digest, file_digest
from transforms.warehouse import Warehouse

BUILT_SCHEMAS = ("staging", "intermediate", "marts")

_VAR = re.compile(r"\b(?:var|var_[a-z_]+)\(\s*'([\w.]+)'")
_PARAMETER = re.compile(r"\bparameter_[a-z_]+\(\s*'([\w.]+)'")
_CONFIG = re.compile(r"\{\{\s*config\(.*?\)\s*\}\}", re.DOTALL)


def read_manifest(home: Home) -> dict[str, Any]:
    """Return the manifest that the last dbt invocation wrote."""
    manifest: dict[str, Any] = json.loads((target_path(home) / "manifest.json").read_text())
    return manifest


def target_path(home: Home) -> Path:
    """Return the directory of dbt's artifacts."""
    return home.dbt / "target"


class BuildState:
    """What is remembered of the last complete build, so that the next one knows what has changed since.

    Its manifest, its vars and code stand in files; which raw rows it took in, in the warehouse.
    """

    def __init__(self, home: Home, project: Path, build_vars: dict[str, Any]) -> None:
        self._home = home
        self._directory = home.dbt / "state"
        self._vars = build_vars
        self._project = _digest_of(project)
        self._operators = code_version("transforms/operators")

    @property
    def _manifest(self) -> Path:
        return self._directory / "manifest.json"

    @property
    def _note(self) -> Path:
        return self._directory / "build.json"

    def is_usable(self, warehouse: Warehouse) -> bool:
        """Whether the last build was complete, by the same operators, and all its relations are still there."""
        if not (self._manifest.is_file() and self._note.is_file()):
            return False
        if self._last()["operators"] != self._operators:
            return False
        expected = _relations(json.loads(self._manifest.read_text()))
        return expected <= _present(warehouse)

    def has_same_code_and_vars(self) -> bool:
        """Whether nothing but data can have changed since the last build."""
        last = self._last()
        return bool(last["vars"] == self._vars and last["project"] == self._project)

    def models_of_changed_vars(self) -> list[str]:
        """Return the models whose SQL reads a var that is another one than in the last build."""
        before, now = _flat(self._last()["vars"]), _flat(self._vars)
        changed = {name for name in before.keys() | now.keys() if before.get(name, ...) != now.get(name, ...)}
        concerned = {group for name in changed for group in _with_groups(name)}
        manifest = json.loads(self._manifest.read_text())
        return sorted(name for name, read in vars_read(manifest).items() if read & concerned)

    def copy_for_comparison(self) -> Path:
        """Set the manifest aside for dbt to compare with, and return the directory."""
        aside = self._home.dbt / "compared"
        aside.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(self._manifest, aside / "manifest.json")
        return aside

    def forget(self) -> None:
        """Let the next build run everything."""
        self._note.unlink(missing_ok=True)

    def remember(self, warehouse: Warehouse) -> None:
        """Keep what the build that has just gone well was made of; the note, last, makes it count."""
        self._directory.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(target_path(self._home) / "manifest.json", self._manifest)
        with warehouse.transaction():
            for table in (BUILT_PAGES, BUILT_QUARANTINE, BUILT_TICKER_SPANS):
                warehouse.execute(f"delete from {table.name}")
            warehouse.execute(
                f"insert into {BUILT_TICKER_SPANS.name} by name select * from staging.stg_raw__ticker_spans"
            )
            for kind in ("bars", "corporate_actions"):
                warehouse.execute(
                    f"insert into {BUILT_PAGES.name} select distinct ?, batch_id, page from raw.{kind}",
                    [kind],
                )
                warehouse.execute(
                    f"insert into {BUILT_QUARANTINE.name} select distinct ?, batch_id, page, page_row "
                    f"from quarantine.{kind}",
                    [kind],
                )
        note = {"vars": self._vars, "project": self._project, "operators": self._operators}
        self._note.write_text(json.dumps(note))

    def _last(self) -> dict[str, Any]:
        note: dict[str, Any] = json.loads(self._note.read_text())
        return note


def vars_read(manifest: dict[str, Any]) -> dict[str, set[str]]:
    """Return model → names of the vars that its SQL reads, itself or through macros.

    Names stand in full in the text (``'labels.horizon'``, or ``'labels'`` for the whole group), those of strategies'
    parameters without ``strategy.signals.``. What a model's config block reads decides whether there is such a model,
    not what it says.
    """
    macros = manifest["macros"]

    @functools.cache
    def of_macro(name: str) -> frozenset[str]:
        macro = macros[name]
        if macro["name"].startswith("parameter_"):
            return frozenset()  # which parameter it is given stands where it is called
        found = _names_in(macro["macro_sql"])
        for used in macro["depends_on"]["macros"]:
            if used in macros and used != name:
                found |= of_macro(used)
        return frozenset(found)

    models: dict[str, set[str]] = {}
    for node in manifest["nodes"].values():
        if node["resource_type"] != "model":
            continue
        sql = _CONFIG.sub("", node["raw_code"])
        read = _names_in(sql)
        for name in node["depends_on"]["macros"]:
            if name.startswith("macro.quantmill.") and f"{macros[name]['name']}(" in sql:
                read |= of_macro(name)
        models[node["name"]] = read
    return models


def _names_in(sql: str) -> set[str]:
    """Return the names of the vars that stand in a text."""
    return {*_VAR.findall(sql), *(f"strategy.signals.{name}" for name in _PARAMETER.findall(sql))}


def _with_groups(name: str) -> list[str]:
    """Return a name and those of the groups that it is in: ``a.b.c``, ``a.b`` and ``a``."""
    parts = name.split(".")
    return [".".join(parts[:count]) for count in range(1, len(parts) + 1)]


def _flat(vars_: dict[str, Any], group: str = "") -> dict[str, Any]:
    """Return name → value, keys of groups as ``group.key``; an empty group is a value."""
    flat: dict[str, Any] = {}
    for name, value in vars_.items():
        if isinstance(value, dict) and value:
            flat |= _flat(value, f"{group}{name}.")
        else:
            flat[f"{group}{name}"] = value
    return flat


def _digest_of(project: Path) -> str:
    """Return a digest of all files of a dbt project."""
    files = sorted(path for path in project.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return digest({str(path.relative_to(project)): file_digest(path) for path in files})


def _relations(manifest: dict[str, Any]) -> set[str]:
    models = (node for node in manifest["nodes"].values() if node["resource_type"] == "model")
    return {f"{node['schema']}.{node['alias']}" for node in models}


def _present(warehouse: Warehouse) -> set[str]:
    sql = (
        "select table_schema || '.' || table_name as name from information_schema.tables "
        "where table_catalog = current_database() and list_contains(?, table_schema)"
    )
    return set(warehouse.read(sql, [list(BUILT_SCHEMAS)])["name"].to_list())


def drop_orphans(home: Home, warehouse: Warehouse) -> None:
    """Drop what no model builds any more, such as a renamed model's old table or a killed build's leftovers."""
    for name in sorted(_present(warehouse) - _relations(read_manifest(home))):
        schema, table = name.split(".", 1)
        kind = warehouse.value(
            "select table_type from information_schema.tables where table_schema = ? and table_name = ?",
            [schema, table],
        )
        quoted = table.replace('"', '""')
        warehouse.execute(f'drop {"view" if kind == "VIEW" else "table"} {schema}."{quoted}"')
