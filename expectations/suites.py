"""Suites: what must hold of a table, read from the YAML files in ``expectations/suites/``.

The files are written by people, so everything in them is checked before anything is evaluated, and an error
names the file and the entry. Numbers reach the SQL through named placeholders, texts as SQL variables;
nothing is pasted that a user typed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from math import isfinite
from pathlib import Path
from string import Formatter
from typing import Any

import yaml

from transforms.errors import ConfigError, nearest

SUITES = Path(__file__).resolve().parent / "suites"
SEVERITIES = ("row", "batch", "warn")
_SUITE_KEYS = (
    "table",
    "quarantine",
    "description",
    "row",
    "batch",
    "relations",
    "clean_relations",
    "expectations",
)
_ENTRY_KEYS = (
    "name",
    "severity",
    "precondition",
    "description",
    "expectation",
    "kwargs",
    "where",
    "query",
    "reason",
)
_NAME = re.compile(r"[a-z][a-z0-9_]*")
_TABLE = re.compile(r"[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*")


@dataclass(frozen=True)
class Expectation:
    """One thing that must hold.

    Attributes:
        name: Its name (snake case), as in ``ops.gate_results``.
        severity: ``row`` (quarantine and go on), ``batch`` (stop) or ``warn`` (name it).
        description: What holds, in one sentence.
        precondition: Whether everything else is pointless where this fails; it may not use ``batch``.
        native: A Great Expectations class, such as ``ExpectTableRowCountToBeBetween``, with ``kwargs``.
        where: An SQL predicate over ``batch`` that selects the bad rows.
        query: A query whose rows are the findings.
        reason: What is wrong with a row; ``{column}`` is the row's value. Empty for native ones.
    """

    name: str
    severity: str
    description: str
    precondition: bool = False
    native: str | None = None
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    where: str | None = None
    query: str | None = None
    reason: str = ""


@dataclass(frozen=True)
class Suite:
    """What must hold of one table.

    Attributes:
        name: The file's stem.
        path: The file.
        table: The table under test, ``schema.table``.
        description: What the rows are.
        row: How a row is called in messages; ``{column}`` is the row's value.
        batch: The query of the rows under test; every other query calls it ``batch``.
        quarantine: Where rows that fail go, None where there is no row severity.
        relations: Name → query of a helper table, made in order before the rows are judged.
        clean_relations: The same, made once the failing rows stand in ``failed``.
        expectations: In order of the file.
    """

    name: str
    path: Path
    table: str
    description: str
    row: str
    batch: str
    quarantine: str | None
    relations: Mapping[str, str]
    clean_relations: Mapping[str, str]
    expectations: tuple[Expectation, ...]

    def error(self, entry: str, problem: str) -> ConfigError:
        """Return the error that names this file and ``entry``."""
        return ConfigError(f"{self.path}: {entry}: {problem}")


def load_suite(name: str, *, directory: Path = SUITES) -> Suite:
    """Read and check ``<directory>/<name>.yaml``.

    Raises:
        ConfigError: Naming the file, the entry and what is allowed.
    """
    path = directory / f"{name}.yaml"
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        known = [file.stem for file in directory.glob("*.yaml")]
        raise ConfigError(f"{path}: there is no such suite.{nearest(name, known)}") from error
    except yaml.YAMLError as error:
        raise ConfigError(f"{path}: is not YAML ({' '.join(str(error).split())})") from error
    if not isinstance(content, dict):
        raise ConfigError(f"{path}: must be a mapping with the keys {', '.join(_SUITE_KEYS)}")
    _refuse_unknown(content, _SUITE_KEYS, f"{path}")

    entries = content.get("expectations")
    if not isinstance(entries, list) or not entries:
        raise ConfigError(f"{path}: expectations must be a list with at least one entry, was {entries!r}")
    suite = Suite(
        name=name,
        path=path,
        table=_text(content, "table", f"{path}"),
        description=_text(content, "description", f"{path}"),
        row=_text(content, "row", f"{path}"),
        batch=_text(content, "batch", f"{path}"),
        quarantine=_text(content, "quarantine", f"{path}") if "quarantine" in content else None,
        relations=_relations(content, "relations", path),
        clean_relations=_relations(content, "clean_relations", path),
        expectations=tuple(_expectation(entry, number, path) for number, entry in enumerate(entries, 1)),
    )
    _check(suite)
    return suite


def _check(suite: Suite) -> None:
    for table in (suite.table, suite.quarantine):
        if table is not None and _TABLE.fullmatch(table) is None:
            raise ConfigError(f"{suite.path}: {table!r} must be a table such as raw.bars")
    names: set[str] = set()
    for entry in suite.expectations:
        if entry.name in names:
            raise suite.error(entry.name, "stands twice in this file; names must differ")
        names.add(entry.name)
        if entry.severity == "row" and (entry.where is None or suite.quarantine is None):
            raise suite.error(entry.name, "severity row needs where, and a quarantine table in the suite")
        if entry.precondition and (entry.severity != "batch" or entry.query is None):
            raise suite.error(entry.name, "a precondition needs severity batch and query")


def _expectation(entry: object, number: int, path: Path) -> Expectation:
    place = f"{path}: expectation {number}"
    if not isinstance(entry, dict):
        raise ConfigError(f"{place} must be a mapping with the keys {', '.join(_ENTRY_KEYS)}, was {entry!r}")
    name = _text(entry, "name", place)
    place = f"{path}: {name}"
    _refuse_unknown(entry, _ENTRY_KEYS, place)
    if _NAME.fullmatch(name) is None:
        raise ConfigError(f"{place}: name must be in snake case")
    severity = _text(entry, "severity", place)
    if severity not in SEVERITIES:
        allowed = ", ".join(SEVERITIES)
        raise ConfigError(
            f"{place}: severity must be one of {allowed}, was {severity!r}.{nearest(severity, SEVERITIES)}"
        )
    kinds = [key for key in ("expectation", "where", "query") if key in entry]
    if len(kinds) != 1:
        raise ConfigError(
            f"{place}: needs exactly one of expectation, where and query, has {kinds or 'none'}"
        )
    native = kinds == ["expectation"]
    if native == ("reason" in entry):
        raise ConfigError(f"{place}: reason belongs to where and query, which need one")
    kwargs = entry.get("kwargs", {})
    if not isinstance(kwargs, dict) or (kwargs and not native):
        raise ConfigError(f"{place}: kwargs must be a mapping and belongs to expectation, was {kwargs!r}")
    precondition = entry.get("precondition", False)
    if not isinstance(precondition, bool):
        raise ConfigError(f"{place}: precondition must be true or false, was {precondition!r}")
    return Expectation(
        name=name,
        severity=severity,
        description=_text(entry, "description", place),
        precondition=precondition,
        native=_text(entry, "expectation", place) if native else None,
        kwargs=kwargs,
        where=_sql(entry, "where", place) if "where" in entry else None,
        query=_sql(entry, "query", place) if "query" in entry else None,
        reason="" if native else _text(entry, "reason", place),
    )


def _relations(content: dict[str, Any], key: str, path: Path) -> dict[str, str]:
    relations = content.get(key, {})
    if not isinstance(relations, dict):
        raise ConfigError(f"{path}: {key} must be a mapping of name to query, was {relations!r}")
    for name in relations:
        if not isinstance(name, str) or _NAME.fullmatch(name) is None:
            raise ConfigError(f"{path}: {key}: {name!r} must be a name in snake case")
    return {name: _sql(relations, name, f"{path}: {key}") for name in relations}


def _text(mapping: Mapping[str, Any], key: str, place: str) -> str:
    value = mapping.get(key)
    if not isinstance(value, str) or not value.strip():
        raise ConfigError(f"{place}: {key} must be a text, was {value!r}")
    return value.strip()


def _sql(mapping: Mapping[str, Any], key: str, place: str) -> str:
    text = _text(mapping, key, place)
    # SQLAlchemy would take :name for a parameter, and a second statement would run unseen.
    if ";" in text or re.search(r"(?<!:):[A-Za-z_]", text):
        raise ConfigError(f"{place}: {key} must be one statement without ; and without :name")
    return text


def _refuse_unknown(mapping: Mapping[Any, Any], allowed: tuple[str, ...], place: str) -> None:
    for key in mapping:
        if key not in allowed:
            raise ConfigError(f"{place}: unknown key {key!r}.{nearest(str(key), allowed)}")


def with_limits(text: str, limits: Mapping[str, float], suite: Suite, entry: str) -> str:
    """Return SQL ``text`` with every ``{limit}`` replaced by its number.

    Raises:
        ConfigError: Where a placeholder names no limit, or a limit is no finite number.
    """
    parts = []
    for literal, name in _fields(text, suite, entry):
        parts.append(literal)
        if name is not None:
            if name not in limits:
                raise suite.error(entry, f"{{{name}}} is no limit of the gate.{nearest(name, limits)}")
            parts.append(_number(name, limits[name]))
    return "".join(parts)


def as_text_expression(template: str, limits: Mapping[str, float], suite: Suite, entry: str) -> str:
    """Return the SQL expression that fills a reason's ``{column}`` and ``{limit}`` placeholders for each row.

    Raises:
        ConfigError: Where a placeholder is not a plain name.
    """
    parts = []
    for literal, name in _fields(template, suite, entry):
        if literal:
            quoted = literal.replace("'", "''")
            parts.append(f"'{quoted}'")
        if name is None:
            continue
        if name in limits:
            parts.append(f"'{_number(name, limits[name])}'")
        else:
            parts.append(f"coalesce(\"{name}\"::varchar, 'null')")
    return f"concat({', '.join(parts)})"


def _fields(text: str, suite: Suite, entry: str) -> Iterable[tuple[str, str | None]]:
    try:
        fields = list(Formatter().parse(text))
    except ValueError as error:
        raise suite.error(entry, f"has an unpaired brace ({error})") from error
    for literal, name, form, conversion in fields:
        if name is not None and (_NAME.fullmatch(name) is None or form or conversion):
            raise suite.error(entry, f"{{{name}}} must be a plain name in braces")
        yield literal, name


def _number(name: str, value: float) -> str:
    if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
        raise ConfigError(f"gate.{name} must be a finite number, was {value!r}")
    return repr(value)
