"""Which run is meant: ids, unique beginnings of ids, ``latest`` and books, found in the ledger's tables."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from transforms.errors import QuantmillError, nearest
from transforms.warehouse import Warehouse

LATEST = "latest"
_LISTED = 8  # candidates that an error names; more would not be read

_RUNS = """
select run_id, flow, state, book, model_id, config, data_version, code_version, report
from ops.runs
order by started_at, run_id
"""
_BOOKS = "select distinct book from execution.equity order by book"


@dataclass(frozen=True)
class Named:
    """A book that has been measured, and the run it stands for.

    Attributes:
        label: What to call it: strategy and the end of the run's id; the book where no run is known.
        run_id: None for a book whose run is not in the ledger, such as a broker's account.
        config: The run's resolved config, empty where no run is known.
        report: The run's report, relative to the home; None where there is none.
    """

    label: str
    run_id: str | None
    book: str
    model_id: str | None
    config: Mapping[str, Any]
    data_version: str | None
    code_version: str | None
    report: str | None


def find_runs(warehouse: Warehouse, names: Sequence[str]) -> list[Named]:
    """Return what each name means, in order, each with a label of its own.

    A name is ``latest`` (the newest run with a book), a run id, a book, or the beginning of exactly one of them.

    Args:
        warehouse: Any open warehouse; nothing is written.

    Raises:
        QuantmillError: A name that nothing or more than one thing answers to, a run without a book, or the same
            run named twice. The message lists the candidates.
    """
    runs = warehouse.read(_RUNS)
    measured = set(warehouse.read(_BOOKS)["book"])
    found = [_find(name, runs, measured) for name in names]
    for place, one in enumerate(found):
        for earlier, other in enumerate(found[:place]):
            if (one.run_id, one.book) == (other.run_id, other.book):
                raise QuantmillError(
                    f"{names[earlier]} and {names[place]} are the same: {one.run_id or one.book}. Name two "
                    "different runs"
                )
    labels = [one.label for one in found]
    return [
        one if labels.count(one.label) == 1 else Named(**{**vars(one), "label": one.run_id or one.book})
        for one in found
    ]


def _find(name: str, runs: pl.DataFrame, measured: set[str]) -> Named:
    with_book = runs.filter(pl.col("book").is_in(sorted(measured)) & (pl.col("state") == "done"))
    if name == LATEST:
        if with_book.is_empty():
            raise QuantmillError("latest: no run has a book yet; run quantmill flow=backtest first")
        return _named(with_book.row(-1, named=True))
    ids, books = with_book["run_id"].to_list(), sorted(measured)
    if name in ids:
        return _named(with_book.row(ids.index(name), named=True))
    if name in measured:
        return _of_book(name, with_book)
    begun = [run_id for run_id in ids if run_id.startswith(name)]
    begun += [book for book in books if book.startswith(name)]
    if len(begun) == 1:
        return _find(begun[0], runs, measured)
    if begun:
        raise QuantmillError(f"{name} begins {len(begun)} names: {_listed(begun)}. Give more of it")
    bookless = [row for row in runs.iter_rows(named=True) if row["run_id"].startswith(name)]
    if bookless:
        row = bookless[-1]
        raise QuantmillError(
            f"{name}: run {row['run_id']} (flow={row['flow']}, {row['state']}) has no book to compare."
            f"{_candidates(name, ids, books)}"
        )
    raise QuantmillError(f"{name}: no run and no book of that name.{_candidates(name, ids, books)}")


def _candidates(name: str, ids: list[str], books: list[str]) -> str:
    if not ids and not books:
        return " Nothing has been simulated yet: run quantmill flow=backtest first"
    near = nearest(name, [*ids, *books])
    return near if "Did you mean" in near else f" There are: {_listed([*reversed(ids), *books])}"


def _listed(names: Sequence[str]) -> str:
    rest = len(names) - _LISTED
    return ", ".join(names[:_LISTED]) + (f" and {rest} more" if rest > 0 else "")


def _of_book(book: str, with_book: pl.DataFrame) -> Named:
    """Return the newest run of a book, or the book alone."""
    of_it = with_book.filter(pl.col("book") == book)
    if not of_it.is_empty():
        return _named(of_it.row(-1, named=True))
    return Named(book, None, book, None, {}, None, None, None)


def _named(row: Mapping[str, Any]) -> Named:
    config = json.loads(row["config"] or "{}")
    strategy = config.get("strategy", {}).get("name") or row["flow"]
    return Named(
        label=f"{strategy} {row['run_id'].rsplit('-', maxsplit=1)[-1]}",
        run_id=row["run_id"],
        book=row["book"],
        model_id=row["model_id"],
        config=config,
        data_version=row["data_version"],
        code_version=row["code_version"],
        report=row["report"],
    )
