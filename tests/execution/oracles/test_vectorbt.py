"""vectorbt's ``Portfolio`` on the same seeded bars: same fills, same equity.

Where the two mean different things (``docs/simulator.md``, "Beside other simulators"), its options are chosen so that
they mean the same. vectorbt has no "next bar": its arrays are shifted by one here.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import pytest

from execution.kernel import new_state, run
from execution.kernel.types import AT_CLOSE, Floats, Market, Orders, Outcome, Targets
from tests.execution.kernel import books
from tests.execution.oracles.worlds import TOLERANCE, assert_same_fills, bars

COUNT, NAMES = 60, 4
SEEDS = 60  # of each kind of case
PLENTY = 1e9


@pytest.fixture(scope="module")
def portfolio() -> Any:
    """vectorbt's class; it takes seconds to import and compiles once."""
    import vectorbt

    kinds = vectorbt.Portfolio
    shared = {"group_by": True, "cash_sharing": True, "freq": "1D", "engine": "numba"}
    return {
        "orders": partial(kinds.from_orders, **shared),
        "signals": partial(kinds.from_signals, **shared),
    }


def orders_of(wanted: Floats, *, goal: Floats | None = None) -> Orders:
    """Market orders to fill on the bars of ``wanted`` (signed shares, 0 for none): decided a bar before."""
    bar, symbol = np.nonzero(wanted)
    size = len(bar)
    nothing, zeros = np.full(size, np.nan), np.zeros(size, np.int64)
    return Orders(
        bar=bar - 1,
        symbol=symbol,
        quantity=wanted[bar, symbol],
        type=zeros,
        limit=nothing,
        stop=nothing,
        trail=nothing,
        time_in_force=zeros,
        reason=zeros + 1,
        goal=nothing if goal is None else goal[bar, symbol],
    )


def sells_first(change: Floats) -> Any:
    """vectorbt's call sequence for signed orders: sells by symbol, then buys by symbol."""
    return np.argsort(np.where(change < 0, 0, 1), axis=1, kind="stable")


def frames(market: Market) -> dict[str, pd.DataFrame]:
    dates = pd.date_range("2020-01-01", periods=COUNT, freq="D")
    return {
        name: pd.DataFrame(getattr(market, name), index=dates) for name in ("open", "high", "low", "close")
    }


def assert_same(ours: Outcome, theirs: Any) -> None:
    records = theirs.orders.records
    rows = np.column_stack(
        [
            records["idx"],
            records["col"],
            records["size"] * np.where(records["side"] == 0, 1, -1),
            records["price"],
            records["fees"],
        ]
    )
    assert len(rows) > 10, "too few fills to say anything"
    assert_same_fills(ours, rows)
    np.testing.assert_allclose(ours.equity, np.asarray(theirs.value()).reshape(-1), rtol=TOLERANCE)


@pytest.mark.parametrize("seed", range(SEEDS))
def test_signed_amounts_with_costs_and_cap_fill_alike(portfolio: Any, seed: int) -> None:
    random = np.random.default_rng([seed, 1])
    market = bars(random, COUNT, NAMES)
    wanted = np.round(random.normal(0, 800, (COUNT, NAMES))) * (random.random((COUNT, NAMES)) < 0.4)
    rate, fixed, slippage = (
        random.choice([0.0, 5e-4, 2e-3]),
        random.choice([0.0, 1.5]),
        random.choice([0, 1e-3]),
    )
    cap = random.choice([0.0, 0.05, 0.2])
    theirs = portfolio["orders"](
        frames(market)["close"],
        size=wanted,
        size_type="amount",
        direction="both",
        price=market.open,
        fees=rate,
        fixed_fees=fixed,
        slippage=slippage,
        max_size=cap * market.volume if cap else np.inf,
        call_seq=sells_first(wanted),
        init_cash=PLENTY,
    )
    ours = run(
        market,
        books.costs(market, rate=rate, per_order=fixed, slippage=slippage),
        books.rules(participation=cap, initial_margin=1e-9),
        new_state(NAMES, PLENTY),
        first=0,
        last=COUNT,
        orders=orders_of(wanted),
    )
    assert_same(ours, theirs)


@pytest.mark.parametrize("seed", range(SEEDS))
def test_a_cash_account_buys_what_it_can_pay_for_alike(portfolio: Any, seed: int) -> None:
    random = np.random.default_rng([seed, 2])
    market = bars(random, COUNT, NAMES)
    wanted = np.round(random.normal(0, 400, (COUNT, NAMES))) * (random.random((COUNT, NAMES)) < 0.4)
    rate, fixed, slippage = random.choice([0.0, 2e-3]), random.choice([0.0, 1.5]), random.choice([0, 1e-3])
    lot = float(random.choice([0.0, 1.0]))
    theirs = portfolio["orders"](
        frames(market)["close"],
        size=wanted,
        size_type="amount",
        direction="longonly",
        price=market.open,
        fees=rate,
        fixed_fees=fixed,
        slippage=slippage,
        size_granularity=lot or np.nan,
        call_seq=sells_first(wanted),
        init_cash=50_000.0,
    )
    ours = run(
        market,
        books.costs(market, rate=rate, per_order=fixed, slippage=slippage),
        books.rules(lot=lot, is_margin=False),
        new_state(NAMES, 50_000.0),
        first=0,
        last=COUNT,
        orders=orders_of(wanted),
    )
    assert (ours.orders["obstacle"] == 2).any(), "cash was never short"
    assert_same(ours, theirs)


