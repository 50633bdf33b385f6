"""Validation from tables to tables: a book's bars and scores in, its verdict out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from datetime import date

import numpy as np
import polars as pl

from execution.combination import load_strategy
from execution.config import BookConfig, StrategyConfig
from execution.panel import load_panel
from execution.rules import load_terms
from execution.statistics_config import StatisticsConfig
from execution.trials import Trial
from execution.types import Floats
from execution.validation import correlation
from execution.validation.around import stable_neighbourhood
from execution.validation.holdout import earlier_uses, record_use
from execution.validation.monte_carlo import PERCENTILES, TradeOrders
from execution.validation.parts import Figures
from execution.validation.scenarios import Setting
from execution.validation.suite import Evidence, Row, examine
from execution.validation.verdict import Criterion, Elsewhere, judge
from execution.validation_config import ValidationConfig
from transforms import schemas_validation as schemas
from transforms.errors import QuantmillError
from transforms.paths import Home
from transforms.warehouse import Warehouse

_OTHERS = """
select trials.strategy, equity.book, equity.session_date, last(equity.equity order by equity.bar_at) as equity
from execution.equity as equity
inner join (select distinct book, strategy from ops.trials where strategy <> $strategy) as trials using (book)
where equity.session_date between $first and $last
group by all
order by all
"""


def run_validation(
    warehouse: Warehouse,
    home: Home,
    *,
    book: str,
    strategy: StrategyConfig,
    model_id: str | None,
    config: BookConfig,
    validation: ValidationConfig,
    statistics: StatisticsConfig,
    periods: int,
    trial: Trial,
    on_step: Callable[[str], None] = lambda _step: None,
) -> list[Criterion]:
    """Validate a backtested book, write what came of it, and return the criteria.

    Its rows of ``execution.validation``, ``stress`` and ``trade_orders`` are replaced and the use of its holdout is
    recorded, in one transaction.

    Args:
        home: Where slippage models lie.
        book: ``backtest/<id>``; its deflated Sharpe ratio and intervals are read from the tables.
        model_id: As of the backtest; so are all configs.
        trial: The config under test, as the ledger of trials has it.
        on_step: Told what is in work.

    Raises:
        QuantmillError: If the book has not been backtested, its history is too short for three parts, or a scenario
            cannot be simulated.
    """
    known = warehouse.read(
        "select min(session_date) as first, count(*) as rows from execution.equity where book = ?", [book]
    ).row(0, named=True)
    if not known["rows"]:
        raise QuantmillError(
            f"{book} has no equity in execution.equity: backtest it before it is validated (flow=backtest)"
        )
    panel = load_panel(warehouse)
    terms = load_terms(warehouse, home, panel, config)
    scores = load_strategy(warehouse, terms, strategy=strategy, model_id=model_id, config=config)
    first = int(np.flatnonzero(scores.has_score)[0])
    evidence = examine(
        Setting(scores, terms, config, first),
        validation,
        periods=periods,
        participation=statistics.capacity_participation,
        on_step=on_step,
    )
    with warehouse.transaction():
        criteria = judge(evidence, _elsewhere(warehouse, book, trial, evidence), validation)
        record_use(warehouse, trial, evidence.holdout)
        for table, frame in (
            (schemas.VALIDATION, _criteria(book, criteria)),
            (schemas.STRESS, _rows(book, evidence.rows)),
            (schemas.TRADE_ORDERS, _trade_orders(book, evidence.trade_orders)),
        ):
            warehouse.replace_where(table, {"book": book}, frame)
    return criteria


def _elsewhere(warehouse: Warehouse, book: str, trial: Trial, evidence: Evidence) -> Elsewhere:
    curve = evidence.curve
    metrics = dict(
        warehouse.read("select metric, value from execution.metrics where book = ?", [book]).iter_rows()
    )
    return Elsewhere(
        deflated_sharpe=metrics.get("deflated_sharpe"),
        trials=metrics.get("trials"),
        sharpe_low=warehouse.value(
            "select low from execution.intervals where book = ? and metric = 'sharpe'", [book]
        ),
        most_alike=correlation.of_strategies(
            curve.dates,
            curve.equity,
            _other_strategies(warehouse, trial.strategy, curve.dates),
        ),
        neighbourhood=stable_neighbourhood(warehouse, trial),
        earlier_uses=earlier_uses(warehouse, trial, evidence.holdout),
    )


def _other_strategies(
    warehouse: Warehouse, strategy: str, dates: Sequence[date]
) -> Mapping[str, tuple[Sequence[date], Floats]]:
    """Return name → sessions and equity of every backtest of another strategy in this home."""
    found = warehouse.read(_OTHERS, {"strategy": strategy, "first": dates[0], "last": dates[-1]})
    return {
        f"{name} ({book})": (rows["session_date"].to_list(), rows["equity"].to_numpy())
        for (name, book), rows in found.group_by("strategy", "book", maintain_order=True)
    }


def _criteria(book: str, criteria: Sequence[Criterion]) -> pl.DataFrame:
    return schemas.VALIDATION.frame(
        [
            {
                "book": book,
                "place": place,
                "criterion": one.name,
                "value": one.value,
                "rule": one.rule,
                "limit": one.limit,
                "passed": one.passed,
                "note": one.note,
            }
            for place, one in enumerate(criteria)
        ],
    )


def _rows(book: str, rows: Sequence[Row]) -> pl.DataFrame:
    nothing = asdict(Figures(0, None, None, None, None, None, None)) | {"sessions": None}
    return schemas.STRESS.frame(
        [
            {
                "book": book,
                "place": place,
                "kind": row.kind,
                "scenario": row.scenario,
                "covered": row.covered,
                "first_session": row.first,
                "last_session": row.last,
                **(asdict(row.figures) if row.figures else nothing),
                "note": row.note,
            }
            for place, row in enumerate(rows)
        ],
    )


def _trade_orders(book: str, orders: TradeOrders | None) -> pl.DataFrame:
    drawdowns = orders.drawdowns.tolist() if orders else []
    return schemas.TRADE_ORDERS.frame(
        [
            {"book": book, "percentile": percentile, "max_drawdown": drawdown}
            for percentile, drawdown in zip(PERCENTILES, drawdowns, strict=False)
        ],
    )
