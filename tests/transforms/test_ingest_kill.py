"""``kill -9`` anywhere in an ingest, then the same ingest again: the tables of an undisturbed run."""

from __future__ import annotations

import multiprocessing
import os
import random
import shutil
import signal
import time
from collections.abc import Iterator
from multiprocessing.context import ForkServerContext, ForkServerProcess
from pathlib import Path

import polars as pl
import pytest

from tests.transforms.tiny_source import TinyConfig, weekdays
from transforms import calendars
from transforms.ingest import IngestResult, ingest
from transforms.paths import Home
from transforms.warehouse import Warehouse, WriterLock

PLACES = [
    "landing.request.written",
    "landing.request.synced",
    "landing.request.renamed",
    "ingest.fetched",
    "ingest.fetched:3",
    "landing.page.written:2",
    "landing.page.synced:2",
    "landing.page.renamed:3",
    "landing.sidecar.written:2",
    "landing.sidecar.synced:2",
    "landing.sidecar.renamed:3",
    "ingest.before_commit",
    "ingest.before_commit:3",
    "ingest.after_commit:2",
    "ingest.before_close",
    "landing.close.written",
    "landing.close.synced",
    "landing.close.renamed",
]
TABLES = ("raw.bars", "raw.corporate_actions", "ops.landed_pages", "ops.checkpoints", "raw.sessions")
TIMES = ("known_at", "updated_at")


def ingest_second(root: str, place: str, started: str) -> None:
    """Ingest the second edition in a process of its own, to die at ``place``."""
    os.environ["QUANTMILL_FAILPOINT"] = place
    home = Home(Path(root))
    calendars.sessions = weekdays
    Path(started).touch()
    with WriterLock(home.lock, "killed"), Warehouse(home.warehouse) as warehouse:
        ingest(warehouse, home, TinyConfig(edition="second"))


@pytest.fixture(scope="module")
def processes() -> ForkServerContext:
    """Processes that start in milliseconds: forked from one that has imported everything and run nothing."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.transforms.test_ingest_kill"])
    return context


@pytest.fixture(autouse=True)
def quick_calendar(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calendars, "sessions", weekdays)


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home that holds the first edition."""
    root = tmp_path_factory.mktemp("before")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(calendars, "sessions", weekdays)
        with Warehouse(Home(root).warehouse) as warehouse:
            ingest(warehouse, Home(root), TinyConfig())
    return root


@pytest.fixture
def home(before: Path, tmp_path: Path) -> Iterator[Home]:
    root = tmp_path / "home"
    shutil.copytree(before, root)
    yield Home(root)
    shutil.rmtree(root)


def start(processes: ForkServerContext, home: Home, place: str) -> ForkServerProcess:
    started = home.root / "started"
    started.unlink(missing_ok=True)
    process = processes.Process(target=ingest_second, args=(str(home.root), place, str(started)))
    process.start()
    return process


def finish(home: Home) -> tuple[IngestResult, dict[str, pl.DataFrame], set[str]]:
    """Ingest undisturbed; return the result, the tables without times and the landed files."""
    with WriterLock(home.lock, "finishing"), Warehouse(home.warehouse) as warehouse:
        result = ingest(warehouse, home, TinyConfig(edition="second"))
        tables = {}
        for name in TABLES:
            columns = ", ".join(column for column in warehouse.columns(name) if column not in TIMES)
            tables[name] = warehouse.read(f"select {columns} from {name} order by all")
        known = warehouse.value("select count(distinct known_at) from ops.landed_pages")
        assert known == 2, "one revision per edition"
    files = {str(path.relative_to(home.landing)) for path in home.landing.rglob("*") if path.is_file()}
    return result, tables, files


@pytest.fixture(scope="module")
def undisturbed(
    before: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[IngestResult, dict[str, pl.DataFrame], set[str]]:
    root = tmp_path_factory.mktemp("undisturbed") / "home"
    shutil.copytree(before, root)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(calendars, "sessions", weekdays)
        return finish(Home(root))


def assert_undisturbed(
    home: Home, undisturbed: tuple[IngestResult, dict[str, pl.DataFrame], set[str]]
) -> IngestResult:
    result, tables, files = finish(home)
    for name, expected in undisturbed[1].items():
        assert tables[name].equals(expected), f"{name}: {tables[name]} is not {expected}"
    assert files == undisturbed[2]
    assert (result.batch_id, result.data_version) == (undisturbed[0].batch_id, undisturbed[0].data_version)
    return result


@pytest.mark.parametrize("place", PLACES)
def test_killed_ingest_run_again_equals_an_undisturbed_one(
    processes: ForkServerContext,
    home: Home,
    undisturbed: tuple[IngestResult, dict[str, pl.DataFrame], set[str]],
    place: str,
) -> None:
    process = start(processes, home, place)
    process.join(30)
    assert process.exitcode == -signal.SIGKILL, "the failpoint was not passed"
    result = assert_undisturbed(home, undisturbed)
    # Of the three pages, what had landed was not fetched again.
    landed_before = {
        "landing.page.written:2": 1,
        "landing.sidecar.renamed:3": 3,
        "ingest.before_commit": 1,
        "ingest.after_commit:2": 2,
        "landing.close.renamed": 3,
    }
    if place in landed_before:
        assert result.pages_landed == 3 - landed_before[place]


def test_ingest_killed_again_and_again_at_random_equals_an_undisturbed_one(
    processes: ForkServerContext,
    home: Home,
    undisturbed: tuple[IngestResult, dict[str, pl.DataFrame], set[str]],
) -> None:
    generator = random.Random(5)
    killed = 0
    for _ in range(8):
        process = start(processes, home, "nowhere")
        deadline = time.monotonic() + 30
        while not (home.root / "started").exists() and time.monotonic() < deadline:
            time.sleep(0.001)
        time.sleep(generator.uniform(0.0, 0.12))
        process.kill()
        process.join(30)
        killed += process.exitcode == -signal.SIGKILL
    assert killed > 0
    assert_undisturbed(home, undisturbed)
