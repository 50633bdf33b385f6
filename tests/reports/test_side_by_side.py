from __future__ import annotations

import math
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from reports.runs import find_runs
from reports.side_by_side import common, config_differences, correlation_rows, metric_groups, write_comparison
from tests.reports import books
from tests.reports.page import HOSTILE, Page
from transforms.errors import QuantmillError
from transforms.paths import Home
from transforms.warehouse import Warehouse

FIRST, SECOND = "20240301T0900-backtest-aaaa", "20240302T0900-backtest-bbbb"


def _config(**changed: Any) -> dict[str, Any]:
    return {**books.manifest()["config"], "portfolio": {"name": "top_k", "k": 2}, **changed}


@pytest.fixture
def pair(warehouse: Warehouse) -> Warehouse:
    """Two runs: 100 → 110 → 99 → 104.5 against 100 → 90 → 99 → 99."""
    books.equity(warehouse, book="backtest/a")
    books.equity(warehouse, book="backtest/b", values=(100.0, 90.0, 99.0, 99.0))
    books.metrics(warehouse, {"cagr": 0.12, "sharpe": 0.75, "trades": 10.0}, book="backtest/a")
    books.metrics(warehouse, {"cagr": 0.1, "sharpe": None, "trades": 12.0}, book="backtest/b")
    books.run(warehouse, FIRST, book="backtest/a", number=1, config=_config())
    changed = {
        "portfolio": {"name": "top_k", "k": 3},
        "engine": {"threads": 1},
        "sensitivity": {"metric": "cagr"},
    }
    books.run(warehouse, SECOND, book="backtest/b", number=2, config=_config(**changed), code_version="e2")
    return warehouse


def page_of(warehouse: Warehouse, home: Home, *names: str) -> Page:
    path = write_comparison(warehouse, home, find_runs(warehouse, names))
    return Page(path.read_text(encoding="utf-8"))


def test_what_differs_is_named_with_each_value_and_what_changes_no_result_is_not(
    pair: Warehouse, home: Home
) -> None:
    rows = config_differences(find_runs(pair, [FIRST, SECOND]))

    assert rows == [
        {"key": "portfolio.k", "values": ["2", "3"]},
        {"key": "code version", "values": ["e1", "e2"]},
    ]
    assert "portfolio.k 2 3" in page_of(pair, home, FIRST, SECOND).text


def test_a_model_that_made_no_scores_is_not_named(warehouse: Warehouse, home: Home) -> None:
    for number, model_id in enumerate((None, books.MODEL), start=1):
        books.equity(warehouse, book=f"backtest/{number}")
        config = _config(model={"name": "xgboost"})
        books.run(warehouse, f"r-{number}", book=f"backtest/{number}", config=config, model_id=model_id)

    assert page_of(warehouse, home, "r-1", "r-2").text.count("model xgboost") == 1


def test_a_key_that_one_config_lacks_is_a_difference(warehouse: Warehouse) -> None:
    for number, strategy in enumerate(
        ({"name": "x", "parameters": {}}, {"name": "x", "parameters": {"n": 5}})
    ):
        books.equity(warehouse, book=f"backtest/{number}")
        config = _config(strategy=strategy)
        books.run(warehouse, f"r-{number}", book=f"backtest/{number}", number=number + 1, config=config)

    assert config_differences(find_runs(warehouse, ["r-0", "r-1"])) == [
        {"key": "strategy.parameters.n", "values": [None, "5"]}
    ]


def test_runs_of_one_config_say_that_nothing_sets_them_apart(pair: Warehouse, home: Home) -> None:
    books.run(pair, "20240303T0900-backtest-cccc", book="backtest/a", number=3, config=_config())

    assert "Nothing: config, data and code are the same." in page_of(pair, home, FIRST, "20240303").text


def test_metrics_stand_beside_their_difference_from_the_first_run(pair: Warehouse, home: Home) -> None:
    text = page_of(pair, home, FIRST, SECOND).text

    assert "CAGR +12.0% +10.0% −2.0 pp" in text
    assert "Sharpe 0.75 – –" in text
    assert "Trades 10 12 +2" in text


def test_metrics_of_models_have_a_group_and_one_without_a_model_a_dash() -> None:
    groups = metric_groups([{"sharpe": 0.5}, {"sharpe": 0.25}], [{"auc": 0.5, "made_up": 1.0}, {}])

    assert [group["group"] for group in groups] == ["Return for risk", "Model"]
    (auc,) = groups[1]["rows"]
    assert (auc["values"], auc["differences"]) == (["0.500", "–"], ["–"])


def test_curves_start_at_one_on_the_first_session_that_all_have() -> None:
    days = [date(2024, 1, day) for day in (2, 3, 4, 5)]
    long = pl.DataFrame({"session_date": days, "equity": [50.0, 100.0, 110.0, 120.0]})
    late = pl.DataFrame({"session_date": [*days[1:], date(2024, 1, 8)], "equity": [10.0, 5.0, 20.0, 7.0]})

    shared = common([long, late])

    assert shared.sessions == days[1:]
    np.testing.assert_allclose(shared.growth, [[1.0, 1.0], [1.1, 0.5], [1.2, 2.0]])


def test_a_book_that_was_wiped_out_before_the_other_began_shares_nothing() -> None:
    days = [date(2024, 1, day) for day in (2, 3)]
    ruined = pl.DataFrame({"session_date": days, "equity": [0.0, 0.0]})
    whole = pl.DataFrame({"session_date": days, "equity": [1.0, 1.0]})

    assert common([whole, ruined]).sessions == []


