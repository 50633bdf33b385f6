"""The build stage: dbt, in this process, on the open warehouse.

dbt opens the same DuckDB database with the same configuration as ``Warehouse`` does, so that both share one
instance and what dbt has committed is at once visible to the warehouse's cursors. Inside a Prefect run each
model and test shows as a task.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from execution.config import StrategyConfig
from flows.dbt_state import BuildState, drop_orphans, read_manifest, target_path
from flows.refusals import refusal
from flows.saved_macros import save_macros
from transforms.config import (
    TIMEFRAMES,
    EngineConfig,
    LabelsConfig,
    SourceConfig,
    UniverseConfig,
    require,
    require_choice,
    require_date,
    require_symbols,
)
from transforms.errors import ConfigError, QuantmillError
from transforms.features import FeaturesConfig
from transforms.labels import ForwardReturnLabelsConfig, with_other_kinds
from transforms.operators.catalogue import load_ahead
from transforms.paths import PROJECT, Home
from transforms.versions import plain
from transforms.warehouse import Warehouse, connection_config

PROJECT_DIR = PROJECT / "models_sql"

# dbt keeps flags, adapters and its event log in module globals: two invocations at once break each other.
LOCK = threading.Lock()

BuildMode = Literal["full", "changed", "appended"]

# A wrong column fails many tests; the first few say why.
_NAMED_FAILURES = 3


@dataclass(frozen=True)
class BuildVars:
    """What the config says to the SQL; ``models_sql/macros/vars.sql`` checks the same again.

    Attributes:
        source, dataset, timeframe, calendar: Which raw rows are built on.
        source_symbols, start, end: What the source config asked for; empty and None mean all.
        universe, features, labels: These groups of the config, whole.
        strategy: Whose signals are built, of one or of several; SQL is told no more of it than their parameters.
        as_of: What was known at this moment (ISO timestamp, UTC); None for everything.
    """

    source: str
    dataset: str
    timeframe: str
    calendar: str
    source_symbols: list[str] = field(default_factory=list)
    start: str | None = None
    end: str | None = None
    universe: UniverseConfig = field(default_factory=lambda: UniverseConfig(name="all"))
    features: FeaturesConfig = field(default_factory=lambda: FeaturesConfig(name="core"))
    labels: LabelsConfig = field(default_factory=lambda: ForwardReturnLabelsConfig(name="forward_return"))
    strategy: StrategyConfig = field(default_factory=lambda: StrategyConfig(name="model"))
    as_of: str | None = None

    def __post_init__(self) -> None:
        require_choice(self.timeframe, TIMEFRAMES, "source.timeframe")
        self.features.require_timeframe(self.timeframe)
        self.labels.require_fit(self.timeframe, self.universe)
        require_symbols(self.source_symbols, "source.symbols")
        require_date(self.start, "source.start")
        require_date(self.end, "source.end")
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

    @classmethod
    def from_config(
        cls,
        source: SourceConfig,
        universe: UniverseConfig,
        features: FeaturesConfig,
        labels: LabelsConfig,
        strategy: StrategyConfig,
        *,
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
            universe=universe,
            features=features,
            labels=labels,
            strategy=strategy,
            as_of=as_of,
        )

    def as_dict(self) -> dict[str, Any]:
        """Return the vars as plain data, without what the SQL does not read."""
        vars_ = asdict(self)
        for key in ("columns", "level_columns"):  # what a model sees of the features, whatever SQL builds
            del vars_["features"][key]
        vars_["labels"] = with_other_kinds(self.labels)
        signals = self.strategy.signals.items()
        vars_["strategy"] = {"signals": {name: plain(parameters) for name, parameters in signals}}
        return vars_

    def as_json(self) -> str:
        """Return the vars as dbt's ``--vars`` takes them."""
        return json.dumps(self.as_dict(), sort_keys=True)


@dataclass(frozen=True)
class BuildResult:
    """What a build did.

    Attributes:
        models: Names of the models that ran, in order of completion.
        tests: How many data tests ran; all passed.
        seconds: Wall time of the whole invocation.
        timings: Model → seconds.
        mode: ``full``; ``changed`` (only models whose SQL or vars have changed, and what depends on them); or
            ``appended`` (only rows from the first changed bar on).
    """

    models: tuple[str, ...]
    tests: int
    seconds: float
    timings: dict[str, float]
    mode: BuildMode


