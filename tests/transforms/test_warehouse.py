"""One writer, many readers, and nothing half done."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import polars as pl
import pytest

from transforms import schemas, schemas_ops
from transforms.errors import QuantmillError, WarehouseBusyError
from transforms.schemas import Table
from transforms.warehouse import Warehouse, WriterLock

THINGS = Table(
    "ops.things",
    "One row per name and number.",
    ("name", "number"),
    {"name": "VARCHAR", "number": "INTEGER", "value": "DOUBLE"},
)


def things(*rows: tuple[str | None, int | None, float | None]) -> pl.DataFrame:
    return pl.DataFrame(
        rows, schema={"name": pl.String, "number": pl.Int32, "value": pl.Float64}, orient="row"
    )


@pytest.fixture
def warehouse(tmp_path: Path) -> Iterator[Warehouse]:
    with Warehouse(tmp_path / "warehouse.duckdb") as warehouse:
        warehouse.execute(THINGS.ddl)
        yield warehouse


def content(warehouse: Warehouse) -> list[tuple[str | None, int | None, float | None]]:
    return warehouse.read("select * from ops.things order by all").rows()


# The lock

HOLD = """
import sys, time
from pathlib import Path
from transforms.warehouse import WriterLock
with WriterLock(Path(sys.argv[1]), "the-first-run"):
    print("held", flush=True)
    time.sleep(60)
