"""The report of one run: a single HTML file that says what was done, how well, why, and on what data."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import polars as pl

from reports import (
    book_sections,
    model_plots,
    performance_plots,
    performance_sections,
    plots,
    queries,
    rendering,
    sections,
    strategies,
    sweeps,
    trade_list,
    trade_plots,
    validation,
)
from reports.formats import MONTHS, count, moment
from transforms.config import sessions_per_year
from transforms.errors import QuantmillError
from transforms.paths import Home
from transforms.warehouse import Warehouse

_FIRST_TRADES = 50  # that stand in the page itself: for paper, and for readers that run no script
_SECTIONS = (
    ("summary", "Summary"),
    ("performance", "Performance"),
    ("all-figures", "All figures"),
    ("attribution", "Attribution"),
    ("strategies", "Strategies"),
    ("costs", "Costs"),
    ("trades", "Trades"),
    ("validation", "Validation"),
    ("sensitivity", "Sensitivity"),
    ("model", "Model"),
    ("orders", "Decisions and orders"),
    ("quality", "Data quality"),
    ("manifest", "Run manifest"),
)
_VERSIONS = ("run_id", "flow", "config_hash", "dataset", "data_version", "code_version")
_RUN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._\-]{0,127}")


def report_path(home: Home, run_id: str) -> Path:
    """Return where the report of ``run_id`` stands.

    Raises:
        QuantmillError: If ``run_id`` cannot be a file's name.
    """
    if _RUN_ID.fullmatch(run_id) is None or run_id == "latest":
        raise QuantmillError(
            "a run id that names a report must be letters, digits, '.', '_' and '-' (at most 128) "
            f"and not 'latest', was {run_id!r}"
        )
    return home.reports / f"{run_id}.html"


def write_report(
    warehouse: Warehouse,
    home: Home,
    *,
    run_id: str,
    book: str,
    model_id: str | None,
    trading_book: str | None,
    manifest: Mapping[str, Any],
    data_docs: Path | None,
) -> Path:
    """Write the report of one run and let ``latest.html`` beside it point there.

    The file needs nothing beside it and asks nothing of any network; what the tables do not hold is shown as
    absent. The same tables and manifest give the same bytes.

    Args:
        warehouse: An open warehouse; only contract tables are read.
        home: The state directory; the report goes to ``home.reports``.
        run_id: The run.
        book: The backtest's book in ``execution.*``.
        model_id: The model behind the scores, None for a strategy without one.
        trading_book: The book of the newest orders, None if nothing was traded.
        manifest: What names the run: ``flow``, ``config`` (nested mappings), ``config_hash``,
            ``dataset``, ``data_version``, ``code_version``, ``libraries`` (name → version) and ``stages``
            (name → seconds, or a mapping with ``seconds`` and ``skipped``). Missing keys are
            shown as missing, further plain ones among the versions.
        data_docs: Data Docs of the gate (a page, or a directory with ``index.html``), None if there are none.

    Returns:
        The report's path.

    Raises:
        QuantmillError: If ``run_id`` cannot be a file's name.
    """
    path = report_path(home, run_id)
    config = _mapping(manifest.get("config"))
    data = queries.load(
        warehouse,
        run_id=run_id,
        book=book,
        model_id=model_id,
        trading_book=trading_book,
        strategy=_name(config, "strategy"),
        source=_name(config, "source"),
        dataset=_text(manifest.get("dataset")),
    )
    context = _context(
        data, run_id=run_id, book=book, model_id=model_id, trading_book=trading_book, manifest=manifest
    )
    context["data_docs"] = None if data_docs is None else _relative(data_docs, path.parent)
    context["suites"] = sections.suite_rows(data.gates, lambda run, suite: _docs_page(home, run, suite))
    figures = _figures(data, context["benchmark"], context["title"], _periods(config))
    context["plots"] = set(figures)
    context["sweep_plots"] = [name for name in figures if name.startswith("plot-sweep-")]
    context["sweep_page"] = _sweep_page(home, data.sweep)
    has_trades = not data.trades.is_empty()
    page = rendering.render(
        "report.html.j2",
        context,
        figures=plots.embeddable(figures) if figures else None,
        data={"trade-data": trade_list.as_json(data.trades)} if has_trades else None,
        script="trades.js" if has_trades else None,
    )
    rendering.write_page(path, page)
    rendering.point_to(path.with_name("latest.html"), path)
    return path


def _context(
    data: queries.ReportData,
    *,
    run_id: str,
    book: str,
    model_id: str | None,
    trading_book: str | None,
    manifest: Mapping[str, Any],
) -> dict[str, Any]:
    """Return what the template shows."""
    config = _mapping(manifest.get("config"))
    benchmark = str(_mapping(config.get("universe")).get("benchmark") or "Benchmark")
    periods = _periods(config)
    years = performance_sections.year_rows(data.equity, periods)
    fold_metrics, fold_rows = sections.fold_rows(data.folds, data.model_metrics)
    return {
        "run_id": run_id,
        "book": book,
        "model_id": model_id,
        "trading_book": trading_book,
        "config": config,
        "source": _name(config, "source"),
        "title": _name(config, "strategy") or book,
        "is_strategy": _name(config, "strategy") is not None,
        "subtitle": _subtitle(data, config, model_id),
        "facts": _facts(run_id, manifest, book, model_id),
        "sections": [section for section in _SECTIONS if section[0] not in _absent(data)],
        "data": data,
        "cards": sections.cards(data.metrics, data.traded_value),
        "has_equity": not data.equity.is_empty(),
        "benchmark": benchmark if any(year["benchmark"] is not None for year in years) else None,
        "years": years,
        "month_names": MONTHS,
        "metric_groups": performance_sections.metric_groups(data.metrics, data.intervals),
        "interval_level": None if data.intervals.is_empty() else data.intervals["level"][0],
        "significance": performance_sections.significance(data.metrics, data.intervals),
        "rolling_window": performance_sections.rolling_window(data.equity),
        "attribution": book_sections.attribution_tables(data.attribution),
        "strategies": strategies.rows(data.strategies, periods),
        "cost_rows": book_sections.cost_rows(data.metrics, data.traded_value),
        "has_benchmark_metrics": any(name.startswith("benchmark_") for name in data.metrics),
        "fold_metrics": fold_metrics,
        "fold_rows": fold_rows,
        "further_metrics": sections.further_metrics(data.model_metrics),
        "has_importance": not data.importance.is_empty(),
        "verdict": validation.verdict(data.validation.criteria),
        "criteria": validation.criterion_rows(data.validation.criteria),
        "scenario_labels": validation.FIGURE_LABELS,
        "scenarios": validation.scenario_groups(data.validation.scenarios),
        "sweep_facts": [] if data.sweep is None else sweeps.sweep_facts(data.sweep),
        "shown_trades": data.trades.head(_FIRST_TRADES),
        "gate_summary": sections.gate_summary(data.gates, run_id),
        "failed_gates": data.gates.filter(~pl.col("passed").fill_null(value=False)),
        "is_daily": _mapping(config.get("source")).get("timeframe", "1d") == "1d",
        "versions": _versions(run_id, manifest),
        "stages": sections.stage_rows(_mapping(manifest.get("stages"))),
    }


def _figures(data: queries.ReportData, benchmark: str | None, title: str, periods: int) -> dict[str, Any]:
    """Return element id → bokeh model for every plot that has something to show."""
    figures: dict[str, Any] = {}
    if not data.equity.is_empty():
        curves = performance_sections.curves(data.equity)
        figures["plot-performance"] = performance_plots.performance_figure(
            curves, book_label=title, benchmark_label=benchmark
        )
        window = performance_sections.rolling_window(data.equity)
        if window is not None:
            rolling = performance_sections.rolling(data.equity, window, periods)
            figures["plot-rolling"] = performance_plots.rolling_figure(
                rolling, book_label=title, benchmark_label=benchmark
            )
        figures["plot-exposure"] = performance_plots.exposure_figure(data.equity)
    if not data.strategies.is_empty():
        figures["plot-strategies"] = strategies.figure(data.strategies)
    paid = book_sections.costs_by_period(data.costs)
    if paid.width > 2:
        figures["plot-costs"] = trade_plots.costs_figure(paid)
    closed = data.trades.filter(pl.col("closed_at").is_not_null())
    if not closed.is_empty():
        figures["plot-trade-returns"] = trade_plots.returns_figure(closed)
        if closed["mae"].is_not_null().any():
            figures["plot-trade-excursions"] = trade_plots.excursion_figure(closed)
        figures["plot-trade-holding"] = trade_plots.holding_figure(closed)
    if not data.validation.trade_orders.is_empty():
        figures["plot-trade-orders"] = validation.trade_orders_figure(
            data.validation.trade_orders, data.metrics.get("max_drawdown")
        )
    if data.sweep is not None:
        figures |= sweeps.sweep_figures(data.sweep)
    folds = sections.plotted_folds(data.folds, data.model_metrics)
    if folds["auc"].is_not_null().any() or folds["information_coefficient"].is_not_null().any():
        figures["plot-folds"] = model_plots.folds_figure(folds)
    if not data.importance.is_empty():
        figures["plot-importance"] = model_plots.importance_figure(data.importance)
    return figures


def _absent(data: queries.ReportData) -> set[str]:
    """Return the sections that a report without their rows leaves out."""
    shown = {
        "strategies": not data.strategies.is_empty(),
        "validation": not data.validation.criteria.is_empty(),
        "sensitivity": data.sweep is not None,
    }
    return {name for name, is_shown in shown.items() if not is_shown}


def _sweep_page(home: Home, sweep: sweeps.Sweep | None) -> str | None:
    """Return the link to the page of a sweep, None where there is none."""
    page = None if sweep is None else report_path(home, sweep.summary["run_id"])
    return page.name if page is not None and page.is_file() else None


def _subtitle(data: queries.ReportData, config: Mapping[str, Any], model_id: str | None) -> str:
    """Say in a line what was run on what; the config names a model also where none was used."""
    groups = ("source", "universe", *(("model",) if model_id else ()), "portfolio", "costs", "risk")
    parts = [f"{group} {_name(config, group)}" for group in groups if _name(config, group) is not None]
    if not data.equity.is_empty():
        dates = data.equity["session_date"]
        parts.insert(0, f"{moment(dates[0])} to {moment(dates[-1])}, {count(dates.n_unique())} sessions")
    return " · ".join(parts)


def _facts(
    run_id: str, manifest: Mapping[str, Any], book: str, model_id: str | None
) -> list[tuple[str, str]]:
    facts = [("Run", run_id), ("Flow", manifest.get("flow")), ("Book", book), ("Model", model_id)]
    return [(name, str(value)) for name, value in facts if value]


def _versions(run_id: str, manifest: Mapping[str, Any]) -> list[tuple[str, object]]:
    """Return what names the run, then further plain entries, then the libraries."""
    named = {**manifest, "run_id": run_id}
    first = [(name.replace("_", " "), named.get(name)) for name in _VERSIONS]
    apart = {*_VERSIONS, "config", "libraries", "stages"}
    plain = [
        (name.replace("_", " "), value)
        for name, value in named.items()
        if name not in apart and _is_plain(value)
    ]
    return [*first, *plain, *sorted(_mapping(manifest.get("libraries")).items())]


def _is_plain(value: object) -> bool:
    return value is None or isinstance(value, (str, int, float))


def _periods(config: Mapping[str, Any]) -> int:
    """Return the run's sessions per year."""
    return sessions_per_year(str(_mapping(config.get("source")).get("calendar")))


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _name(config: Mapping[str, Any], group: str) -> str | None:
    """Return the ``name`` of a config group, None where there is none."""
    return _text(_mapping(config.get(group)).get("name"))


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _docs_page(home: Home, run_id: str, suite: str) -> str | None:
    """Return the link to a suite's page of the Data Docs, None where there is no such page."""
    page = home.data_docs / run_id / f"{suite}.html"
    return _relative(page, home.reports) if page.is_file() else None


def _relative(target: Path, start: Path) -> str:
    """Return ``target`` as a link from a page in ``start``."""
    page = target / "index.html" if target.is_dir() else target
    return quote(Path(os.path.relpath(page, start)).as_posix())
