from datetime import date

import numpy as np
import pytest

from execution.config import CostsConfig, PortfolioConfig
from execution.market import apply_actions, apply_fill, equity, fill, outcome, whole
from execution.types import Order
from tests.execution.markets import EVERY_DAY, FREE, NAN, account, midnight, snapshot
from transforms.errors import QuantmillError

FRACTIONS = PortfolioConfig(name="test", whole_shares=False)
LONG_SHORT = PortfolioConfig(name="test", side="long_short")
FEES = CostsConfig(name="test", commission_bps=100, commission_minimum=1.0)


def order(symbol: str, quantity: float) -> Order:
    side = "buy" if quantity > 0 else "sell"
    return Order(
        f"id-{symbol}", symbol, side, abs(quantity), midnight(date(2024, 1, 1)), date(2024, 1, 1), ""
    )


def test_equity_is_cash_and_positions_at_the_last_close() -> None:
    assert equity(account([10, -5, 0], cash=100), snapshot([20, 4, NAN])) == 100 + 200 - 20


def test_equity_of_a_position_without_any_price_is_an_error_that_names_it() -> None:
    with pytest.raises(QuantmillError, match="holds B but"):
        equity(account([1, 1]), snapshot([20, NAN]))


@pytest.mark.parametrize(("quantity", "expected"), [(2.9, 2.0), (-2.9, -2.0), (2.9999999, 3.0), (-0.2, 0.0)])
def test_whole_rounds_towards_zero_but_forgives_float_dust(quantity: float, expected: float) -> None:
    assert whole(quantity) == expected


def test_split_multiplies_long_and_short_and_leaves_cash() -> None:
    book = account([10, -4, 7], cash=5)
    applied = apply_actions(book, snapshot([25, 25, 9], split_ratio=[4, 4, 1]), EVERY_DAY)
    assert book.quantity.tolist() == [40, -16, 7]
    assert book.cash == 5
    assert [(a.symbol, a.ratio, a.quantity, a.cash) for a in applied] == [("A", 4, 40, 0), ("B", 4, -16, 0)]


def test_fraction_after_a_reverse_split_is_paid_at_the_open() -> None:
    book = account([15, -15], cash=0)
    apply_actions(book, snapshot([99, 99], open=[100, 100], split_ratio=[0.1, 0.1]), EVERY_DAY)
    assert book.quantity.tolist() == [1, -1]
    assert book.cash == 0  # half a share long paid out, half a share short bought back
    long_only = account([15], cash=0)
    apply_actions(long_only, snapshot([99], open=[100], split_ratio=[0.1]), EVERY_DAY)
    assert long_only.cash == pytest.approx(50)


def test_fraction_stays_where_fractions_are_allowed() -> None:
    book = account([15], cash=0)
    apply_actions(book, snapshot([99], split_ratio=[0.1]), FRACTIONS)
    assert book.quantity.tolist() == [1.5]
    assert book.cash == 0


def test_dividend_pays_longs_and_charges_shorts_on_the_basis_after_the_split() -> None:
    book = account([10, -10], cash=0)
    apply_actions(book, snapshot([50, 50], split_ratio=[2, 1], dividend=[0.5, 0.3]), EVERY_DAY)
    assert book.cash == pytest.approx(20 * 0.5 - 10 * 0.3)


def test_sells_fill_first_so_that_their_cash_buys() -> None:
    book = account([0, 10], cash=0)
    fills = fill([order("A", 5), order("B", -10)], book, snapshot([20, 10]), FREE, EVERY_DAY)
    assert [(f.symbol, f.quantity, f.price) for f in fills] == [("B", -10, 10), ("A", 5, 20)]


def test_buy_is_cut_to_the_cash_with_its_commission() -> None:
    book = account([0, 0], cash=1000)
    orders = [order("A", 8), order("B", 8)]
    bar = snapshot([100, 100])
    fills = fill(orders, book, bar, FEES, EVERY_DAY)
    # A: 800 + 8 commission leaves 192, which is one share of B at 101.
    assert [(f.symbol, f.quantity, f.commission) for f in fills] == [("A", 8, 8), ("B", 1, 1)]
    assert outcome(orders[0], fills[0], bar, EVERY_DAY) == ("filled", "")
    assert outcome(orders[1], fills[1], bar, EVERY_DAY) == ("cancelled", "the cash reached for 1 of 8 shares")


