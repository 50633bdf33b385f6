"""Prefect's settings for a run: its state under the home, a temporary server, no telemetry, a quiet terminal."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

from transforms.paths import Home

_SETTINGS = {
    "PREFECT_SERVER_ALLOW_EPHEMERAL_MODE": "true",
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "90",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_RESULTS_PERSIST_BY_DEFAULT": "false",
    "PREFECT_LOGGING_LEVEL": "INFO",
    # The terminal belongs to the run's display; Prefect's log goes to its UI and to the run's log file.
    "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "CRITICAL",
    "PREFECT_CLI_PROMPT": "false",
    "DO_NOT_TRACK": "1",
    # Nothing here is scheduled by Prefect: these services would only poll.
    "PREFECT_SERVER_SERVICES_SCHEDULER_ENABLED": "false",
    "PREFECT_SERVER_SERVICES_LATE_RUNS_ENABLED": "false",
    "PREFECT_SERVER_SERVICES_CANCELLATION_CLEANUP_ENABLED": "false",
    "PREFECT_SERVER_SERVICES_FOREMAN_ENABLED": "false",
    "PREFECT_SERVER_SERVICES_PAUSE_EXPIRATIONS_ENABLED": "false",
}


def environment(home: Home) -> dict[str, str]:
    """Return the environment variables under which Prefect runs for ``home``.

    A ``PREFECT_API_URL`` of the user's own (a server that already runs) is respected.
    """
    return {"PREFECT_HOME": str(home.prefect), **_SETTINGS}


def prepare(home: Home) -> None:
    """Set Prefect's environment; must come before the first import of prefect."""
    home.prefect.mkdir(parents=True, exist_ok=True)
    os.environ.update(environment(home))


def start_server(home: Home) -> None:
    """Start the run's temporary server, unless the user has one of their own (``PREFECT_API_URL``).

    A run that was killed leaves its server behind; the run that holds the lock now ends it first.
    """
    if os.environ.get("PREFECT_API_URL"):
        return
    stop_orphan(home)
    from prefect.server.api.server import SubprocessASGIServer

    server = SubprocessASGIServer()  # one a process: the flow's client finds this one running
    server.start()
    if server.server_process is not None:
        _note(home).write_text(str(server.server_process.pid))


def stop_orphan(home: Home) -> None:
    """End the server that a killed run left, if the process of that number still is one."""
    try:
        pid = int(_note(home).read_text())
    except (FileNotFoundError, ValueError):
        return
    command = subprocess.run(
        ["ps", "-ww", "-p", str(pid), "-o", "command="],  # noqa: S607 (ps is where the system has it)
        capture_output=True,
        text=True,
        check=False,
    ).stdout
    if "prefect.server" in command:
        os.kill(pid, signal.SIGTERM)
    _note(home).unlink(missing_ok=True)


def _note(home: Home) -> Path:
    return home.prefect / "server.pid"
