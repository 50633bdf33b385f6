"""What a report reads: contract tables only, each query ordered so that equal tables read alike."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from reports.strategies import load_strategies
from reports.sweeps import Sweep, newest_sweep
from reports.trade_list import load_trades
from reports.validation import Validation, load_validation
from transforms.warehouse import Warehouse

# Enough for a look; the whole of it is in the tables.
LAST_ORDERS = 20
TOP_FEATURES = 20

_SESSION_EQUITY = """
with bars as (
    select *, bar_at = min(bar_at) over () and count(*) over (partition by session_date) > 1 as is_opening
    from execution.equity
    where book = $book
)
select
    session_date,
    last(equity order by bar_at) as equity,
    sum(gross_exposure order by bar_at) / count(gross_exposure) as gross_exposure,
    sum(net_exposure order by bar_at) / count(net_exposure) as net_exposure,
    sum(turnover order by bar_at) as turnover,
    last(benchmark order by bar_at) as benchmark
from bars
group by session_date, is_opening
order by session_date, is_opening desc
"""

_ORDERS = """
with filled as (
    select
        client_order_id,
        sum(abs(quantity) order by fill_id) as filled_quantity,
        sum(abs(quantity) * price order by fill_id) / sum(abs(quantity) order by fill_id) as fill_price,
        sum(commission + coalesce(fees, 0) + slippage order by fill_id) as cost,
        max(session_date) as filled_on
    from execution.fills
    where book = $book
    group by client_order_id
)
select
    orders.session_date, orders.symbol, orders.side, orders.quantity, orders.order_type, orders.limit_price,
    orders.stop_price, orders.trail, orders.time_in_force, orders.status,
    orders.reason, orders.client_order_id, filled.filled_quantity, filled.fill_price, filled.cost,
    filled.filled_on
from execution.orders as orders
left join filled on filled.client_order_id = orders.client_order_id
where orders.book = $book
order by orders.bar_at desc, orders.symbol, orders.client_order_id
limit $rows
"""

_TARGETS = """
with newest as (select max(bar_at) as bar_at from execution.targets where book = $book),
held as (
    select symbol, weight
    from execution.positions
    where book = $book and bar_at = (select bar_at from newest)
)
select
    targets.session_date, targets.symbol, targets.strategy, targets.score, targets.confidence,
    coalesce(held.weight, 0) as held_weight, targets.target_weight, targets.reason
from execution.targets as targets
left join held on held.symbol = targets.symbol
where targets.book = $book and targets.bar_at = (select bar_at from newest)
order by abs(targets.target_weight) desc nulls last, targets.score desc nulls last, targets.symbol
"""

_RISK = """
select
    book, rule, count(*) as decisions, count(distinct symbol) as symbols,
    min(session_date) as first_session, max(session_date) as last_session,
    last(reason order by bar_at, symbol) as latest_reason
from execution.risk_decisions
where book = $book or book = $trading_book
group by book, rule
order by book, decisions desc, rule
"""

# In decimals, because the sum of doubles depends on how the threads shared them out.
_TRADED = """
select
    count(*) as fills,
    sum(try_cast(abs(quantity * price) as decimal(38, 8)))::double as traded_value
from execution.fills
where book = $book
"""

# Fills tell what trading cost, cash flows what holding did; interest below 0 was earned.
_COSTS = """
with trading as (
    select
        session_date,
        sum(commission order by fill_id) as commission,
        sum(fees order by fill_id) as fees,
        sum(slippage order by fill_id) as slippage
    from execution.fills
    where book = $book
    group by session_date
),
holding as (
    select
        session_date,
        -sum(amount order by bar_at) filter (where kind = 'borrow') as borrow,
        -sum(amount order by bar_at) filter (where kind = 'interest') as interest
    from execution.cash_flows
    where book = $book and kind in ('borrow', 'interest')
    group by session_date
)
select
    session_date, coalesce(commission, 0) as commission, coalesce(fees, 0) as fees, coalesce(slippage, 0) as slippage,
    coalesce(borrow, 0) as borrow, coalesce(interest, 0) as interest