def test_fractional_buy_never_leaves_a_negative_cent() -> None:
    for cash in (1000.0, 333.33, 7.77):
        book = account([0], cash=cash)
        (filled,) = fill([order("A", 1e6)], book, snapshot([3.3]), FEES, FRACTIONS)
        apply_fill(book, filled)
        assert 0 <= book.cash < 1e-8


def test_margin_account_may_owe_cash() -> None:
    book = account([0], cash=100)
    (filled,) = fill([order("A", 5)], book, snapshot([100]), FREE, LONG_SHORT)
    apply_fill(book, filled)
    assert book.cash == -400
    assert book.quantity.tolist() == [5]


def test_slippage_is_in_the_price_and_told_apart() -> None:
    costs = CostsConfig(name="test", slippage_bps=50)
    (filled,) = fill([order("A", -4)], account([4]), snapshot([100]), costs, EVERY_DAY)
    assert (filled.price, filled.slippage) == (pytest.approx(99.5), pytest.approx(2.0))


def test_order_decided_before_a_split_is_scaled_with_it() -> None:
    book = account([10, 0], cash=1000)
    bar = snapshot([25, 5], split_ratio=[4, 0.1])
    apply_actions(book, bar, EVERY_DAY)
    orders = [order("A", -10), order("B", 25)]
    fills = fill(orders, book, bar, FREE, EVERY_DAY)
    assert [(f.symbol, f.quantity) for f in fills] == [("A", -40), ("B", 2)]
    assert [outcome(o, f, bar, EVERY_DAY)[0] for o, f in zip(orders, fills, strict=True)] == ["filled"] * 2


@pytest.mark.parametrize(
    ("bar", "why"),
    [
        (snapshot([10], open=[NAN]), "no bar on 2024-01-02"),
        (snapshot([10], open=[0.0]), "no bar on 2024-01-02"),
        (snapshot([10], split_ratio=[0.01]), "nothing of it was left after the split"),
        (snapshot([1000]), "the cash did not reach"),
    ],
    ids=["no bar", "an open of 0", "split away", "no cash"],
)
def test_order_that_cannot_fill_is_cancelled_with_the_reason(bar: object, why: str) -> None:
    book = account([0], cash=50)
    wanted = order("A", 3)
    assert fill([wanted], book, bar, FREE, EVERY_DAY) == []  # type: ignore[arg-type]
    status, note = outcome(wanted, None, bar, EVERY_DAY)  # type: ignore[arg-type]
    assert status == "cancelled"
    assert note.startswith(why)


def test_fill_is_pure_until_it_is_applied() -> None:
    book = account([3], cash=100)
    fill([order("A", 2)], book, snapshot([10]), FREE, EVERY_DAY)
    assert (book.cash, book.quantity.tolist()) == (100, [3])


def test_unknown_symbols_are_refused() -> None:
    with pytest.raises(QuantmillError, match="an order names Z"):
        fill([order("Z", 1)], account([0]), snapshot([1]), FREE, EVERY_DAY)
    (filled,) = fill([order("B", 1)], account([0, 0], cash=9), snapshot([1, 1]), FREE, EVERY_DAY)
    with pytest.raises(QuantmillError, match="B is no symbol of the account"):
        apply_fill(account([0]), filled)


def test_equity_does_not_depend_on_the_order_of_the_symbols() -> None:
    random = np.random.default_rng(3)
    prices, quantities = random.uniform(0.1, 1e6, 9), random.normal(0, 1e5, 9)
    values = {
        equity(account(quantities[p], cash=0.1), snapshot(prices[p]))
        for p in (random.permutation(9) for _ in range(50))
    }
    assert len(values) == 1
