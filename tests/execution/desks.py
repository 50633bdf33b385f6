"""Desks over in-memory panels: the whole order path without a warehouse."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import numpy as np

from execution.brokers.simulated import SimulatedBroker
from execution.config import BookConfig, PortfolioConfig, SimulatedBrokerConfig
from execution.desk import Desk
from execution.journal import Journal
from execution.panel import Panel, ScorePanel
from execution.types import Account, Broker, Fill, Order
from tests.execution.markets import EVERY_DAY, book_config, panel, score_panel, terms
from transforms.paths import Home

MEMORY = Path("/dev/shm")
BOOK = "simulated/paper"
CONFIG = book_config()


@contextmanager
def directory() -> Iterator[Path]:
    """A fresh home, in memory where the machine has such a place: tests of many commits need no disk."""
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as root:
        yield Path(root)


def until(market: tuple[Panel, ScorePanel], t: int) -> tuple[Panel, ScorePanel]:
    """The market as it was known at the close of bar ``t``."""
    bars, scores = market
    rows = slice(0, t + 1)
    return (
        replace(
            bars,
            bar_at=bars.bar_at[rows],
            session_date=bars.session_date[rows],
            open=bars.open[rows],
            high=bars.high[rows],
            low=bars.low[rows],
            close=bars.close[rows],
            volume=bars.volume[rows],
            split_ratio=bars.split_ratio[rows],
            dividend=bars.dividend[rows],
            benchmark=bars.benchmark[rows],
        ),
        ScorePanel(scores.strategy, scores.score[rows], scores.confidence[rows], scores.volatility[rows]),
    )


def open_simulated(home: Home, portfolio: PortfolioConfig = EVERY_DAY) -> SimulatedBroker:
    return SimulatedBroker(SimulatedBrokerConfig(), home, initial_cash=portfolio.initial_cash)


@contextmanager
def desk(
    root: Path,
    market: tuple[Panel, ScorePanel],
    *,
    config: BookConfig = CONFIG,
    broker: Broker | None = None,
    book: str = BOOK,
) -> Iterator[tuple[Desk, Journal, Broker]]:
    """Open journal, broker and desk as a new process would, and close them again."""
    home = Home(root)
    with (
        closing(Journal(home.journal)) as journal,
        closing(broker or open_simulated(home, config.portfolio)) as opened,
    ):
        bars, scores = market
        yield (
            Desk(
                book,
                home,
                broker=opened,
                journal=journal,
                terms=terms(bars, config),
                scores=scores,
                config=config,
                run_id="r",
            ),
            journal,
            opened,
        )


def replay(root: Path, market: tuple[Panel, ScorePanel], first: int, *, config: BookConfig = CONFIG) -> None:
    """Replay a market from row ``first`` on with one desk."""
    with desk(root, market, config=config) as (trader, _, _):
        trader.trade(list(range(first, len(market[0]))), is_replay=True)


def alternating(count: int = 12, *, names: int = 3) -> tuple[Panel, ScorePanel]:
    """A market whose best symbol changes every other day, with a split, a dividend and a missing bar."""
    random = np.random.default_rng(5)
    close = 100 * np.exp(np.cumsum(random.normal(0, 0.02, (count, names)), axis=0))
    open_ = close * np.exp(random.normal(0, 0.01, (count, names)))
    split, dividend = np.ones((count, names)), np.zeros((count, names))
    split[count // 2, 0] = 2.0
    close[count // 2 :, 0] /= 2
    open_[count // 2 :, 0] /= 2
    dividend[count // 3, 1] = 0.5
    close[count // 4, 2] = open_[count // 4, 2] = np.nan
    score = np.array([[1.0 + ((n + t // 2) % names) for n in range(names)] for t in range(count)])
    benchmark = 100.0 + np.arange(count)
    bars = panel(close, open_=open_, split=split, dividend=dividend, benchmark=benchmark)
    return bars, score_panel(score)


class ScriptedBroker:
    """A broker that is not simulated: it answers and fills as a test tells it to."""

    name = "scripted"
    is_simulated = False

    def __init__(self, answer: str = "accepted") -> None:
        self.answer = answer
        self.orders: dict[str, Order] = {}
        self.statuses: dict[str, str] = {}
        self.submitted: list[str] = []
        self.cancelled: list[str] = []
        self.filled: list[Fill] = []

    def submit(self, order: Order) -> str:
        self.submitted.append(order.client_order_id)
        self.orders.setdefault(order.client_order_id, order)
        return self.statuses.setdefault(order.client_order_id, self.answer)

    def cancel(self, client_order_id: str) -> str | None:
        self.cancelled.append(client_order_id)
        if self.statuses.get(client_order_id) in {"accepted", "partially_filled"}:
            self.statuses[client_order_id] = "cancelled"
        return self.statuses.get(client_order_id)

    def find(self, client_order_id: str) -> str | None:
        return self.statuses.get(client_order_id)

    def fill(self, client_order_id: str, quantity: float, *, bar_at: datetime, price: float = 10.0) -> None:
        """Fill some of an order (``quantity`` positive)."""
        order = self.orders[client_order_id]
        signed = quantity if order.side == "buy" else -quantity
        fill_id = f"fill-{len(self.filled)}"
        self.filled.append(
            Fill(
                fill_id, client_order_id, order.symbol, signed, price, 0.0, 0.0, bar_at, bar_at.date(), price
            )
        )
        self.statuses[client_order_id] = "partially_filled"

    def fills(self) -> list[Fill]:
        return list(self.filled)

    def account(self, symbols: tuple[str, ...]) -> Account:
        quantity = [sum(fill.quantity for fill in self.filled if fill.symbol == symbol) for symbol in symbols]
        cash = 100_000.0 - sum(fill.quantity * fill.price for fill in self.filled)
        return Account(symbols, cash, np.array(quantity, dtype=float))

    def close(self) -> None:
        pass
