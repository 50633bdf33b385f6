"""The build stage: dbt, in this process, on the open warehouse.

dbt opens the same DuckDB database with the same configuration as ``Warehouse`` does, so that both share one
instance and what dbt has committed is at once visible to the warehouse's cursors. Inside a Prefect run each
model and test shows as a task.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from transforms.config import (
    TIMEFRAMES,
    EngineConfig,
    FeaturesConfig,
    LabelsConfig,
    SourceConfig,
    UniverseConfig,
    require,
    require_choice,
    require_date,
    require_symbols,
)
from transforms.errors import QuantmillError
from transforms.paths import PROJECT, Home
from transforms.warehouse import Warehouse, connection_config

PROJECT_DIR = PROJECT / "models_sql"
BUILT_SCHEMAS = ("staging", "intermediate", "marts")

# dbt keeps flags, adapters and its event log in module globals: two invocations at once break each other.
_LOCK = threading.Lock()


@dataclass(frozen=True)
class BuildVars:
    """What the config says to the SQL; ``models_sql/macros/vars.sql`` checks the same again.

    Attributes:
        source, dataset, timeframe, calendar: Which raw rows are built on.
        source_symbols, start, end: What the source config asked for; empty and None mean all.
        universe_symbols: The members; empty means every symbol of the source but the benchmark.
        benchmark: The symbol that others are compared with; None where there is none.
        as_of: What was known at this moment (ISO timestamp, UTC); None for everything.
        periods_per_year: Bars per year, for annualised volatility.
        label_horizon: Bars from entry to exit.
        label_entry: ``next_open`` or ``close``.
        label_dead_band: Returns within ± this fraction have no sign.
    """

    source: str
    dataset: str
    timeframe: str
    calendar: str
    benchmark: str | None = None
    source_symbols: list[str] = field(default_factory=list)
    start: str | None = None
    end: str | None = None
    universe_symbols: list[str] = field(default_factory=list)
    as_of: str | None = None
    periods_per_year: int = 252
    label_horizon: int = 5
    label_entry: str = "next_open"
    label_dead_band: float = 0.0

    def __post_init__(self) -> None:
        require_choice(self.timeframe, TIMEFRAMES, "source.timeframe")
        require_symbols(self.source_symbols, "source.symbols")
        require_date(self.start, "source.start")
        require_date(self.end, "source.end")
        require_symbols(self.universe_symbols, "universe.symbols")
        if self.benchmark is not None:
            require_symbols([self.benchmark], "universe.benchmark")
        if self.as_of is not None:
            try:
                moment = datetime.fromisoformat(self.as_of)
            except ValueError:
                moment = None
            naive = moment is not None and moment.tzinfo is None
            require(
                naive,
                "as_of",
                "a timestamp in UTC without a zone, like 2024-05-31 or 2024-05-31T21:00:00",
                self.as_of,
            )
        require(self.periods_per_year >= 1, "features.periods_per_year", "at least 1", self.periods_per_year)
        LabelsConfig(
            name="labels", horizon=self.label_horizon, entry=self.label_entry, dead_band=self.label_dead_band
        )

    @classmethod
    def from_config(
        cls,
        source: SourceConfig,
        universe: UniverseConfig,
        features: FeaturesConfig,
        labels: LabelsConfig,
        as_of: str | None = None,
    ) -> BuildVars:
        """Pick the vars from the dataclasses of a run's config."""
        return cls(
            source=source.name,
            dataset=source.dataset,
            source_symbols=list(source.symbols),
            start=source.start,
            end=source.end,
            timeframe=source.timeframe,
            calendar=source.calendar,
            benchmark=universe.benchmark,
            universe_symbols=list(universe.symbols),
            as_of=as_of,
            periods_per_year=features.periods_per_year,
            label_horizon=labels.horizon,
            label_entry=labels.entry,
            label_dead_band=float(labels.dead_band),
        )

    def as_json(self) -> str:
        """Return the vars as dbt's ``--vars`` takes them."""
        return json.dumps(asdict(self), sort_keys=True)


@dataclass(frozen=True)
class BuildResult:
    """What a build did.

    Attributes:
        models: Names of the models that ran, in order of completion.
        tests: How many data tests ran; all passed.
        seconds: Wall time of the whole invocation.
        timings: Model → seconds.
        is_partial: Whether only what had changed was selected.
    """

    models: tuple[str, ...]
    tests: int
    seconds: float
    timings: dict[str, float]
    is_partial: bool


