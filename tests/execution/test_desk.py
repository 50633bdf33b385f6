"""What a desk does when broker and journal do not simply agree."""

import re
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from execution.brokers.simulated import SimulatedBroker
from execution.config import ExitsConfig, OrdersConfig, PortfolioConfig
from execution.kernel import dump_state, load_state
from execution.panel import Panel, ScorePanel
from execution.types import Order
from tests.execution.desks import BOOK, ScriptedBroker, alternating, desk, open_simulated, until
from tests.execution.markets import book_config, panel, score_panel
from transforms.errors import QuantmillError, RiskHaltError
from transforms.paths import Home

MARKET = alternating()
TWO = book_config(PortfolioConfig(name="test", k=2, rebalance="daily", min_trade_weight=0.0))


def trade(
    root: Path, t: int, *, broker: ScriptedBroker | None = None, market: tuple[Panel, ScorePanel] = MARKET
) -> None:
    """Trade bar ``t`` as a process of its own."""
    with desk(root, until(market, t), broker=broker, config=TWO) as (trader, _, _):
        trader.trade([t], is_replay=False)


def states(root: Path) -> dict[str, str]:
    with desk(root, MARKET) as (_, journal, _):
        return {entry.order.symbol: entry.status for entry in journal.orders(BOOK)}


def test_session_traded_twice_sends_each_order_once(tmp_path: Path) -> None:
    broker = ScriptedBroker()
    for _ in range(2):
        trade(tmp_path, 4, broker=broker)
    assert len(broker.submitted) == len(set(broker.submitted)) == 2
    assert list(states(tmp_path).values()) == ["accepted", "accepted"]


def test_lost_answer_is_asked_for_and_nothing_is_sent_again(tmp_path: Path) -> None:
    class Dropping(ScriptedBroker):
        is_dropping = True

        def submit(self, order: Order) -> str:
            status = super().submit(order)
            if self.is_dropping:
                raise ConnectionResetError("after it was taken")
            return status

    broker = Dropping()
    with pytest.raises(ConnectionResetError):
        trade(tmp_path, 4, broker=broker)
    broker.is_dropping = False
    trade(tmp_path, 4, broker=broker)
    assert len(broker.submitted) == len(set(broker.submitted)) == 2
    assert set(states(tmp_path).values()) == {"accepted"}


def test_order_that_was_never_sent_expires_once_its_moment_has_passed(tmp_path: Path) -> None:
    class Unreachable(ScriptedBroker):
        def submit(self, order: Order) -> str:
            raise TimeoutError

    with pytest.raises(TimeoutError):
        trade(tmp_path, 4, broker=Unreachable())
    broker = ScriptedBroker()
    trade(tmp_path, 5, broker=broker)
    with desk(tmp_path, MARKET) as (_, journal, _):
        old = [entry for entry in journal.orders(BOOK) if entry.order.bar_at == MARKET[0].bar_at[4]]
        assert [entry.status for entry in old] == ["expired", "expired"]
        assert f"decided on {MARKET[0].session_date[4]}, not at the broker" in old[0].note
        assert not {entry.order.client_order_id for entry in old} & set(broker.submitted)


