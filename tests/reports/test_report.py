from __future__ import annotations

import base64
import json
import re
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from reports import performance_sections
from reports.queries import load
from reports.report import write_report
from tests.reports import books
from tests.reports.page import HOSTILE, Page
from transforms import schemas, schemas_ops, schemas_validation
from transforms.errors import QuantmillError
from transforms.paths import Home
from transforms.warehouse import Warehouse


def report(warehouse: Warehouse, home: Home, *, run_id: str = books.RUN, **changed: Any) -> Page:
    given: dict[str, Any] = {
        "book": books.BOOK,
        "model_id": books.MODEL,
        "trading_book": books.TRADING,
        "manifest": {**books.manifest(), "run_id": run_id},
        "data_docs": None,
    }
    path = write_report(warehouse, home, run_id=run_id, **{**given, **changed})
    return Page(path.read_text(encoding="utf-8"))


@pytest.fixture
def full(warehouse: Warehouse) -> Warehouse:
    books.equity(warehouse)
    books.metrics(warehouse, books.METRICS)
    books.folds(warehouse)
    books.orders(warehouse)
    books.orders(warehouse, book=books.TRADING)
    books.trades(warehouse)
    books.gate(
        warehouse, books.RUN, "raw_bars", ("key_is_unique", "row", True), ("series_are_fresh", "warn", False)
    )
    books.quarantine(warehouse)
    return warehouse


def test_strategies_are_shown_where_several_share_the_account(full: Warehouse, home: Home) -> None:
    assert "strategies" not in report(full, home).ids
    books.strategies(full)
    page = report(full, home)
    assert {"strategies", "plot-strategies"} <= set(page.ids)
    assert "Strategies in this account" in page.text


def test_a_full_report_refers_to_nothing_outside_itself_but_the_data_docs(
    full: Warehouse, home: Home
) -> None:
    docs = home.data_docs / books.RUN / "raw_bars.html"
    docs.parent.mkdir(parents=True)
    docs.touch()

    page = report(full, home, data_docs=docs)

    assert page.outside == [f"../data_docs/{books.RUN}/raw_bars.html"] * 2
    assert (home.reports / page.outside[0]).resolve() == docs.resolve()
    assert not [style for style in page.styles if "url(" in style or "@import" in style]
    assert "default-src 'none'" in page.policy
    assert page.plots == ["plot-performance", "plot-exposure", "plot-costs", "plot-folds", "plot-importance"]
    assert len(page.ids) == len(set(page.ids))


def test_hostile_text_is_shown_and_never_markup(full: Warehouse, home: Home) -> None:
    books.orders(full, symbol=HOSTILE, reason=HOSTILE, book="backtest/hostile")
    books.equity(full)
    full.execute("update execution.equity set book = 'backtest/hostile'")
    full.execute("update execution.trades set book = 'backtest/hostile', symbol = ?", [HOSTILE])
    full.execute("update ml.feature_importance set feature = ? where feature = 'momentum'", [HOSTILE])
    books.quarantine(full, symbol=HOSTILE, reason=HOSTILE)
    config = {**books.manifest()["config"], "strategy": {"name": HOSTILE}, HOSTILE: {HOSTILE: HOSTILE}}

    page = report(full, home, book="backtest/hostile", manifest={**books.manifest(), "config": config})

    assert page.handlers == []
    assert HOSTILE not in page.content
    assert len(page.scripts) == 3  # bokeh's library, our line that draws, the list of trades
    for place in (
        f"Strategy: {HOSTILE}",
        f"2024-01-30 {HOSTILE} buy 10 – filled 10 4.75 1.50 2024-01-31 {HOSTILE}",  # order
        f"{HOSTILE} +0.1000 – 0.0% 47.5% {HOSTILE}",  # target
        f"max_position_weight 1 1 2024-01-30 2024-01-30 {HOSTILE}",
        f"1 {HOSTILE} long",  # trade
        f"{HOSTILE}: {HOSTILE}",  # quarantine and config
    ):
        assert place in page.text
    for block in ("figures", "trade-data"):
        assert HOSTILE in json.dumps(json.loads(page.data[block]), ensure_ascii=False).replace('\\"', '"')


