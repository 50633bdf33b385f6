from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from execution import performance as perf
from execution.performance import Actions, Attribution, Entries, Fills
from execution.types import Floats
from tests.execution.performance.books import actions, fills

NAMES = ("A", "B")


def entries(quantity: Any, price: Any, traded: Fills, **given_: Any) -> Entries:
    held, prices = np.array(quantity, dtype=float), np.array(price, dtype=float)
    values: dict[str, Any] = {
        "actions": actions(),
        "borrow": np.zeros(len(held)),
        "borrow_rate": np.zeros(held.shape[1]),
        "interest": np.zeros(len(held)),
        **given_,
    }
    return perf.profit_entries(quantity=held, price=prices, fills=traded, **values)


def parts(rows: list[Attribution], breakdown: str) -> dict[str, Attribution]:
    return {row.name: row for row in rows if row.breakdown == breakdown}


def test_book_of_two_symbols_by_hand() -> None:
    # 100 A bought at 10 (a cent of slippage, commission 1), 50 B sold short at 20; on the third day B is bought back.
    quantity = [[0, 0], [100, -50], [100, 0]]
    price = [[10, 20], [11, 19], [12, 18]]
    traded = fills((1, 0, 100, 10.0, 9.99, 1.0, 0.0), (1, 1, -50, 20.0), (2, 1, 50, 18.5, 18.5, 0.0, 0.25))
    made = entries(
        quantity,
        price,
        traded,
        actions=actions((2, 0, 1.0, 100, 30.0)),
        borrow=np.array([0, 0, -2.0]),
        borrow_rate=np.array([0.0, 0.1]),
        interest=np.array([0, 0.5, 0.5]),
    )
    equity = np.array([10_000.0, 10_149.5, 10_302.75])
    rows = perf.attribute(
        made,
        session=np.arange(3),
        equity=equity,
        symbols=NAMES,
        strategy="s",
        groups={"A": "tech"},
        periods=1,
    )
    symbol = parts(rows, "symbol")
    assert {name: row.pnl for name, row in symbol.items()} == {
        "A": pytest.approx(99 + 130), "B": pytest.approx(50 + 25 - 2.25), "cash": pytest.approx(1.0)
    }  # fmt: skip
    assert (symbol["A"].costs, symbol["B"].costs, symbol["cash"].costs) == pytest.approx((2.0, 2.25, 0.0))
    assert symbol["A"].contribution_return == pytest.approx(0.0229)
    assert {name: row.pnl for name, row in parts(rows, "side").items()} == {
        "long": symbol["A"].pnl, "short": pytest.approx(symbol["B"].pnl), "cash": symbol["cash"].pnl
    }  # fmt: skip
    assert set(parts(rows, "group")) == {"tech", "other", "cash"}
    assert parts(rows, "strategy")["s"].pnl == pytest.approx(229 + 72.75)
    assert {name: row.pnl for name, row in parts(rows, "cost").items()} == {
        "price": pytest.approx(100 + 130 + 75 + 1),
        "commission": -1.0,
        "fees": -0.25,
        "slippage": pytest.approx(-1.0),
        "borrow": -2.0,
        "interest": 1.0,
    }


def test_fill_through_zero_within_a_bar_is_cut_at_its_price() -> None:
    # Long 10 from 100; on the next bar 30 are sold at 110 and the close is 105: +100 long, +100 short.
    made = entries([[10], [-20]], [[100], [105]], fills((0, 0, 10, 100.0), (1, 0, -30, 110.0)))
    rows = perf.attribute(
        made, session=np.arange(2), equity=np.array([1000.0, 1200.0]), symbols=("A",), strategy="s", groups={}
    )
    assert {name: row.pnl for name, row in parts(rows, "side").items()} == {"long": 100.0, "short": 100.0}
    assert parts(rows, "group") == {}


def test_round_trip_within_a_bar_is_on_the_side_it_opened() -> None:
    made = entries([[0], [0]], [[100], [100]], fills((1, 0, -5, 101.0), (1, 0, 5, 99.0)))
    assert (made.side.tolist(), made.amount.sum()) == ([-1], 10.0)


def test_split_with_cash_in_lieu_is_no_profit_at_a_steady_price() -> None:
    # 7 shares at 10 become 3 at 20 and 10 USD.
    made = entries([[7], [3]], [[10], [20]], fills((0, 0, 7, 10.0)), actions=actions((1, 0, 0.5, 3, 10.0)))
    assert made.amount.sum() == 0.0


def test_borrow_that_no_short_owes_belongs_to_no_symbol() -> None:
    made = entries([[0], [0]], [[1], [1]], fills(), borrow=np.array([0.0, -3.0]))
    assert (made.symbol.tolist(), made.amount.tolist()) == ([-1], [-3.0])