"""


def test_second_process_is_refused_at_once_and_told_who_holds_the_lock(tmp_path: Path) -> None:
    lock = tmp_path / "warehouse.lock"
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(lock)],
        env={**os.environ, "PYTHONPATH": ":".join(sys.path)},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        begun = time.monotonic()
        with pytest.raises(WarehouseBusyError) as refused, WriterLock(lock, "the-second-run"):
            pass
        assert time.monotonic() - begun < 1
        assert f"run the-first-run, process {holder.pid}, since 2" in str(refused.value)
        assert "QUANTMILL_HOME" in str(refused.value)
    finally:
        holder.kill()
        holder.communicate()
    with WriterLock(lock, "the-second-run"):  # a killed holder holds nothing
        assert b"the-second-run" in lock.read_bytes()
    assert lock.read_bytes() == b""


def test_lock_survives_its_holder_reading_the_file(tmp_path: Path) -> None:
    lock = tmp_path / "warehouse.lock"
    with WriterLock(lock, "reader"):
        lock.read_bytes()
        (tmp_path / "warehouse.duckdb").touch()
        (tmp_path / "warehouse.duckdb").read_bytes()
        with pytest.raises(WarehouseBusyError, match="run reader"), WriterLock(lock, "other"):
            pass


def test_lock_of_a_silent_holder_is_still_a_lock(tmp_path: Path) -> None:
    lock = tmp_path / "warehouse.lock"
    with WriterLock(lock, "holder"):
        lock.write_text("no json")
        with pytest.raises(WarehouseBusyError, match="has not said who it is"), WriterLock(lock, "other"):
            pass


# Opening


def test_every_contract_table_is_there_with_its_columns(warehouse: Warehouse) -> None:
    for table in schemas.CONTRACTS:
        assert warehouse.columns(table.name) == table.columns
        assert set(table.key) <= set(table.columns)


def test_reopened_warehouse_keeps_its_rows(tmp_path: Path) -> None:
    path = tmp_path / "warehouse.duckdb"
    with Warehouse(path) as first:
        first.append(schemas.METRICS, pl.DataFrame({"model_id": ["m"], "fold": [1], "metric": ["auc"]}))
    with Warehouse(path) as second:
        assert second.read("select * from ml.metrics").rows() == [("m", 1, "auc", None)]


@pytest.mark.parametrize("damage", ["not a database", "zeros", "header", "truncated"])
def test_corrupt_file_is_refused_with_the_way_out(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "warehouse.duckdb"
    with Warehouse(path) as warehouse:
        warehouse.append(schemas.METRICS, pl.DataFrame({"model_id": ["m"] * 1000, "fold": range(1000)}))
    intact = path.read_bytes()
    damaged = {
        "not a database": b"hello" * 1000,
        "zeros": bytes(len(intact)),
        "header": intact[:8] + b"XXXX" + intact[12:],
        "truncated": intact[: len(intact) // 2],
    }
    path.write_bytes(damaged[damage])
    with pytest.raises(QuantmillError, match="move the file away and run again") as refused:
        Warehouse(path)
    assert str(path) in str(refused.value)
    assert "\n" not in str(refused.value)


def test_damaged_block_is_named_when_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "warehouse.duckdb"
    with Warehouse(path) as warehouse:
        warehouse.execute(THINGS.ddl)
        warehouse.append(THINGS, things(*((f"name{n}", n, n * 1.1) for n in range(200_000))))
        warehouse.execute("checkpoint")
    data = bytearray(path.read_bytes())
    # A stretch so long that it meets blocks of the table, wherever others lie.
    damaged = slice(len(data) // 3, len(data) // 2)
    data[damaged] = bytes(255 - byte for byte in data[damaged])
    path.write_bytes(data)
    with (
        pytest.raises(QuantmillError, match="rebuilt from the landing directory") as refused,
        Warehouse(path, read_only=True) as warehouse,
    ):
        warehouse.read("select sum(value), min(name) from ops.things")
    assert str(path) in str(refused.value)


# Writing


def test_transaction_rolls_everything_back(warehouse: Warehouse) -> None:
    warehouse.append(THINGS, things(("kept", 1, 1.0)))

    def fail_within() -> None:
        with warehouse.transaction():
            warehouse.append(THINGS, things(("lost", 1, 1.0)))
            with warehouse.transaction():  # joins the outer one
                warehouse.execute("delete from ops.things where name = 'kept'")
            assert content(warehouse) == [("lost", 1, 1.0)]
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail_within()
    assert content(warehouse) == [("kept", 1, 1.0)]
    with warehouse.transaction():
        warehouse.append(THINGS, things(("later", 2, 2.0)))
    assert len(content(warehouse)) == 2


def test_other_threads_do_not_see_what_is_not_committed(warehouse: Warehouse) -> None:
    seen: list[int] = []

    def look() -> None:
        seen.append(warehouse.value("select count(*) from ops.things"))

    def look_elsewhere() -> None:
        thread = threading.Thread(target=look)
        thread.start()
        thread.join()

    with warehouse.transaction():
        warehouse.append(THINGS, things(("a", 1, 1.0)))
        look_elsewhere()
    look_elsewhere()
    assert seen == [0, 1]


def test_append_fills_missing_columns_with_null_and_refuses_unknown_ones(warehouse: Warehouse) -> None:
    assert warehouse.append(THINGS, things(("a", 1, 1.0)).drop("value")) == 1
    assert content(warehouse) == [("a", 1, None)]
    with pytest.raises(QuantmillError, match=r"ops\.things has no column 'colour'"):
        warehouse.append(THINGS, things(("b", 1, 1.0)).with_columns(colour=pl.lit("red")))
    assert warehouse.append(THINGS, things()) == 0
    assert len(content(warehouse)) == 1


def test_upsert_replaces_by_key_null_included(warehouse: Warehouse) -> None:
    warehouse.append(THINGS, things(("a", 1, 1.0), ("a", None, 2.0), (None, None, 3.0), ("b", 1, 4.0)))
    warehouse.upsert(THINGS, things(("a", None, 20.0), (None, None, 30.0), ("c", 1, 50.0)))
    assert content(warehouse) == [
        ("a", 1, 1.0),
        ("a", None, 20.0),
        ("b", 1, 4.0),
        ("c", 1, 50.0),
        (None, None, 30.0),
    ]


def test_upsert_that_fails_deletes_nothing(warehouse: Warehouse) -> None:
    warehouse.append(THINGS, things(("a", 1, 1.0)))
    with pytest.raises(QuantmillError, match="has no column 'colour'"):
        warehouse.upsert(THINGS, things(("a", 1, 2.0)).with_columns(colour=pl.lit("red")))
    assert content(warehouse) == [("a", 1, 1.0)]


def test_frames_that_break_the_key_are_refused(warehouse: Warehouse) -> None:
    twice = things(("a", 1, 1.0), ("b", None, 1.0), ("b", None, 2.0))
    message = r"ops\.things: 2 rows share a key with another one, such as name='b', number=None"
    with pytest.raises(QuantmillError, match=message):
        warehouse.upsert(THINGS, twice)
    with pytest.raises(QuantmillError, match=message):
        warehouse.replace_where(THINGS, {"name": "b"}, twice)
    with pytest.raises(QuantmillError, match="the key column 'number' is missing"):
        warehouse.upsert(THINGS, things(("a", 1, 1.0)).drop("number"))
    assert content(warehouse) == []


def test_replace_where_replaces_just_those_rows(warehouse: Warehouse) -> None:
    warehouse.append(THINGS, things(("a", 1, 1.0), ("a", 2, 2.0), ("b", 1, 3.0), (None, 1, 4.0)))
    warehouse.replace_where(THINGS, {"name": "a"}, things(("a", 3, 9.0)))
    assert content(warehouse) == [("a", 3, 9.0), ("b", 1, 3.0), (None, 1, 4.0)]
    warehouse.replace_where(THINGS, {"name": None, "number": 1}, things())
    assert content(warehouse) == [("a", 3, 9.0), ("b", 1, 3.0)]
    with pytest.raises(QuantmillError, match="is no table or column name"):
        warehouse.replace_where(THINGS, {'name" = 1 or "name': "a"}, things())


def test_values_are_bound_and_never_run(warehouse: Warehouse) -> None:
    evil = "x'; drop table ops.things; --"
    warehouse.upsert(THINGS, things((evil, 1, 1.0)))
    warehouse.replace_where(THINGS, {"name": evil}, things((evil, 2, 2.0)))
    assert warehouse.value("select number from ops.things where name = ?", [evil]) == 2


def test_names_that_are_no_identifiers_are_refused(warehouse: Warehouse) -> None:
    assert warehouse.has_table("ops.things")
    assert not warehouse.has_table("ops.nothing")
    with pytest.raises(QuantmillError, match="is no table or column name"):
        warehouse.has_table("ops.things; drop table ops.things")


# Publishing


def test_reader_of_the_old_snapshot_keeps_it_while_a_new_one_is_published(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    target = tmp_path / "published" / "warehouse.duckdb"
    warehouse.append(THINGS, things(("old", 1, 1.0)))
    warehouse.publish(target)
    with Warehouse(target, read_only=True) as old:
        warehouse.append(THINGS, things(("new", 2, 2.0)))
        warehouse.publish(target)
        assert content(old) == [("old", 1, 1.0)]
    with Warehouse(target, read_only=True) as new:
        assert content(new) == [("new", 2, 2.0), ("old", 1, 1.0)]
        assert new.columns("raw.bars") == schemas.BARS.columns
    assert [path.name for path in target.parent.iterdir()] == ["warehouse.duckdb"]


LOOK = """
import sys
from pathlib import Path
from transforms.warehouse import Warehouse
seen = set()
print("ready", flush=True)
while not Path(sys.argv[2]).exists():
    with Warehouse(Path(sys.argv[1]), read_only=True) as warehouse:
        first, second = (
            warehouse.value(f"select max(number) from ops.things where name = '{name}'") for name in "ab"
        )
        assert first == second, (first, second)
        seen.add(first)
