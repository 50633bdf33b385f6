import random
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest

from execution import durable
from execution.durable import DurableFileError
from execution.journal import Journal
from execution.journal_records import JournaledClose, JournaledDecision
from execution.order_states import IllegalTransitionError
from execution.reconciliation import positions_from
from execution.types import Fill, Order
from tests.execution.desks import BOOK, directory
from transforms.errors import QuantmillError, RiskHaltError

MONDAY = datetime.fromisoformat("2024-01-01")
BUY = Order("id-1", "AAPL", "buy", 100.0, MONDAY, MONDAY.date(), "score 0.9")
DECISION = JournaledDecision(MONDAY, MONDAY.date(), "decided", "test", {})


def fill(number: int = 1, quantity: float = 100.0, *, order: Order = BUY, day: int = 1) -> Fill:
    at = MONDAY + timedelta(days=day)
    return Fill(
        f"{order.client_order_id}-{number}",
        order.client_order_id,
        order.symbol,
        quantity,
        10.1,
        1.0,
        0.3,
        at,
        at.date(),
        10.097,
    )


def close(day: int) -> JournaledClose:
    at = MONDAY + timedelta(days=day)
    return JournaledClose(at, at.date(), {"positions": []})


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    opened = Journal(tmp_path / "journal.sqlite")
    yield opened
    opened.close()


def intend(journal: Journal, *orders: Order, book: str = BOOK) -> None:
    journal.record_decision(book, "simulated", DECISION, orders, "run-1")


def accept(journal: Journal, *orders: Order, book: str = BOOK) -> None:
    intend(journal, *orders, book=book)
    for order in orders:
        journal.advance(order.client_order_id, "sent")
        journal.advance(order.client_order_id, "accepted")


def test_intents_and_decision_are_there_after_reopening(tmp_path: Path) -> None:
    first = Journal(tmp_path / "journal.sqlite")
    intend(first, BUY)
    # A copy taken now is what a crash would leave; nothing is flushed on close that was not there before.
    for name in ("journal.sqlite", "journal.sqlite-wal"):
        (tmp_path / f"copy-{name}").write_bytes((tmp_path / name).read_bytes())
    first.close()
    for name in ("journal.sqlite", "copy-journal.sqlite"):
        again = Journal(tmp_path / name)
        assert [(entry.order, entry.status) for entry in again.orders(BOOK)] == [(BUY, "intended")]
        assert again.outcomes(BOOK) == {MONDAY: "decided"}
        again.close()


def test_same_intent_twice_changes_nothing(journal: Journal) -> None:
    intend(journal, BUY)
    intend(journal, BUY)
    assert len(journal.orders(BOOK)) == 1
    assert journal.events("id-1") == [("intended", "")]


def test_other_content_under_the_same_id_is_an_error_that_names_both_and_records_nothing(
    journal: Journal,
) -> None:
    intend(journal, BUY)
    other = replace(BUY, client_order_id="id-2")
    with pytest.raises(QuantmillError, match=r"market buy 100 AAPL .* market buy 200 AAPL"):
        intend(journal, other, replace(BUY, quantity=200.0))
    assert [entry.order for entry in journal.orders(BOOK)] == [BUY]


@pytest.mark.parametrize("quantity", [float("nan"), float("inf"), 0.0, -5.0])
def test_intent_without_a_finite_positive_quantity_is_refused(journal: Journal, quantity: float) -> None:
    with pytest.raises(RiskHaltError, match="is no order"):
        intend(journal, replace(BUY, quantity=quantity))
    assert journal.orders(BOOK) == []
    assert journal.outcomes(BOOK) == {}


def test_order_that_was_never_journaled_cannot_advance(journal: Journal) -> None:
    with pytest.raises(QuantmillError, match="not in the journal"):
        journal.advance("id-9", "sent")


def test_final_state_is_never_left_and_the_attempt_leaves_no_trace(journal: Journal) -> None:
    accept(journal, BUY)
    journal.advance("id-1", "cancelled", "day is over")
    with pytest.raises(IllegalTransitionError, match="after cancelled comes nothing: it is final"):
        journal.advance("id-1", "filled")
    journal.advance("id-1", "cancelled", "said twice")
    (entry,) = journal.orders(BOOK)
    assert (entry.status, entry.note) == ("cancelled", "day is over")
    assert [status for status, _ in journal.events("id-1")] == ["intended", "sent", "accepted", "cancelled"]
    assert journal.orders(BOOK, is_open=True) == []


def test_sent_again_is_an_event_of_its_own(journal: Journal) -> None:
    intend(journal, BUY)
    journal.advance("id-1", "sent")
    journal.advance("id-1", "sent")
    assert [status for status, _ in journal.events("id-1")] == ["intended", "sent", "sent"]


