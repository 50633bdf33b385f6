"""backtesting.py on the same bars: its SMA crossover on its own GOOG data, and seeded cases of its engine.

Where the two mean different things (``docs/simulator.md``, "Beside other simulators"), cases are chosen in which they
mean the same.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pytest

from execution.kernel import new_state, run
from execution.kernel.types import AT_CLOSE, GTC, LIMIT, MARKET, STOP, Floats, Market, Outcome
from tests.execution.kernel import books
from tests.execution.oracles.worlds import TOLERANCE, bars, market

COUNT = 120
SEEDS = 50  # of each kind of case
PLENTY = 1e9
MUCH = 1e7  # shares, more than any account here can pay for
Next = Callable[[Any], None]


class Theirs(NamedTuple):
    fills: Floats  # (bar, price, signed quantity), one row per bar and price
    equity: Floats


def backtest(frame: pd.DataFrame, on_bar: Next, **options: Any) -> Theirs:
    """Run a strategy that calls ``on_bar(strategy)`` after every bar but the first."""
    from backtesting import Backtest, Strategy

    class Called(Strategy):  # type: ignore[misc]
        def init(self) -> None:
            """Nothing to prepare."""

        def next(self) -> None:
            on_bar(self)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # trades that are open at the end, fractions of GOOG's price
        result = Backtest(frame, Called, **options).run()
    made: Any = result["_strategy"]
    rows = []
    for trade in (*made.closed_trades, *made.trades):
        rows.append((trade.entry_bar, trade.entry_price, trade.size))
        if trade.exit_bar is not None:
            rows.append((trade.exit_bar, trade.exit_price, -trade.size))
    return Theirs(
        merged(np.array(rows, np.float64)),
        result["_equity_curve"]["Equity"].to_numpy(),
    )


def merged(fills: Floats) -> Floats:
    """Add up what was traded on one bar at one price: theirs splits a fill by the trades that it closes."""
    table = pd.DataFrame(fills, columns=["bar", "price", "quantity"])
    added = table.assign(price=table["price"].round(9)).groupby(["bar", "price"], as_index=False).sum()
    return added[added["quantity"] != 0].to_numpy()


def of(ours: Outcome) -> Floats:
    return merged(np.column_stack([ours.fills[name] for name in ("bar", "price", "quantity")]))


def frame_of(made: Market) -> pd.DataFrame:
    columns = {
        name.capitalize(): getattr(made, name)[:, 0] for name in ("open", "high", "low", "close", "volume")
    }
    return pd.DataFrame(columns, index=pd.date_range("2020-01-01", periods=len(made.close), freq="D"))


def crossings(close: Floats, fast: int, slow: int) -> dict[int, int]:
    """Bar → 1 where the fast average has just come above the slow one, -1 where below."""
    price = pd.Series(close)
    above = np.sign((price.rolling(fast).mean() - price.rolling(slow).mean()).to_numpy())
    return {
        t: int(above[t])
        for t in range(slow, len(close))
        if above[t - 1] * above[t] < 0  # the same as theirs: an average that only touches has not crossed
    }


def reversing(sides: dict[int, int], size: float) -> Next:
    def on_bar(strategy: Any) -> None:
        side = sides.get(len(strategy.data) - 1, 0)
        if side > 0:
            strategy.buy(size=size)
        elif side < 0:
            strategy.sell(size=size)

    return on_bar


def reverse(made: Market, sides: dict[int, int], *, size: float, rate: float, leverage: float) -> Outcome:
    """Close what is held and put ``size`` of the buying power on the other side, at the next open.

    Theirs buys while q × price × (1 + rate) ≤ size × leverage × equity before the commission, a margin account
    while initial × q × price ≤ equity after it.
    """
    rows = []
    for t, side in sides.items():
        rows.append(books.order(side * MUCH, bar=t, goal=0.0))
        rows.append(books.order(side * MUCH, bar=t))
    return run(
        made,
        books.costs(made, rate=rate),
        books.rules(whole_shares=True, initial_margin=(1 + rate) / (size * leverage) - rate),
        new_state(1, 10_000.0),
        first=0,
        last=len(made.close),
        orders=books.sent(*rows),
    )


def assert_same(ours: Outcome, theirs: Theirs, *, fewest: int) -> None:
    fills = of(ours)
    assert len(fills) >= fewest, "too few fills to say anything"
    assert fills.shape == theirs.fills.shape
    np.testing.assert_allclose(fills, theirs.fills, rtol=TOLERANCE)


def test_sma_crossover_on_goog_makes_the_same_trades_and_equity() -> None:
    from backtesting.test import GOOG

    columns = {
        name: GOOG[[name.capitalize()]].to_numpy(np.float64) for name in ("high", "low", "close", "volume")
    }
    made = market(GOOG[["Open"]].to_numpy(np.float64), **columns)
    sides = crossings(made.close[:, 0], 10, 20)
    theirs = backtest(GOOG, reversing(sides, 0.9999), cash=10_000, commission=0.002, exclusive_orders=True)
    ours = reverse(made, sides, size=0.9999, rate=0.002, leverage=1.0)
    assert len(sides) == 94, "its documentation counts as many"
    assert_same(ours, theirs, fewest=90)
    np.testing.assert_allclose(ours.equity, theirs.equity, rtol=TOLERANCE)


@pytest.mark.parametrize("seed", range(SEEDS))
def test_crossovers_on_margin_make_the_same_trades_and_equity(seed: int) -> None:
    random = np.random.default_rng([seed, 1])
    made = bars(random, COUNT, 1)
    sides = crossings(made.close[:, 0], int(random.integers(2, 5)), int(random.integers(6, 12)))
    size, rate = float(random.uniform(0.3, 0.99)), float(random.choice([0.0, 0.002]))
    leverage = float(random.choice([1, 2, 4]))
    theirs = backtest(
        frame_of(made),
        reversing(sides, size),
        cash=10_000,
        commission=rate,
        margin=1 / leverage,
        exclusive_orders=True,
    )
    ours = reverse(made, sides, size=size, rate=rate, leverage=leverage)
    assert_same(ours, theirs, fewest=4)
    np.testing.assert_allclose(ours.equity, theirs.equity, rtol=TOLERANCE)


@pytest.mark.parametrize("seed", range(SEEDS))
def test_market_limit_and_stop_orders_fill_alike(seed: int) -> None:
    random = np.random.default_rng([seed, 2])
    made = bars(random, COUNT, 1)
    rate = float(random.choice([0.0, 0.001]))
    plan: dict[int, list[tuple[int, int, float]]] = {}
    for t in np.flatnonzero(random.random(COUNT - 1) < 0.4) + 1:
        kind = int(random.choice([MARKET, LIMIT, STOP]))
        shares = int(random.choice([-1, 1])) * int(random.integers(1, 200))
        away = float(random.uniform(-0.005, 0.03)) * (-1 if (shares > 0) == (kind == LIMIT) else 1)
        plan.setdefault(int(t), []).append((kind, shares, float(made.close[t, 0]) * (1 + away)))

    def on_bar(strategy: Any) -> None:
        for kind, shares, level in plan.get(len(strategy.data) - 1, []):
            levels = {} if kind == MARKET else {"limit" if kind == LIMIT else "stop": level}
            (strategy.buy if shares > 0 else strategy.sell)(size=abs(shares), **levels)

    theirs = backtest(frame_of(made), on_bar, cash=PLENTY, commission=rate)
    rows = [
        books.order(
            shares,
            bar=t,
            kind=kind,
            limit=level if kind == LIMIT else books.NAN,
            stop=level if kind == STOP else books.NAN,
            force=GTC,
        )
        for t, orders in plan.items()
        for kind, shares, level in orders
    ]
    ours = books.play(made, *rows, cash=PLENTY, costs=books.costs(made, rate=rate), initial_margin=1e-9)
    assert_same(ours, theirs, fewest=15)
    np.testing.assert_allclose(ours.equity, theirs.equity, rtol=TOLERANCE)


@pytest.mark.parametrize("seed", range(SEEDS))
def test_stop_losses_and_targets_of_positions_fill_alike(seed: int) -> None:
    random = np.random.default_rng([seed, 3])
    stop, target = ((0.02, 0.0), (0.0, 0.02), (0.02, 0.03), (0.03, 0.02))[seed % 4]
    # As with vectorbt: a stop that the range touches goes before a target that the open lies beyond.
    made = bars(random, COUNT, 1, gap=0.0 if stop and target else 0.015)
    side = int(random.choice([-1, 1]))
    fixed, rate = float(random.choice([0.0, 2.0])), float(random.choice([0.0, 0.001]))
    entries = {int(t) for t in np.flatnonzero(random.random(COUNT - 2) < 0.4) + 1}

    def on_bar(strategy: Any) -> None:
        t = len(strategy.data) - 1
        if t not in entries or strategy.position:
            return
        price = made.close[t, 0]
        brackets = {
            "sl": price * (1 - side * stop) if stop else None,
            "tp": price * (1 + side * target) if target else None,
        }
        (strategy.buy if side > 0 else strategy.sell)(size=100, **brackets)

    theirs = backtest(frame_of(made), on_bar, cash=PLENTY, commission=(fixed, rate), trade_on_close=True)
    ours = books.play(
        made,
        *(books.order(side * 100.0, bar=t - 1, goal=side * 100.0) for t in sorted(entries)),
        cash=PLENTY,
        costs=books.costs(made, rate=rate, per_order=fixed),
        fill_at=AT_CLOSE,
        stop_loss=stop,
        take_profit=target,
        initial_margin=1e-9,
    )
    assert_same(ours, theirs, fewest=4)
    # Theirs books a fill at the close, and with it the commission, on the bar after.
    is_booked = ~np.isin(np.arange(COUNT), ours.fills["bar"][ours.fills["order"] >= 0])
    np.testing.assert_allclose(ours.equity[is_booked], theirs.equity[is_booked], rtol=TOLERANCE)
