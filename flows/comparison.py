"""Runs in one table on the terminal: at the end of a sweep, with the best one named, and of a comparison."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table
from rich.text import Text

from reports.comparison import Comparison, Job, Row, comparison
from reports.formats import metric
from reports.side_by_side import MOST
from transforms.errors import first_line
from transforms.paths import Home
from transforms.warehouse import Warehouse

if TYPE_CHECKING:
    from flows.run import Outcome

_FIGURES = ("sharpe", "cagr", "max_drawdown", "turnover", "auc", "information_coefficient")


def print_comparison(jobs: list[tuple[str, Outcome]], console: Console | None = None) -> None:
    """Print the runs of a sweep to stdout, one row each, and name the best by Sharpe ratio.

    Args:
        jobs: Overrides and outcome of each job, in order.
        console: Where to print; stdout if None.
    """
    if not jobs:
        return
    out = console or Console()
    compared = _compare([_told(label, outcome) for label, outcome in jobs])
    print_table(compared, out, first="Overrides")
    if compared.best is None:
        out.print("best: none, no run has a Sharpe ratio", highlight=False)
        return
    best = compared.rows[compared.best]
    report = jobs[compared.best][1].report
    where = f", report {report}" if report else ""
    # Neither wrapped nor read as markup: a path is there to be copied.
    line = f"best: {_label(best)}  (Sharpe {_figure(best, 'sharpe')}{where})"
    out.print(Text(line), soft_wrap=True)
    done = [row.run_id for row in compared.rows if row.error is None]
    if 2 <= len(done) <= MOST:
        out.print(Text(f"side by side: quantmill flow=compare run={','.join(done)}"), soft_wrap=True)


def print_table(compared: Comparison, console: Console, *, first: str, ids: bool = True) -> None:
    """Print one row per run, the best one marked.

    Args:
        first: Heading of what the rows are called.
        ids: Whether to print the runs' ids, and why those that failed did.
    """
    console.print(_table(compared, first, ids=ids))


def _compare(jobs: list[Job]) -> Comparison:
    path = Home.from_environment().warehouse
    if not path.exists() or all(error is not None for *_, error in jobs):
        return comparison(None, jobs)
    with Warehouse(path, read_only=True) as warehouse:
        return comparison(warehouse, jobs)


def _told(label: str, outcome: Outcome) -> Job:
    error = None if outcome.error is None else str(outcome.error)
    return label, outcome.run_id, outcome.model_id, outcome.book, error


def _table(compared: Comparison, first: str, *, ids: bool) -> Table:
    table = Table(title="Runs compared", title_justify="left", title_style="bold")
    table.add_column(first, overflow="fold")
    for name in _FIGURES:
        table.add_column(metric(name).label, justify="right", no_wrap=True)
    if ids:
        table.add_column("Run", overflow="fold")
    for place, row in enumerate(compared.rows):
        is_best = place == compared.best
        label = Text(("★ " if is_best else "  ") + _label(row))
        failed = None if row.error is None else first_line(row.error or "no reason given")
        run = Text(row.run_id) if failed is None else Text(f"failed: {failed}", style="red")
        cells: list[Text | str] = [label, *(_figure(row, name) for name in _FIGURES), *([run] if ids else [])]
        table.add_row(*cells, style="bold green" if is_best else "")
    return table


def _label(row: Row) -> str:
    return row.overrides or "(no overrides)"


def _figure(row: Row, name: str) -> str:
    return metric(name).written(getattr(row, name))