def test_the_policy_names_every_script_by_its_digest(full: Warehouse, home: Home) -> None:
    import hashlib

    page = report(full, home)

    assert page.scripts
    for script in page.scripts:
        digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in page.policy
    assert "unsafe" not in page.policy.split("script-src")[1].split(";")[0]


def test_the_figures_shown_are_those_of_execution_metrics(full: Warehouse, home: Home) -> None:
    text = report(full, home).text

    for shown in (
        "CAGR +12.3% benchmark +6.3%",
        "Sharpe 0.71",
        "Max drawdown −25.0%",
        "Turnover 15.6×",
        "Hit rate –",
        "Costs, USD 8,560.40",
        "Sessions 2,514",
    ):
        assert shown in text
    assert (
        text.index("CAGR +12.3% +6.3%")
        < text.index("Max drawdown −25.0%", 400)
        < text.index("Costs, USD 8,560.40")
    )


def test_months_compound_to_the_year(full: Warehouse, home: Home) -> None:
    text = report(full, home).text

    # 100 → 110 in January, 110 → 104.5 in February; the benchmark 50 → 56.1.
    assert "2024 +10.0% −5.0% +4.5% +12.2%" in text


@pytest.mark.parametrize(("calendar", "sessions"), [("XNYS", 252), ("24/7", 365)])
def test_a_year_is_as_long_as_the_calendars_whatever_the_bars(
    full: Warehouse, home: Home, monkeypatch: pytest.MonkeyPatch, calendar: str, sessions: int
) -> None:
    years: list[int] = []

    def year_rows(_equity: pl.DataFrame, periods: int) -> list[dict[str, Any]]:
        years.append(periods)
        return []

    monkeypatch.setattr(performance_sections, "year_rows", year_rows)
    manifest = books.manifest()
    manifest["config"]["source"] |= {"timeframe": "1m", "calendar": calendar}
    manifest["config"]["features"] = {"periods_per_year": 98280}
    report(full, home, manifest=manifest)

    assert years == [sessions]


def test_folds_are_told_in_months_with_all_folds_last(full: Warehouse, home: Home) -> None:
    page = report(full, home)

    assert re.search(r"0 2022-01 \W 2022-12 – 2023-01 \W 2023-06 100 3 40 7 0.610 –", page.text)
    assert re.search(r"All 2023-01 \W 2023-06 – 3 40 – 0.588 0.031", page.text)
    assert "Scored rows with a label: 39." in page.text
    assert re.search(r'title="2022-01-03\W+2022-12-30"', page.content)


def test_a_trade_is_dated_by_its_session_and_not_by_utc(full: Warehouse, home: Home) -> None:
    full.execute(
        "update execution.equity set bar_at = ? where session_date = '2024-01-31'",
        [datetime.fromisoformat("2024-01-30T22:00")],
    )

    text = report(full, home).text

    assert "1 AAA long 2024-01-31 open 2 10 4.75 – +1,234.50 +3.2%" in text


def test_the_list_carries_all_trades_and_the_markup_only_the_newest(full: Warehouse, home: Home) -> None:
    full.execute("delete from execution.trades")
    books.trades(full, 60)

    page = report(full, home)

    listed = json.loads(page.data["trade-data"])
    rows = [dict(zip(listed["columns"], row, strict=True)) for row in listed["rows"]]
    assert [row["trade_id"] for row in rows] == list(range(60, 0, -1))
    assert rows[0]["pnl"] == 1234.5
    assert "All 60 round trips" in page.text
    assert page.text.count("AAA long") == 50


