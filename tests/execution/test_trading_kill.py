"""kill -9 at every step of the order path, and a broker that crashes or hides orders at random moments."""

import os
import random
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from execution.brokers.simulated import SimulatedBroker
from execution.config import (
    CostsConfig,
    ExitsConfig,
    OrdersConfig,
    PortfolioConfig,
    SimulatedBrokerConfig,
)
from execution.types import Order
from tests.execution.desks import BOOK, alternating, desk, directory
from tests.execution.markets import book_config
from transforms.paths import PROJECT, Home

MARKET = alternating(6)
CONFIG = book_config(
    PortfolioConfig(name="test", k=2, rebalance="daily", min_trade_weight=0.0),
    costs=CostsConfig(name="test", commission_minimum=1.0, slippage_bps=5.0),
    orders=OrdersConfig(name="test", type="limit", limit_bps=100.0, time_in_force="gtc"),
    exits=ExitsConfig(name="test", stop_loss=0.02),
)
FAILPOINTS = (
    "trade.before_journal",
    "trade.after_journal",
    "trade.after_sent",
    "trade.after_submit",
    "broker.settle.before_commit",
    "broker.settle.after_commit",
)


def replay_all(root: Path, broker: SimulatedBroker | None = None) -> None:
    with desk(root, MARKET, config=CONFIG, broker=broker) as (trader, _, _):
        trader.trade(list(range(len(MARKET[0]))), is_replay=True)


def final_state(root: Path) -> dict[str, Any]:
    """Everything that a run leaves behind, but for times."""
    with desk(root, MARKET, config=CONFIG) as (_, journal, broker):
        assert isinstance(broker, SimulatedBroker)
        account = broker.account(MARKET[0].symbols)
        return {
            "orders": [(entry.order, entry.status, entry.note) for entry in journal.orders(BOOK)],
            "fills": journal.fills(BOOK),
            "decisions": journal.decisions(BOOK),
            "closes": journal.closes(BOOK),
            "broker orders": broker._file.rows("select * from orders order by client_order_id"),
            "broker fills": broker.fills(),
            "account": (account.cash, account.quantity.tolist(), broker.last_bar),
        }


@pytest.fixture(scope="module")
def undisturbed() -> dict[str, Any]:
    with directory() as root:
        replay_all(root)
        return final_state(root)


@pytest.mark.parametrize("name", FAILPOINTS)
def test_killed_process_is_taken_up_where_it_died(
    tmp_path: Path, undisturbed: dict[str, Any], name: str
) -> None:
    script = "import sys; from pathlib import Path; from tests.execution.test_trading_kill import replay_all"
    killed = subprocess.run(
        [sys.executable, "-c", f"{script}; replay_all(Path(sys.argv[1]))", str(tmp_path)],
        cwd=PROJECT,
        env={**os.environ, "QUANTMILL_FAILPOINT": f"{name}:3"},
        check=False,
        capture_output=True,
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()
    replay_all(tmp_path)
    assert final_state(tmp_path) == undisturbed


class Crash(BaseException):
    """The process dies here."""


class TreacherousBroker(SimulatedBroker):
    """Dies before or after taking an order, and then may hide the order from the next process for a while.

    ``answered`` and ``hidden`` outlive the process: they are the far side of the wire.
    """

    def __init__(self, home: Home, dice: random.Random, answered: set[str], hidden: Counter[str]) -> None:
        super().__init__(SimulatedBrokerConfig(), home, initial_cash=CONFIG.portfolio.initial_cash)
        self._dice = dice
        self._answered = answered
        self._hidden = hidden
        self._is_taking = False

    def submit(self, order: Order) -> str:
        perhaps_crash(self._dice)
        self._is_taking = True
        status = super().submit(order)
        self._is_taking = False
        perhaps_crash(self._dice)
        self._answered.add(order.client_order_id)
        return status

    def find(self, client_order_id: str) -> str | None:
        found = super().find(client_order_id)
        if self._is_taking or client_order_id in self._answered or found is None:
            return found
        self._hidden[client_order_id] += 1
        return None if self._hidden[client_order_id] <= 2 else found


def perhaps_crash(dice: random.Random) -> None:
    if dice.random() < 0.05:
        raise Crash


def test_nothing_is_sent_twice_or_lost_in_200_seeded_crash_histories(
    undisturbed: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    dice = random.Random()
    for module in ("execution.desk", "execution.brokers.simulated"):
        monkeypatch.setattr(f"{module}.failpoint", lambda _: perhaps_crash(dice))
    crashes = resent = 0
    for seed in range(200):
        dice.seed(seed)
        answered: set[str] = set()
        hidden: Counter[str] = Counter()
        with directory() as root:
            for _ in range(100):
                try:
                    replay_all(root, TreacherousBroker(Home(root), dice, answered, hidden))
                    break
                except Crash:
                    crashes += 1
            assert final_state(root) == undisturbed, f"seed {seed}"
        resent += sum(count > 0 for count in hidden.values())
    assert crashes > 400
    assert resent > 50
