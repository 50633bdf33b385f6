from __future__ import annotations

import pytest

from reports.runs import find_runs
from tests.reports import books
from transforms.errors import QuantmillError
from transforms.warehouse import Warehouse

OLD, NEW, BARE = "20240301T0900-backtest-aaaa", "20240302T0900-backtest-bbbb", "20240303T0900-build-cccc"


@pytest.fixture
def ledger(warehouse: Warehouse) -> Warehouse:
    """Two measured runs, a build without a book, a failed run, and a broker's account."""
    for number, (run_id, book) in enumerate(((OLD, "backtest/old"), (NEW, "backtest/new")), 1):
        books.equity(warehouse, book=book)
        books.run(warehouse, run_id, book=book, number=number, config={"strategy": {"name": "trend"}})
    books.run(warehouse, BARE, book=None, number=3, flow="build")
    books.run(warehouse, "20240304T0900-backtest-dddd", book="backtest/lost", number=4, state="failed")
    books.equity(warehouse, book=books.TRADING)
    return warehouse


@pytest.mark.parametrize(
    ("name", "book"),
    [
        (OLD, "backtest/old"),
        ("20240301", "backtest/old"),
        ("backtest/old", "backtest/old"),
        ("backtest/o", "backtest/old"),
        ("latest", "backtest/new"),  # neither the newer build nor the failed run
        (books.TRADING, books.TRADING),
    ],
)
def test_a_run_is_found_by_id_beginning_book_and_latest(ledger: Warehouse, name: str, book: str) -> None:
    (found,) = find_runs(ledger, [name])

    assert found.book == book


def test_a_book_without_a_run_is_called_by_its_name_and_has_no_config(ledger: Warehouse) -> None:
    (found,) = find_runs(ledger, [books.TRADING])

    assert (found.label, found.run_id, found.config) == (books.TRADING, None, {})


def test_a_book_that_several_runs_measured_is_that_of_the_newest(ledger: Warehouse) -> None:
    books.run(ledger, "20240305T0900-research-eeee", book="backtest/old", number=5)

    (found,) = find_runs(ledger, ["backtest/old"])

    assert found.run_id == "20240305T0900-research-eeee"


def test_labels_name_strategy_and_end_of_the_id(ledger: Warehouse) -> None:
    assert [run.label for run in find_runs(ledger, [OLD, NEW])] == ["trend aaaa", "trend bbbb"]


def test_equal_labels_give_way_to_whole_ids(ledger: Warehouse) -> None:
    twin = "20240306T0900-backtest-aaaa"
    books.run(ledger, twin, book="backtest/old", number=6, config={"strategy": {"name": "trend"}})

    assert [run.label for run in find_runs(ledger, [OLD, twin])] == [OLD, twin]


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (["2024030"], ["begins 2 names", OLD, NEW]),
        (["backtest/"], ["begins 2 names", "backtest/new", "backtest/old"]),
        (["20240301T0900-backtest-aaab"], ["no run and no book", f"Did you mean: {OLD}"]),
        (["zzz"], ["no run and no book", "There are: ", NEW, books.TRADING]),
        ([BARE], [BARE, "flow=build", "no book"]),
        (["20240304"], ["20240304T0900-backtest-dddd", "failed", "no book"]),
        (["latest", NEW], ["latest and", "the same", NEW]),
    ],
)
def test_a_name_that_is_not_one_measured_run_is_refused_with_candidates(
    ledger: Warehouse, names: list[str], said: list[str]
) -> None:
    with pytest.raises(QuantmillError) as caught:
        find_runs(ledger, names)

    for words in said:
        assert words in str(caught.value)


def test_an_empty_warehouse_says_what_to_run_first(warehouse: Warehouse) -> None:
    for name in ("latest", "20240301"):
        with pytest.raises(QuantmillError, match="flow=backtest"):
            find_runs(warehouse, [name])


def test_many_candidates_are_not_all_listed(warehouse: Warehouse) -> None:
    for number in range(1, 12):
        books.equity(warehouse, book=f"backtest/{number:02}")

    with pytest.raises(QuantmillError, match=r"begins 11 names: .* and 3 more"):
        find_runs(warehouse, ["backtest/"])
