"""One run: its identity, its lock, its ledger, its stages, and what the user sees of it."""

from __future__ import annotations

import json
import logging
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flows.config import RunConfig
from transforms.errors import QuantmillError
from transforms.failpoints import failpoint
from transforms.ops import SEVERITIES, Ledger
from transforms.paths import Home
from transforms.versions import code_version, digest, library_versions, plain
from transforms.warehouse import Warehouse, WriterLock, utc_now

if TYPE_CHECKING:
    from flows.prefect_home import Server
    from flows.progress import Display

log = logging.getLogger("quantmill")
PACKAGES = ("transforms", "expectations", "models_sql", "ml", "execution", "reports", "flows", "conf")


@dataclass(frozen=True)
class Stage:
    """One step of a run, skipped when its fingerprint has been carried out before.

    Attributes:
        name: The stage's name, as in ``ops.stages``.
        code: Folders or files whose content decides the result.
        inputs: What else decides it: config subset and upstream versions, as JSON-ready data. None: the stage
            is cheap, idempotent and depends on the outside, so it is always carried out.
        carry_out: Does the work; returns what later stages and the summary need, as JSON-ready data.
        shared: Whether its tables hold one fingerprint's output at a time (see ``Ledger.finished``).
        detail: One short phrase for the display, from the output.
        intact: Whether the output still exists outside the warehouse (files may have been deleted).
        did_something: Of a stage that is always carried out, whether it changed anything, from the output.
    """

    name: str
    code: tuple[str, ...]
    inputs: Callable[[Run], Any] | None
    carry_out: Callable[[Run, str], dict[str, Any]]
    detail: Callable[[dict[str, Any]], str]
    shared: bool = False
    intact: Callable[[Run, dict[str, Any]], bool] = lambda _run, _output: True
    did_something: Callable[[dict[str, Any]], bool] = lambda _output: False


@dataclass
class Run:
    """The run in progress; stages read its config and leave their outputs in it."""

    run_id: str
    config: RunConfig
    home: Home
    warehouse: Warehouse
    ledger: Ledger
    display: Display
    is_sweep: bool = False
    outputs: dict[str, dict[str, Any]] = field(default_factory=dict)
    timings: dict[str, dict[str, Any]] = field(default_factory=dict)
    current_stage: str = ""

    @property
    def worked(self) -> bool:
        """Whether any stage changed anything."""
        return any(timing["changed"] for timing in self.timings.values())

    def alert(self, severity: str, message: str) -> None:
        """Record an alert of the current stage if the config asks for its severity."""
        log.warning("%s: %s", self.current_stage, message)
        if SEVERITIES.index(severity) >= SEVERITIES.index(self.config.alerts.minimum):
            self.ledger.alert(self.current_stage, severity, message)
            self.display.note(severity, message)

    def carry_out(self, stage: Stage) -> bool:
        """Carry out a stage, or skip it if nothing that it depends on has changed.

        Returns:
            Whether the stage was carried out.
        """
        self.current_stage = stage.name
        self.display.start(stage.name)
        started = time.monotonic()
        fingerprint = ""
        skipped = False
        if stage.inputs is not None:
            fingerprint = digest(stage.name, code_version(*stage.code), stage.inputs(self))
            record = self.ledger.finished(stage.name, fingerprint, shared=stage.shared)
            if record is not None and stage.intact(self, record.output):
                self.outputs[stage.name] = record.output
                skipped = True
        if not skipped:
            if stage.inputs is not None and stage.shared:
                self.ledger.invalidate(stage.name)
            self.outputs[stage.name] = stage.carry_out(self, fingerprint)
            failpoint(f"stage.{stage.name}")
        seconds = time.monotonic() - started
        if not skipped and stage.inputs is not None:
            self.ledger.record(stage.name, fingerprint, seconds=seconds, output=self.outputs[stage.name])
        self.timings[stage.name] = {
            "seconds": round(seconds, 3),
            "skipped": skipped,
            "skippable": stage.inputs is not None,
            "changed": stage.did_something(self.outputs[stage.name]) if stage.inputs is None else not skipped,
        }
        detail = stage.detail(self.outputs[stage.name])
        if skipped and detail:
            detail = f"last time: {detail}"
        log.info("%s: %s (%.2f s) %s", stage.name, "unchanged" if skipped else "done", seconds, detail)
        self.display.finish(stage.name, detail, skipped=skipped)
        return not skipped

    def manifest(self) -> dict[str, Any]:
        """Return what names this run and what it took."""
        config = plain(self.config)
        return {
            "run_id": self.run_id,
            "flow": self.config.flow.name,
            "config": config,
            "config_hash": config_hash(self.config),
            "dataset": self.config.source.dataset,
            "data_version": self.outputs.get("ingest", {}).get("data_version"),
            "code_version": code_version(*PACKAGES),
            "libraries": library_versions(),
            "stages": self.timings,
        }