print(len(seen))
"""


def test_readers_see_a_whole_snapshot_at_every_moment(warehouse: Warehouse, tmp_path: Path) -> None:
    target, stop = tmp_path / "published.duckdb", tmp_path / "stop"
    warehouse.append(THINGS, things(("a", 0, 0.0), ("b", 0, 0.0)))
    warehouse.publish(target)
    reader = subprocess.Popen(
        [sys.executable, "-c", LOOK, str(target), str(stop)],
        env={**os.environ, "PYTHONPATH": ":".join(sys.path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert reader.stdout is not None
    assert reader.stdout.readline() == "ready\n"
    for number in range(1, 9):
        warehouse.execute("update ops.things set number = ? where name = 'a'", [number])
        warehouse.execute("update ops.things set number = ? where name = 'b'", [number])
        warehouse.publish(target)
    stop.touch()
    output, errors = reader.communicate(timeout=30)
    assert reader.returncode == 0, errors
    assert int(output) >= 1


OPEN = """
import sys
import duckdb
try:
    duckdb.connect(sys.argv[1]).close()
except duckdb.IOException as error:
    sys.exit("lock" in str(error).lower())
"""


def test_publishing_leaves_the_warehouse_locked_against_other_writers(tmp_path: Path) -> None:
    def is_refused() -> bool:
        return (
            subprocess.run([sys.executable, "-c", OPEN, str(tmp_path / "w.duckdb")], check=False).returncode
            == 1
        )

    with Warehouse(tmp_path / "w.duckdb") as warehouse:
        for _ in range(2):
            warehouse.publish(tmp_path / "published" / "w.duckdb")
            assert is_refused()
    assert not is_refused()


def test_leftovers_of_a_killed_publish_do_not_matter(warehouse: Warehouse, tmp_path: Path) -> None:
    target = tmp_path / "it's published" / "warehouse.duckdb"
    target.parent.mkdir()
    (target.parent / ".warehouse.duckdb.building").write_bytes(b"half a fi")
    (target.parent / ".warehouse.duckdb.building.wal").write_bytes(b"half a lo")
    warehouse.append(THINGS, things(("a", 1, 1.0)))
    warehouse.publish(target)
    with Warehouse(target, read_only=True) as published:
        assert content(published) == [("a", 1, 1.0)]


def test_failed_publish_leaves_the_old_snapshot_and_the_warehouse_usable(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    target = tmp_path / "published" / "warehouse.duckdb"
    warehouse.append(THINGS, things(("a", 1, 1.0)))
    warehouse.publish(target)
    snapshot = target.read_bytes()
    (target.parent / ".warehouse.duckdb.building").mkdir()
    with pytest.raises(OSError, match="building"):
        warehouse.publish(target)
    assert target.read_bytes() == snapshot
    (target.parent / ".warehouse.duckdb.building").rmdir()
    warehouse.append(THINGS, things(("b", 1, 1.0)))
    warehouse.publish(target)
    with Warehouse(target, read_only=True) as published:
        assert len(content(published)) == 2


def test_moments_are_naive_utc(warehouse: Warehouse) -> None:
    at = datetime(2024, 3, 8, 21, 0, 0, 1)  # noqa: DTZ001
    warehouse.append(schemas_ops.ALERTS, pl.DataFrame({"run_id": ["r"], "number": [1], "raised_at": [at]}))
    assert warehouse.value("select raised_at from ops.alerts") == at
