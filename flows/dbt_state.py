"""What is remembered between dbt builds: the manifest, the last complete build, the relations it made."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

from transforms.paths import Home
from transforms.warehouse import Warehouse

BUILT_SCHEMAS = ("staging", "intermediate", "marts")


def read_manifest(home: Home) -> dict[str, Any]:
    """Return the manifest that the last dbt invocation wrote."""
    manifest: dict[str, Any] = json.loads((target_path(home) / "manifest.json").read_text())
    return manifest


def target_path(home: Home) -> Path:
    """Return the directory of dbt's artifacts."""
    return home.dbt / "target"


class BuildState:
    """What is remembered of the last complete build, so that a partial one knows what has changed since."""

    def __init__(self, home: Home, build_vars: str) -> None:
        self._home = home
        self._directory = home.dbt / "state"
        self._fingerprint = hashlib.sha256(build_vars.encode()).hexdigest()

    @property
    def _manifest(self) -> Path:
        return self._directory / "manifest.json"

    @property
    def _vars(self) -> Path:
        return self._directory / "vars.sha256"

    def is_usable(self, warehouse: Warehouse) -> bool:
        """Whether the last build was complete, had the same vars, and all its relations are still there."""
        if not (self._manifest.is_file() and self._vars.is_file()):
            return False
        if self._vars.read_text() != self._fingerprint:
            return False
        expected = _relations(json.loads(self._manifest.read_text()))
        return expected <= _present(warehouse)

    def copy_for_comparison(self) -> Path:
        """Set the manifest aside for dbt to compare with, and return the directory."""
        aside = self._home.dbt / "compared"
        aside.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(self._manifest, aside / "manifest.json")
        return aside

    def forget(self) -> None:
        """Let the next partial build run everything."""
        self._vars.unlink(missing_ok=True)

    def remember(self) -> None:
        """Keep the manifest of the build that has just gone well; the fingerprint, last, makes it count."""
        self._directory.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(target_path(self._home) / "manifest.json", self._manifest)
        self._vars.write_text(self._fingerprint)


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
