"""What a desk does when broker and journal do not simply agree."""

import re
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from execution.config import PortfolioConfig
from execution.desk import Rules
from execution.panel import Panel, ScorePanel
from execution.types import Order
from tests.execution.desks import BOOK, ScriptedBroker, alternating, desk, open_simulated, until
from tests.execution.markets import FREE, LENIENT, score_panel
from transforms.errors import QuantmillError, RiskHaltError
from transforms.paths import Home

MARKET = alternating()
TWO = Rules(PortfolioConfig(name="test", k=2, rebalance="daily", min_trade_weight=0.0), LENIENT, FREE)


def trade(
    root: Path, t: int, *, broker: ScriptedBroker | None = None, market: tuple[Panel, ScorePanel] = MARKET
) -> None:
    """Trade bar ``t`` as a process of its own."""
    with desk(root, until(market, t), broker=broker, rules=TWO) as (trader, _, _):
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
    trade(tmp_path, 4, broker=broker)
    name = broker.submitted[0]
    ordered = broker.orders[name].quantity
    broker.fill(name, 10, bar_at=MARKET[0].bar_at[5])
    trade(tmp_path, 5, broker=broker)
    with desk(tmp_path, MARKET) as (_, journal, _):
        assert journal.status(name) == "partially_filled"
    broker.fill(name, ordered - 10, bar_at=MARKET[0].bar_at[5] + timedelta(hours=1))
    broker.statuses[name] = "filled"
    trade(tmp_path, 5, broker=broker)
    with desk(tmp_path, MARKET) as (_, journal, _):
        assert journal.status(name) == "filled"
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
        broker._file.execute("update positions set quantity = quantity + 7 where symbol = 'C'")
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
        desk(tmp_path, MARKET, rules=TWO) as (trader, _, _),
        pytest.raises(QuantmillError, match="has no decision for 2024-01-03 and can make none any more"),
    ):
        trader.trade([2], is_replay=False)


def test_fresh_book_decides_at_once_and_keeps_to_the_calendar_after(tmp_path: Path) -> None:
    weekly = Rules(PortfolioConfig(name="test", rebalance="weekly"), LENIENT, FREE)
    outcomes = {}
    for t in range(2, 7):
        with desk(tmp_path, until(MARKET, t), rules=weekly) as (trader, _, _):
            outcomes.update(trader.trade([t], is_replay=False))
    # Wednesday (the first), Thursday, Friday, Monday, Tuesday.
    assert list(outcomes.values()) == ["decided", "no_rebalance", "no_rebalance", "decided", "no_rebalance"]