def build(
    home: Home,
    warehouse: Warehouse,
    build_vars: BuildVars,
    *,
    engine: EngineConfig | None = None,
    select: str | None = None,
    changed_only: bool = False,
    tests: bool = True,
) -> BuildResult:
    """Build and test the models into ``staging``, ``intermediate`` and ``marts``; a complete build saves ``macros``.

    Args:
        home: ``home.dbt`` takes everything that dbt writes.
        warehouse: The open warehouse; must not be within a transaction.
        build_vars: The config's values.
        engine: Must be the one the warehouse was opened with.
        select: dbt's node selection; None for everything.
        changed_only: Run only models whose SQL, macros, config or vars differ from the last complete build, and
            what depends on them. The caller vouches that raw data is the same. Falls back to everything where
            that build was broken off, had other operators, or left a relation that is no longer there.
        tests: Whether the data tests run.

    Where the data has changed but code and vars have not, tables materialised as ``refreshed`` replace only what
    can differ.

    Raises:
        QuantmillError: A model or test failed; names it, its message and its compiled SQL.
    """
    started = time.perf_counter()
    state = BuildState(home, PROJECT_DIR, build_vars.as_dict())
    with LOCK:
        args = [
            "build",
            *(("--exclude-resource-type", "unit_test") if tests else ("--resource-type", "model")),
        ]
        mode: BuildMode = "full"
        if select is not None:
            # Cautious: a test that also reads models outside the selection says nothing about it.
            args += ["--select", select, "--indirect-selection", "cautious"]
        elif state.is_usable(warehouse):
            if changed_only:
                mode = "changed"
                # By file: the bare name of a mart also selects the folder of that name.
                affected = [f"file:{model}.sql+" for model in state.models_of_changed_vars()]
                args += ["--select", "state:modified+", *affected]
                args += ["--state", str(state.copy_for_comparison())]
            elif state.has_same_code_and_vars():
                mode = "appended"
        if mode != "appended":
            args.append("--full-refresh")
        # From here until all is well the marts may be of two minds, which a later build must not trust.
        state.forget()
        load_ahead()
        results = _invoke(args, home, warehouse.path, build_vars.as_json(), engine or EngineConfig())
        _raise_for_failures(results, home, warehouse, build_vars.strategy)
        if select is None:
            state.remember(warehouse)
            drop_orphans(home, warehouse)
            save_macros(warehouse)
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
        mode=mode,
    )


def unit_test(
    home: Home, warehouse: Warehouse, build_vars: BuildVars, *, engine: EngineConfig | None = None
) -> int:
    """Run dbt's unit tests against a built warehouse (they read column types there); return how many passed.

    Raises:
        QuantmillError: One failed, or there are none.
    """
    with LOCK:
        args = ["test", "--select", "test_type:unit"]
        results = _invoke(args, home, warehouse.path, build_vars.as_json(), engine or EngineConfig())
        _raise_for_failures(results, home, warehouse, build_vars.strategy)
    if not results:
        raise QuantmillError(f"{PROJECT_DIR}: no unit test found")
    return len(results)


def docs(
    home: Home, warehouse: Warehouse, vars_: dict[str, Any], *, engine: EngineConfig | None = None
) -> Path:
    """Write dbt's catalogue as one self-contained page and return its path.

    Args:
        home, warehouse, engine: As for ``build``.
        vars_: ``BuildVars.as_dict()`` of the build that is to be shown.

    Raises:
        QuantmillError: dbt failed.
    """
    with LOCK:
        _invoke(
            ["docs", "generate", "--static"],
            home,
            warehouse.path,
            json.dumps(vars_),
            engine or EngineConfig(),
        )
    return target_path(home) / "static_index.html"


def is_parsed(home: Home) -> bool:
    """Whether dbt has a parse of the project in its cache (which it checks against the files itself)."""
    return (target_path(home) / "partial_parse.msgpack").exists()


def parse(home: Home, build_vars: BuildVars) -> dict[str, Any]:
    """Parse the project without a warehouse and return dbt's manifest.

    Raises:
        QuantmillError: The project or a var is wrong.
    """
    with LOCK:
        _invoke(["parse"], home, home.warehouse, build_vars.as_json(), EngineConfig())
    return read_manifest(home)


