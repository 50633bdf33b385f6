"""The report of one run: a single HTML file that says what was done, how well, why, and on what data."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import polars as pl

from reports import model_plots, performance_plots, plots, queries, rendering, sections
from reports.formats import MONTHS, count, moment
from transforms.errors import QuantmillError
from transforms.paths import Home
from transforms.warehouse import Warehouse

_LAST_TRADES = 50
_SECTIONS = (
    ("summary", "Summary"),
    ("performance", "Performance"),
    ("model", "Model"),
    ("orders", "Decisions and orders"),
    ("trades", "Trades and costs"),
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
        source=_name(config, "source"),
        dataset=_text(manifest.get("dataset")),
    )
    context = _context(
        data, run_id=run_id, book=book, model_id=model_id, trading_book=trading_book, manifest=manifest
    )
    context["data_docs"] = None if data_docs is None else _relative(data_docs, path.parent)
    context["suites"] = sections.suite_rows(data.gates, lambda run, suite: _docs_page(home, run, suite))
    figures = _figures(data, context["benchmark"], context["title"])
    context["has_fold_plot"] = "plot-folds" in figures
    page = rendering.render("report.html.j2", context, figures=plots.embeddable(figures) if figures else None)
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
    months = sections.month_rows(data.equity)
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
        "subtitle": _subtitle(data, config),
        "facts": _facts(run_id, manifest, book, model_id),
        "sections": _SECTIONS,
        "data": data,
        "cards": sections.cards(data.metrics, data.traded_value),
        "has_equity": not data.equity.is_empty(),
        "benchmark": benchmark if any(year["benchmark"] is not None for year in months) else None,
        "months": months,
        "month_names": MONTHS,
        "metric_rows": sections.metric_rows(data.metrics),
        "has_benchmark_metrics": any(name.startswith("benchmark_") for name in data.metrics),
        "fold_metrics": fold_metrics,
        "fold_rows": fold_rows,
        "further_metrics": sections.further_metrics(data.model_metrics),
        "has_importance": not data.importance.is_empty(),
        "cost_bps": sections.cost_bps(data.metrics, data.traded_value),
        "shown_trades": data.trades.head(_LAST_TRADES),
        "trades_csv": rendering.data_uri(data.trades.write_csv(), "text/csv"),
        "gate_summary": sections.gate_summary(data.gates, run_id),
        "failed_gates": data.gates.filter(~pl.col("passed").fill_null(value=False)),
        "is_daily": _mapping(config.get("source")).get("timeframe", "1d") == "1d",
        "versions": _versions(run_id, manifest),
        "stages": sections.stage_rows(_mapping(manifest.get("stages"))),
    }


def _figures(data: queries.ReportData, benchmark: str | None, title: str) -> dict[str, Any]:
    """Return element id → bokeh model for every plot that has something to show."""
    figures: dict[str, Any] = {}
    if not data.equity.is_empty():
        figures["plot-performance"] = performance_plots.performance_figure(
            sections.curves(data.equity), book_label=title, benchmark_label=benchmark
        )
    folds = sections.plotted_folds(data.folds, data.model_metrics)
    if folds["auc"].is_not_null().any() or folds["information_coefficient"].is_not_null().any():
        figures["plot-folds"] = model_plots.folds_figure(folds)
    if not data.importance.is_empty():
        figures["plot-importance"] = model_plots.importance_figure(data.importance)
    return figures


def _subtitle(data: queries.ReportData, config: Mapping[str, Any]) -> str:
    """Say in a line what was run on what."""
    parts = [
        f"{group} {_name(config, group)}"
        for group in ("source", "universe", "model", "portfolio", "costs", "risk")
        if _name(config, group) is not None
    ]
    if not data.equity.is_empty():
        dates = data.equity["session_date"]
        parts.insert(0, f"{moment(dates[0])} to {moment(dates[-1])}, {count(len(dates))} sessions")
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
