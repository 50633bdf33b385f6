"""A simulation as frames in the shape of the table contracts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from execution.combination import CombinedScores
from execution.kernel.types import FLOWS, ORDER_TYPES, REASONS, STOP_LOSS, TIMES_IN_FORCE
from execution.order_states import FILLED
from execution.orders import namer, order_note, order_status, own_reason
from execution.own_orders import OwnOrder, own_orders
from execution.ownership import Parts
from execution.performance import Attribution, Interval, Period
from execution.reasons import risk_decisions as risk_decisions_of
from execution.reasons import target_reasons, weights_held
from execution.simulator import SimulationResult
from execution.types import RiskDecision
from transforms import schemas, schemas_strategies


@dataclass(frozen=True)
class Narrative:
    """A simulation's decisions in words, (R,): said once, for the tables alone.

    Attributes:
        reasons: Per decision, one sentence per symbol; empty where there is nothing to say.
        changes: Per decision, what construction and risk rules changed.
    """

    reasons: list[list[str]]
    changes: list[tuple[RiskDecision, ...]]


def narrate(result: SimulationResult) -> Narrative:
    """Put the decisions of a simulation into words."""
    panel, outcome = result.panel, result.outcome
    notes: dict[int, list[RiskDecision]] = {}
    for t, note in result.notes:
        notes.setdefault(t, []).append(note)
    events = outcome.risk_events
    starts = np.searchsorted(events["bar"], result.decided)
    ends = np.searchsorted(events["bar"], result.decided, side="right")
    is_ruined = np.minimum.accumulate(result.equity) <= 0
    reasons, changes = [], []
    for r, t in enumerate(result.decided.tolist()):
        made = risk_decisions_of(
            panel, result.scores, t, events=events[starts[r] : ends[r]], risk=result.config.risk
        )
        changes.append((*notes.get(t, ()), *made))
        row = t - result.first
        reasons.append(
            target_reasons(
                panel.symbols,
                result.scores.at(t),
                weights=outcome.weights[r],
                held=weights_held(panel, t, result.quantity[row], float(result.equity[row])),
                changes=changes[r],
                is_ruined=bool(is_ruined[row]),
            )
        )
    return Narrative(reasons, changes)


def targets(result: SimulationResult, narrative: Narrative) -> pl.DataFrame:
    """Return ``execution.targets``: one row per rebalance and symbol with a score or a position.

    ``target_weight`` is NULL where risk left the position alone.
    """
    count = len(result.panel.symbols)
    said = [reason for reasons in narrative.reasons for reason in reasons]
    flat = np.flatnonzero(np.fromiter(map(bool, said), dtype=np.bool_, count=len(said)))
    r, i = np.divmod(flat, count)
    rows = result.decided[r]
    columns = {
        **_bars(result, rows),
        "symbol": _symbols(result, i),
        "strategy": _constant(result.scores.strategy, len(rows)),
        "score": result.scores.score[rows, i],
        "confidence": result.scores.confidence[rows, i],
        "target_weight": result.outcome.weights[r, i],
        "reason": list(filter(None, said)),
    }
    return _frame(schemas.TARGETS, result.book, columns)


def strategy_targets(result: SimulationResult) -> pl.DataFrame:
    """Return ``execution.strategy_targets``: what each of several strategies wanted at every decision."""
    found = [result.scores.wishes(t) for t in result.decided.tolist()]
    rows = np.repeat(result.decided, [len(wishes) for wishes in found])
    wishes = [wish for several in found for wish in several]
    columns = {
        **_bars(result, rows),
        "strategy": [wish.strategy for wish in wishes],
        "symbol": [result.panel.symbols[wish.column] for wish in wishes],
        **{
            name: [getattr(wish, name) for wish in wishes]
            for name in ("score", "confidence", "weight", "share", "target_weight")
        },
    }
    return _frame(schemas_strategies.STRATEGY_TARGETS, result.book, columns)


def strategy_results(result: SimulationResult, parts: Parts | None) -> pl.DataFrame:
    """Return ``execution.strategy_results``: one row per bar and strategy of several that share the account.

    Args:
        parts: Of the strategies, None where there is but one.
    """
    scores = result.scores
    if parts is None or not isinstance(scores, CombinedScores):
        return schemas_strategies.STRATEGY_RESULTS.frame([])
    count, rows = len(scores.members), np.arange(result.first, result.first + len(result.equity))
    columns = {
        **_bars(result, np.repeat(rows, count)),
        "strategy": list(scores.members) * len(rows),
        "share": scores.shares.held[result.rows].reshape(-1),
        "alone": scores.alone[result.rows].reshape(-1),
        **{name: values.reshape(-1) for name, values in parts._asdict().items()},
    }
    return _frame(schemas_strategies.STRATEGY_RESULTS, result.book, columns)


def risk_decisions(result: SimulationResult, narrative: Narrative) -> pl.DataFrame:
    """Return ``execution.risk_decisions``: one row per rule that changed something."""
    told = zip(result.decided.tolist(), narrative.changes, strict=True)
    changes = [(t, change) for t, made in told for change in made]
    columns = {
        **_bars(result, [t for t, _ in changes]),
        "symbol": [change.symbol for _, change in changes],
        "rule": [change.rule for _, change in changes],
        "before": np.array([change.before for _, change in changes]),
        "after": np.array([change.after for _, change in changes]),
        "reason": [change.reason for _, change in changes],
    }
    return _frame(schemas.RISK_DECISIONS, result.book, columns)


@dataclass(frozen=True)
class Names:
    """What a simulation's orders are called.

    Attributes:
        own: Orders that nobody decided.
        placed: Client order id of each row of ``outcome.orders``.
        filled: Client order id of each row of ``outcome.fills``.
    """

    own: list[OwnOrder]
    placed: list[str]
    filled: list[str]


def name_orders(result: SimulationResult) -> Names:
    """Name a simulation's orders, each as a replay would."""
    panel, outcome, book = result.panel, result.outcome, result.book
    own = own_orders(outcome, panel, book)
    by_number = {one.number: one.order.client_order_id for one in own if one.number >= 0}
    at_once = {one.fill: one.order.client_order_id for one in own if one.fill >= 0}
    names_bar = result.config.portfolio.rebalance == "bar"
    orders = outcome.orders
    symbols = panel.symbols
    name, of_bar = None, -1  # orders come by bar: what those of a decision share is worked out once
    for number, bar, place in zip(
        orders["id"].tolist(), orders["bar"].tolist(), orders["symbol"].tolist(), strict=True
    ):
        if number in by_number:
            continue
        if name is None or bar != of_bar:
            moment = panel.bar_at[bar] if names_bar else None
            name, of_bar = namer(book, result.scores.strategy, panel.session_date[bar], moment), bar
        by_number[number] = name(symbols[place])
    filled = [
        at_once[row] if number < 0 else by_number[number]
        for row, number in enumerate(outcome.fills["order"].tolist())
    ]
    return Names(own, [by_number[number] for number in orders["id"].tolist()], filled)


