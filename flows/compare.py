"""Runs laid side by side, from the published snapshot: it reads only, so it works while a run is writing."""

from __future__ import annotations

import time
from collections.abc import Sequence

from rich.console import Console

from flows.comparison import print_table
from flows.run import Outcome
from reports.comparison import comparison
from reports.runs import find_runs
from reports.side_by_side import write_comparison
from transforms.errors import QuantmillError
from transforms.paths import Home
from transforms.warehouse import Warehouse


def compare(names: Sequence[str], console: Console | None = None) -> Outcome:
    """Write the page that compares the named runs, print their figures, and say where the page is.

    Unlike the other flows it is no run of its own: nothing is entered in the ledger and no lock is taken.

    Args:
        names: Run ids, unique beginnings of them, ``latest``, or books; see ``reports.runs.find_runs``.
        console: Where to print; stdout if None.

    Raises:
        QuantmillError: Nothing is published yet, or a name is not that of exactly one run or book.
    """
    began = time.monotonic()
    home = Home.from_environment()
    if not home.published.exists():
        raise QuantmillError(
            f"{home.published}: nothing is published yet; quantmill flow=backtest publishes the first snapshot"
        )
    out = console or Console()
    with Warehouse(home.published, read_only=True) as warehouse:
        runs = find_runs(warehouse, names)
        path = write_comparison(warehouse, home, runs)
        jobs = [(run.label, run.run_id or "–", run.model_id, run.book, None) for run in runs]
        print_table(comparison(warehouse, jobs), out, first="Run", ids=False)
    out.print(f"comparison {path}", soft_wrap=True, highlight=False, markup=False)
    return Outcome("–", "done", time.monotonic() - began, report=path)