def _invoke(args: list[str], home: Home, database: Path, vars_json: str, engine: EngineConfig) -> list[Any]:
    """Run one dbt command and return its node results; raise for what is wrong before any node runs."""
    config = connection_config(engine)
    home.dbt.mkdir(parents=True, exist_ok=True)
    command = [
        *args,
        *("--vars", vars_json),
        *("--threads", str(config["threads"])),
        *("--log-path", str(home.dbt / "logs")),
    ]
    with surroundings(database, engine):
        try:
            outcome = (
                _invoke_in_prefect(command, home) if _is_in_prefect_run() else _invoke_plainly(command, home)
            )
        except ValueError as error:  # what PrefectDbtRunner raises for a project that does not parse
            raise QuantmillError(
                f"dbt {args[0]}: {one_line(error)}. Log: {home.dbt / 'logs' / 'dbt.log'}"
            ) from error
    if outcome.exception is not None:
        raise QuantmillError(
            f"dbt {args[0]}: {one_line(outcome.exception)}. Log: {home.dbt / 'logs' / 'dbt.log'}"
        ) from outcome.exception
    results: list[Any] = list(getattr(outcome.result, "results", None) or [])
    if not outcome.success and not results:
        raise QuantmillError(f"dbt {args[0]} failed without saying why. Log: {home.dbt / 'logs' / 'dbt.log'}")
    return results


def _invoke_plainly(command: list[str], home: Home) -> Any:
    from dbt.cli.main import dbtRunner

    places = ["--project-dir", str(PROJECT_DIR), "--profiles-dir", str(PROJECT_DIR)]
    places += ["--target-path", str(target_path(home)), "--log-level", "none", "--log-level-file", "info"]
    return dbtRunner().invoke([*command, *places])


def _invoke_in_prefect(command: list[str], home: Home) -> Any:
    from flows.dbt_tasks import invoke

    return invoke(command, project=PROJECT_DIR, target=target_path(home))


def _is_in_prefect_run() -> bool:
    """Whether this thread works for a Prefect flow or task; Prefect is not imported just to find out."""
    if "prefect.context" not in sys.modules:
        return False
    from prefect.context import FlowRunContext, TaskRunContext

    return FlowRunContext.get() is not None or TaskRunContext.get() is not None


def _raise_for_failures(
    results: list[Any], home: Home, warehouse: Warehouse, strategy: StrategyConfig
) -> None:
    """Raise for what failed: name and message of each, a few offending rows, where the compiled SQL is.

    A value of the config that the SQL refuses is a wrong config; of all that fails then, it alone says why.
    """
    failed = [result for result in results if str(result.status) in ("error", "fail", "runtime error")]
    if not failed:
        return
    for result in failed:
        if refused := refusal(one_line(result.message), strategy):
            raise ConfigError(f"{refused}  (model {result.node.name})")
    named = "; ".join(_describe(result, warehouse) for result in failed[:_NAMED_FAILURES])
    others = f"; and {len(failed) - _NAMED_FAILURES} more" if len(failed) > _NAMED_FAILURES else ""
    raise QuantmillError(f"dbt: {named}{others}. Log: {home.dbt / 'logs' / 'dbt.log'}")


def _describe(result: Any, warehouse: Warehouse) -> str:
    node = result.node
    message = one_line(_cause(str(result.message)))
    text = f"{node.resource_type} {node.name} failed: {message}"
    if str(result.status) == "fail" and node.resource_type == "test":
        sample = warehouse.read(f"select * from ({node.compiled_code}) limit 3")
        text += ", for example " + ", ".join(str(row) for row in sample.to_dicts())
    if compiled := getattr(node, "compiled_path", None):  # unit tests have none
        text += f" (SQL: {PROJECT_DIR / compiled})"
    return text


def _cause(message: str) -> str:
    """Return what went wrong without the traceback that dbt puts before errors raised in Python."""
    return message.strip().splitlines()[-1] if "Traceback (most recent call last)" in message else message


def one_line(message: object) -> str:
    """Return a message of dbt's, which may be over many lines, as one."""
    return " ".join(str(message).split()).rstrip(".")


@contextmanager
def surroundings(database: Path, engine: EngineConfig) -> Iterator[None]:
    """Let dbt find the database, configured as ours is, and keep to itself, for the time of the block."""
    values = {
        "QUANTMILL_WAREHOUSE": str(database),
        "QUANTMILL_CONNECTION": json.dumps(connection_config(engine)),
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
        "DBT_VERSION_CHECK": "false",
        "DBT_USE_COLORS": "false",
        "DBT_QUIET": "true",
    }
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
