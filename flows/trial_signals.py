"""Signals of a SQL strategy for other parameters than those that are built, without touching what is built.

dbt compiles the models behind ``marts.signals`` for every set of parameters; what it parsed serves them all. A model
whose SQL is the same as in the build is read from the build. The others are carried out in a database in memory by the
same executor of operators as in a build, so that the scores are those of a build, bit for bit; the same SQL once for
sets of parameters that follow each other.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Semaphore
from typing import Any

from execution.config import StrategyConfig
from flows.dbt import LOCK, PROJECT_DIR, BuildVars, one_line, surroundings
from flows.dbt_state import read_manifest, target_path, vars_read
from flows.refusals import refusal
from transforms.config import EngineConfig
from transforms.errors import QuantmillError
from transforms.operators.execute import is_over_operators
from transforms.operators.refresh import refresh
from transforms.paths import Home
from transforms.versions import digest
from transforms.warehouse import Warehouse

_SCRATCH = "trial_signals"
_SIGNALS = "model.quantmill.signals"
# For how many sets of parameters tables are made before they are read, and how many are kept for those to come: a few,
# for they stay in memory.
_AHEAD = 2
_KEPT = 4
_BEHIND_SIGNALS = "+file:signals.sql,resource_type:model"


@dataclass(frozen=True)
class _Model:
    """A model as dbt compiled it: ``relation`` is what the SQL of others calls it."""

    relation: str
    sql: str


@dataclass(frozen=True)
class _Node:
    """A model in dbt's graph: its name, the ids of what it reads, and itself.

    A copy: dbt compiles into the nodes of the manifest, the same ones for every strategy.
    """

    name: str
    parents: tuple[str, ...]
    model: _Model


@dataclass(frozen=True)
class _Step:
    """A SELECT whose result is kept under ``table``; equal SELECTs have equal tables."""

    table: str
    sql: str


@dataclass(frozen=True)
class _Plan:
    """How one set of parameters comes to its signals.

    Attributes:
        steps: What is to be there before, in order.
        signals: The SELECT that has the rows of ``marts.signals``.
    """

    steps: tuple[_Step, ...]
    signals: str


@contextmanager
def trial_queries(
    home: Home,
    warehouse: Warehouse,
    build_vars: BuildVars,
    strategies: Sequence[StrategyConfig],
    *,
    engine: EngineConfig,
) -> Iterator[Iterator[str | QuantmillError]]:
    """Yield for each strategy the query of its signals, or why its SQL refuses its parameters.

    dbt compiles, and what queries read is made, on a thread of its own, a little ahead of who asks. A query is good
    until the next one is asked for.

    Args:
        home: Where dbt keeps what it has parsed.
        warehouse: Built with ``build_vars``.
        strategies: As in ``build_vars``, with other parameters.
        engine: The one the warehouse was opened with.

    Raises:
        QuantmillError: When the first is asked for: dbt cannot compile what is built.
    """
    with (
        LOCK,
        surroundings(warehouse.path, engine),
        warehouse.attached(Path(":memory:"), _SCRATCH, read_only=False),
        ThreadPoolExecutor(1) as pool,
    ):
        tables = _Tables(warehouse)
        queries = []
        if strategies:
            compiler = pool.submit(_Compiler, home, build_vars)
            queries = [pool.submit(_query, compiler, tables, strategy) for strategy in strategies]
        try:
            yield _in_turn(queries, tables)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
            tables.release()  # one may be waited for


def _query(compiler: Future[_Compiler], tables: _Tables, strategy: StrategyConfig) -> str | QuantmillError:
    built = {model.relation: model.sql for model in compiler.result().built}
    try:
        plan = _plan(compiler.result().compile(strategy), built)
    except QuantmillError as error:
        return error
    tables.make(plan.steps)
    return plan.signals


def _in_turn(
    queries: Sequence[Future[str | QuantmillError]], tables: _Tables
) -> Iterator[str | QuantmillError]:
    for future in queries:
        query = future.result()
        yield query
        if isinstance(query, str):
            tables.release()


class _Tables:
    """What queries read beside the build: made for a few of them ahead, and kept for later ones, within reason."""

    def __init__(self, warehouse: Warehouse) -> None:
        self._warehouse = warehouse
        self._room = Semaphore(_AHEAD)
        self._wanted: deque[set[str]] = deque(maxlen=_AHEAD)
        self._kept: dict[str, None] = {}

    def make(self, steps: Sequence[_Step]) -> None:
        """Make the tables that are not there, as soon as few enough are waiting to be read."""
        self._room.acquire()
        self._wanted.append({step.table for step in steps})
        for step in steps:
            if step.table not in self._kept:
                refresh(self._warehouse.cursor, sql=step.sql, target=step.table, full=True, changes="all")
            self._kept[step.table] = self._kept.pop(step.table, None)  # the last used comes last
        for table in list(self._kept)[:-_KEPT]:
            if not any(table in wanted for wanted in self._wanted):
                self._warehouse.execute(f"drop table {table}")
                del self._kept[table]

    def release(self) -> None:
        """Say that a query has been read."""
        self._room.release()


def _plan(models: Sequence[_Model], built: dict[str, str]) -> _Plan:
    """Return what differs from what is built; ``models`` come before those that read them, the signals last."""
    moved: dict[str, str] = {}
    steps: list[_Step] = []
    for model in models:
        sql = model.sql
        for relation, table in moved.items():
            sql = sql.replace(relation, table)
        if model is models[-1]:
            return _shortened(_Plan(tuple(steps), sql))
        if sql != built.get(model.relation):
            table = f"{_SCRATCH}.main.t_{digest(sql)}"
            moved[model.relation] = table
            steps.append(_Step(table, sql))
    raise QuantmillError("dbt's project has no model marts.signals")


def _shortened(plan: _Plan) -> _Plan:
    """Return the plan with the last step written into the SELECT of the signals, where that reads it once.

    What one query needs once is not worth storing. Operators are carried out apart.
    """
    if not plan.steps:
        return plan
    *steps, last = plan.steps
    if plan.signals.count(last.table) != 1 or is_over_operators(last.sql):
        return plan
    return _Plan(tuple(steps), plan.signals.replace(last.table, f"(\n{last.sql}\n)"))


class _Compiler:
    """dbt, with the project parsed once, and every model behind the signals that are built compiled once."""

    def __init__(self, home: Home, build_vars: BuildVars) -> None:
        self._home = home
        self._vars = build_vars
        self._manifest = self._parse(build_vars, target_path(home))
        outcome = self._invoke(["compile", "--select", _BEHIND_SIGNALS], build_vars, self._manifest)
        _raise_for(outcome, build_vars.strategy)
        self._built = _nodes(outcome)
        read = vars_read(read_manifest(home))
        # The SQL of the other models is what it is in the build.
        self._concerned = [
            node.name
            for node in self._built.values()
            if any(name.split(".")[0] == "strategy" for name in read[node.name])
        ]

    @property
    def built(self) -> list[_Model]:
        """The models behind ``marts.signals`` as they are built, and it."""
        return _ordered(self._built)

    def compile(self, strategy: StrategyConfig) -> list[_Model]:
        """Return the models behind ``marts.signals``, and it, for a strategy's parameters.

        Raises:
            QuantmillError: The SQL refuses them.
        """
        trial = replace(self._vars, strategy=strategy)
        outcome = self._invoke(["compile", "--select", *self._concerned], trial, self._manifest)
        if outcome.success:
            return _ordered(self._built | _nodes(outcome))
        # Parameters may decide which models there are, and which a model reads: that is parsed, not compiled.
        manifest = self._parse(trial, self._home.dbt / "trial")
        outcome = self._invoke(["compile", "--select", _BEHIND_SIGNALS], trial, manifest)
        _raise_for(outcome, strategy)
        return _ordered(_nodes(outcome))

    def _parse(self, build_vars: BuildVars, target: Path) -> Any:
        outcome = self._invoke(["parse"], build_vars, None, target)
        _raise_for(outcome, build_vars.strategy)
        return outcome.result

    def _invoke(
        self, args: list[str], build_vars: BuildVars, manifest: Any, target: Path | None = None
    ) -> Any:
        from dbt.cli.main import dbtRunner

        only: list[str] = []
        if args[0] == "compile":  # models alone, without their tests, and without a look at the database
            only = ["--indirect-selection", "empty", "--no-populate-cache", "--no-introspect"]
        places = ["--project-dir", str(PROJECT_DIR), "--profiles-dir", str(PROJECT_DIR)]
        places += [
            "--target-path",
            str(target or self._home.dbt / "trial"),
            "--log-path",
            str(self._home.dbt / "logs"),
        ]
        quiet = ["--log-level", "none", "--log-level-file", "none", "--no-write-json"]
        vars_ = ["--vars", json.dumps(build_vars.as_dict(), sort_keys=True), "--single-threaded"]
        return dbtRunner(manifest=manifest).invoke([*args, *only, *vars_, *places, *quiet])


def _nodes(outcome: Any) -> dict[str, _Node]:
    """Return id → node of what was compiled."""
    nodes = (result.node for result in outcome.result.results)
    return {
        node.unique_id: _Node(
            node.name,
            tuple(sorted(node.depends_on.nodes)),
            _Model(f'"{node.schema}"."{node.alias}"', node.compiled_code),
        )
        for node in nodes
    }


def _ordered(nodes: Mapping[str, _Node]) -> list[_Model]:
    """Return the models behind the signals, each after those that it reads, the signals last."""
    ordered: dict[str, _Model] = {}

    def visit(name: str) -> None:
        if name not in ordered and name in nodes:
            for parent in nodes[name].parents:
                visit(parent)
            ordered[name] = nodes[name].model

    visit(_SIGNALS)
    return list(ordered.values())


def _raise_for(outcome: Any, strategy: StrategyConfig) -> None:
    """Raise for what dbt could not parse or compile; a parameter that the SQL refuses is a wrong config."""
    if outcome.success:
        return
    results = getattr(outcome.result, "results", None) or []
    failed = [result for result in results if str(result.status) not in ("success", "skipped")]
    said = [one_line(result.message) for result in failed] or [one_line(outcome.exception)]
    for message in said:
        if refused := refusal(message, strategy):
            raise refused
    raise QuantmillError(f"dbt: {said[0]}")
