import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from execution.brokers import simulated
from execution.brokers.base import SettlingBroker, open_broker
from execution.brokers.simulated import SimulatedBroker
from execution.config import (
    AccountConfig,
    BookConfig,
    BrokerConfig,
    CostsConfig,
    ExitsConfig,
    PortfolioConfig,
    SimulatedBrokerConfig,
)
from execution.durable import DurableFileError
from execution.rules import Terms
from execution.types import Order
from tests.execution.markets import EVERY_DAY, NAN, book_config, panel, terms
from transforms.errors import ConfigError, RiskHaltError
from transforms.paths import Home

MONDAY = datetime.fromisoformat("2024-01-01")
BUY = Order("id-1", "A", "buy", 10.0, MONDAY, date(2024, 1, 1), "score 0.9")
FEES = CostsConfig(name="test", commission_minimum=1.0, slippage_bps=100.0)
CONFIG = book_config()
PAID = book_config(costs=FEES)


TWENTY = [[50.0], [20.0], [20.0]]


def market(close: Any, config: BookConfig = CONFIG, **matrices: Any) -> Terms:
    return terms(panel(close, **matrices), config)


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
    bars = market(TWENTY, PAID)
    broker.settle(bars, 0)
    assert broker.submit(BUY) == "accepted"
    broker.settle(bars, 1)
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
    bars = market(TWENTY)
    broker.submit(BUY)
    assert broker.submit(replace(BUY, quantity=999.0)) == "accepted"
    broker.settle(bars, 1)
    assert broker.submit(BUY) == "filled"
    broker.settle(bars, 2)
    assert [fill.quantity for fill in broker.fills()] == [10]


def test_bar_settled_twice_moves_nothing_twice(broker: SimulatedBroker) -> None:
    broker.submit(BUY)
    bars = market(TWENTY, dividend=[[0.0], [0.5], [0.5]])
    for t in (1, 1, 0, 2, 2):
        broker.settle(bars, t)
    assert broker.account(("A",)).cash == 1000 - 200 + 10 * 0.5
    assert len(broker.fills()) == 1
    assert broker.last_bar == MONDAY + timedelta(days=2)


def test_everything_survives_a_restart_to_the_bit(home: Home) -> None:
    awkward = 0.1 + 0.2
    with closing(opened(home, cash=1e5 / 3)) as before:
        before.submit(replace(BUY, quantity=1 / 3))
        fractions = book_config(replace(EVERY_DAY, whole_shares=False), costs=FEES)
        before.settle(market([[1.0, 1.0], [awkward, 1.0]], fractions), 1)
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
    bars = market([[20.0], [NAN], [20.0]])
    broker.settle(bars, 1)
    assert broker.find("id-1") == "cancelled"
    assert broker.note("id-1") == "it had no bar"
    broker.settle(bars, 2)
    assert broker.fills() == []


def test_buy_beyond_the_cash_is_filled_in_part_and_says_so(broker: SimulatedBroker) -> None:
    broker.submit(replace(BUY, quantity=80.0))
    broker.settle(market(TWENTY), 1)
    assert [fill.quantity for fill in broker.fills()] == [50]
    said = "filled 50 of 80 shares: the cash did not reach for more"
    assert (broker.find("id-1"), broker.note("id-1")) == ("cancelled", said)


def test_split_between_decision_and_open_scales_order_and_position(broker: SimulatedBroker) -> None:
    bars = market([[20.0], [20.0], [5.0]], split=[[1], [1], [4]])
    broker.submit(BUY)
    broker.settle(bars, 1)
    broker.submit(replace(BUY, client_order_id="id-2"))
    broker.settle(bars, 2)
    assert [fill.quantity for fill in broker.fills()] == [10, 40]
    assert broker.account(("A",)).quantity.tolist() == [80]


@pytest.mark.parametrize(
    "bad",
    [
        replace(BUY, quantity=NAN),
        replace(BUY, quantity=float("inf")),
        replace(BUY, quantity=-1.0),
        replace(BUY, side="hold"),
        replace(BUY, order_type="iceberg"),
        replace(BUY, order_type="limit"),
        replace(BUY, order_type="stop_limit", stop_price=5.0),
        replace(BUY, order_type="trailing_stop", trail=0.0),
        replace(BUY, time_in_force="ioc"),
    ],
)
def test_order_that_is_none_is_rejected_and_never_filled(broker: SimulatedBroker, bad: Order) -> None:
    assert broker.submit(bad) == "rejected"
    assert broker.note("id-1") != ""
    broker.settle(market(TWENTY), 1)
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
                broker.settle(market(TWENTY), 1)
    with closing(opened(home)) as again:
        is_done = place.endswith("after_commit")
        assert len(again.fills()) == again.account(("A",)).quantity[0] / 10 == int(is_done)
        assert again.account(("A",)).cash == (800 if is_done else 1000)
        assert again.find("id-1") == ("filled" if is_done else "accepted")
        assert (again.last_bar is None) is not is_done


def test_position_without_bars_halts_and_is_named(broker: SimulatedBroker) -> None:
    broker.submit(BUY)
    broker.settle(market(TWENTY), 1)
    with pytest.raises(RiskHaltError, match="holds 10 shares of A, which has no bars"):
        broker.account(("B",))


