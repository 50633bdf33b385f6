"""Whole runs in tests: a home of their own, and one Prefect server for all of them (on loopback)."""

from __future__ import annotations

import contextlib
import io
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pytest

from flows.prefect_home import environment
from transforms.paths import PROJECT, Home
from transforms.warehouse import Warehouse

SECRET = "canary-7f3a-must-not-be-written"
QUICK = "experiment=quick"


@dataclass(frozen=True)
class Done:
    """A finished command."""

    code: int
    out: str
    err: str
    seconds: float


class Place:
    """A home, and the command line run against it."""

    def __init__(self, root: Path, api: str) -> None:
        self.home = Home(root)
        self.api = api

    def environment(self, **more: str) -> dict[str, str]:
        """Return the environment of a command: this home, the tests' Prefect server, a secret to look for."""
        kept = {
            name: value for name, value in os.environ.items() if not name.startswith(("PREFECT", "QUANTMILL"))
        }
        named = {"QUANTMILL_HOME": str(self.home.root), "COLUMNS": "200", "APCA_API_SECRET_KEY": SECRET}
        if self.api:
            named["PREFECT_API_URL"] = self.api
        return {**kept, **named, **more}

    def run(self, *args: str, with_model_tasks: bool = False) -> Done:
        """Run ``quantmill`` with the arguments within this process, as one job of a sweep follows another.

        Showing every model as a task of Prefect's doubles what a build costs, so not every run does.
        """
        from hydra.core.global_hydra import GlobalHydra

        from flows.__main__ import main

        started = time.monotonic()
        out, err = io.StringIO(), io.StringIO()
        code: object = 0
        with pytest.MonkeyPatch.context() as patch:
            for name, value in self.environment().items():
                patch.setenv(name, value)
            patch.setattr(sys, "argv", ["quantmill", *args])
            if not with_model_tasks:
                patch.setattr("flows.dbt._is_in_prefect_run", lambda: False)
            GlobalHydra.instance().clear()
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
                try:
                    main()
                except SystemExit as leaving:
                    code = leaving.code or 0
        assert isinstance(code, int), code
        return Done(code, out.getvalue(), err.getvalue(), time.monotonic() - started)

    def spawn(self, *args: str, **more: str) -> Done:
        """Run ``quantmill`` in a process of its own, from a directory that is not the project's."""
        started = time.monotonic()
        self.home.root.parent.mkdir(parents=True, exist_ok=True)
        done = subprocess.run(
            self.command(*args),
            env=self.environment(PYTHONPATH=str(PROJECT), **more),
            cwd=self.home.root.parent,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        return Done(done.returncode, done.stdout, done.stderr, time.monotonic() - started)

    def command(self, *args: str) -> list[str]:
        """Return the command of a process of its own."""
        return [sys.executable, "-m", "flows", *args]

    def read(self, sql: str) -> pl.DataFrame:
        """Query the warehouse."""
        with Warehouse(self.home.warehouse, read_only=True) as warehouse:
            return warehouse.read(sql)

    def digests(self) -> dict[str, str]:
        """Return table → digest of everything that a result consists of, without times and ids of runs."""
        with Warehouse(self.home.warehouse, read_only=True) as warehouse:
            tables = warehouse.read(
                "select table_schema || '.' || table_name as name from information_schema.tables "
                "where table_schema in ('marts', 'ml', 'execution') order by name"
            )["name"].to_list()
            leave_out = ("trained_at", "path", "manifest")
            return {name: warehouse.content_digest(name, leave_out=leave_out) for name in tables} | {
                name: warehouse.content_digest(name, leave_out=("known_at",))
                for name in ("raw.bars", "quarantine.bars")
            }


@pytest.fixture(scope="session")
def prefect_api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """One Prefect server for every run of the session: what a user with ``make ui`` open has."""
    home = Home(tmp_path_factory.mktemp("prefect"))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT")}
    server = subprocess.Popen(
        [sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port)],
        env={**kept, **environment(home)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    api = f"http://127.0.0.1:{port}/api"
    try:
        for _ in range(600):
            try:
                with urllib.request.urlopen(f"{api}/health", timeout=1):
                    break
            except OSError:
                time.sleep(0.1)
        else:
            pytest.fail("the Prefect server did not come up")
        # Prefect reads its settings when it is first imported; runs within this process share the server.
        with pytest.MonkeyPatch.context() as patch:
            for name, value in {**environment(home), "PREFECT_API_URL": api}.items():
                patch.setenv(name, value)
            import prefect  # noqa: F401
        yield api
        from prefect.logging.handlers import APILogWorker

        APILogWorker.drain_all(timeout=10)  # what is still on its way is delivered while there is a server
    finally:
        server.terminate()
        server.wait(timeout=20)


@pytest.fixture
def place(tmp_path: Path, prefect_api: str) -> Place:
    """An empty home."""
    return Place(tmp_path / "home", prefect_api)


@pytest.fixture(scope="session")
def quick(tmp_path_factory: pytest.TempPathFactory, prefect_api: str) -> Place:
    """A home in which the quick experiment has run once. Tests that use it leave its results as they are."""
    place = Place(tmp_path_factory.mktemp("quick") / "home", prefect_api)
    done = place.run(QUICK, with_model_tasks=True)
    assert done.code == 0, done.err
    return place