def orders(result: SimulationResult, names: Names, narrative: Narrative) -> pl.DataFrame:
    """Return ``execution.orders``; the reason says too what kept an order from being filled."""
    records = result.outcome.orders
    row_of = {t: r for r, t in enumerate(result.decided.tolist())}
    reasons, statuses = [], []
    for status, obstacle, cause, bar, place, filled, remaining in zip(
        *(
            records[name].tolist()
            for name in ("status", "obstacle", "reason", "bar", "symbol", "filled", "remaining")
        ),
        strict=True,
    ):
        why = own_reason(REASONS[cause]) if cause >= STOP_LOSS else narrative.reasons[row_of[bar]][place]
        note = order_note(status, obstacle, filled=filled, remaining=remaining)
        reasons.append(f"{why}; {note}" if note else why)
        statuses.append(order_status(status, filled))
    filled_at_once = [one for one in names.own if one.fill >= 0]
    at_once = [one.order for one in filled_at_once]
    own = len(at_once)
    places = np.array([one.fill for one in filled_at_once], dtype=np.int64)
    bars = np.append(records["bar"], result.outcome.fills["bar"][places])
    none = np.full(own, np.nan)
    columns = {
        "client_order_id": names.placed + [order.client_order_id for order in at_once],
        **_bars(result, bars),
        "symbol": list(_symbols(result, records["symbol"])) + [order.symbol for order in at_once],
        "side": np.where(records["quantity"] > 0, "buy", "sell").tolist() + [order.side for order in at_once],
        "quantity": np.append(np.abs(records["quantity"]), [order.quantity for order in at_once]),
        "order_type": [ORDER_TYPES[kind] for kind in records["type"].tolist()]
        + [order.order_type for order in at_once],
        "limit_price": np.append(records["limit"], none),
        "stop_price": np.append(records["stop"], none),
        "trail": np.append(records["trail"], none),
        "time_in_force": [TIMES_IN_FORCE[kind] for kind in records["time_in_force"].tolist()]
        + [order.time_in_force for order in at_once],
        "cause": [REASONS[cause] for cause in records["reason"].tolist()]
        + [order.cause for order in at_once],
        "status": statuses + [FILLED] * own,
        "reason": reasons + [order.reason for order in at_once],
    }
    return _frame(schemas.ORDERS, result.book, columns)


