"""The runs of a sweep side by side, from the same tables as their reports."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from reports.formats import number
from reports.queries import book_metrics, model_metrics
from transforms.warehouse import Warehouse

Job = tuple[str, str, str | None, str | None, str | None]


@dataclass(frozen=True)
class Row:
    """One job of a sweep; a figure that is undefined or absent is None.

    Attributes:
        overrides: What set this job apart, such as ``model.max_depth=4``.
        run_id: Its run.
        state: ``done`` or ``failed``.
        error: Why it failed, None if it did not.
        sharpe: Annualised.
        cagr: Fraction a year.
        max_drawdown: Fraction ≤ 0.
        turnover: Traded value over equity, times a year.
        auc, information_coefficient: Of all folds together, out of sample; None without a model.
    """

    overrides: str
    run_id: str
    state: str
    error: str | None
    sharpe: float | None
    cagr: float | None
    max_drawdown: float | None
    turnover: float | None
    auc: float | None
    information_coefficient: float | None


@dataclass(frozen=True)
class Comparison:
    """The rows in order of the jobs, and the place of the best; None where no row has a Sharpe ratio."""

    rows: tuple[Row, ...]
    best: int | None


def comparison(warehouse: Warehouse | None, jobs: Iterable[Job]) -> Comparison:
    """Compare jobs by what ``execution.metrics`` and ``ml.metrics`` (fold -1) say of them.

    The best is the one with the highest Sharpe ratio; among equals the first. A failed job and one whose
    ratio is undefined are never the best.

    Args:
        warehouse: Any open warehouse; nothing is written. None where no job came so far as to make one.
        jobs: Label, run id, model id, book and error of each; model and book None where there is none.
    """
    rows = tuple(_row(warehouse, job) for job in jobs)
    ratios = [(row.sharpe, -place) for place, row in enumerate(rows) if row.sharpe is not None]
    return Comparison(rows, -max(ratios)[1] if ratios else None)


def _row(warehouse: Warehouse | None, job: Job) -> Row:
    label, run_id, model_id, book, error = job
    known = warehouse if error is None else None
    of_book = {} if known is None else book_metrics(known, book)
    of_model = {} if known is None else model_metrics(known, model_id)
    return Row(
        overrides=label,
        run_id=run_id,
        state="done" if error is None else "failed",
        error=error,
        sharpe=number(of_book.get("sharpe")),
        cagr=number(of_book.get("cagr")),
        max_drawdown=number(of_book.get("max_drawdown")),
        turnover=number(of_book.get("turnover")),
        auc=number(of_model.get("auc")),
        information_coefficient=number(of_model.get("information_coefficient")),
    )