def build(
    home: Home,
    warehouse: Warehouse,
    build_vars: BuildVars,
    *,
    engine: EngineConfig | None = None,
    select: str | None = None,
    changed_only: bool = False,
) -> BuildResult:
    """Build and test the models into ``staging``, ``intermediate`` and ``marts``.

    Args:
        home: ``home.dbt`` takes everything that dbt writes.
        warehouse: The open warehouse; must not be within a transaction.
        build_vars: The config's values.
        engine: Must be the one the warehouse was opened with.
        select: dbt's node selection; None for everything.
        changed_only: Run only models whose SQL, macros or config differ from the last complete build, and what
            depends on them. The caller vouches that raw data is the same. Falls back to everything where that
            build had other vars, was broken off, or left a relation that is no longer there.

    Raises:
        QuantmillError: A model or test failed; names it, its message and its compiled SQL.
    """
    started = time.perf_counter()
    state = _State(home, build_vars)
    with _LOCK:
        is_partial = changed_only and select is None and state.is_usable(warehouse)
        args = ["build", "--exclude-resource-type", "unit_test"]
        if is_partial:
            args += ["--select", "state:modified+", "--state", str(state.copy_for_comparison())]
        elif select is not None:
            args += ["--select", select]
        # From here until all is well the marts may be of two minds, which a later partial build must not trust.
        state.forget()
        results = _invoke(args, home, warehouse.path, build_vars, engine or EngineConfig())
        _raise_for_failures(results, home, warehouse)
        if select is None:
            state.remember()
            _drop_orphans(home, warehouse)
    ran = [
        result
        for result in results
        if str(result.status) == "success" and result.node.resource_type == "model"
    ]
    return BuildResult(
        models=tuple(result.node.name for result in ran),
        tests=sum(result.node.resource_type == "test" for result in results),
        seconds=time.perf_counter() - started,
        timings={result.node.name: result.execution_time for result in ran},
        is_partial=is_partial,
    )


def unit_test(
    home: Home, warehouse: Warehouse, build_vars: BuildVars, *, engine: EngineConfig | None = None
) -> int:
    """Run dbt's unit tests against a built warehouse (they read column types there); return how many passed.

    Raises:
        QuantmillError: One failed, or there are none.
    """
    with _LOCK:
        args = ["test", "--select", "test_type:unit"]
        results = _invoke(args, home, warehouse.path, build_vars, engine or EngineConfig())
        _raise_for_failures(results, home, warehouse)
    if not results:
        raise QuantmillError(f"{PROJECT_DIR}: no unit test found")
    return len(results)


def docs(
    home: Home, warehouse: Warehouse, build_vars: BuildVars, *, engine: EngineConfig | None = None
) -> Path:
    """Write dbt's catalogue as one self-contained page and return its path.

    Raises:
        QuantmillError: dbt failed.
    """
    with _LOCK:
        _invoke(["docs", "generate", "--static"], home, warehouse.path, build_vars, engine or EngineConfig())
    return _target(home) / "static_index.html"


def parse(home: Home, build_vars: BuildVars) -> dict[str, Any]:
    """Parse the project without a warehouse and return dbt's manifest.

    Raises:
        QuantmillError: The project or a var is wrong.
    """
    with _LOCK:
        _invoke(["parse"], home, home.warehouse, build_vars, EngineConfig())
    return read_manifest(home)


def read_manifest(home: Home) -> dict[str, Any]:
    """Return the manifest that the last dbt invocation wrote."""
    manifest: dict[str, Any] = json.loads((_target(home) / "manifest.json").read_text())
    return manifest


def _target(home: Home) -> Path:
    return home.dbt / "target"


class _State:
    """What is remembered of the last complete build, so that a partial one knows what has changed since."""

    def __init__(self, home: Home, build_vars: BuildVars) -> None:
        self._home = home
        self._directory = home.dbt / "state"
        self._fingerprint = hashlib.sha256(build_vars.as_json().encode()).hexdigest()

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
        self._vars.unlink(missing_ok=True)

    def remember(self) -> None:
        """Keep the manifest of the build that has just gone well; the fingerprint, last, makes it count."""
        self._directory.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(_target(self._home) / "manifest.json", self._manifest)
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