def test_simulated_account_does_not_trade_at_an_open_that_is_past_either(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreachable(self: SimulatedBroker, order: Order) -> str:
        raise TimeoutError

    with monkeypatch.context() as patch:
        patch.setattr(SimulatedBroker, "submit", unreachable)
        with pytest.raises(TimeoutError):
            trade(tmp_path, 4)
    trade(tmp_path, 5)
    with desk(tmp_path, MARKET) as (_, journal, _):
        old = [entry for entry in journal.orders(BOOK) if entry.order.bar_at == MARKET[0].bar_at[4]]
        assert [entry.status for entry in old] == ["expired", "expired"]
        assert not [fill for fill in journal.fills(BOOK) if fill.bar_at == MARKET[0].bar_at[5]]


def test_unknown_status_halts_and_is_asked_about_again_next_time(tmp_path: Path) -> None:
    broker = ScriptedBroker("held_for_review")
    for _ in range(2):
        with pytest.raises(RiskHaltError, match="unknown status 'held_for_review'"):
            trade(tmp_path, 4, broker=broker)
    assert len(broker.submitted) == 1


def test_rejected_order_is_final_and_not_sent_again(tmp_path: Path) -> None:
    broker = ScriptedBroker("rejected")
    for _ in range(2):
        trade(tmp_path, 4, broker=broker)
    assert len(broker.submitted) == 2
    assert set(states(tmp_path).values()) == {"rejected"}


def test_accepted_order_that_the_broker_forgets_halts(tmp_path: Path) -> None:
    broker = ScriptedBroker()
    trade(tmp_path, 4, broker=broker)
    broker.statuses.clear()
    with pytest.raises(RiskHaltError, match="does not know it any more"):
        trade(tmp_path, 5, broker=broker)


def test_partial_fills_are_followed_over_days_and_positions_agree(tmp_path: Path) -> None:
    broker = ScriptedBroker()
    weekly = book_config(PortfolioConfig(name="test", rebalance="weekly"))

    def settled(t: int) -> str | None:
        with desk(tmp_path, until(MARKET, t), broker=broker, config=weekly) as (trader, journal, _):
            trader.trade([t], is_replay=False)
            return journal.status(broker.submitted[0])

    assert settled(1) == "accepted"
    name = broker.submitted[0]
    ordered = broker.orders[name].quantity
    broker.fill(name, 10, bar_at=MARKET[0].bar_at[2])
    assert settled(2) == "partially_filled"
    broker.fill(name, ordered - 10, bar_at=MARKET[0].bar_at[2] + timedelta(hours=1))
    broker.statuses[name] = "filled"
    assert settled(2) == "filled"
    with desk(tmp_path, MARKET) as (_, journal, _):
        assert len(journal.fills(BOOK)) == 2


def test_fill_of_an_order_nobody_journaled_halts(tmp_path: Path) -> None:
    broker = ScriptedBroker()
    trade(tmp_path, 4, broker=broker)
    broker.fill(broker.submitted[0], 10, bar_at=MARKET[0].bar_at[5])
    stranger = broker.filled.pop()
    object.__setattr__(stranger, "client_order_id", "by-hand")
    broker.filled.append(stranger)
    with pytest.raises(RiskHaltError, match="never ordered 'by-hand'"):
        trade(tmp_path, 5, broker=broker)


def test_position_that_differs_halts_with_symbol_and_both_quantities_and_sends_nothing(
    tmp_path: Path,
) -> None:
    trade(tmp_path, 4)
    trade(tmp_path, 5)
    home = Home(tmp_path)
    broker = open_simulated(home)
    with broker._file.transaction():
        ((text,),) = broker._file.rows("select state from account")
        state = load_state(text)
        state.quantity[2] += 7
        broker._file.execute("update account set state = ?", (dump_state(state),))
    broker.close()
    with pytest.raises(RiskHaltError, match="positions differ") as caught:
        trade(tmp_path, 6)
    assert caught.value.exit_code == 4
    named = re.search(r"C: journal (\d+), broker (\d+) shares", str(caught.value))
    assert named is not None
    assert int(named[2]) - int(named[1]) == 7
    with desk(tmp_path, MARKET) as (_, journal, _):
        assert not [entry for entry in journal.orders(BOOK) if entry.order.bar_at == MARKET[0].bar_at[6]]


def test_kill_switch_between_two_orders_keeps_the_second_back_until_it_is_lifted(tmp_path: Path) -> None:
    home = Home(tmp_path)

    class Throwing(ScriptedBroker):
        def submit(self, order: Order) -> str:
            home.halt.touch()
            return super().submit(order)

    broker = Throwing()
    for _ in range(2):
        with pytest.raises(RiskHaltError, match="HALT: the kill switch is thrown"):
            trade(tmp_path, 4, broker=broker)
    assert len(broker.submitted) == 1
    home.halt.unlink()
    trade(tmp_path, 4, broker=broker)
    assert len(broker.submitted) == len(set(broker.submitted)) == 2


@pytest.mark.parametrize("bad", [np.inf, -np.inf])
def test_infinite_score_fails_the_run_and_leaves_no_intent(tmp_path: Path, bad: float) -> None:
    values = MARKET[1].score.copy()
    values[4, 0] = bad
    with pytest.raises(QuantmillError, match="infinite"):
        trade(tmp_path, 4, market=(MARKET[0], score_panel(values)))
    assert states(tmp_path) == {}


def test_symbol_without_a_score_is_not_ordered(tmp_path: Path) -> None:
    values = MARKET[1].score.copy()
    values[4, 1:] = np.nan
    trade(tmp_path, 4, market=(MARKET[0], score_panel(values)))
    assert list(states(tmp_path)) == ["A"]


def test_bars_between_two_traded_sessions_are_settled_but_not_decided(tmp_path: Path) -> None:
    trade(tmp_path, 3)
    trade(tmp_path, 8)
    with desk(tmp_path, MARKET) as (_, journal, _):
        outcomes = [journal.outcomes(BOOK)[MARKET[0].bar_at[t]] for t in range(3, 9)]
        assert outcomes == ["decided", "missed", "missed", "missed", "missed", "decided"]
        first_fills = {fill.bar_at for fill in journal.fills(BOOK)}
        assert first_fills == {MARKET[0].bar_at[4]}


def test_session_before_the_books_last_one_is_refused(tmp_path: Path) -> None:
    trade(tmp_path, 5)
    with (
        desk(tmp_path, MARKET, config=TWO) as (trader, _, _),
        pytest.raises(QuantmillError, match="has no decision for 2024-01-03 and can make none any more"),
    ):
        trader.trade([2], is_replay=False)


def test_fresh_book_decides_at_once_and_keeps_to_the_calendar_after(tmp_path: Path) -> None:
    weekly = book_config(PortfolioConfig(name="test", rebalance="weekly"))
    outcomes = {}
    for t in range(2, 7):
        with desk(tmp_path, until(MARKET, t), config=weekly) as (trader, _, _):
            outcomes.update(trader.trade([t], is_replay=False))
    # Wednesday (the first), Thursday, Friday, Monday, Tuesday.
    assert list(outcomes.values()) == ["decided", "no_rebalance", "no_rebalance", "decided", "no_rebalance"]


LIMITS = book_config(
    PortfolioConfig(name="test", k=1, rebalance="daily", min_trade_weight=0.0),
    orders=OrdersConfig(name="test", type="limit", limit_bps=300, time_in_force="gtc"),
)


def test_a_new_decision_takes_open_orders_back_before_it_sends_others(tmp_path: Path) -> None:
    broker = ScriptedBroker()
    for t in (2, 3):
        with desk(tmp_path, until(MARKET, t), broker=broker, config=LIMITS) as (trader, journal, _):
            trader.trade([t], is_replay=False)
            states = [entry.status for entry in journal.orders(BOOK)]
    assert broker.cancelled == [broker.submitted[0]]
    assert states == ["cancelled", "accepted"]


@pytest.mark.parametrize("lost", ["before", "after"])
def test_a_cancellation_that_a_crash_cut_off_is_carried_out_by_the_next_run(
    tmp_path: Path, lost: str
) -> None:
    class Dropping(ScriptedBroker):
        is_dropping = True

        def cancel(self, client_order_id: str) -> str | None:
            if not self.is_dropping:
                return super().cancel(client_order_id)
            if lost == "after":
                super().cancel(client_order_id)
            raise ConnectionResetError

    broker = Dropping()
    with desk(tmp_path, until(MARKET, 2), broker=broker, config=LIMITS) as (trader, _, _):
        trader.trade([2], is_replay=False)
    with (
        desk(tmp_path, until(MARKET, 3), broker=broker, config=LIMITS) as (trader, _, _),
        pytest.raises(ConnectionResetError),
    ):
        trader.trade([3], is_replay=False)
    assert len(broker.submitted) == 1, "nothing new before the old is taken back"
    broker.is_dropping = False
    with desk(tmp_path, until(MARKET, 3), broker=broker, config=LIMITS) as (trader, journal, _):
        trader.trade([3], is_replay=False)
        assert [entry.status for entry in journal.orders(BOOK)] == ["cancelled", "accepted"]
    assert len(broker.submitted) == 2


def test_an_exit_that_the_account_carried_out_reaches_the_journal_with_its_reason(tmp_path: Path) -> None:
    closes = [[100.0], [100.0], [80.0], [80.0]]
    market = panel(closes, low=[[100.0], [100.0], [79.0], [80.0]]), score_panel([[1.0]] + [[np.nan]] * 3)
    stops = book_config(exits=ExitsConfig(name="test", stop_loss=0.1))
    with desk(tmp_path, market, config=stops) as (trader, journal, _):
        trader.trade(list(range(4)), is_replay=True)
        opening, stop = journal.orders(BOOK)
        assert (stop.order.cause, stop.order.side, stop.status) == ("stop_loss", "sell", "filled")
        assert stop.order.reason == "the stop loss was reached"
        assert [status for status, _ in journal.events(stop.order.client_order_id)] == ["accepted", "filled"]
        fill = journal.fills(BOOK)[-1]
        assert (fill.reason, fill.client_order_id) == ("stop_loss", stop.order.client_order_id)
        # The bar opened below the stop: the gap fills at the open.
        assert fill.reference_price == 80.0
        assert opening.status == "filled"