@dataclass(frozen=True)
class Outcome:
    """What a finished (or failed) run hands back to the command line and to the sweep summary."""

    run_id: str
    state: str
    seconds: float
    model_id: str | None = None
    book: str | None = None
    report: Path | None = None
    error: QuantmillError | None = None
    unchanged: bool = False


def failed(error: QuantmillError) -> Outcome:
    """Return the outcome of a run that ended in ``error``, for the sweep's table."""
    return Outcome("–", "failed", 0.0, error=error)


_current: list[Run] = []


def current() -> Run:
    """Return the run in progress; Prefect tasks pass names only and find the rest here."""
    return _current[-1]


@contextmanager
def _as_current(run: Run) -> Iterator[None]:
    _current.append(run)
    try:
        yield
    finally:
        _current.pop()


def config_hash(config: RunConfig) -> str:
    """Return the digest of everything in the config that may change a result."""
    data = plain(config)
    return digest({key: value for key, value in data.items() if key not in ("engine", "alerts")})


def carry_out(config: RunConfig, *, is_sweep: bool = False, experiment: str | None = None) -> Outcome:
    """Carry out the config's flow from lock to publication.

    Raises:
        QuantmillError: The run failed; it has been recorded in ``ops.runs`` and logged. Failures of other
            kinds arrive here as one too, with the place of the details.
    """
    from flows.prefect_home import prepare
    from flows.progress import Display

    home = Home.from_environment()
    started = utc_now()
    flow = config.flow.name
    run_id = f"{started:%Y%m%dT%H%M%S}-{flow}-{secrets.token_hex(2)}"
    with WriterLock(home.lock, run_id):
        server = prepare(home)
        folder = home.runs / run_id
        folder.mkdir(parents=True)
        with _logging_to(folder / "run.log"), Warehouse(home.warehouse, config.engine) as warehouse:
            display = Display(flow)
            ledger = Ledger(warehouse, run_id)
            run = Run(run_id, config, home, warehouse, ledger, display, is_sweep)
            began = ledger.open_run(
                {
                    "flow": flow,
                    "config": json.dumps(plain(config), sort_keys=True),
                    "config_hash": config_hash(config),
                    "code_version": code_version(*PACKAGES),
                }
            )
            try:
                with display, _as_current(run):
                    _orchestrate(run, experiment, server)
                    unchanged = not run.worked
                    # Before the snapshot, so that readers find the run in it as done.
                    ledger.close_run(began, state="done", exit_code=0, message="", **_columns(run))
                    _publish(run)
            except BaseException as error:
                failure = _as_failure(run, error, folder / "run.log")
                _write_manifest(folder, run, str(failure))
                try:
                    run.alert("error", str(failure))
                    ledger.close_run(
                        began,
                        state="failed",
                        exit_code=failure.exit_code,
                        message=str(failure),
                        **_columns(run),
                    )
                except Exception as second:
                    log.exception("the failure could not be recorded in ops.runs", exc_info=second)
                if failure is error or not isinstance(error, Exception):
                    raise
                raise failure from error
            _write_manifest(folder, run, "")
            outcome = Outcome(
                run_id,
                "done",
                (utc_now() - began).total_seconds(),
                model_id=run.outputs.get("train", {}).get("model_id"),
                book=run.outputs.get("backtest", {}).get("book"),
                report=_report_of(run),
                unchanged=unchanged,
            )
            if not is_sweep:
                display.summary(run, outcome)
            return outcome


