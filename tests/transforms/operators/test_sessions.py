"""Session operators on days that the eye can check, and against plain Python over random ones."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from transforms.operators.catalogue import Segments, operators

Floats = NDArray[np.float64]
NULL = float("nan")


def run(name: str, *arguments: Any, starts: list[int] | None = None) -> Floats:
    """Compute an operator over lists; one symbol unless ``starts`` says otherwise."""
    series = [np.array(a, dtype=float) for a in arguments if isinstance(a, list | np.ndarray)]
    parameters = [a for a in arguments if not isinstance(a, list | np.ndarray)]
    segments = Segments.whole(np.array(starts or [0, len(series[0])], dtype=np.int64))
    values: Floats = operators()[name].compute(segments, *series, *parameters)
    return values


def same(got: Floats, want: list[float]) -> None:
    np.testing.assert_allclose(got, want, rtol=1e-12, atol=1e-12)


def test_sum_begins_anew_with_session_and_symbol() -> None:
    same(run("session_sum", [1, 1, 2, 2, 2], [1, 2, 4, 8, 16], starts=[0, 4, 5]), [1, 3, 4, 12, 16])


def test_sum_passes_over_bars_outside_and_ends_at_a_null() -> None:
    same(run("session_sum", [NULL, 1, NULL, 1, 1, 2], [9, 1, 9, 2, NULL, 4]), [NULL, 1, NULL, 3, NULL, 4])


def test_opening_range_is_known_once_its_minutes_are_over() -> None:
    elapsed = [10, 20, 30, 40, 10, 20]
    session = [1, 1, 1, 1, 2, 2]
    same(run("opening_high", session, elapsed, [5, 9, 7, 99, 3, 4], 20), [NULL, 9, 9, 9, NULL, 4])
    same(run("opening_low", session, elapsed, [5, 9, 7, -9, 3, 4], 20), [NULL, 5, 5, 5, NULL, 3])


def test_opening_range_bears_missing_minutes() -> None:
    # The bar that ends with the range is missing; of the second session all of them are.
    same(run("opening_high", [1, 1, 2], [10, 40, 50], [5, 9, 7], 30), [NULL, 5, NULL])
    # A NULL within it, and one after it.
    same(run("opening_high", [1, 1, 1], [10, 20, 30], [5, NULL, 7], 20), [NULL, NULL, NULL])
    same(run("opening_high", [1, 1, 1], [10, 20, 30], [5, 6, NULL], 20), [NULL, 6, 6])


def test_growth_goes_by_the_clock() -> None:
    ended = [60 * minute for minute in (1, 2, 3, 6, 9, 14)]
    # 6 less 2 is 4: the bar of minute 3 stands. 9 less 2 is 7: that of minute 6. From 14, minute 9 is too long ago.
    same(
        run("growth_over_minutes", [1] * 6, ended, [10, 11, 20, 30, 45, 90], 2),
        [NULL, NULL, 1.0, 0.5, 0.5, NULL],
    )


def test_growth_stays_within_its_stretch_and_symbol() -> None:
    ended = [60.0 * minute for minute in range(1, 7)]
    x = [1, 2, 4, 8, 16, 32]
    same(run("growth_over_minutes", [1, 1, 1, 2, 2, 2], ended, x, 1), [NULL, 1, 1, NULL, 1, 1])
    same(run("growth_over_minutes", [1] * 6, ended, x, 1, starts=[0, 2, 6]), [NULL, 1, NULL, 1, 1, 1])
    # A bar outside of the session is neither compared nor compared with.
    same(run("growth_over_minutes", [1, NULL, 1, 1, 1, 1], ended, x, 1), [NULL, NULL, 3, 1, 1, 1])


def test_growth_is_null_from_zero_and_null() -> None:
    ended = [60.0, 120.0, 180.0]
    same(run("growth_over_minutes", [1, 1, 1], ended, [0, 5, 10], 1), [NULL, NULL, 1])
    same(run("growth_over_minutes", [1, 1, 1], ended, [NULL, 5, 10], 1), [NULL, NULL, 1])


def test_variance_leaves_out_the_night_and_what_lies_outside() -> None:
    stretch = [1, 1, NULL, 2, 2]
    first = [np.exp(x) for x in (0.0, 1.0, 50.0, 7.0, 9.0)]
    last = [np.exp(x) for x in (1.0, 3.0, 60.0, 8.0, 10.0)]
    # Moves: 1 (from its own open), 2, then 1 (from its own open), 2.
    same(run("realised_variance", stretch, first, last, 2), [NULL, 2.5, NULL, 2.5, 2.5])


def test_variance_is_null_where_a_price_is() -> None:
    ones = [1.0] * 5
    same(run("realised_variance", ones, ones, [1, NULL, 1, 1, 1], 1), [0, NULL, NULL, 0, 0])
    same(run("realised_variance", ones, ones, [1, 0, 1, 1, 1], 1), [0, NULL, NULL, 0, 0])


def test_zscore_compares_with_the_same_slot_of_earlier_sessions() -> None:
    # Two slots a session; slot 1 is missing in the third session (a half day).
    slot = [0, 1, 0, 1, 0, 0, 1]
    x = [1, 100, 3, 300, 4, 2, 200]
    root = np.sqrt(2)
    same(
        run("slot_zscore", slot, x, 2),
        [NULL, NULL, NULL, NULL, 2 / root, (2 - 3.5) / np.sqrt(0.5), 0],
    )


def test_zscore_is_null_where_nothing_varied_and_begins_anew_with_a_symbol() -> None:
    same(run("slot_zscore", [0] * 4, [0.1, 0.1, 7, 7], 2), [NULL, NULL, NULL, 0.7071067811865476])
    same(run("slot_zscore", [0] * 4, [1, 2, 3, 4], 2, starts=[0, 2, 4]), [NULL] * 4)
    same(run("slot_zscore", [0, NULL, 0, 0], [1, 9, 3, 2], 2), [NULL, NULL, NULL, 0])
    same(run("slot_zscore", [0] * 4, [1, NULL, 3, 2], 2), [NULL] * 4)


def test_higher_bar_is_seen_when_complete_and_never_before() -> None:
    # Buckets of 3: rows end at 1, 2, 3 | 4, 6 | 8 (the one that ends bucket 6 is missing) | 11.
    bucket, complete = [0, 0, 0, 3, 3, 6, 9], [3, 3, 3, 6, 6, 9, 12]
    same(run("last_completed", bucket, complete, [1, 2, 3, 4, 6, 8, 11]), [NULL, NULL, 0, 0, 3, 3, 6])


def test_higher_bar_is_seen_outside_of_the_session_too() -> None:
    bucket, complete = [0, NULL, NULL, 10, NULL], [5, NULL, NULL, 15, NULL]
    # After hours at 4 the bucket still runs; at 6 it is complete. Its last bar of all never completes it.
    same(run("last_completed", bucket, complete, [1, 4, 6, 11, 14]), [NULL, NULL, 0, 0, 0])
    same(run("last_completed", [0, 0, 4], [NULL, NULL, NULL], [1, 2, 5]), [NULL, NULL, 0])


# ------------------------------------------------------------------------- over random days


class Market:
    """Minute bars of one symbol with gaps, bars outside of the session and sessions of different lengths."""

    def __init__(self, seed: int) -> None:
        random = np.random.default_rng(seed)
        rows = []
        for day in range(random.integers(1, 7)):
            length = int(random.choice([6, 12]))
            for minute in range(-2, length + 2):
                if random.random() < 0.75:
                    inside = 0 <= minute < length
                    rows.append((day, minute, inside))
        rows = rows or [(0, 0, True)]
        self.session = np.array([day if inside else NULL for day, _, inside in rows])
        self.slot = np.array([minute if inside else NULL for _, minute, inside in rows])
        self.elapsed = np.array([minute + 1.0 for _, minute, _ in rows])
        self.ended = np.array([day * 86400.0 + (minute + 1) * 60 for day, minute, _ in rows])
        self.price = np.exp(np.cumsum(random.normal(0, 0.1, len(rows))))
        self.open = self.price * np.exp(random.normal(0, 0.05, len(rows)))
        self.volume = np.round(random.exponential(100, len(rows)))

    def cut(self, rows: int) -> Market:
        part = object.__new__(Market)
        for name, values in vars(self).items():
            setattr(part, name, values[:rows])
        return part


CASES: dict[str, Callable[[Market], Floats]] = {
    "session_sum": lambda m: run("session_sum", m.session, m.volume),
    "opening_high": lambda m: run("opening_high", m.session, m.elapsed, m.price, 3),
    "opening_low": lambda m: run("opening_low", m.session, m.elapsed, m.price, 3),
    "growth_over_minutes": lambda m: run("growth_over_minutes", m.session, m.ended, m.price, 2),
    "realised_variance": lambda m: run("realised_variance", m.session, m.open, m.price, 4),
    "slot_zscore": lambda m: run("slot_zscore", m.slot, m.volume, 3),
    "last_completed": lambda m: run(
        "last_completed",
        m.ended - 60 - np.mod(m.elapsed - 1, 5) * 60 + 0 * m.session,
        m.ended - 60 - np.mod(m.elapsed - 1, 5) * 60 + 300,
        m.ended,
    ),
}


def plain(name: str, m: Market, t: int) -> float:
    """The operator's value at row ``t`` from its definition, looking at all rows again."""
    inside = [i for i in range(t + 1) if not np.isnan(m.session[i])]
    today = [i for i in inside if m.session[i] == m.session[t]]
    if name == "last_completed":
        starts = {m.ended[i] - 60 - (m.elapsed[i] - 1) % 5 * 60 for i in inside}
        return max((s for s in starts if s + 300 <= m.ended[t]), default=NULL)
    if t not in inside:
        return NULL
    if name == "session_sum":
        return float(sum(m.volume[i] for i in today))
    if name in ("opening_high", "opening_low"):
        prices = [m.price[i] for i in today if m.elapsed[i] <= 3]
        if not prices or m.elapsed[t] < 3:
            return NULL
        return float(max(prices) if name == "opening_high" else min(prices))
    if name == "growth_over_minutes":
        base = [i for i in today if m.ended[t] - 240 <= m.ended[i] <= m.ended[t] - 120]
        return float(m.price[t] / m.price[base[-1]] - 1) if base else NULL
    if name == "realised_variance":
        moves = []
        for position, i in enumerate(inside):
            same_day = position > 0 and m.session[inside[position - 1]] == m.session[i]
            moves.append(np.log(m.price[i] / (m.price[inside[position - 1]] if same_day else m.open[i])))
        return float(np.mean(np.square(moves[-4:]))) if len(moves) >= 4 else NULL
    earlier = [m.volume[i] for i in inside if m.slot[i] == m.slot[t] and i < t][-3:]
    if len(earlier) < 3 or np.std(earlier) == 0:
        return NULL
    return float((m.volume[t] - np.mean(earlier)) / np.std(earlier, ddof=1))


