"""kill −9 in every stage, then the same command again: the tables of a run that nobody disturbed."""

from __future__ import annotations

import random
import signal
import subprocess
import time

import pytest

from tests.flows.conftest import QUICK, Place

pytestmark = pytest.mark.slow

PLACES = (
    *(f"stage.{name}" for name in ("ingest", "gate", "build", "train", "backtest", "trade", "report")),
    "publish.rename",
)


def test_killed_in_each_stage_then_rerun_equals_an_undisturbed_run(quick: Place, place: Place) -> None:
    """One home is killed once in every stage, each rerun going on from the last death."""
    for where in PLACES:
        done = place.spawn(QUICK, QUANTMILL_FAILPOINT=where)
        assert done.code == -signal.SIGKILL, (where, done.err)
        assert not place.home.published.exists()
    done = place.run(QUICK)
    assert done.code == 0, done.err
    assert place.digests() == quick.digests()
    states = place.read("select state from ops.runs order by started_at")["state"].to_list()
    assert states[-1] == "done"
    assert set(states[:-1]) <= {"killed", "done"}


def test_killed_at_a_random_moment_then_rerun_equals_an_undisturbed_run(quick: Place, place: Place) -> None:
    process = subprocess.Popen(
        place.command(QUICK),
        env=place.environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    time.sleep(random.Random(11).uniform(3, 9))
    process.kill()
    process.wait()
    done = place.run(QUICK)
    assert done.code == 0, done.err
    assert place.digests() == quick.digests()