@pytest.mark.parametrize("table", ["intents", "events", "fills", "splits", "closes", "decisions"])
def test_what_was_written_can_be_neither_changed_nor_deleted(tmp_path: Path, table: str) -> None:
    written = Journal(tmp_path / "journal.sqlite")
    accept(written, BUY)
    written.record_bar(BOOK, close(1), {"AAPL": 2.0}, [fill()], whole_shares=True)
    written.close()
    connection = sqlite3.connect(tmp_path / "journal.sqlite")
    for sql in (f"update {table} set rowid = 99", f"delete from {table}"):
        with pytest.raises(sqlite3.IntegrityError, match="append-only"):
            connection.execute(sql)
    connection.close()


def test_duplicate_fill_counts_once(journal: Journal) -> None:
    accept(journal, BUY)
    assert journal.record_fills(BOOK, [fill(), fill()]) == [fill()]
    assert journal.record_fills(BOOK, [fill()]) == []
    assert journal.fills(BOOK) == [fill()]
    assert journal.status("id-1") == "filled"


def test_partial_fills_lead_to_filled_at_the_last_share(journal: Journal) -> None:
    accept(journal, BUY)
    journal.record_fills(BOOK, [fill(1, 30.0)])
    assert journal.status("id-1") == "partially_filled"
    journal.record_fills(BOOK, [fill(2, 30.0)])
    assert journal.status("id-1") == "partially_filled"
    journal.record_fills(BOOK, [fill(3, 40.0)])
    assert journal.status("id-1") == "filled"


def test_overfill_is_refused_with_its_whole_batch(journal: Journal) -> None:
    accept(journal, BUY)
    journal.record_fills(BOOK, [fill(1, 70.0)])
    with pytest.raises(RiskHaltError, match="ordered 100 AAPL and would be filled to 101"):
        journal.record_fills(BOOK, [fill(2, 30.0), fill(3, 1.0)])
    assert journal.fills(BOOK) == [fill(1, 70.0)]
    assert journal.status("id-1") == "partially_filled"


def test_late_fill_of_a_cancelled_order_counts_and_the_order_stays_cancelled(journal: Journal) -> None:
    accept(journal, BUY)
    journal.advance("id-1", "cancelled")
    journal.record_fills(BOOK, [fill(1, 40.0)])
    assert positions_from(journal.fill_movements(BOOK), []) == {"AAPL": 40.0}
    assert journal.status("id-1") == "cancelled"


def test_order_from_before_a_split_may_fill_to_its_scaled_quantity_only(journal: Journal) -> None:
    accept(journal, BUY)
    journal.record_bar(BOOK, close(1), {"AAPL": 2.0}, [fill(1, 150.0)], whole_shares=True)
    assert journal.status("id-1") == "partially_filled"
    with pytest.raises(RiskHaltError, match="overfill"):
        journal.record_fills(BOOK, [fill(2, 51.0)])
    journal.record_fills(BOOK, [fill(2, 50.0)])
    assert journal.status("id-1") == "filled"


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (replace(fill(), client_order_id="id-7"), "never ordered 'id-7'"),
        (replace(fill(), symbol="IBM"), "cannot fill id-1"),
        (replace(fill(), quantity=-100.0), "cannot fill id-1"),
        (replace(fill(), quantity=0.0), "cannot fill id-1"),
        (replace(fill(), price=float("nan")), "cannot fill id-1"),
    ],
)
def test_fill_that_nobody_ordered_halts_trading(journal: Journal, wrong: Fill, message: str) -> None:
    accept(journal, BUY)
    with pytest.raises(RiskHaltError, match=message):
        journal.record_fills(BOOK, [wrong])
    assert journal.fills(BOOK) == []


def test_known_fill_with_another_price_halts_trading(journal: Journal) -> None:
    accept(journal, BUY)
    journal.record_fills(BOOK, [fill()])
    with pytest.raises(RiskHaltError, match="is journaled as"):
        journal.record_fills(BOOK, [replace(fill(), price=11.0)])


def test_fills_of_one_book_are_not_another_books(journal: Journal) -> None:
    accept(journal, BUY)
    with pytest.raises(RiskHaltError, match="never ordered"):
        journal.record_fills("simulated/other", [fill()])


def test_position_is_the_sum_of_unique_fills_in_any_order_with_any_repetition() -> None:
    """Seeded interleavings of partial, repeated, reordered and late fills with cancels and overfills."""
    mismatches = 0
    rounds = 10_000
    with directory() as root:
        journal = Journal(root / "journal.sqlite")
        with journal.transaction():
            for seed in range(rounds):
                mismatches += not _is_sum_of_unique_fills(journal, seed)
        journal.close()
    assert mismatches == 0