@pytest.mark.parametrize("name", sorted(CASES))
@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_every_value_is_its_definition(name: str, seed: int) -> None:
    market = Market(seed)
    want = [plain(name, market, t) for t in range(len(market.session))]
    np.testing.assert_allclose(CASES[name](market), want, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", sorted(CASES))
@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), share=st.floats(0, 1))
def test_what_comes_later_changes_no_bit(name: str, seed: int, share: float) -> None:
    market = Market(seed)
    rows = max(1, int(share * len(market.session)))
    np.testing.assert_array_equal(CASES[name](market.cut(rows)), CASES[name](market)[:rows])


@pytest.mark.parametrize("name", ["realised_variance", "slot_zscore"])
@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), share=st.floats(0, 1))
def test_rows_that_are_wanted_are_the_same_as_in_the_whole(name: str, seed: int, share: float) -> None:
    market = Market(seed)
    series = {
        "realised_variance": (market.session, market.open, market.price, 4),
        "slot_zscore": (market.slot, market.volume, 3),
    }[name]
    first = int(share * (len(market.session) - 1))
    starts = np.array([0, len(market.session)], dtype=np.int64)
    some = operators()[name].compute(Segments(starts, np.array([first], dtype=np.int64)), *series)
    np.testing.assert_array_equal(some[first:], CASES[name](market)[first:])
    assert np.isnan(some[:first]).all()
