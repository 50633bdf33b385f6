"""Runs against each other: skipping, sweeping, repeating, rebuilding, trading, all from the command line."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
from pathlib import Path

import pytest

from tests.flows.conftest import QUICK, Place
from transforms.warehouse import WriterLock

pytestmark = pytest.mark.slow


def stages(place: Place, run: int = -1) -> dict[str, bool]:
    """Return stage → whether it was skipped, of the newest run (or another by position)."""
    rows = place.read("select stages from ops.runs order by started_at")["stages"].to_list()
    return {name: timing["skipped"] for name, timing in json.loads(rows[run]).items()}


def copy_of(place: Place, tmp_path: Path) -> Place:
    """Return a home with the same content, to be changed."""
    shutil.copytree(place.home.root, tmp_path / "home")
    return Place(tmp_path / "home", place.api)


def test_a_model_parameter_reruns_training_and_what_follows_only(quick: Place, tmp_path: Path) -> None:
    place = copy_of(quick, tmp_path)
    assert place.run(QUICK, "model.max_depth=2").code == 0
    skipped = stages(place)
    assert [skipped[name] for name in ("ingest", "gate", "build")] == [True, True, True]
    assert [skipped[name] for name in ("train", "backtest", "report")] == [False, False, False]
    # And back: what was trained before is still there.
    assert place.run(QUICK).code == 0
    skipped = stages(place)
    assert skipped["train"]
    assert skipped["backtest"]


def test_a_cost_reruns_the_backtest_only(quick: Place, tmp_path: Path) -> None:
    place = copy_of(quick, tmp_path)
    assert place.run(QUICK, "costs.slippage_bps=20").code == 0
    skipped = stages(place)
    assert skipped["train"]
    assert not skipped["backtest"]


def test_a_sweep_builds_once_compares_and_places_no_orders(quick: Place, tmp_path: Path) -> None:
    place = copy_of(quick, tmp_path)
    champion = place.read("select model_id from ml.models where is_champion").item()
    orders = place.read("select count(*) from execution.orders where book not like 'backtest/%'").item()
    done = place.run("-m", QUICK, "model.max_depth=2,4")
    assert done.code == 0, done.err
    assert "model.max_depth=2" in done.out
    assert "model.max_depth=4" in done.out
    assert "best" in done.out.lower()
    for run in (-1, -2):
        skipped = stages(place, run)
        assert skipped["build"]
        assert not skipped["train"]
    assert place.read("select model_id from ml.models where is_champion").item() == champion
    assert (
        place.read("select count(*) from execution.orders where book not like 'backtest/%'").item() == orders
    )


def test_a_failing_job_of_a_sweep_is_a_row_and_the_others_run(quick: Place, tmp_path: Path) -> None:
    place = copy_of(quick, tmp_path)
    done = place.run("-m", QUICK, "split.train_sessions=252,100000")
    assert done.code == 2
    assert "split.train_sessions" in done.err
    assert "failed" in done.out


def test_two_runs_from_scratch_are_equal_bit_for_bit(quick: Place, tmp_path: Path, prefect_api: str) -> None:
    again = Place(tmp_path / "again", prefect_api)
    done = again.spawn(QUICK, "engine.threads=1", PYTHONHASHSEED="1234", TZ="Asia/Tokyo")
    assert done.code == 0, done.err
    assert again.digests() == quick.digests()

    def model_hash(place: Place) -> list[tuple[object, ...]]:
        return place.read("select model_id, sha256 from ml.models").rows()

    assert model_hash(again) == model_hash(quick)


def test_a_lost_warehouse_is_rebuilt_from_landing(quick: Place, tmp_path: Path) -> None:
    place = copy_of(quick, tmp_path)
    before = place.digests()
    place.home.warehouse.unlink()
    done = place.run(QUICK, with_model_tasks=True)
    assert done.code == 0, done.err
    after = place.digests()
    # The account's decisions are the journal's: nothing was sent again, its mirror is complete.
    assert after == before


def test_trading_a_session_twice_sends_nothing_twice(quick: Place, tmp_path: Path) -> None:
    place = copy_of(quick, tmp_path)

    def journal() -> list[tuple[object, ...]]:
        with sqlite3.connect(place.home.journal) as connection:
            return connection.execute("select * from intents order by 1").fetchall()

    research = journal()
    assert research
    done = place.run(QUICK, "flow=trade")
    assert done.code == 0, done.err
    before = journal()
    assert len(before) > len(research)  # the account paper has its own decisions
    assert "nothing was done" not in done.out
    done = place.run(QUICK, "flow=trade")
    assert done.code == 0, done.err
    assert journal() == before
    assert "already decided" in done.out
    assert "nothing has changed; nothing was done" in done.out


def test_one_homes_runs_on_other_bars_do_not_stand_in_each_others_way(quick: Place, tmp_path: Path) -> None:
    place = copy_of(quick, tmp_path)
    other = ("source.seed=8", "source.symbol_count=6")
    champion = place.read("select model_id from ml.models where is_champion").item()
    done = place.run(QUICK, "flow=trade", *other)
    assert done.code == 1
    assert champion in done.err
    assert place.run(QUICK, "flow=trade").code == 0
    assert place.run(QUICK, *other).code == 0


def test_a_file_that_goes_back_to_an_earlier_version_is_ingested_again(place: Place, tmp_path: Path) -> None:
    from tests.flows.test_bad_input import good_rows, write

    rows = good_rows()
    path = tmp_path / "bars.csv"
    for close in (100.5, 100.75, 100.5):
        rows[5][3], rows[5][5] = 200.0, close
        write(path, rows)
        done = place.run("flow=ingest", "source=csv", f"source.path={path}", "gate.data_docs=false")
        assert done.code == 0, done.err
        newest = f"select arg_max(close, known_at) from raw.bars where symbol = 'AAA' and session_date = '{rows[5][1]}'"
        assert place.read(newest).item() == close


def test_replaying_a_window_day_by_day_gives_the_backtest_to_the_cent(quick: Place, tmp_path: Path) -> None:
    place = copy_of(quick, tmp_path)
    book = place.read("select book from ops.runs where flow = 'research'").item()
    first, last = place.read(
        f"select min(session_date), max(session_date) from execution.equity where book = '{book}'"
    ).row(0)
    done = place.run(QUICK, "flow=trade", f"flow.start={first}", f"flow.end={last}", "broker.account=replay")
    assert done.code == 0, done.err
    columns = "session_date, symbol, quantity, price, commission, slippage"
    fills = place.read(f"select {columns} from execution.fills where book = 'simulated/replay' order by all")
    expected = place.read(f"select {columns} from execution.fills where book = '{book}' order by all")
    assert len(expected) > 20
    assert fills.equals(expected)
    equity = "select session_date, equity, cash from execution.equity where book = '{}' order by 1"
    assert place.read(equity.format("simulated/replay")).equals(place.read(equity.format(book)))


def test_the_kill_switch_stops_trading(quick: Place, tmp_path: Path) -> None:
    place = copy_of(quick, tmp_path)
    place.home.halt.touch()
    done = place.run(QUICK, "flow=trade", "broker.account=other")
    assert done.code == 4
    assert str(place.home.halt) in done.err


def test_a_tampered_model_is_refused(quick: Place, tmp_path: Path) -> None:
    place = copy_of(quick, tmp_path)
    artifact = sorted(place.home.models.rglob("fold-*"))[-1]
    data = bytearray(artifact.read_bytes())
    data[len(data) // 2] ^= 1
    artifact.write_bytes(bytes(data))
    done = place.run(QUICK, "flow=trade", "broker.account=other")
    assert done.code == 1
    assert artifact.name in done.err


def test_trade_without_a_champion_says_what_to_do(place: Place) -> None:
    done = place.run(QUICK, "flow=trade")
    assert done.code == 1
    assert "flow=research" in done.err


def test_a_second_run_leaves_at_once_and_names_the_holder(quick: Place) -> None:
    with WriterLock(quick.home.lock, "the-other-run"):
        before = os.times()
        done = quick.spawn(QUICK)
        after = os.times()
    assert done.code == 1
    assert "the-other-run" in done.err
    assert "QUANTMILL_HOME" in done.err
    assert done.seconds < 30, "it does not wait for the other"
    assert after.children_user - before.children_user < 5, "nor begins what a run needs"


def test_a_corrupt_landing_file_is_named_before_it_is_used(quick: Place, tmp_path: Path) -> None:
    place = copy_of(quick, tmp_path)
    page = sorted(place.home.landing.rglob("*.parquet"))[0]
    data = bytearray(page.read_bytes())
    data[len(data) // 2] ^= 1
    page.write_bytes(bytes(data))
    place.home.warehouse.unlink()
    done = place.run(QUICK)
    assert done.code == 1
    assert page.name in done.err
