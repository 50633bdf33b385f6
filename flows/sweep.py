"""The end of a sweep: one comparison table, the best run named."""

from __future__ import annotations

from typing import Any

from hydra.core.utils import JobReturn, JobStatus
from hydra.experimental.callback import Callback
from omegaconf import DictConfig


class SweepSummary(Callback):
    """Collects the outcome of every job of ``quantmill -m`` and prints the comparison."""

    def __init__(self) -> None:
        self._jobs: list[tuple[list[str], Any]] = []

    def on_job_end(self, config: DictConfig, job_return: JobReturn, **kwargs: Any) -> None:
        """Keep what a job returned, with the overrides that made it."""
        if job_return.status == JobStatus.COMPLETED:
            self._jobs.append((list(job_return.overrides or []), job_return.return_value))

    def on_multirun_end(self, config: DictConfig, **kwargs: Any) -> None:
        """Print the table; a failed job is a row with its reason."""
        from flows.comparison import print_comparison

        print_comparison(self._jobs)
