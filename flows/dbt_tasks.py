"""dbt inside a Prefect run: each model shows as a task of the flow."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from dbt_common.events.base_types import EventLevel
from prefect_dbt import PrefectDbtRunner, PrefectDbtSettings

# How long task runs may take to be reported after dbt has finished; they only write their last state.
_REPORTING_SECONDS = 60.0


class _ModelsAsTasks(PrefectDbtRunner):  # type: ignore[misc]
    """The runner of prefect-dbt without tasks for tests: one costs 0.2 s, a test itself 0.02 s."""

    def _create_unified_callback(self, *args: Any, **kwargs: Any) -> Callable[[Any], None]:
        handle: Callable[[Any], None] = super()._create_unified_callback(*args, **kwargs)

        def handle_models(event: Any) -> None:
            is_node_event = event.info.name in ("NodeStart", "NodeFinished")
            if not is_node_event or event.data.node_info.resource_type == "model":
                handle(event)

        return handle_models


def invoke(command: list[str], *, project: Path, target: Path) -> Any:
    """Run a dbt command and return dbt's result, once every model's task run has been reported.

    Raises:
        ValueError: dbt could not begin (a project that does not parse, a refused var).
    """
    # The level must be given: left alone it is read from Prefect's, whose WARNING dbt does not know.
    settings = PrefectDbtSettings(
        project_dir=project, profiles_dir=project, target_path=target, log_level=EventLevel.WARN
    )
    runner = _ModelsAsTasks(settings=settings, raise_on_failure=False, disable_assets=True)
    others = set(threading.enumerate())
    try:
        return runner.invoke(command)
    finally:
        # The runner leaves its tasks to daemon threads. One that is still reporting when the interpreter shuts
        # down starts a server of its own and takes the process with it.
        for thread in set(threading.enumerate()) - others:
            if "(run_task)" in thread.name:
                thread.join(_REPORTING_SECONDS)