def test_figures_stand_under_their_heading_with_interval_and_benchmark(full: Warehouse, home: Home) -> None:
    interval = {"book": books.BOOK, "metric": "sharpe", "low": 0.1, "high": 1.3, "level": 0.95}
    books.table(full, schemas.INTERVALS, {**interval, "samples": 1000, "block": 4.25})
    books.metrics(full, {"probabilistic_sharpe": 0.987, "deflated_sharpe": 0.61, "trials": 14.0})
    books.metrics(full, {"expected_max_sharpe": 0.55, "benchmark_sharpe": 0.4})

    text = report(full, home).text

    assert "Return for risk Sharpe 0.71 0.40 0.10 to 1.30 Mean over" in text
    assert "With probability 95% the Sharpe ratio lies between 0.10 and 1.30" in text
    assert "It is above 0 with probability 98.7%" in text
    assert "14 configs were tried" in text
    assert "above that with probability 61.0%" in text


def test_a_single_trial_is_told_in_the_singular(full: Warehouse, home: Home) -> None:
    books.metrics(full, {"deflated_sharpe": 0.9, "trials": 1.0, "expected_max_sharpe": 0.0})

    assert "One config was tried on these data so far" in report(full, home).text


def test_the_parts_of_a_breakdown_stand_by_profit_above_their_sum(full: Warehouse, home: Home) -> None:
    parts = [("AAA", -50.0, 1.0, -0.005, 0.01), ("BBB", 150.0, 2.0, 0.015, -0.002)]
    for name, pnl, costs, gained, risk in parts:
        row = {"book": books.BOOK, "breakdown": "symbol", "name": name, "pnl": pnl, "costs": costs}
        books.table(
            full, schemas.ATTRIBUTION, {**row, "contribution_return": gained, "contribution_risk": risk}
        )

    text = report(full, home).text

    assert "BBB +150.00 2.00 +1.5 pp −0.2 pp AAA −50.00 1.00 −0.5 pp +1.0 pp" in text
    assert "Together +100.00 3.00 +1.0 pp +0.8 pp" in text
    assert "By group" not in text


def test_costs_are_shares_of_what_was_paid_traded_and_earned(full: Warehouse, home: Home) -> None:
    full.execute("delete from execution.metrics")
    books.metrics(full, {"commission": 30.0, "slippage": 70.0, "borrow": 0.0})
    books.metrics(full, {"initial_equity": 1000.0, "final_equity": 1900.0})

    text = report(full, home).text

    # 47.5 USD were traded, 1,000 earned before costs.
    assert "Commission 30.00 30.0% 6,315.79 3.0%" in text
    assert "Together 100.00 100.0% 21,052.63 10.0%" in text
    assert "Borrow 0.00" not in text.split("Of gross profit")[1]


def test_a_book_without_trades_says_so_and_runs_no_script_for_them(full: Warehouse, home: Home) -> None:
    for name in ("trades", "fills", "orders"):
        full.execute(f"delete from execution.{name}")

    page = report(full, home)

    assert "There are no trades." in page.text
    assert "There are no fills, so nothing was paid." in page.text
    assert "trade-data" not in page.data
    assert len(page.scripts) == 2


def test_a_book_of_one_session_has_curves_and_no_figure_that_needs_more(full: Warehouse, home: Home) -> None:
    full.execute("delete from execution.equity where session_date > '2024-01-30'")

    page = report(full, home)

    assert "plot-performance" in page.plots
    assert "plot-rolling" not in page.plots
    assert re.search(r"\b(None|nan|null)\b", page.text) is None


def test_the_same_tables_and_manifest_give_the_same_bytes(full: Warehouse, home: Home) -> None:
    first = report(full, home).content
    second = report(full, home).content

    assert first == second


def test_another_metric_gives_other_bytes(full: Warehouse, home: Home) -> None:
    first = report(full, home).content
    full.execute("update execution.metrics set value = 0.9 where metric = 'sharpe'")

    assert report(full, home).content != first