def fills(result: SimulationResult, names: Names) -> pl.DataFrame:
    """Return ``execution.fills``."""
    made = result.fills
    order = pl.Series(names.filled, dtype=pl.String)
    numbered = pl.DataFrame({"order": order}).select(
        pl.format("{}-{}", "order", pl.int_range(1, pl.len() + 1).over("order"))
    )
    columns = {
        "fill_id": numbered.to_series(),
        "client_order_id": order,
        **_bars(result, result.outcome.fills["bar"]),
        "symbol": _symbols(result, made.symbol),
        "quantity": made.quantity,
        "price": made.price,
        "commission": made.commission,
        "slippage": made.slippage,
        "reference_price": made.reference,
        "fees": made.fees,
        "reason": _words(REASONS, result.outcome.fills["reason"]),
    }
    return _frame(schemas.FILLS, result.book, columns)


def trades(result: SimulationResult, names: Names) -> pl.DataFrame:
    """Return ``execution.trades``, numbered from 1 by opening, each with the decision that it came from."""
    trips, outcome = result.trips, result.outcome
    place = np.argsort(outcome.orders["id"])
    opening = place[
        np.searchsorted(outcome.orders["id"], outcome.fills["order"][trips.first_fill], sorter=place)
    ]
    decided = outcome.orders["bar"][opening]
    is_open = trips.closed < 0
    causes: Any = _words(REASONS, outcome.fills["reason"][trips.last_fill]) if len(outcome.fills) else []
    ends = [
        None if still else cause if last >= 0 else "split"
        for cause, last, still in zip(causes, trips.last_fill.tolist(), is_open.tolist(), strict=True)
    ]
    closed_at = _bars(result, np.where(is_open, result.first, trips.closed + result.first))["bar_at"]
    columns = {
        "trade_id": np.arange(1, len(trips.pnl) + 1),
        "symbol": _symbols(result, trips.symbol),
        "strategy": _constant(result.scores.strategy, len(trips.pnl)),
        "side": ["long" if side > 0 else "short" for side in trips.side.tolist()],
        "opened_at": _bars(result, trips.opened + result.first)["bar_at"],
        "closed_at": closed_at.to_frame("at")
        .select(pl.when(pl.Series(~is_open)).then(pl.col("at")))
        .to_series(),
        "quantity": trips.quantity,
        "entry_price": trips.entry_price,
        "exit_price": trips.exit_price,
        "pnl": trips.pnl,
        "return": trips.return_on_entry,
        "sessions": trips.sessions,
        "mae": trips.mae,
        "mfe": trips.mfe,
        "opening_order": [names.placed[row] for row in opening.tolist()],
        "decided_at": _bars(result, decided)["bar_at"],
        "score": result.scores.score[decided, trips.symbol],
        "exit_reason": pl.Series(ends, dtype=pl.String),
    }
    return _frame(schemas.TRADES, result.book, columns)