from trading
full join holding using (session_date)
order by session_date
"""

_IMPORTANCE = """
with folds as (
    select count(distinct fold) as folds
    from ml.feature_importance
    where model_id = $model_id and fold >= 0
)
select
    feature,
    sum(importance order by fold) / any_value(folds) as mean,
    case when count(*) = any_value(folds) then min(importance) else 0 end as lowest,
    max(importance) as highest
from ml.feature_importance
cross join folds
where model_id = $model_id and fold >= 0
group by feature
order by mean desc nulls last, feature
limit $rows
"""

# A stage that was skipped left its results under the run that carried it out: for the raw tables, whose
# stage is shared, the one that ``ops.stages`` calls current; else the newest of the same model or book.
_GATES = """
with checked as (
    select 'predictions' as suite, run_id from ops.runs where model_id = $model_id
    union
    select 'predictions', run_id from ops.stages where stage = 'train' and fingerprint = $model_id
    union
    select 'targets', run_id from ops.runs where book = $book
    union
    select 'targets', run_id from ops.stages where stage = 'backtest' and (output ->> 'book') = $book
    union
    select unnest(['raw_bars', 'raw_corporate_actions']), run_id
    from ops.stages
    where stage = 'gate' and is_current
    union
    select distinct suite, run_id from ops.gate_results where run_id = $run_id
),
newest as (
    select
        checked.suite,
        first(
            checked.run_id
            order by checked.run_id = $run_id desc, runs.started_at desc nulls last, checked.run_id desc
        ) as run_id
    from checked
    left join ops.runs as runs on runs.run_id = checked.run_id
    where (checked.suite, checked.run_id) in (select suite, run_id from ops.gate_results)
    group by checked.suite
)
select
    results.run_id, results.suite, results.expectation, results.severity, results.passed,
    results.failed_rows, results.details
from ops.gate_results as results
join newest on newest.suite = results.suite and newest.run_id = results.run_id
order by
    list_position(['targets', 'predictions', 'raw_corporate_actions', 'raw_bars'], results.suite) desc
        nulls last,
    results.suite, results.passed nulls first, results.expectation
"""

_QUARANTINE = """
with rows as (
    select 'bars' as kind, source, dataset, symbol, expectation, reason from quarantine.bars
    union all
    select 'corporate actions', source, dataset, symbol, expectation, reason from quarantine.corporate_actions
)
select
    kind, expectation, count(*) as rows, count(distinct symbol) as symbols,
    first(symbol order by reason, symbol) as first_symbol, min(reason) as first_reason,
    last(symbol order by reason, symbol) as last_symbol, max(reason) as last_reason
