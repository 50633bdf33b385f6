"""Desks over in-memory panels: the whole order path without a warehouse."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np

from execution.brokers.simulated import SimulatedBroker
from execution.config import PortfolioConfig, SimulatedBrokerConfig
from execution.desk import Desk, Rules
from execution.journal import Journal
from execution.panel import Panel, ScorePanel
from execution.types import Broker
from tests.execution.markets import EVERY_DAY, FREE, LENIENT, panel, score_panel
from transforms.paths import Home

MEMORY = Path("/dev/shm")
BOOK = "simulated/paper"
RULES = Rules(EVERY_DAY, LENIENT, FREE)


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
    rules: Rules = RULES,
    broker: Broker | None = None,
    book: str = BOOK,
) -> Iterator[tuple[Desk, Journal, Broker]]:
    """Open journal, broker and desk as a new process would, and close them again."""
    home = Home(root)
    with (
        closing(Journal(home.journal)) as journal,
        closing(broker or open_simulated(home, rules.portfolio)) as opened,
    ):
        bars, scores = market
        yield (
            Desk(
                book, home, broker=opened, journal=journal, panel=bars, scores=scores, rules=rules, run_id="r"
            ),
            journal,
            opened,
        )


def replay(root: Path, market: tuple[Panel, ScorePanel], first: int, *, rules: Rules = RULES) -> None:
    """Replay a market from row ``first`` on with one desk."""
    with desk(root, market, rules=rules) as (trader, _, _):
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
    return panel(
        close, open_=open_, split=split, dividend=dividend, benchmark=100 + np.arange(count)
    ), score_panel(score)