def cash_flows(result: SimulationResult) -> pl.DataFrame:
    """Return ``execution.cash_flows``: one row per bar and kind of flow that was not 0."""
    row, kind = np.nonzero(result.outcome.flows)
    columns = {
        **_bars(result, row + result.first),
        "kind": _words(FLOWS, kind),
        "amount": result.outcome.flows[row, kind],
    }
    return _frame(schemas.CASH_FLOWS, result.book, columns)


def positions(result: SimulationResult) -> pl.DataFrame:
    """Return ``execution.positions``: one row per bar and symbol held at its close."""
    row, i = np.nonzero(result.quantity)
    value = result.market_value[row, i]
    equity = result.equity[row]
    weight = np.full(len(row), np.nan)
    np.divide(value, equity, out=weight, where=equity > 0)
    columns = {
        **_bars(result, row + result.first),
        "symbol": _symbols(result, i),
        "quantity": result.quantity[row, i],
        "price": result.panel.last_close[row + result.first, i],
        "market_value": value,
        "weight": weight,
    }
    return _frame(schemas.POSITIONS, result.book, columns)


def equity(result: SimulationResult) -> pl.DataFrame:
    """Return ``execution.equity``: one row per bar."""
    columns = {
        **_bars(result, np.arange(result.first, result.first + len(result.equity))),
        "equity": result.equity,
        "cash": result.cash,
        "gross_exposure": result.gross_exposure,
        "net_exposure": result.net_exposure,
        "turnover": result.turnover,
        "benchmark": result.benchmark,
    }
    return _frame(schemas.EQUITY, result.book, columns)


def metrics(book: str, values: Mapping[str, float | None]) -> pl.DataFrame:
    """Return ``execution.metrics``, by name."""
    names = sorted(values)
    return _frame(schemas.PERFORMANCE, book, {"metric": names, "value": [values[name] for name in names]})


def periods(book: str, rows: Sequence[Period]) -> pl.DataFrame:
    """Return ``execution.periods``."""
    return _records(schemas.PERIODS, book, rows, {"return": "total_return"})


def attribution(book: str, rows: Sequence[Attribution]) -> pl.DataFrame:
    """Return ``execution.attribution``."""
    return _records(schemas.ATTRIBUTION, book, rows, {})


def intervals(book: str, rows: Sequence[Interval]) -> pl.DataFrame:
    """Return ``execution.intervals``."""
    return _records(schemas.INTERVALS, book, rows, {})


def _records(
    table: schemas.Table, book: str, rows: Sequence[Any], attributes: Mapping[str, str]
) -> pl.DataFrame:
    """Return a frame of dataclasses; columns are named as their attributes unless ``attributes`` says otherwise."""
    columns = [name for name in table.columns if name != "book"]
    return _frame(
        table, book, {name: [getattr(row, attributes.get(name, name)) for row in rows] for name in columns}
    )


def _bars(result: SimulationResult, rows: Any) -> dict[str, pl.Series]:
    """Return the time columns of the panel's ``rows``."""
    places = np.asarray(rows, dtype=np.int64)
    panel = result.panel
    return {
        "bar_at": pl.Series(panel.bar_at, dtype=pl.Datetime("us")).gather(places),
        "session_date": pl.Series(panel.session_date, dtype=pl.Date).gather(places),
    }


def _symbols(result: SimulationResult, places: Any) -> pl.Series:
    return pl.Series(result.panel.symbols, dtype=pl.String).gather(np.asarray(places, dtype=np.int64))


def _words(words: Sequence[str], codes: Any) -> pl.Series:
    return pl.Series(words, dtype=pl.String).gather(np.asarray(codes, dtype=np.int64))


def _constant(word: str, height: int) -> pl.Series:
    return pl.repeat(word, height, dtype=pl.String, eager=True)


def _frame(table: schemas.Table, book: str, columns: Mapping[str, Any]) -> pl.DataFrame:
    """Return the columns in the contract's order and types, NaN as NULL."""
    height = len(next(iter(columns.values())))
    data = {"book": _constant(book, height), **columns}
    frame = pl.DataFrame({name: data[name] for name in table.columns}, schema=table.polars)
    return frame.with_columns(pl.col(pl.Float64).fill_nan(None))