def test_an_empty_warehouse_gives_a_report_that_says_what_is_absent(warehouse: Warehouse, home: Home) -> None:
    page = report(warehouse, home, model_id=None, trading_book=None, manifest={})

    for said in (
        "No equity is recorded",
        "No metrics are recorded",
        "scores without a trained model",
        "this run names no trading book",
        "The backtest decided nothing.",
        "The backtest sent no orders.",
        "No rule changed or refused anything.",
        "There are no fills",
        "There are no trades.",
        "No gate results are recorded",
        "Nothing is in quarantine.",
        "No stage timings are recorded.",
        "No config is recorded.",
    ):
        assert said in page.text
    assert page.plots == []
    assert page.scripts == []
    assert "script-src 'none'" in page.policy
    assert not re.search(r"\b(None|nan|null)\b", page.text)


def test_a_config_names_its_model_only_where_scores_came_from_one(full: Warehouse, home: Home) -> None:
    config = {**books.manifest()["config"], "model": {"name": "xgboost"}}
    manifest = {**books.manifest(), "config": config}

    assert "· model xgboost" in report(full, home, manifest=manifest).text
    assert "· model xgboost" not in report(full, home, manifest=manifest, model_id=None).text


def test_a_book_without_benchmark_shows_no_benchmark(warehouse: Warehouse, home: Home) -> None:
    books.equity(warehouse, benchmark=None)
    books.metrics(warehouse, {"cagr": 0.1, "sharpe": None, "benchmark_cagr": None})

    page = report(warehouse, home, model_id=None)

    assert "2024 +10.0% −5.0% +4.5%" in page.text
    assert "against SPX" not in page.text
    assert "benchmark +" not in page.text
    assert "Sharpe –" in page.text
    assert not re.search(r"\b(None|nan)\b", page.text)


def test_results_of_a_skipped_gate_are_those_of_the_run_that_last_checked_the_same(
    warehouse: Warehouse, home: Home
) -> None:
    for number, run_id in enumerate(("run-current", "run-other-model", "run-stale"), 1):
        table = {"run_id": run_id, "started_at": datetime.fromisoformat(f"2024-01-0{number}")}
        named: dict[str, str | None] = {"model_id": None, "book": None}
        if run_id == "run-current":
            named = {"model_id": books.MODEL, "book": books.BOOK}
        if run_id == "run-other-model":
            named = {"model_id": "m2", "book": "backtest/b2"}
        books.table(warehouse, schemas_ops.RUNS, {**table, **named})
        for suite in ("raw_bars", "predictions", "targets"):
            if (run_id, suite) != ("run-other-model", "raw_bars"):
                books.gate(warehouse, run_id, suite, ("key_is_unique", "batch", False))
    stage = {"stage": "gate", "fingerprint": "f", "output": "{}"}
    books.table(
        warehouse,
        schemas_ops.STAGES,
        {**stage, "run_id": "run-stale", "is_current": False},
        {**stage, "fingerprint": "g", "run_id": "run-current", "is_current": True},
    )

    text = report(warehouse, home, run_id="run-now").text

    assert "3 expectations checked, 3 stopped the run, the rest passed." in text
    assert "results of run-current." in text
    assert text.count("key_is_unique of run-current") == 6  # once by itself, once in the suite's list
    assert "of run-stale" not in text
    assert "of run-other-model" not in text


def test_results_of_this_run_come_before_those_of_newer_ones(warehouse: Warehouse, home: Home) -> None:
    for number, run_id in enumerate((books.RUN, "run-newer"), 1):
        run = {
            "run_id": run_id,
            "started_at": datetime.fromisoformat(f"2024-01-0{number}"),
            "model_id": books.MODEL,
        }
        books.table(warehouse, schemas_ops.RUNS, run)
        books.gate(warehouse, run_id, "predictions", ("key_is_unique", "batch", True))

    text = report(warehouse, home).text

    assert "1 expectations checked, all passed." in text
    assert "predictions 1 0 0 0 this run" in text


def test_warnings_are_told_apart_from_failures(full: Warehouse, home: Home) -> None:
    text = report(full, home).text

    assert "2 expectations checked, 1 warned, the rest passed." in text
    assert "raw_bars series_are_fresh warn warned 5" in text


