"""Prefect's settings for a run: its state under the home, a temporary server, no telemetry, a quiet terminal."""

from __future__ import annotations

import os

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