def test_shared_sessions_are_measured_anew_where_ranges_differ(pair: Warehouse, home: Home) -> None:
    pair.execute("delete from execution.equity where book = 'backtest/b' and session_date = '2024-01-30'")

    text = page_of(pair, home, FIRST, SECOND).text

    assert "measured on different sessions" in text
    # From 110 to 104.5 against from 90 to 99.
    assert "On the 3 shared sessions, 2024-01-31 to 2024-02-29" in text
    assert "Total return −5.0% +10.0% +15.0 pp" in text


def test_months_are_the_difference_of_returns_in_months_and_years(pair: Warehouse, home: Home) -> None:
    text = page_of(pair, home, FIRST, SECOND).text

    # January -10 % less +10 %, February +10 % less -5 %, the year -1 % less +4.5 %.
    assert "bbbb less model aaaa: ahead in 1 of 2 months" in text
    assert "2024 −20.0% +15.0% −5.5%" in text


def test_correlation_is_that_of_the_returns_and_undefined_without_variation() -> None:
    days = [date(2024, 1, day) for day in (2, 3, 4, 5)]
    curves = [
        pl.DataFrame({"session_date": days, "equity": equity})
        for equity in ([1.0, 1.1, 1.1, 1.21], [1.0, 0.9, 0.9, 0.81], [2.0, 2.0, 2.0, 2.0])
    ]

    matrix = [[cell["text"] for cell in row] for row in correlation_rows(common(curves))]

    assert matrix == [["1.00", "−1.00", "–"], ["−1.00", "1.00", "–"], ["–", "–", "–"]]


def test_the_page_needs_nothing_and_links_to_reports_that_exist(pair: Warehouse, home: Home) -> None:
    home.reports.mkdir(parents=True)
    (home.reports / "a.html").touch()
    pair.execute("update ops.runs set report = 'reports/a.html' where run_id = ?", [FIRST])
    pair.execute("update ops.runs set report = 'reports/gone.html' where run_id = ?", [SECOND])

    page = page_of(pair, home, FIRST, SECOND)

    assert page.outside == ["a.html"]
    assert "default-src 'none'" in page.policy
    assert page.plots == ["plot-curves"]


def test_hostile_text_is_shown_and_never_markup(warehouse: Warehouse, home: Home) -> None:
    for number in (1, 2):
        books.equity(warehouse, book=f"backtest/{HOSTILE}{number}")
        config = _config(strategy={"name": HOSTILE, HOSTILE: number})
        books.run(
            warehouse, f"{HOSTILE}-{number}", book=f"backtest/{HOSTILE}{number}", number=number, config=config
        )

    page = page_of(warehouse, home, f"{HOSTILE}-1", f"{HOSTILE}-2")

    assert HOSTILE not in page.content
    assert page.handlers == []
    assert f"strategy.{HOSTILE} 1 2" in page.text


def test_books_that_share_no_session_are_still_compared(pair: Warehouse, home: Home) -> None:
    pair.execute(
        "update execution.equity set session_date = session_date + interval 1 year, bar_at = bar_at + interval 1 year"
        " where book = 'backtest/b'"
    )

    page = page_of(pair, home, FIRST, SECOND)

    assert "The runs share no session." in page.text
    assert page.plots == []
    assert "CAGR +12.0% +10.0% −2.0 pp" in page.text


def test_one_shared_session_draws_but_has_no_figures(pair: Warehouse, home: Home) -> None:
    pair.execute("delete from execution.equity where session_date > '2024-01-30'")

    page = page_of(pair, home, FIRST, SECOND)

    assert page.plots == ["plot-curves"]
    assert "The runs share fewer than two sessions." in page.text
    assert "The runs share fewer than three sessions." in page.text


def test_the_same_runs_give_the_same_bytes_under_the_same_name(pair: Warehouse, home: Home) -> None:
    runs = find_runs(pair, [FIRST, SECOND])
    first = write_comparison(pair, home, runs)
    content = first.read_bytes()

    assert write_comparison(pair, home, runs) == first
    assert first.read_bytes() == content
    assert write_comparison(pair, home, runs[::-1]) != first


def test_one_run_and_too_many_are_refused(pair: Warehouse, tmp_path: Path) -> None:
    runs = find_runs(pair, [FIRST])
    for number in (1, 9):
        with pytest.raises(QuantmillError, match=f"2 to 8 runs, was {number}"):
            write_comparison(pair, Home(tmp_path), runs * number)


def test_an_equity_that_is_not_known_is_left_out() -> None:
    days = [date(2024, 1, day) for day in (2, 3, 4)]
    gap = pl.DataFrame({"session_date": days, "equity": [1.0, math.nan, 2.0]})

    assert common([gap, gap]).sessions == [days[0], days[2]]


def test_differences_of_many_runs_stand_below_their_figure(pair: Warehouse, home: Home) -> None:
    names = [FIRST, SECOND]
    for number, name in enumerate(("cccc", "dddd"), 3):
        books.equity(pair, book=f"backtest/{name}")
        books.metrics(pair, {"cagr": 0.2}, book=f"backtest/{name}")
        books.run(pair, f"2024030{number}-{name}", book=f"backtest/{name}", number=number, config=_config())
        names.append(f"2024030{number}")

    page = page_of(pair, home, *names)

    assert (
        "CAGR +12.0% +10.0% −2.0 pp +20.0% +8.0 pp +20.0% +8.0 pp Return for risk Sharpe 0.75 – – –"
        in page.text
    )
    assert 'title="Compound annual growth rate"' in page.content