def test_risk_of_the_only_symbol_that_moves_is_all_of_it() -> None:
    price = np.array([[10, 10], [11, 10], [10.5, 10], [12, 10.0]])
    made = entries(np.full((4, 2), 5.0), price, fills((0, 0, 5, 10.0), (0, 1, 5, 10.0)))
    equity = 5 * price.sum(axis=1)
    rows = perf.attribute(made, session=np.arange(4), equity=equity, symbols=NAMES, strategy="s", groups={})
    assert {name: row.contribution_risk for name, row in parts(rows, "symbol").items()} == {
        "A": pytest.approx(perf.volatility(equity))
    }


def test_risk_of_a_book_that_never_varies_is_not_defined() -> None:
    made = entries([[1], [1], [1]], [[1], [1], [1]], fills((0, 0, 1, 1.0)), interest=np.array([0, 1.0, 0]))
    rows = perf.attribute(
        made, session=np.arange(3), equity=np.array([1.0, -1.0, 1.0]), symbols=("A",), strategy="s", groups={}
    )
    assert [row.contribution_risk for row in rows] == [None] * len(rows)
    nothing = perf.attribute(
        made, session=np.arange(3), equity=np.zeros(3), symbols=("A",), strategy="s", groups={}
    )
    assert nothing == []


def book(seed: int) -> tuple[Floats, Floats, Fills, Actions, Floats, Floats, Floats, Floats, np.ndarray]:
    """A random book, walked event by event, with its equity."""
    random = np.random.default_rng(seed)
    count, names = int(random.integers(2, 40)), int(random.integers(1, 5))
    price = 50 * np.exp(np.cumsum(random.normal(0, 0.02, (count, names)), axis=0))
    rows, acts = [], []
    held, cash = np.zeros(names), 1e5
    quantity, equity = np.zeros((count, names)), np.zeros(count)
    borrow = np.where(random.random(count) < 0.4, -random.uniform(0, 5, count), 0.0)
    interest = random.normal(0, 2, count)
    for t in range(count):
        cash += borrow[t] + interest[t]
        for n in range(names):
            if held[n] and random.random() < 0.1:
                paid = float(random.normal(0, 20))
                held[n] = np.trunc(held[n] * 1.5)
                acts.append((t, n, 1.5, held[n], paid))
                cash += paid
        for _ in range(int(random.integers(0, 4))):
            n = int(random.integers(0, names))
            amount = float(random.choice([-held[n] or 10.0, random.integers(-200, 200), 2.5]))
            if amount == 0:
                continue
            at = float(price[t, n] * random.uniform(0.95, 1.05))
            commission, fees = random.uniform(0, 3, 2).tolist()
            rows.append((t, n, amount, at, at * 0.999, commission, fees))
            held[n] += amount
            cash -= amount * at + commission + fees
        quantity[t], equity[t] = held, cash + held @ price[t]
    session = np.cumsum(random.random(count) < 0.6) * 1
    return (
        quantity, price, fills(*rows), actions(*acts), borrow, random.uniform(0, 0.1, names), interest, equity,
        session - session[0],
    )  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_parts_of_every_breakdown_sum_to_the_total(seed: int) -> None:
    quantity, price, traded, acts, borrow, rate, interest, equity, session = book(seed)
    made = perf.profit_entries(
        quantity=quantity,
        price=price,
        fills=traded,
        actions=acts,
        borrow=borrow,
        borrow_rate=rate,
        interest=interest,
    )
    change = np.diff(equity, prepend=1e5)
    found = np.bincount(made.bar, made.amount, len(equity))
    np.testing.assert_allclose(found, change, rtol=0, atol=1e-7)
    last = np.append(np.flatnonzero(np.diff(session)), len(session) - 1)
    closes = equity[last]
    names = tuple("ABCDE"[: len(rate)])
    rows = perf.attribute(
        made, session=session, equity=closes, symbols=names, strategy="s", groups={"A": "x", "B": "y"}
    )
    total, spread = perf.total_return(closes), perf.volatility(closes)
    for breakdown in ("symbol", "side", "strategy", "cost", "group"):
        own = parts(rows, breakdown).values()
        assert sum(row.pnl for row in own) == pytest.approx(closes[-1] - closes[0], rel=1e-9, abs=1e-7)
        assert sum(row.contribution_return for row in own) == pytest.approx(total, rel=1e-9, abs=1e-12)
        if spread is not None:
            assert sum(row.contribution_risk or 0 for row in own) == pytest.approx(
                spread, rel=1e-9, abs=1e-12
            )
