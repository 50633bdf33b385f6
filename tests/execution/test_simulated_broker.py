import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from execution.brokers import simulated
from execution.brokers.base import SettlingBroker, open_broker
from execution.brokers.simulated import SimulatedBroker
from execution.config import BrokerConfig, CostsConfig, SimulatedBrokerConfig
from execution.durable import DurableFileError
from execution.types import Order, Snapshot
from tests.execution.markets import EVERY_DAY, FREE, NAN, snapshot
from transforms.errors import ConfigError, RiskHaltError
from transforms.paths import Home

MONDAY = datetime.fromisoformat("2024-01-01")
BUY = Order("id-1", "A", "buy", 10.0, MONDAY, date(2024, 1, 1), "score 0.9")
FEES = CostsConfig(name="test", commission_minimum=1.0, slippage_bps=100.0)


def day(number: int, opens: list[float], **changes: object) -> Snapshot:
    at = MONDAY + timedelta(days=number)
    return snapshot(opens, bar_at=at, session_date=at.date(), **changes)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


def opened(home: Home, *, cash: float = 1000.0, account: str = "paper") -> SimulatedBroker:
    return SimulatedBroker(SimulatedBrokerConfig(account=account), home, initial_cash=cash)


@pytest.fixture
def broker(home: Home) -> Iterator[SimulatedBroker]:
    with closing(opened(home)) as one:
        yield one


def test_order_fills_at_the_next_open_with_slippage_and_commission(broker: SimulatedBroker) -> None:
    broker.settle(day(0, [50.0]), FEES, EVERY_DAY)
    assert broker.submit(BUY) == "accepted"
    broker.settle(day(1, [20.0]), FEES, EVERY_DAY)
    (fill,) = broker.fills()
    assert (fill.quantity, fill.price, fill.commission, fill.session_date) == (
        10,
        20.2,
        1.0,
        date(2024, 1, 2),
    )
    account = broker.account(("A",))
    assert account.cash == 1000 - 10 * 20.2 - 1
    assert account.quantity.tolist() == [10]
    assert broker.find("id-1") == "filled"


def test_known_id_changes_nothing_whatever_comes_with_it(broker: SimulatedBroker) -> None:
    broker.submit(BUY)
    assert broker.submit(replace(BUY, quantity=999.0)) == "accepted"
    broker.settle(day(1, [20.0]), FREE, EVERY_DAY)
    assert broker.submit(BUY) == "filled"
    broker.settle(day(2, [20.0]), FREE, EVERY_DAY)
    assert [fill.quantity for fill in broker.fills()] == [10]


def test_bar_settled_twice_moves_nothing_twice(broker: SimulatedBroker) -> None:
    broker.submit(BUY)
    first = day(1, [20.0], dividend=[0.5])
    for bar in (first, first, day(0, [3.0])):
        broker.settle(bar, FREE, EVERY_DAY)
    broker.settle(day(2, [20.0], dividend=[0.5]), FREE, EVERY_DAY)
    broker.settle(day(2, [20.0], dividend=[0.5]), FREE, EVERY_DAY)
    assert broker.account(("A",)).cash == 1000 - 200 + 10 * 0.5
    assert len(broker.fills()) == 1
    assert broker.last_bar == MONDAY + timedelta(days=2)


def test_everything_survives_a_restart_to_the_bit(home: Home) -> None:
    awkward = 0.1 + 0.2
    with closing(opened(home, cash=1e5 / 3)) as before:
        before.submit(replace(BUY, quantity=1 / 3))
        before.settle(day(1, [awkward, 1.0]), FEES, replace(EVERY_DAY, whole_shares=False))
        before.submit(replace(BUY, client_order_id="id-2"))
        seen = (before.fills(), before.account(("A", "B")), before.last_bar, before.find("id-2"))
    with closing(opened(home)) as after:
        fills, account, last_bar, status = (
            after.fills(),
            after.account(("A", "B")),
            after.last_bar,
            after.find("id-2"),
        )
    assert (fills, last_bar, status) == (seen[0], seen[2], seen[3])
    assert (account.cash, account.quantity.tolist()) == (seen[1].cash, seen[1].quantity.tolist())
    assert fills[0].quantity == 1 / 3


def test_account_keeps_the_cash_it_was_opened_with(home: Home) -> None:
    opened(home, cash=500.0).close()
    with closing(opened(home, cash=9e9)) as again:
        assert again.account(()).cash == 500.0
    with closing(opened(home, cash=700.0, account="other")) as other:
        assert other.account(()).cash == 700.0


