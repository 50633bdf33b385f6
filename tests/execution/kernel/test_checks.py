"""Bad input: each a clear error."""

from typing import Any

import numpy as np
import pytest

from execution.kernel import check, check_market, new_state, run
from tests.execution.kernel.books import NAN, beside, costs, market, order, rules, sent, targets
from transforms.errors import QuantmillError

BARS = beside(market((10, 12, 8, 11), (11, 12, 9, 10)), market((20, 22, 18, 21), None))


@pytest.mark.parametrize(
    ("array", "t", "i", "value", "message"),
    [
        ("open", 1, 0, np.inf, "open of A at day 1 is inf: a price is finite and not negative"),
        ("close", 0, 1, -1.0, "close of B at day 0 is -1.0: a price is finite"),
        ("low", 0, 1, NAN, "low of B at day 0 is nan: a bar has all of its prices or none"),
        ("open", 1, 1, 5.0, "open of B at day 1 is 5.0: a bar has all"),
        ("close", 0, 0, 0.0, "a bar has all of its prices or none"),
        ("high", 0, 0, 7.0, "high of A at day 0 is 7.0: the high is not below the low"),
        ("vwap", 0, 0, NAN, "vwap of A at day 0 is nan: it is above 0"),
        ("volume", 0, 0, -5.0, "volume of A at day 0 is -5.0"),
        ("volume", 0, 0, np.inf, "volume of A at day 0 is inf"),
        ("volatility", 0, 0, NAN, "volatility of A at day 0 is nan"),
        ("split_ratio", 1, 1, 0.0, "split_ratio of B at day 1 is 0.0: it is finite and above 0"),
        ("dividend", 1, 1, NAN, "dividend of B at day 1 is nan"),
    ],
)
def test_impossible_value_is_named_with_its_array_symbol_and_bar(
    array: str, t: int, i: int, value: float, message: str
) -> None:
    changed = getattr(BARS, array).copy()
    changed[t, i] = value
    with pytest.raises(QuantmillError, match=message):
        check_market(BARS._replace(**{array: changed}), ["A", "B"], ["day 0", "day 1"])


def test_good_bars_pass_with_missing_ones_an_open_of_zero_and_unknown_volume() -> None:
    check_market(BARS)
    check_market(market((0, 12, 8, 11), None, volume=[NAN, NAN]))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"session": np.array([1, 0])},
            "session of bar 1 is 0, before it came 1: bars are in the order of time",
        ),
        ({"days": np.array([0.0, -1.0])}, "days of bar 1 are -1.0"),
        ({"days": np.zeros(3)}, r"days has the shape \(3,\)"),
        ({"volume": np.zeros((2, 3))}, r"volume has the shape \(2, 3\), close \(2, 2\)"),
        ({"close": np.zeros(2)}, "it is bars × symbols"),
    ],
)
def test_rows_out_of_order_or_of_another_shape_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(QuantmillError, match=message):
        check_market(BARS._replace(**changes))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"rate": -0.1}, "costs: rate is -0.1; a cost is finite and not negative"),
        ({"per_share": np.inf}, "costs: per_share is inf"),
        ({"minimum": NAN}, "costs: minimum is nan"),
        ({"spread": np.array([[0.0, -1.0]])}, r"costs: spread at \[0, 1\] is -1.0"),
        ({"borrow_rate": np.array([NAN, 0.0])}, r"costs: borrow_rate at \[0\] is nan"),
        ({"borrow_rate": np.zeros(3)}, "costs: borrow_rate has the shape"),
        ({"bucket": np.array([0, 1])}, "a bucket is 1, and spread has 1 rows"),
    ],
)
def test_impossible_costs_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(QuantmillError, match=message):
        check(BARS, costs(BARS, **changes), rules())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"participation": -0.1}, "rules: participation is -0.1; it must be at least 0"),
        ({"stop_loss": NAN}, "rules: stop_loss is nan"),
        ({"order_type": 6}, "rules: order_type 6 is unknown; it is one of 0 market, 1 limit"),
        ({"time_in_force": 2}, "rules: time_in_force 2 is unknown"),
        ({"fill_at": -1}, "rules: fill_at -1 is unknown"),
        ({"initial_margin": 0.0}, "a margin account's is above 0"),
        (
            {"initial_margin": 0.2, "maintenance_margin": 0.3},
            "maintenance_margin is 0.3, above initial_margin 0.2",
        ),
    ],
)
def test_impossible_rules_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(QuantmillError, match=message):
        check(BARS, costs(BARS), rules(**changes))


@pytest.mark.parametrize(
    ("plan", "message"),
    [
        (targets({0: [0.1, np.inf]}), "targets: weight of symbol 1 at bar 0 is inf: a weight is finite"),
        (targets({0: [0.1, 0.1]}, 1.5), "targets: confidence of symbol 0 at bar 0 is 1.5"),
        (
            targets({1: [0.1, 0.1], 0: [0.1, 0.1]}),
            "targets: bar 0 comes after 1: bars are in the order of time",
        ),
        (targets({2: [0.1, 0.1]}), "targets: bar 2 is none of the market's 2"),
        (targets({0: [0.1]}), r"targets: weight has the shape \(1, 1\), not \(1, 2\)"),
    ],
)
def test_impossible_targets_are_refused(plan: Any, message: str) -> None:
    with pytest.raises(QuantmillError, match=message):
        check(BARS, costs(BARS), rules(), targets=plan)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([order(1, kind=9)], "orders: type 9 is unknown; it is one of 0 market"),
        ([order(1, force=2)], "orders: time_in_force 2 is unknown"),
        ([order(1, reason=7)], "orders: reason 7 is unknown; it is one of 0 target, 1 order"),
        ([order(1, symbol=2)], r"orders: symbol of order 0 \(symbol 2, bar -1\) is 2: there are 2 symbols"),
        ([order(0)], "orders: quantity of order 0 .* is 0.0: it is finite and not 0"),
        ([order(NAN)], "orders: quantity of order 0"),
        (
            [order(1), order(1, kind=1)],
            "orders: limit of order 1 .* is nan: orders of its type need one above 0",
        ),
        ([order(1, kind=2, stop=-5)], "orders: stop of order 0"),
        ([order(1, kind=3, limit=5)], "orders: stop of order 0"),
        ([order(1, kind=4, trail=0)], "orders: trail of order 0"),
        ([order(1, goal=np.inf)], "orders: goal of order 0"),
        ([order(1, bar=1), order(1, bar=0)], "orders: bar 0 comes after 1"),
        ([order(1, bar=-2)], "orders: bar -2 is none"),
    ],
)
def test_impossible_orders_are_refused(rows: list[Any], message: str) -> None:
    with pytest.raises(QuantmillError, match=message):
        check(BARS, costs(BARS), rules(), orders=sent(*rows))


@pytest.mark.parametrize(
    ("first", "last", "names", "message"),
    [
        (0, 3, 2, r"bars 0..3 are not within the market's 2"),
        (0, 2, 3, "the book is over 3 symbols, the market over 2"),
    ],
)
def test_run_refuses_bars_and_books_that_are_not_the_markets(
    first: int, last: int, names: int, message: str
) -> None:
    with pytest.raises(QuantmillError, match=message):
        run(BARS, costs(BARS), rules(), new_state(names, 1.0), first=first, last=last)


@pytest.mark.parametrize("cash", [-1.0, NAN, np.inf])
def test_book_starts_with_finite_cash(cash: float) -> None:
    with pytest.raises(QuantmillError, match="finite cash of at least 0"):
        new_state(1, cash)
