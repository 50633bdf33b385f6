"""What the terminal shows: the stages while they run, then a summary with the paths to open."""

from __future__ import annotations

import time
from collections.abc import Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from reports.formats import percent, ratio

if TYPE_CHECKING:
    from flows.run import Outcome, Run

_MARKS = {"running": ("▶", "cyan"), "done": ("✔", "green"), "unchanged": ("=", "dim"), "failed": ("✘", "red")}
_SHOWN_NOTES = 5
_TEXT_COLUMNS = 2  # of a printed table
_NOTE_STYLE = {"warning": "yellow", "error": "red"}


class Display:
    """A live list of stages on a terminal; one line per finished stage where there is none."""

    def __init__(self, flow: str, console: Console | None = None) -> None:
        self._console = console or Console(stderr=True)
        self._flow = flow
        self._rows: dict[str, tuple[str, str, float]] = {}  # stage → state, detail, started or seconds
        self._notes: list[tuple[str, str]] = []
        self._waiting = ""
        self._live = Live(
            console=self._console, get_renderable=self._render, refresh_per_second=8, transient=True
        )

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for stage, (state, detail, since) in self._rows.items():
            if state == "running":
                self._rows[stage] = ("failed" if kind else "done", detail, time.monotonic() - since)
        if self._console.is_terminal:
            self._live.stop()
            self._console.print(self._table())

    def waiting(self, what: str) -> None:
        """Say what the run waits for before its first stage."""
        self._waiting = what

    def start(self, stage: str) -> None:
        """Show a stage as running."""
        self._waiting = ""
        self._rows[stage] = ("running", "", time.monotonic())

    def update(self, stage: str, detail: str) -> None:
        """Show how far a running stage has come."""
        state, _, since = self._rows[stage]
        self._rows[stage] = (state, detail, since)

    def finish(self, stage: str, detail: str, *, skipped: bool) -> None:
        """Show a stage as done, or as unchanged and skipped."""
        seconds = time.monotonic() - self._rows[stage][2]
        self._rows[stage] = ("unchanged" if skipped else "done", detail, seconds)
        if not self._console.is_terminal:
            word = "unchanged" if skipped else f"{seconds:.1f} s"
            self._console.print(f"{stage}: {word}  {detail}", highlight=False, soft_wrap=True)

    def table(self, title: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Print a table above the stages; its first two columns are text, the others figures."""
        table = Table(title=title, title_justify="left", title_style="bold")
        for place, name in enumerate(header):
            table.add_column(name, justify="left" if place < _TEXT_COLUMNS else "right", overflow="fold")
        for row in rows:
            table.add_row(*(Text(cell) for cell in row))
        self._console.print(table)

    def note(self, severity: str, message: str) -> None:
        """Keep an alert for the summary."""
        self._notes.append((severity, message))

    def _table(self) -> Table:
        table = Table.grid(padding=(0, 1))
        for stage, (state, detail, moment) in self._rows.items():
            mark, style = _MARKS[state]
            seconds = time.monotonic() - moment if state == "running" else moment
            shown = "unchanged" if state == "unchanged" else f"{seconds:5.1f} s"
            table.add_row(
                Text(mark, style), Text(stage, style), Text(shown, "dim", justify="right"), Text(detail)
            )
        return table

    def _render(self) -> Table:
        table = self._table()
        if self._waiting:
            table.add_row(Text("…", "cyan"), Text(self._flow, "cyan"), Text(""), Text(self._waiting, "dim"))
        return table

    def summary(self, run: Run, outcome: Outcome) -> None:
        """Print the run's figures and where to look."""
        out = Console()
        for severity, message in self._notes[:_SHOWN_NOTES]:
            out.print(Text(f"{severity}: {message}", _NOTE_STYLE[severity]), soft_wrap=True)
        if (more := len(self._notes) - _SHOWN_NOTES) > 0:
            out.print(Text(f"and {more} more in ops.alerts", "dim"))
        said = (
            "nothing has changed; nothing was done"
            if outcome.unchanged
            else f"done in {outcome.seconds:.1f} s"
        )
        lines = [*_figures(run), ("run", f"{outcome.run_id}: {said}"), *_places(run, outcome)]
        for label, value in lines:
            out.print(Text.assemble((f"{label:<10}", "dim"), value), soft_wrap=True)


def _figures(run: Run) -> list[tuple[str, str]]:
    rows: list[tuple[str, str]] = []
    model = run.outputs.get("train", {}).get("metrics", {})
    if model:
        rows.append(
            (
                "model",
                f"AUC {ratio(model.get('auc'))}, IC {ratio(model.get('information_coefficient'))}, out of sample",
            )
        )
    book = run.outputs.get("backtest", {})
    if metrics := book.get("metrics"):
        rows.append(
            (
                "backtest",
                f"CAGR {percent(metrics.get('cagr'), 2)} (benchmark {percent(metrics.get('benchmark_cagr'), 2)}), "
                f"Sharpe {ratio(metrics.get('sharpe'))}, max drawdown {percent(metrics.get('max_drawdown'), 2)}, "
                f"{book['first_session']} to {book['last_session']}",
            )
        )
    if swept := run.outputs.get("sensitivity"):
        rows += _swept(swept)
    if validation := run.outputs.get("validation"):
        rows.append(("verdict", validation["message"]))
    if trade := run.outputs.get("trade"):
        rows.append(("orders", trade["message"]))
    return rows


def _swept(swept: dict[str, Any]) -> list[tuple[str, str]]:
    """Return the best trial of a sweep, what lies beside it, and the one that is high with what does."""

    def described(of: dict[str, Any]) -> str:
        values = " ".join(f"{key}={value}" for key, value in of["parameters"].items())
        return f"{swept['metric']} {ratio(of['value'])} with {values}"

    best = swept["best"]
    around = f"neighbours' mean {ratio(swept['neighbour_mean'])}"
    if swept["stability"] is not None:
        around += f", {percent(swept['stability'], 0)} of it" + (
            ", a sharp peak" if swept["is_sharp_peak"] else ""
        )
    return [
        ("best", f"{described(best)}; {around}; deflated Sharpe {percent(best['deflated_sharpe'], 2)}"),
        ("robust", described(swept["robust"])),
        (
            "trials",
            f"{swept['trials']:,}, {swept['failed']:,} failed  (execution.sensitivity, sweep {swept['sweep']})",
        ),
    ]


def _places(run: Run, outcome: Outcome) -> list[tuple[str, str]]:
    rows = []
    if outcome.report:
        rows.append(("report", str(outcome.report)))
    if docs := run.outputs.get("gate", {}).get("data_docs"):
        rows.append(("data docs", docs))
    if run.home.published.exists():
        rows.append(("warehouse", f"{run.home.published}  (make sql)"))
    rows.append(("log", str(run.home.runs / run.run_id / "run.log")))
    return rows
