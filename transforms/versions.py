"""What names a run: fingerprints of config, code and data."""

from __future__ import annotations

import functools
import hashlib
import json
from dataclasses import asdict, is_dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from transforms.paths import PROJECT

_CODE = {".py", ".sql", ".yml", ".yaml", ".j2", ".csv", ".css"}
LIBRARIES = (
    "duckdb",
    "polars",
    "numpy",
    "numba",
    "pyarrow",
    "xgboost",
    "statsmodels",
    "dbt-core",
    "dbt-duckdb",
    "exchange-calendars",
)


def plain(value: Any) -> Any:
    """Return config dataclasses (nested) as JSON-ready data."""
    return asdict(value) if is_dataclass(value) and not isinstance(value, type) else value


def digest(*parts: Any, length: int = 16) -> str:
    """Return the first ``length`` hex digits of the SHA-256 of the parts' canonical JSON."""
    text = json.dumps([plain(part) for part in parts], sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:length]


@functools.cache
def code_version(*folders: str) -> str:
    """Return a digest of every source file below the project's ``folders`` and of the libraries' versions.

    The files are hashed, not the commit, so that an uncommitted edit counts and an unrelated commit does not.
    """
    found: dict[str, str] = {}
    for folder in folders:
        root = PROJECT / folder
        for path in [root] if root.is_file() else sorted(root.rglob("*")):
            if path.suffix in _CODE and "__pycache__" not in path.parts and path.is_file():
                found[str(path.relative_to(PROJECT))] = hashlib.sha256(path.read_bytes()).hexdigest()
    return digest(found, library_versions())


@functools.cache
def library_versions() -> dict[str, str]:
    """Return the versions of the libraries that can change a result."""
    return {name: metadata.version(name) for name in LIBRARIES}


def file_digest(path: Path) -> str:
    """Return a file's SHA-256 as hex digits."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()