from rows
where ($source::varchar is null or source = $source) and ($dataset::varchar is null or dataset = $dataset)
group by kind, expectation
order by rows desc, kind, expectation
"""


@dataclass(frozen=True)
class ReportData:
    """The frames behind one report; a frame without rows where there is nothing to tell.

    Attributes:
        metrics: Metric → value of the book.
        model_metrics: ``fold, metric, value``; fold -1 is all folds together.
        intervals, attribution: Of the book, as in the tables of their names.
        costs: ``session_date`` and USD paid on it by kind.
        validation: What the validation suite left of the book.
        sweep: The newest sensitivity sweep of the strategy, None where there is none.
        fills, traded_value: The book's number of fills; the value bought and sold (USD, None without fills).
        trade_count: All the book's trades, of which ``trades`` holds the newest.
        trading_targets, trading_orders: The trading book's; without rows where no trading book was named.
    """

    equity: pl.DataFrame
    metrics: dict[str, float | None]
    folds: pl.DataFrame
    model_metrics: pl.DataFrame
    importance: pl.DataFrame
    targets: pl.DataFrame
    trading_targets: pl.DataFrame
    orders: pl.DataFrame
    trading_orders: pl.DataFrame
    risk: pl.DataFrame
    trades: pl.DataFrame
    trade_count: int
    intervals: pl.DataFrame
    attribution: pl.DataFrame
    strategies: pl.DataFrame
    costs: pl.DataFrame
    validation: Validation
    sweep: Sweep | None
    fills: int
    traded_value: float | None
    gates: pl.DataFrame
    quarantine: pl.DataFrame


def load(
    warehouse: Warehouse,
    *,
    run_id: str,
    book: str,
    model_id: str | None,
    trading_book: str | None,
    strategy: str | None,
    source: str | None,
    dataset: str | None,
) -> ReportData:
    """Read everything that the report of one run shows.

    Args:
        warehouse: Any open warehouse; nothing is written.
        run_id: The run whose gate results to show. Where a suite was skipped in it, the newest results for
            the same data, model or book stand in.
        book: The backtest's book.
        model_id: The model behind the scores, None for a strategy without one.
        trading_book: The book of the newest real or simulated orders, None if nothing was traded.
        strategy: Whose newest sweep to show, None for none.
        source, dataset: Whose quarantine to show; None for all.
    """
    of_book = {"book": book}
    of_trading = {"book": trading_book}
    of_model = {"model_id": model_id}
    return ReportData(
        equity=session_equity(warehouse, book),
        metrics=book_metrics(warehouse, book),
        folds=warehouse.read("select * from ml.folds where model_id = $model_id order by fold", of_model),
        model_metrics=warehouse.read(
            "select fold, metric, value from ml.metrics where model_id = $model_id order by fold, metric",
            of_model,
        ),
        importance=warehouse.read(_IMPORTANCE, {**of_model, "rows": TOP_FEATURES}),
        targets=warehouse.read(_TARGETS, of_book),
        trading_targets=warehouse.read(_TARGETS, of_trading),
        orders=warehouse.read(_ORDERS, {**of_book, "rows": LAST_ORDERS}),
        trading_orders=warehouse.read(_ORDERS, {**of_trading, "rows": LAST_ORDERS}),
        risk=warehouse.read(_RISK, {**of_book, "trading_book": trading_book}),
        trades=load_trades(warehouse, book),
        trade_count=int(warehouse.value("select count(*) from execution.trades where book = $book", of_book)),
        intervals=warehouse.read(
            "select * from execution.intervals where book = $book order by metric", of_book
        ),
        attribution=warehouse.read(
            "select * from execution.attribution where book = $book order by breakdown, name", of_book
        ),
        strategies=load_strategies(warehouse, book),
        costs=warehouse.read(_COSTS, of_book),
        validation=load_validation(warehouse, book),
        sweep=newest_sweep(warehouse, strategy),
        **warehouse.read(_TRADED, of_book).row(0, named=True),
        gates=warehouse.read(_GATES, {**of_book, **of_model, "run_id": run_id}),
        quarantine=warehouse.read(_QUARANTINE, {"source": source, "dataset": dataset}),
    )


def session_equity(warehouse: Warehouse, book: str) -> pl.DataFrame:
    """Return a book at the close of each session, oldest first; before them, as in ``execution.performance.Sessions``,
    at the close of its first bar, where its first session has more.

    Columns: ``session_date, equity, gross_exposure, net_exposure`` (means of the session's closes), ``turnover`` (the
    session's sum), ``benchmark``.
    """
    return warehouse.read(_SESSION_EQUITY, {"book": book})


def book_metrics(warehouse: Warehouse, book: str | None) -> dict[str, float | None]:
    """Return metric → value of one book, sorted by name; empty where the book has none."""
    rows = warehouse.read(
        "select metric, value from execution.metrics where book = $book order by metric", {"book": book}
    )
    return dict(rows.iter_rows())


def model_metrics(warehouse: Warehouse, model_id: str | None) -> dict[str, float | None]:
    """Return metric → value of one model over all its folds; empty where it has none."""
    sql = "select metric, value from ml.metrics where model_id = $model_id and fold = -1 order by metric"
    return dict(warehouse.read(sql, {"model_id": model_id}).iter_rows())