def _is_sum_of_unique_fills(journal: Journal, seed: int) -> bool:
    """Play one order's fills in a random order; compare the position with the sum over distinct ids."""
    dice = random.Random(seed)
    side = dice.choice([1.0, -1.0])
    order = Order(f"o{seed}", f"S{seed}", "buy" if side > 0 else "sell", 100.0, MONDAY, date(2024, 1, 1), "")
    book = f"simulated/{seed}"
    accept(journal, order, book=book)
    parts = [
        fill(n, side * dice.randint(1, 30), order=order, day=dice.randint(1, 4))
        for n in range(dice.randint(1, 8))
    ]
    arrivals = parts + dice.choices(parts, k=dice.randint(0, 6))
    dice.shuffle(arrivals)
    cancelled_after = dice.randint(0, 2 * len(arrivals))
    counted: dict[str, float] = {}
    for n, arrival in enumerate(arrivals):
        if n == cancelled_after and journal.status(order.client_order_id) in {"accepted", "partially_filled"}:
            journal.advance(order.client_order_id, "cancelled")
        is_overfill = arrival.fill_id not in counted and abs(sum(counted.values()) + arrival.quantity) > 100
        try:
            journal.record_fills(book, [arrival])
        except RiskHaltError:
            if not is_overfill:
                return False
            continue
        if is_overfill:
            return False
        counted[arrival.fill_id] = arrival.quantity
    return positions_from(journal.fill_movements(book), []).get(order.symbol, 0.0) == sum(counted.values())


def test_positions_follow_splits_in_the_order_of_bars_whatever_the_order_of_rows() -> None:
    fills = [("3", "A", 10.0), ("1", "A", 15.0), ("2", "B", -4.0)]
    splits = [("3", "B", 0.5, False), ("2", "A", 1.5, True)]
    # 15 × 1.5 = 22.5, of which whole shares stay, then 10 more; -4 × 0.5.
    assert positions_from(fills, splits) == {"A": 32.0, "B": -2.0}
    assert positions_from(fills[::-1], splits[::-1]) == {"A": 32.0, "B": -2.0}


@pytest.mark.parametrize("content", [b"not a database at all" * 50, b"SQLite format 3\x00" + b"\xff" * 5000])
def test_damaged_journal_is_refused_with_its_path_and_the_way_out(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "journal.sqlite"
    path.write_bytes(content)
    with pytest.raises(DurableFileError, match=r"journal\.sqlite .*restore a backup"):
        Journal(path)
    assert path.read_bytes() == content


def test_journal_held_by_another_process_is_refused_in_bounded_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(durable, "_WAIT_SECONDS", 0.1)
    path = tmp_path / "journal.sqlite"
    mine = Journal(path)
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("begin immediate")
    with pytest.raises(DurableFileError, match="locked"):
        intend(mine, BUY)
    holder.execute("rollback")
    holder.close()
    intend(mine, BUY)
    mine.close()


OLD_TABLES = """
create table intents (
    client_order_id text primary key, book text not null, broker text not null, strategy text not null,
    session_date text not null, bar_at text not null, symbol text not null, side text not null,
    quantity real not null, order_type text not null, reason text not null, run_id text not null,
    recorded_at text not null);
create table states (client_order_id text primary key, status text not null, detail text not null);
create table fills (
    book text not null, fill_id text not null, client_order_id text not null, symbol text not null,
    quantity real not null, price real not null, commission real not null, slippage real not null,
    bar_at text not null, session_date text not null, recorded_at text not null, primary key (book, fill_id));
insert into intents values (
    'id-1', 'simulated/paper', 'simulated', 'test', '2024-01-01', '2024-01-01 00:00:00.000000', 'AAPL', 'sell',
    100.0, 'market', 'score -0.9', 'run-1', '2024-01-01 00:00:00.000000');
insert into states values ('id-1', 'filled', '');
insert into fills values (
    'simulated/paper', 'id-1-1', 'id-1', 'AAPL', -100.0, 9.9, 1.0, 10.0, '2024-01-02 00:00:00.000000',
    '2024-01-02', '2024-01-02 00:00:00.000000');
"""


def test_journal_of_an_earlier_version_goes_on_with_what_it_did_not_record(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    with closing(sqlite3.connect(path)) as old:
        old.executescript(OLD_TABLES)
    for _ in range(2):
        with closing(Journal(path)) as journal:
            (entry,) = journal.orders(BOOK)
            assert (entry.order.order_type, entry.order.time_in_force) == ("market", "day")
            assert (entry.order.limit_price, entry.order.cause, entry.status) == (None, "target", "filled")
            (fill,) = journal.fills(BOOK)
            assert (fill.reference_price, fill.fees, fill.reason) == (10.0, 0.0, "target")
            assert journal.record_fills(BOOK, [fill]) == []
    with closing(Journal(path)) as journal:
        journal.record_decision(BOOK, "simulated", DECISION, [replace(BUY, client_order_id="id-2")], "run-2")
        assert [entry.status for entry in journal.orders(BOOK)] == ["filled", "intended"]


def test_own_order_of_an_account_begins_as_accepted_and_is_recorded_once(journal: Journal) -> None:
    stop = replace(BUY, client_order_id="stop_loss-1", side="sell", cause="stop_loss", order_type="stop")
    for _ in range(2):
        journal.record_own(BOOK, "simulated", "test", [stop], "run-1")
    assert journal.events("stop_loss-1") == [("accepted", "")]
    sold = replace(fill(order=stop, quantity=-100.0), reason="stop_loss")
    assert journal.record_fills(BOOK, [sold]) == [sold]
    assert journal.status("stop_loss-1") == "filled"
    assert journal.fills(BOOK) == [sold]
