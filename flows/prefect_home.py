"""Prefect's settings for a run: its state under the home, a temporary server, no telemetry, a quiet terminal."""

from __future__ import annotations

import atexit
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

from transforms.errors import QuantmillError
from transforms.paths import Home

_STARTUP_SECONDS = 90

_SETTINGS = {
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


class Server:
    """The temporary server of this process's runs, as Prefect's client would start it, but early.

    Prefect starts one when the first flow begins and then waits for it, seconds in which a run could do what it
    needs anyway; and its client imports the whole server to do so.
    """

    def __init__(self, home: Home) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.api = f"http://127.0.0.1:{port}/api"
        command = [sys.executable, "-m", "uvicorn", "--factory", "prefect.server.api.server:create_app"]
        self._process = subprocess.Popen(
            [
                *command,
                "--host",
                "127.0.0.1",
                "--port",
                str(port),
                "--log-level",
                "error",
                "--lifespan",
                "on",
            ],
            # The same marks that Prefect gives a temporary server: no UI, only the services a run needs.
            env={**os.environ, "PREFECT__SERVER_EPHEMERAL": "1", "PREFECT__SERVER_FINAL": "1"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        _note(home).write_text(str(self._process.pid))
        atexit.register(self.stop)

    def wait(self) -> None:
        """Return once the server answers.

        Raises:
            QuantmillError: It ended, or did not answer in time.
        """
        deadline = time.monotonic() + _STARTUP_SECONDS
        while time.monotonic() < deadline and self._process.poll() is None:
            try:
                with urllib.request.urlopen(f"{self.api}/health", timeout=5):  # noqa: S310 (always http, on loopback)
                    return
            except OSError:
                time.sleep(0.05)
        raise QuantmillError(
            f"Prefect's temporary server did not come up within {_STARTUP_SECONDS} s; try make ui to see why, or "
            "set PREFECT_API_URL to a server of your own"
        )

    def stop(self) -> None:
        """End the server."""
        self._process.terminate()
        try:
            self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


_server: list[Server] = []


def prepare(home: Home) -> Server | None:
    """Set Prefect's environment and start the server; must come before the first import of prefect.

    A run that was killed leaves its server behind; the run that holds the lock now ends it first.

    Returns:
        The server to wait for, None where the user has one of their own (``PREFECT_API_URL``). The jobs of a
        sweep share one.
    """
    home.prefect.mkdir(parents=True, exist_ok=True)
    os.environ.update(environment(home))
    if not _server:
        if os.environ.get("PREFECT_API_URL"):
            return None
        stop_orphan(home)
        _server.append(Server(home))
        os.environ["PREFECT_API_URL"] = _server[0].api
    return _server[0]


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