def test_order_without_bars_halts_and_is_named(broker: SimulatedBroker) -> None:
    broker.settle(market([[50.0, 50.0], [20.0, 20.0]]), 0)
    broker.submit(replace(BUY, symbol="B"))
    with pytest.raises(RiskHaltError, match="open order in B, which has no bars"):
        broker.settle(market(TWENTY), 1)


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
    broker.settle(market([[20.0, 7.0]] * 2), 1)
    assert np.array_equal(broker.account(("B", "A")).quantity, [0, 10])


LIMIT = replace(BUY, order_type="limit", limit_price=15.0, time_in_force="gtc")


def test_limit_order_waits_until_its_price_is_there_and_fills_at_it(broker: SimulatedBroker) -> None:
    bars = market([[20.0], [20.0], [18.0]], low=[[20.0], [19.0], [14.0]])
    broker.settle(bars, 0)
    broker.submit(LIMIT)
    broker.settle(bars, 1)
    assert (broker.find("id-1"), broker.fills()) == ("accepted", [])
    broker.settle(bars, 2)
    (fill,) = broker.fills()
    assert (fill.price, fill.reference_price, fill.slippage, fill.reason) == (15.0, 15.0, 0.0, "target")


@pytest.mark.parametrize("bars_waited", [0, 1])
def test_order_that_was_taken_back_never_fills(broker: SimulatedBroker, bars_waited: int) -> None:
    bars = market([[20.0], [20.0], [10.0]])
    broker.settle(bars, 0)
    broker.submit(LIMIT)
    for t in range(bars_waited):
        broker.settle(bars, t + 1)
    assert [broker.cancel("id-1") for _ in range(2)] == ["cancelled", "cancelled"]
    assert broker.note("id-1") == "replaced by a later decision"
    broker.settle(bars, 2)
    assert broker.fills() == []
    assert broker.cancel("unknown") is None


def test_filled_order_cannot_be_taken_back(broker: SimulatedBroker) -> None:
    broker.submit(BUY)
    broker.settle(market(TWENTY), 1)
    assert broker.cancel("id-1") == "filled"
    assert broker.account(("A",)).quantity.tolist() == [10]


def test_margin_call_and_its_fills_are_the_accounts_own_orders(home: Home) -> None:
    """Short 100 at 10 on 1,000 of cash; at 14 the 600 left are below 0.5 × 1,400."""
    short = book_config(
        PortfolioConfig(name="x", side="long_short"),
        account=AccountConfig(name="x", maintenance_margin=0.5, initial_margin=0.5),
    )
    bars = market([[10.0], [10.0], [14.0], [14.0]], short)
    with closing(opened(home)) as broker:
        broker.submit(replace(BUY, side="sell", quantity=100.0))
        for t in (1, 2, 3):
            broker.settle(bars, t)
        (call,) = broker.own_orders()
        assert (call.cause, call.side, call.bar_at) == ("margin_call", "buy", bars.panel.bar_at[2])
        # 600 / 0.5 = 1,200 may be held: 14.28… shares too many, rounded up.
        assert call.quantity == 15.0
        assert broker.find(call.client_order_id) == "filled"
        assert [fill.reason for fill in broker.fills()] == ["target", "margin_call"]
        assert broker.fills()[1].client_order_id == call.client_order_id
        assert broker.settled().equity == 600.0


def test_book_follows_its_symbols_and_bars_when_the_history_grows(home: Home) -> None:
    """A new first symbol and an earlier first bar: positions, open orders and exits keep their places."""
    stops = book_config(exits=ExitsConfig(name="x", stop_loss=0.2))
    with closing(opened(home)) as broker:
        early = terms(replace(panel(TWENTY), symbols=("B",)), stops)
        broker.settle(early, 0)
        broker.submit(replace(BUY, symbol="B"))
        broker.settle(early, 1)
        broker.submit(replace(LIMIT, client_order_id="id-2", symbol="B", limit_price=5.0))
        broker.settle(early, 2)
    longer = panel([[7.0, 50.0], [7.0, 50.0], [7.0, 20.0], [7.0, 20.0], [7.0, 15.0]])
    moved = replace(
        longer,
        bar_at=tuple(at - timedelta(days=1) for at in longer.bar_at),
        session_date=tuple(day - timedelta(days=1) for day in longer.session_date),
    )
    with closing(opened(home)) as broker:
        broker.settle(terms(moved, stops), 4)
        assert broker.account(("A", "B")).quantity.tolist() == [0, 0]
        assert [order.cause for order in broker.own_orders()] == ["stop_loss"]
        state, names = broker.state(("A", "B"), 4)
        assert names == {int(state.orders["id"][0]): "id-2"}
        assert (state.orders["symbol"][0], state.orders["bar"][0]) == (1, 2)


def test_account_of_an_earlier_version_is_refused(home: Home) -> None:
    home.brokers.mkdir(parents=True)
    with closing(sqlite3.connect(home.brokers / "paper.sqlite")) as old:
        old.execute("create table book (only integer primary key, cash real)")
    with pytest.raises(RiskHaltError, match=r"earlier version.*another broker\.account"):
        opened(home)
