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


def print_comparison(jobs: list[tuple[list[str], Outcome]], console: Console | None = None) -> None:
    """Print the runs of a sweep to stdout, one row each, and name the best by Sharpe ratio.

    Rows have the overrides that set them apart; those that all have are printed once, above.

    Args:
        jobs: Overrides and outcome of each job, in order.
        console: Where to print; stdout if None.
    """
    if not jobs:
        return
    out = console or Console()
    shared = (
        [one for one in jobs[0][0] if all(one in overrides for overrides, _ in jobs[1:])] if jobs[1:] else []
    )
    if shared:
        out.print(Text(f"all with {' '.join(shared)}"), soft_wrap=True)
    compared = _compare([_told([one for one in own if one not in shared], outcome) for own, outcome in jobs])
    print_table(compared, out, first="Overrides")
    if compared.best is None:
        out.print("best: none, no run has a Sharpe ratio", highlight=False)
        return
    best = compared.rows[compared.best]
    overrides, outcome = jobs[compared.best]
    where = f", report {outcome.report}" if outcome.report else ""
    # Neither wrapped nor read as markup: a path is there to be copied.
    line = f"best: {_label(overrides)}  (Sharpe {_figure(best, 'sharpe')}{where})"
    out.print(Text(line), soft_wrap=True)
    done = [row.run_id for row in compared.rows if row.error is None]
    if 2 <= len(done) <= MOST:
        out.print(Text(f"side by side: quantmill flow=compare run={','.join(done)}"), soft_wrap=True)


def print_table(compared: Comparison, console: Console, *, first: str, ids: bool = True) -> None:
    """Print one row per run, the best one marked; a figure that no run has is left out.

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


def _told(overrides: list[str], outcome: Outcome) -> Job:
    error = None if outcome.error is None else str(outcome.error)
    return _label(overrides), outcome.run_id, outcome.model_id, outcome.book, error


def _table(compared: Comparison, first: str, *, ids: bool) -> Table:
    table = Table(title="Runs compared", title_justify="left", title_style="bold")
    table.add_column(first, overflow="fold")
    figures = [name for name in _FIGURES if any(getattr(row, name) is not None for row in compared.rows)]
    for name in figures:
        table.add_column(metric(name).label, justify="right", no_wrap=True)
    if ids:
        table.add_column("Run", overflow="fold")
    for place, row in enumerate(compared.rows):
        is_best = place == compared.best
        label = Text(("★ " if is_best else "  ") + row.overrides)
        failed = None if row.error is None else first_line(row.error or "no reason given")
        run = Text(row.run_id) if failed is None else Text(f"failed: {failed}", style="red")
        cells: list[Text | str] = [label, *(_figure(row, name) for name in figures), *([run] if ids else [])]
        table.add_row(*cells, style="bold green" if is_best else "")
    return table


def _label(overrides: list[str]) -> str:
    return " ".join(overrides) or "(no overrides)"


def _figure(row: Row, name: str) -> str:
    return metric(name).written(getattr(row, name))