@pytest.mark.parametrize("seed", range(SEEDS))
def test_target_weights_are_reached_alike(portfolio: Any, seed: int) -> None:
    random = np.random.default_rng([seed, 3])
    market = bars(random, COUNT, NAMES)
    is_margin = bool(seed % 2)
    # Opens gap and what is left alone drifts: 0.72 at most, so that cash, which vectorbt never borrows, is not short.
    weight = random.uniform(-0.18 if is_margin else 0.0, 0.18, (COUNT, NAMES))
    weight[random.random((COUNT, NAMES)) < 0.2] = 0.0
    weight[random.random((COUNT, NAMES)) < 0.2] = np.nan
    weight[0] = np.nan
    rate, slippage = random.choice([0.0, 5e-4, 2e-3]), random.choice([0.0, 1e-3])
    closes = frames(market)["close"]
    theirs = portfolio["orders"](
        closes,
        size=weight,
        size_type="targetpercent",
        direction="both" if is_margin else "longonly",
        price=market.open,
        val_price=closes.shift(1),
        fees=rate,
        slippage=slippage,
        call_seq="auto",
        init_cash=1e6,
    )
    decided = np.flatnonzero(~np.isnan(weight).all(axis=1))
    ours = run(
        market,
        books.costs(market, rate=rate, slippage=slippage),
        books.rules(is_margin=is_margin),
        new_state(NAMES, 1e6),
        first=0,
        last=COUNT,
        targets=Targets(decided - 1, weight[decided], np.ones((len(decided), NAMES))),
    )
    assert_same(ours, theirs)


def signals(random: Any) -> dict[str, Any]:
    shape = (COUNT, NAMES)
    draws = random.random(shape)
    return {
        "entries": draws < 0.12,
        "exits": (draws > 0.12) & (draws < 0.18),
        "short_entries": (draws > 0.5) & (draws < 0.62),
        "short_exits": (draws > 0.7) & (draws < 0.76),
    }


def orders_of_signals(given: dict[str, Any], size: float) -> Orders:
    """An entry leads to ±``size`` from wherever the book is then, an exit to 0 from its own side only."""
    wanted = np.select(
        [given["entries"], given["short_entries"], given["exits"], given["short_exits"]],
        [2 * size, -2 * size, -size, size],
        0.0,
    )
    goal = np.select([given["entries"], given["short_entries"]], [size, -size], 0.0)
    return orders_of(wanted, goal=goal)


@pytest.mark.parametrize("seed", range(SEEDS))
def test_signals_long_and_short_fill_alike_at_the_open(portfolio: Any, seed: int) -> None:
    random = np.random.default_rng([seed, 4])
    market = bars(random, COUNT, NAMES)
    given = signals(random)
    rate, fixed, slippage = random.choice([0.0, 2e-3]), random.choice([0.0, 1.5]), random.choice([0, 1e-3])
    theirs = portfolio["signals"](
        **(frames(market) | given),
        price=market.open,
        size=100.0,
        fees=rate,
        fixed_fees=fixed,
        slippage=slippage,
        upon_opposite_entry="reverse",
        init_cash=PLENTY,
    )
    ours = run(
        market,
        books.costs(market, rate=rate, per_order=fixed, slippage=slippage),
        books.rules(),
        new_state(NAMES, PLENTY),
        first=0,
        last=COUNT,
        orders=orders_of_signals(given, 100.0),
    )
    assert_same(ours, theirs)


@pytest.mark.parametrize("seed", range(2 * SEEDS))
def test_stops_targets_and_trailing_stops_fill_alike(portfolio: Any, seed: int) -> None:
    random = np.random.default_rng([seed, 5])
    stop = float(random.choice([0.0, 0.01, 0.03, 0.06]))
    target = float(random.choice([0.0, 0.02, 0.05] if stop else [0.01, 0.02, 0.05]))
    # Beyond its target at the open and at its stop later: we have left by then, vectorbt is stopped out.
    market = bars(random, COUNT, NAMES, gap=0.0 if stop and target else 0.02)
    given = signals(random)
    is_trailing = bool(random.integers(2))
    rate, slippage = random.choice([0.0, 2e-3]), random.choice([0.0, 1e-3])

    def simulate() -> Any:
        return portfolio["signals"](
            **(frames(market) | given),
            price=market.close,
            size=100.0,
            fees=rate,
            slippage=slippage,
            sl_stop=stop or np.nan,
            sl_trail=is_trailing,
            tp_stop=target or np.nan,
            stop_entry_price="fillprice",
            stop_exit_price="stopmarket",
            upon_opposite_entry="reverse",
            init_cash=PLENTY,
        )

    # On the bar of a stop vectorbt looks at no signal: it is taken away here, which changes nothing there.
    records = simulate().orders.records
    of_stops = records[~np.isclose(records["price"], _at_the_close(market, records, slippage), rtol=1e-12)]
    for given_one in given.values():
        given_one[of_stops["idx"], of_stops["col"]] = False
    ours = run(
        market,
        books.costs(market, rate=rate, slippage=slippage),
        books.rules(
            fill_at=AT_CLOSE,
            stop_loss=0.0 if is_trailing else stop,
            trailing_stop=stop if is_trailing else 0.0,
            take_profit=target,
        ),
        new_state(NAMES, PLENTY),
        first=0,
        last=COUNT,
        orders=orders_of_signals(given, 100.0),
    )
    assert len(of_stops), "no stop, nothing said"
    assert_same(ours, simulate())


def _at_the_close(market: Market, records: Any, slippage: float) -> Any:
    side = np.where(records["side"] == 0, 1, -1)
    return market.close[records["idx"], records["col"]] * (1 + side * slippage)