def _publish(run: Run) -> None:
    """Give readers what the run made, if anything has changed since the last snapshot.

    Ingest alone publishes nothing: its rows belong with marts that have seen them.
    """
    if run.config.flow.name == "ingest":
        return

    def inputs(_run: Run) -> Any:
        newest = run.warehouse.value("select max(finished_at) from ops.stages where stage <> 'publish'")
        always = {name: run.outputs[name] for name, timing in run.timings.items() if not timing["skippable"]}
        return [str(newest), always]

    def publish(_run: Run, _fingerprint: str) -> dict[str, Any]:
        run.warehouse.publish(run.home.published)
        return {"path": str(run.home.published.relative_to(run.home.root))}

    run.carry_out(
        Stage(
            "publish",
            code=(),
            inputs=inputs,
            carry_out=publish,
            detail=lambda out: str(out["path"]),
            shared=True,
            intact=lambda _run, _output: run.home.published.exists(),
        )
    )


def _orchestrate(run: Run, experiment: str | None, server: Server | None) -> None:
    """Hand the run to its Prefect flow, once the server is there; until then, do what the run will need anyway."""
    flow = getattr(import_module(f"flows.{run.config.flow.name}"), run.config.flow.name)
    if run.config.flow.name != "ingest":
        import_module("flows.stages").parse_sql(run)
    if server is not None:
        run.display.waiting("waiting for Prefect's server")
        server.wait()
    name = " ".join(
        part for part in (run.config.flow.name, experiment, f"{utc_now():%Y-%m-%d %H:%M:%S}") if part
    )
    run.display.waiting("registering the run")
    flow.with_options(flow_run_name=name)(run_id=run.run_id)


def _as_failure(run: Run, error: BaseException, log_file: Path) -> QuantmillError:
    if isinstance(error, QuantmillError):
        log.error("%s: %s", run.current_stage, error)
        return error
    log.exception("%s failed", run.current_stage or "run", exc_info=error)
    first = (str(error).strip().splitlines() or [""])[0]
    return QuantmillError(
        f"{run.current_stage or 'run'} failed: {type(error).__name__}: {first}  (details: {log_file})"
    )


def _columns(run: Run) -> dict[str, Any]:
    report = _report_of(run)
    result = run.outputs.get("backtest", {}).get("metrics", {}) | {
        f"model_{name}": value for name, value in run.outputs.get("train", {}).get("metrics", {}).items()
    }
    return {
        "data_version": run.outputs.get("ingest", {}).get("data_version"),
        "model_id": run.outputs.get("train", {}).get("model_id"),
        "book": run.outputs.get("backtest", {}).get("book"),
        "stages": json.dumps(run.timings),
        "result": json.dumps(result, sort_keys=True),
        "report": str(report.relative_to(run.home.root)) if report else None,
    }


def _report_of(run: Run) -> Path | None:
    name = run.outputs.get("report", {}).get("path")
    return run.home.root / name if name else None


def _write_manifest(folder: Path, run: Run, message: str) -> None:
    content = run.manifest() | {"message": message}
    (folder / "manifest.json").write_text(json.dumps(content, indent=2, sort_keys=True, default=str) + "\n")


@contextmanager
def _logging_to(path: Path) -> Iterator[None]:
    """Send the log of the run, and the libraries' warnings, to a file; the terminal stays quiet."""
    handler = logging.FileHandler(path, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    log.setLevel(logging.INFO)
    try:
        yield
    finally:
        root.removeHandler(handler)
        root.setLevel(level)
        handler.close()
