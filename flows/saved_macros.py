"""The analyst's macros: SQL functions saved in the warehouse, in a schema of their own, and so in every snapshot.

``models_sql/analyst/*.sql`` holds them: each is a comment that says what it gives, then one ``create macro``. They
are for queries; models use the macros of ``models_sql/macros``, whose results do not depend on threads.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from transforms.errors import QuantmillError
from transforms.paths import PROJECT
from transforms.versions import digest
from transforms.warehouse import Warehouse

DIRECTORY = PROJECT / "models_sql" / "analyst"
SCHEMA = "macros"

_MACRO = re.compile(
    r"(?P<comment>(?:^--.*\n)+)create macro macros\.(?P<name>[a-z_0-9]+)\((?P<parameters>[^)]*)\) as"
    r"(?P<table> table)?\s(?P<body>.*)",
    re.MULTILINE | re.DOTALL,
)


@dataclass(frozen=True)
class SavedMacro:
    """One macro.

    Attributes:
        name: What it is called within the schema.
        parameters: Their names, in order.
        is_table: Whether it stands in ``from``; else it is an expression.
        group: The stem of its file.
        description: What it gives.
        sql: The ``create macro`` statement.
    """

    name: str
    parameters: tuple[str, ...]
    is_table: bool
    group: str
    description: str
    sql: str

    @property
    def call(self) -> str:
        """How it is written in a query."""
        return f"{SCHEMA}.{self.name}({', '.join(self.parameters)})"


def saved_macros(directory: Path = DIRECTORY) -> list[SavedMacro]:
    """Return the macros of all files, in their order.

    Raises:
        QuantmillError: A statement is no commented macro, or a name stands twice.
    """
    found = [macro for path in sorted(directory.glob("*.sql")) for macro in _read(path)]
    names = [macro.name for macro in found]
    for name in names:
        if names.count(name) > 1:
            raise QuantmillError(f"{directory}: macro {name} is defined twice")
    return found


def _read(path: Path) -> Iterator[SavedMacro]:
    for statement in re.split(r";\s*(?:\n|\Z)", path.read_text(encoding="utf-8")):
        if not statement.strip():
            continue
        match = _MACRO.fullmatch(statement.lstrip())
        if match is None:
            start = " ".join(statement.split())[:80]
            raise QuantmillError(
                f"{path}: each macro is a comment that describes it, then create macro {SCHEMA}.name(…) as …; "
                f"{start!r} is not"
            )
        comment = " ".join(line.removeprefix("--").strip() for line in match["comment"].splitlines())
        yield SavedMacro(
            name=match["name"],
            parameters=tuple(name.strip() for name in match["parameters"].split(",") if name.strip()),
            is_table=match["table"] is not None,
            group=path.stem,
            description=comment,
            sql=statement.strip(),
        )


def save_macros(warehouse: Warehouse, macros: list[SavedMacro] | None = None) -> None:
    """Put the macros into the warehouse in place of those of before, all or none; nothing if they are there.

    Args:
        warehouse: The open warehouse, completely built: table macros are checked against its tables.
        macros: What to save; by default those of ``models_sql/analyst``.

    Raises:
        QuantmillError: A macro does not fit the tables; names it.
    """
    wanted = saved_macros() if macros is None else macros
    marker = "revision_" + digest([(macro.description, macro.sql) for macro in wanted])
    sql = "select count(*) from duckdb_functions() where schema_name = ? and function_name = ?"
    if warehouse.value(sql, [SCHEMA, marker]):
        return
    with warehouse.transaction():
        warehouse.execute(f"drop schema if exists {SCHEMA} cascade")
        warehouse.execute(f"create schema {SCHEMA}")
        warehouse.execute(f"create macro {SCHEMA}.{marker}() as true")
        for macro in wanted:
            try:
                warehouse.execute(macro.sql)
            except Exception as error:
                reason = " ".join(str(error).split())
                raise QuantmillError(f"models_sql/analyst: macro {macro.name}: {reason}") from error
            kind = "macro table" if macro.is_table else "macro"
            comment = macro.description.replace("'", "''")
            warehouse.execute(f"comment on {kind} {SCHEMA}.{macro.name} is '{comment}'")