def test_quarantine_of_another_dataset_is_not_counted(full: Warehouse, home: Home) -> None:
    books.quarantine(full, dataset="other", reason="of the other")

    text = report(full, home).text

    assert "bars high_is_highest 1 1 AAA: high 1 < low 2" in text
    assert "of the other" not in text


def test_the_manifest_is_shown_with_skipped_stages_and_the_config(full: Warehouse, home: Home) -> None:
    text = report(full, home).text

    assert "data version d1" in text
    assert "ingest 0.50 s" in text
    assert "build unchanged, skipped 0.10 s" in text
    assert "source: sample" in text
    assert "symbols: [AAA, SPX]" in text
    assert "as_of: –" in text


def test_latest_points_to_the_newest_report(full: Warehouse, home: Home) -> None:
    report(full, home, run_id="first")
    report(full, home, run_id="second")

    latest = home.reports / "latest.html"
    assert latest.readlink() == Path("second.html")
    assert sorted(path.name for path in home.reports.iterdir()) == [
        "first.html",
        "latest.html",
        "second.html",
    ]


@pytest.mark.parametrize("run_id", ["../x", "", "latest", ".hidden"])
def test_a_run_id_that_can_name_no_file_is_refused(warehouse: Warehouse, home: Home, run_id: str) -> None:
    with pytest.raises(QuantmillError, match="run id"):
        report(warehouse, home, run_id=run_id)


def test_an_order_shows_its_kind_levels_and_time_in_force(full: Warehouse, home: Home) -> None:
    full.execute(
        "update execution.orders set order_type = 'stop_limit', limit_price = 9.5, stop_price = 9.25"
    )
    full.execute("update execution.orders set time_in_force = 'gtc'")

    assert "AAA buy 10 stop limit, limit 9.50, stop 9.25, gtc filled" in report(full, home).text


def test_costs_over_time_take_in_fees_borrow_and_interest(full: Warehouse, home: Home) -> None:
    full.execute("update execution.fills set fees = 2.0 where book = ?", [books.BOOK])
    for session, kind, amount in (
        (books.SESSIONS[1], "borrow", -3.0),
        (books.SESSIONS[3], "interest", 4.0),  # earned
        (books.SESSIONS[3], "dividends", -9.0),
    ):
        flow = {"book": books.BOOK, "bar_at": books.bar_at(session), "session_date": session}
        books.table(full, schemas.CASH_FLOWS, {**flow, "kind": kind, "amount": amount})

    costs = load(
        full,
        run_id="r",
        book=books.BOOK,
        model_id=None,
        trading_book=None,
        strategy=None,
        source=None,
        dataset=None,
    ).costs

    assert costs.drop("session_date").rows() == [(1.0, 2.0, 0.5, 3.0, 0.0), (0.0, 0.0, 0.0, 0.0, -4.0)]


def test_excursions_are_drawn_where_trades_have_them(full: Warehouse, home: Home) -> None:
    full.execute("update execution.trades set closed_at = opened_at, mae = -0.01, mfe = 0.02")

    assert "plot-trade-excursions" in report(full, home).plots


def test_the_section_on_validation_is_there_with_its_rows_only(full: Warehouse, home: Home) -> None:
    before = report(full, home)
    criterion = {"book": books.BOOK, "place": 0, "criterion": "holdout_degradation", "value": 0.75}
    books.table(
        full,
        schemas_validation.VALIDATION,
        {**criterion, "rule": "at most", "limit": 0.5, "passed": False, "note": HOSTILE},
    )
    orders = [{"book": books.BOOK, "percentile": n, "max_drawdown": -0.1} for n in (0, 100)]
    books.table(full, schemas_validation.TRADE_ORDERS, *orders)

    after = report(full, home)

    assert "validation" not in before.ids
    assert "#validation" not in before.references
    assert "validation" in after.ids
    assert "#validation" in after.references
    assert f"holdout degradation 0.750 at most 0.500 failed {HOSTILE}" in after.text
    assert "plot-trade-orders" in after.plots