def test_order_without_an_open_is_cancelled_and_never_fills_later(broker: SimulatedBroker) -> None:
    broker.submit(BUY)
    broker.settle(day(1, [20.0], open=[NAN]), FREE, EVERY_DAY)
    assert broker.find("id-1") == "cancelled"
    assert broker.note("id-1") == "no bar on 2024-01-02, and the order was for that session"
    broker.settle(day(2, [20.0]), FREE, EVERY_DAY)
    assert broker.fills() == []


def test_buy_beyond_the_cash_is_filled_in_part_and_says_so(broker: SimulatedBroker) -> None:
    broker.submit(replace(BUY, quantity=80.0))
    broker.settle(day(1, [20.0]), FREE, EVERY_DAY)
    assert [fill.quantity for fill in broker.fills()] == [50]
    assert (broker.find("id-1"), broker.note("id-1")) == ("cancelled", "the cash reached for 50 of 80 shares")


def test_split_between_decision_and_open_scales_order_and_position(broker: SimulatedBroker) -> None:
    broker.submit(BUY)
    broker.settle(day(1, [20.0]), FREE, EVERY_DAY)
    broker.submit(replace(BUY, client_order_id="id-2"))
    broker.settle(day(2, [5.0], split_ratio=[4.0]), FREE, EVERY_DAY)
    assert [fill.quantity for fill in broker.fills()] == [10, 40]
    assert broker.account(("A",)).quantity.tolist() == [80]


@pytest.mark.parametrize(
    "bad",
    [
        replace(BUY, quantity=NAN),
        replace(BUY, quantity=float("inf")),
        replace(BUY, quantity=-1.0),
        replace(BUY, side="hold"),
        replace(BUY, order_type="limit"),
    ],
)
def test_order_that_is_none_is_rejected_and_never_filled(broker: SimulatedBroker, bad: Order) -> None:
    assert broker.submit(bad) == "rejected"
    assert broker.note("id-1") != ""
    broker.settle(day(1, [20.0]), FREE, EVERY_DAY)
    assert broker.fills() == []


@pytest.mark.parametrize("place", ["broker.settle.before_commit", "broker.settle.after_commit"])
def test_settlement_that_is_cut_short_happened_wholly_or_not_at_all(
    home: Home, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    class Cut(BaseException):
        pass

    def cut(name: str) -> None:
        if name == place:
            raise Cut

    with closing(opened(home)) as broker:
        broker.submit(BUY)
        with monkeypatch.context() as patch:
            patch.setattr(simulated, "failpoint", cut)
            with pytest.raises(Cut):
                broker.settle(day(1, [20.0]), FREE, EVERY_DAY)
    with closing(opened(home)) as again:
        is_done = place.endswith("after_commit")
        assert len(again.fills()) == again.account(("A",)).quantity[0] / 10 == int(is_done)
        assert again.account(("A",)).cash == (800 if is_done else 1000)
        assert again.find("id-1") == ("filled" if is_done else "accepted")
        assert (again.last_bar is None) is not is_done


def test_position_without_bars_halts_and_is_named(broker: SimulatedBroker) -> None:
    broker.submit(BUY)
    broker.settle(day(1, [20.0]), FREE, EVERY_DAY)
    with pytest.raises(RiskHaltError, match="holds 10 shares of A, which has no bars"):
        broker.account(("B",))


def test_bit_flips_in_the_book_are_noticed_when_it_is_opened(home: Home) -> None:
    opened(home).close()
    path = home.brokers / "paper.sqlite"
    content = bytearray(path.read_bytes())
    content[100:2000] = bytes(1900)
    path.write_bytes(bytes(content))
    with pytest.raises(DurableFileError, match=r"paper\.sqlite .* another broker\.account than paper"):
        opened(home)


def test_config_opens_its_broker_and_one_without_implementation_is_a_config_error(home: Home) -> None:
    with closing(open_broker(SimulatedBrokerConfig(), home, initial_cash=5.0)) as broker:
        assert broker.account(("A",)).cash == 5.0
        assert isinstance(broker, SettlingBroker)
    with pytest.raises(ConfigError, match="names no implementation"):
        open_broker(BrokerConfig(name="nowhere"), home, initial_cash=5.0)


def test_book_is_plain_sqlite_with_full_synchronisation(broker: SimulatedBroker, home: Home) -> None:
    broker.submit(BUY)
    connection = sqlite3.connect(home.brokers / "paper.sqlite")
    assert connection.execute("select symbol, quantity from orders").fetchall() == [("A", 10.0)]
    connection.close()
    assert broker._file.row("pragma synchronous") == (2,)
    assert broker._file.row("pragma journal_mode") == ("wal",)


def test_account_is_over_the_symbols_asked_for(broker: SimulatedBroker) -> None:
    broker.submit(BUY)
    broker.settle(day(1, [20.0, 7.0]), FREE, EVERY_DAY)
    assert np.array_equal(broker.account(("B", "A")).quantity, [0, 10])