def _drop_orphans(home: Home, warehouse: Warehouse) -> None:
    """Drop what no model builds any more, such as a renamed model's old table or a killed build's leftovers."""
    for name in sorted(_present(warehouse) - _relations(read_manifest(home))):
        schema, table = name.split(".", 1)
        kind = warehouse.value(
            "select table_type from information_schema.tables where table_schema = ? and table_name = ?",
            [schema, table],
        )
        quoted = table.replace('"', '""')
        warehouse.execute(f'drop {"view" if kind == "VIEW" else "table"} {schema}."{quoted}"')


def _invoke(
    args: list[str], home: Home, database: Path, build_vars: BuildVars, engine: EngineConfig
) -> list[Any]:
    """Run one dbt command and return its node results; raise for what is wrong before any node runs."""
    config = connection_config(engine)
    home.dbt.mkdir(parents=True, exist_ok=True)
    command = [
        *args,
        *("--vars", build_vars.as_json()),
        *("--threads", str(config["threads"])),
        *("--log-path", str(home.dbt / "logs")),
    ]
    environment = {
        "QUANTMILL_WAREHOUSE": str(database),
        "QUANTMILL_CONNECTION": json.dumps(config),
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
        "DBT_VERSION_CHECK": "false",
        "DBT_USE_COLORS": "false",
        "DBT_QUIET": "true",
    }
    with _environment(environment):
        try:
            outcome = (
                _invoke_in_prefect(command, home) if _is_in_prefect_run() else _invoke_plainly(command, home)
            )
        except ValueError as error:  # what PrefectDbtRunner raises for a project that does not parse
            raise QuantmillError(
                f"dbt {args[0]}: {_one_line(error)}. Log: {home.dbt / 'logs' / 'dbt.log'}"
            ) from error
    if outcome.exception is not None:
        raise QuantmillError(
            f"dbt {args[0]}: {_one_line(outcome.exception)}. Log: {home.dbt / 'logs' / 'dbt.log'}"
        ) from outcome.exception
    results: list[Any] = list(getattr(outcome.result, "results", None) or [])
    if not outcome.success and not results:
        raise QuantmillError(f"dbt {args[0]} failed without saying why. Log: {home.dbt / 'logs' / 'dbt.log'}")
    return results


def _invoke_plainly(command: list[str], home: Home) -> Any:
    from dbt.cli.main import dbtRunner

    places = ["--project-dir", str(PROJECT_DIR), "--profiles-dir", str(PROJECT_DIR)]
    places += ["--target-path", str(_target(home)), "--log-level", "none", "--log-level-file", "info"]
    return dbtRunner().invoke([*command, *places])


def _invoke_in_prefect(command: list[str], home: Home) -> Any:
    from flows.dbt_tasks import invoke

    return invoke(command, project=PROJECT_DIR, target=_target(home))


def _is_in_prefect_run() -> bool:
    """Whether this thread works for a Prefect flow or task; Prefect is not imported just to find out."""
    if "prefect.context" not in sys.modules:
        return False
    from prefect.context import FlowRunContext, TaskRunContext

    return FlowRunContext.get() is not None or TaskRunContext.get() is not None


def _raise_for_failures(results: list[Any], home: Home, warehouse: Warehouse) -> None:
    """Raise for the first model or test that failed: its name, message, a few offending rows, its SQL."""
    failed = [result for result in results if str(result.status) in ("error", "fail", "runtime error")]
    if not failed:
        return
    first = failed[0]
    compiled = first.node.compiled_path
    place = f" Compiled SQL: {PROJECT_DIR / compiled}." if compiled else ""
    others = f" {len(failed) - 1} more failed." if len(failed) > 1 else ""
    rows = ""
    if str(first.status) == "fail" and first.node.resource_type == "test":
        sample = warehouse.read(f"select * from ({first.node.compiled_code}) limit 3")
        rows = " For example: " + "; ".join(str(row) for row in sample.to_dicts()) + "."
    raise QuantmillError(
        f"dbt {first.node.resource_type} {first.node.name} failed: {_one_line(first.message)}.{rows}{place}"
        f"{others} Log: {home.dbt / 'logs' / 'dbt.log'}"
    )


def _one_line(message: object) -> str:
    return " ".join(str(message).split()).rstrip(".")


@contextmanager
def _environment(values: dict[str, str]) -> Iterator[None]:
    """Set environment variables for the time of the block; profiles.yml reads them."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
