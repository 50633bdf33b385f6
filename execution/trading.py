"""``flow=trade``: bring an account to a session, decide on it, send the orders. Twice sends nothing twice.

The order of the steps is the safety: kill switch, synthetic data, what a crash left open, market, fills,
reconciliation, decision, journal, send, mirror (``docs/trading.md`` tells it at length).
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from datetime import date

from execution.brokers.base import open_broker
from execution.combination import load_strategy
from execution.config import BookConfig, BrokerConfig, StrategyConfig
from execution.desk import Desk
from execution.journal import Journal
from execution.journal_records import DECIDED, MISSED, NO_REBALANCE, NO_SCORES, JournaledOrder
from execution.mirror import mirror
from execution.panel import Panel, ScorePanel, load_panel
from execution.rules import load_terms
from execution.types import Fill
from transforms.errors import QuantmillError, RiskHaltError
from transforms.paths import Home
from transforms.warehouse import Warehouse

SYNTHETIC = "synthetic"
"""The name of the source whose bars nobody ever traded."""

_SAID = {
    DECIDED: "decided",
    NO_REBALANCE: "no rebalance on this session",
    NO_SCORES: "no scores on this session",
    MISSED: "settled",
}


@dataclass(frozen=True)
class TradeResult:
    """What a trade run did.

    Attributes:
        book: ``<broker>/<account>``.
        sessions: Sessions that were settled or decided by this run, in order.
        orders: What this run sent, with the status it came to.
        fills: What this run was the first to see.
        equity: The account's worth (USD) at the last close that was recorded.
        message: One line for the summary.
    """

    book: str
    sessions: tuple[date, ...]
    orders: tuple[JournaledOrder, ...]
    fills: tuple[Fill, ...]
    equity: float
    message: str


def trade(
    warehouse: Warehouse,
    home: Home,
    *,
    broker: BrokerConfig,
    strategy: StrategyConfig,
    model_id: str | None,
    config: BookConfig,
    source: str,
    run_id: str,
    session: date | None = None,
    start: date | None = None,
    end: date | None = None,
) -> TradeResult:
    """Trade one session, or replay a window of them through a simulated broker.

    Sessions between the account's last one and the first asked for are settled (their splits, dividends and
    fills happen) but no longer decided on. What an earlier run has done is not done again.

    Args:
        model_id: The champion, for a strategy that trades predictions; its scores are in the warehouse.
        source: The source of the bars.
        session: The session to trade; None for the newest.
        start: With ``end``, instead of ``session``: the first session of a replay, None for the first scored.
        end: The last session of a replay, None for the newest.

    Raises:
        RiskHaltError: where the kill switch is thrown, synthetic bars or exits would reach a real broker, the session
            has no bar, a live broker is asked for any but the newest, or journal and broker disagree.
        QuantmillError: where the session to decide on has no score, or lies before the account's first.
    """
    book = f"{broker.name}/{broker.account}"
    if source == SYNTHETIC and not broker.is_simulated:
        raise RiskHaltError(
            f"source {source!r} makes its bars up, and broker {broker.name!r} is not simulated; "
            "trade real bars, or use broker=simulated"
        )
    if config.exits.is_on and not broker.is_simulated:
        raise RiskHaltError(
            f"exits={config.exits.name} are carried out by the simulated broker; broker {broker.name!r} would never "
            "hear of them. Trade with exits=none"
        )
    is_replay = start is not None or end is not None
    if is_replay and session is not None:
        raise QuantmillError(f"trade either one session ({session}) or a window ({start} to {end}), not both")
    panel = load_panel(warehouse, end=session or end)
    terms = load_terms(warehouse, home, panel, config)
    scores = load_strategy(warehouse, terms, strategy=strategy, model_id=model_id, config=config)
    targets = _replayed(panel, scores, start) if is_replay else _asked(panel, session)
    if not broker.is_simulated:
        _require_newest(warehouse, panel, targets, broker.name)
    with (
        closing(Journal(home.journal)) as journal,
        closing(open_broker(broker, home, initial_cash=config.portfolio.initial_cash)) as opened,
    ):
        desk = Desk(
            book,
            home,
            broker=opened,
            journal=journal,
            terms=terms,
            scores=scores,
            config=config,
            run_id=run_id,
        )
        try:
            walked = desk.trade(targets, is_replay=is_replay)
        finally:
            mirror(journal, warehouse, book)
        closes = journal.closes(book)
        return TradeResult(
            book=book,
            sessions=tuple(panel.session_date[t] for t in walked),
            orders=tuple(o for o in journal.orders(book) if o.order.client_order_id in desk.sent),
            fills=tuple(desk.fills),
            equity=closes[-1].account["equity"],
            message=_message(desk, panel, targets, walked),
        )


def _asked(panel: Panel, session: date | None) -> list[int]:
    """Return the bars of one session."""
    wanted = session or panel.session_date[-1]
    targets = [t for t, day in enumerate(panel.session_date) if day == wanted]
    if not targets:
        raise RiskHaltError(
            f"no symbol of the universe has a bar on {wanted} (the newest before it is "
            f"{panel.session_date[-1]}): the market was closed, or its bars are not there yet"
        )
    return targets


def _replayed(panel: Panel, scores: ScorePanel, start: date | None) -> list[int]:
    """Return the bars of a window that begins with the first scores, as a backtest does."""
    scored = (
        t for t in range(len(panel)) if scores.has_score[t] and panel.session_date[t] >= (start or date.min)
    )
    first = next(scored, None)
    if first is None:
        raise QuantmillError(
            f"strategy {scores.strategy} has no score from {start or 'the start'} to "
            f"{panel.session_date[-1]}; nothing to replay"
        )
    return list(range(first, len(panel)))


def _require_newest(warehouse: Warehouse, panel: Panel, targets: list[int], broker: str) -> None:
    """A market of today cannot be asked to trade yesterday."""
    newest = warehouse.value("select max(session_date) from marts.bars where is_member")
    if panel.session_date[targets[0]] != newest:
        raise RiskHaltError(
            f"broker {broker!r} is not simulated and trades the newest session ({newest}) alone, "
            f"not {panel.session_date[targets[0]]}"
        )


def _message(desk: Desk, panel: Panel, targets: list[int], walked: dict[int, str]) -> str:
    """Say in one line what was done, for the summary."""
    first, last = panel.session_date[targets[0]], panel.session_date[targets[-1]]
    asked = f"{first}" if first == last else f"{first} to {last}"
    sent = f"{len(desk.sent)} order{'' if len(desk.sent) == 1 else 's'} sent" if desk.sent else "nothing sent"
    if not walked:
        return f"{asked}: already decided; {sent}"
    decided = list(walked.values()).count(DECIDED)
    done = f"{len(walked)} bars settled, {decided} decided"
    if len(walked) == 1:
        done = _SAID[walked[targets[-1]]]
    return f"{asked}: {done}; {sent}, {len(desk.fills)} fills"
