"""Prefect's temporary servers: one that a killed run left is ended, and nothing else is."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from flows.prefect_home import environment, stop_orphan
from transforms.paths import Home


def sleeper(*words: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)", *words])


def note(home: Home, pid: int) -> Path:
    home.prefect.mkdir(parents=True)
    path = home.prefect / "server.pid"
    path.write_text(str(pid))
    return path


def test_a_server_that_a_killed_run_left_is_ended(tmp_path: Path) -> None:
    home = Home(tmp_path)
    server = sleeper("prefect.server.api.server:create_app")
    path = note(home, server.pid)
    stop_orphan(home)
    assert server.wait(timeout=10) != 0
    assert not path.exists()


def test_another_process_that_has_the_number_now_is_left_alone(tmp_path: Path) -> None:
    home = Home(tmp_path)
    other = sleeper()
    try:
        path = note(home, other.pid)
        stop_orphan(home)
        assert other.poll() is None
        assert not path.exists()
    finally:
        other.kill()
        other.wait()


def test_telemetry_is_off_and_state_is_under_the_home(tmp_path: Path) -> None:
    settings = environment(Home(tmp_path))
    assert settings["PREFECT_HOME"] == str(tmp_path / "prefect")
    assert settings["DO_NOT_TRACK"] == "1"
    assert settings["PREFECT_SERVER_ANALYTICS_ENABLED"] == "false"
