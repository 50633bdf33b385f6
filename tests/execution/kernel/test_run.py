"""Properties of whole runs: money, causality, resuming."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from execution.kernel import dump_state, load_state, new_state, run, withdraw
from execution.kernel.types import CANCELLED, GTC, LIMIT, STOP_LOSS, Market, Outcome
from tests.execution.kernel.books import costs, market, order, play, rules, sent
from tests.execution.scenarios import Scenario, scenario
from transforms.errors import QuantmillError

SEEDS = st.integers(min_value=0, max_value=2**31)
TABLES = ("fills", "actions", "risk_events")


def whole(given_: Scenario, bars: Market | None = None) -> Outcome:
    taken = bars or given_.market
    return run(
        taken,
        given_.costs,
        given_.rules,
        new_state(taken.close.shape[1], given_.cash),
        first=0,
        last=len(taken.close),
        targets=given_.targets,
        orders=given_.orders,
    )


@settings(max_examples=150, deadline=None)
@given(SEEDS)
def test_money_conserves(seed: int) -> None:
    given_ = scenario(seed)
    out = whole(given_)
    scale = np.maximum.accumulate(np.abs(out.equity)) + np.abs(out.cash) + out.traded + given_.cash
    np.testing.assert_array_less(
        np.abs(np.diff(out.cash, prepend=given_.cash) - out.flows.sum(axis=1)), 1e-9 * scale
    )
    price = np.full(out.quantity.shape[1], np.nan)
    for t in range(len(out.cash)):
        price /= given_.market.split_ratio[t]
        price = np.where(given_.market.close[t] > 0, given_.market.close[t], price)
        held = out.quantity[t] != 0
        worth = out.cash[t] + np.sum(out.quantity[t, held] * price[held])
        assert out.equity[t] == pytest.approx(worth, rel=1e-9, abs=1e-9 * scale[t])
    moved = np.zeros(out.quantity.shape[1])
    np.add.at(moved, out.fills["symbol"], out.fills["quantity"])
    if np.all(given_.market.split_ratio == 1):
        np.testing.assert_allclose(moved, out.quantity[-1], atol=1e-6)


@settings(max_examples=150, deadline=None)
@given(SEEDS)
def test_bar_by_bar_with_dumps_between_gives_the_same_bits_as_one_run(seed: int) -> None:
    given_ = scenario(seed)
    once = whole(given_)
    state = new_state(given_.market.close.shape[1], given_.cash)
    parts = []
    for t in range(len(once.cash)):
        state = load_state(dump_state(state))
        parts.append(
            run(
                given_.market,
                given_.costs,
                given_.rules,
                state,
                first=t,
                last=t + 1,
                targets=given_.targets,
                orders=given_.orders,
            )
        )
    for name in ("cash", "equity", "traded", "flows", "quantity", *TABLES):
        joined = np.concatenate([getattr(part, name) for part in parts])
        assert joined.tobytes() == getattr(once, name).tobytes(), name
    latest: dict[int, Any] = {}
    for part in parts:
        latest.update({int(row["id"]): row for row in part.orders})
    for row in once.orders:
        met = latest[int(row["id"])]
        assert [met[name] for name in ("status", "end_bar", "filled")] == [
            row[name] for name in ("status", "end_bar", "filled")
        ]


@settings(max_examples=100, deadline=None)
@given(SEEDS, st.integers(min_value=0, max_value=10**6))
def test_bars_after_t_change_nothing_up_to_t(seed: int, place: int) -> None:
    given_ = scenario(seed)
    t = place % len(given_.market.close)
    other = {
        name: np.where(np.arange(len(values))[:, None] > t, values * 1.5, values)
        for name, values in zip(given_.market._fields, given_.market, strict=True)
        if values.ndim == 2 and name not in ("is_shortable", "split_ratio")
    }
    before, after = whole(given_), whole(given_, given_.market._replace(**other))
    for name in ("cash", "equity", "flows", "quantity"):
        assert getattr(before, name)[: t + 1].tobytes() == getattr(after, name)[: t + 1].tobytes(), name
    for name in ("fills", "actions", "risk_events"):
        old, new = getattr(before, name), getattr(after, name)
        assert old[old["bar"] <= t].tobytes() == new[new["bar"] <= t].tobytes(), name


def test_book_that_begins_later_knows_the_prices_before_it() -> None:
    bars = market(10, 30, None, None, split_ratio=[1, 1, 2, 1])
    out = run(bars, costs(bars), rules(), new_state(1, 100), first=3, last=4, orders=sent(order(1, bar=2)))
    assert len(out.fills) == 0
    state = new_state(1, 100)
    state.quantity[0] = 2
    out = run(bars, costs(bars), rules(), state, first=3, last=4)
    assert out.equity.tolist() == [130]


def test_logs_grow_beyond_what_was_laid_out_for_them() -> None:
    count = 3000
    bars = market(*[10] * count)
    rows = [order(1 if t % 2 else -1, bar=t) for t in range(count - 1) for _ in range(3)]
    out = play(bars, *rows)
    assert len(out.fills) == len(out.orders) == 3 * (count - 1)
    assert out.fills["order"].tolist() == list(range(3 * (count - 1)))
    assert out.fills["bar"].tolist() == [1 + k // 3 for k in range(3 * (count - 1))]


def test_positions_are_kept_only_where_asked_for() -> None:
    bars = market(10, 10)
    out = run(bars, costs(bars), rules(), new_state(1, 100), first=0, last=2, keeps_positions=False)
    assert out.quantity.shape == (0, 1)
    assert out.equity.tolist() == [100, 100]


def test_read_only_and_fortran_ordered_arrays_are_taken_as_they_are() -> None:
    bars = market(10, 11, 12)
    close = np.asfortranarray(np.repeat(bars.close, 2, axis=1))
    close.flags.writeable = False
    wide = Market(*(np.repeat(v, 2, axis=1) if v.ndim == 2 else v for v in bars))._replace(close=close)
    out = play(wide, order(2, symbol=1))
    assert out.equity.tolist() == [1e6, 1e6 + 2, 1e6 + 4]


def test_withdrawn_order_leaves_the_book_with_its_status() -> None:
    bars = market(10, 10, 10)
    state = new_state(1, 100)
    run(
        bars,
        costs(bars),
        rules(),
        state,
        first=0,
        last=1,
        orders=sent(order(1, kind=LIMIT, limit=5, force=GTC), order(2, kind=LIMIT, limit=5, force=GTC)),
    )
    ended = withdraw(state, np.array([0, 7]), bar=0, status=CANCELLED)
    assert [(row["id"], row["status"], row["end_bar"]) for row in ended] == [(0, CANCELLED, 0)]
    assert state.orders["id"].tolist() == [1]


def test_withdrawing_the_rest_of_an_exit_wakes_the_exits() -> None:
    bars = market(100, 80, 80, volume=[1e6, 10, 1e6])
    state = new_state(1, 1e6)
    free, stops = costs(bars), rules(stop_loss=0.1, participation=0.1)
    run(bars, free, stops, state, first=0, last=2, orders=sent(order(100)))
    assert state.orders["reason"].tolist() == [STOP_LOSS]
    withdraw(state, state.orders["id"], bar=1)
    out = run(bars, free, stops, state, first=2, last=3)
    assert out.fills["quantity"].tolist() == [-99]
    assert out.fills["order"].tolist() == [-1]


@pytest.mark.parametrize(
    "text", ["", "{}", '{"cash": 1}', dump_state(new_state(2, 5.0)).replace('"cash":5.0', '"cash":"much"')]
)
def test_unreadable_state_is_refused(text: str) -> None:
    with pytest.raises(QuantmillError, match="simulated book cannot be read"):
        load_state(text)
