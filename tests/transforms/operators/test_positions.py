"""Positions against a plain reading of their rules."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from transforms.operators.catalogue import Array, Segments, operators
from transforms.operators.positions import latched

NAN = float("nan")


def call(name: str, *arguments: object, starts: tuple[int, ...]) -> Array:
    """Compute an operator by its name, as a model would."""
    found = operators()[name]
    result = found.compute(Segments.whole(np.array(starts)), *arguments)
    values: Array = result if found.output is None else result[found.output]
    return values


def held(enter: list[float], leave: list[float]) -> list[float]:
    segments = Segments.whole(np.array([0, len(enter)]))
    return [float(x) for x in latched(segments, np.array(enter), np.array(leave))]


@pytest.mark.parametrize(
    ("enter", "leave", "expected"),
    [
        ([0, 1, 0, 0, 0], [0, 0, 0, 1, 0], [0, 1, 1, 0, 0]),
        ([1, 1, 1, 1, 1], [0, 0, 1, 0, 0], [1, 1, 0, 1, 1]),  # leaving goes first, then it enters again
        ([0, 0, 0], [1, 0, 1], [0, 0, 0]),
        ([1, NAN, 0], [0, NAN, NAN], [1, 1, 1]),  # the unknown changes nothing
    ],
)
def test_a_position_is_held_from_entering_to_leaving(
    enter: list[float], leave: list[float], expected: list[float]
) -> None:
    assert held(enter, leave) == expected


def test_nothing_is_known_or_entered_before_both_conditions_are() -> None:
    np.testing.assert_array_equal(held([1, NAN, 0, 1], [NAN, 0, 0, 0]), [NAN, NAN, 0, 1])


def test_each_symbol_starts_without_a_position() -> None:
    enter, leave = np.array([1.0, 0, 0, 0]), np.zeros(4)
    np.testing.assert_array_equal(call("latched", enter, leave, starts=(0, 2, 4)), [1, 1, 0, 0])


def test_no_position_goes_from_one_session_into_another() -> None:
    session = np.array([1.0, 1, 1, 2, 2, NAN, 3, 3, 3])
    enter = np.array([0.0, 1, 0, 0, 1, 1, NAN, 1, 0])
    leave = np.array([NAN, 0, 0, 0, 0, 0, 0, 0, 1])
    held = call("latched_within", session, enter, leave, starts=(0, 9))
    assert held.tolist() == [0, 1, 1, 0, 1, 0, 0, 1, 0]
    again = call("latched_within", session[:4], enter[:4], leave[:4], starts=(0, 2, 4))
    assert again.tolist() == [0, 1, 0, 0], "nor from one symbol into another of the same session"


def test_a_stop_rises_with_the_price_and_takes_the_position_out() -> None:
    price = np.array([10.0, 12, 11, 10.5, 9.9, 20])
    enter, leave, unit = np.array([1.0, 0, 0, 0, 0, 0]), np.zeros(6), np.ones(6)
    arguments = (enter, leave, price, unit, 2.0)
    np.testing.assert_array_equal(call("trailed", *arguments, starts=(0, 6)), [1, 1, 1, 1, 0, 0])
    np.testing.assert_array_equal(call("trailing_stop", *arguments, starts=(0, 6)), [8, 10, 10, 10, NAN, NAN])


def test_a_wider_unit_never_lowers_the_stop() -> None:
    price, unit = np.array([10.0, 10, 10]), np.array([1.0, 3, 3])
    stop = call("trailing_stop", np.ones(3), np.zeros(3), price, unit, 1.0, starts=(0, 3))
    assert stop.tolist() == [9, 9, 9]


def test_a_missing_price_neither_stops_nor_moves_the_stop_nor_enters() -> None:
    price = np.array([10.0, NAN, 8.5, NAN, 9.0])
    enter = np.array([1.0, 0, 0, 1, 1])
    arguments = (enter, np.zeros(5), price, np.ones(5), 1.0)
    np.testing.assert_array_equal(call("trailed", *arguments, starts=(0, 5)), [1, 1, 0, 0, 1])
    np.testing.assert_array_equal(call("trailing_stop", *arguments, starts=(0, 5)), [9, 9, NAN, NAN, 8])


def plainly(
    enter: Array, leave: Array, price: Array, unit: Array, multiple: float
) -> tuple[list[float], list[float]]:
    """The rules of ``trailed``, each bar from the bars before it."""
    entered: int | None = None
    begun = False
    position, stops = [], []
    levels = price - multiple * unit
    for t in range(len(enter)):
        begun = begun or not np.isnan([enter[t], leave[t], levels[t]]).any()
        if entered is not None and (leave[t] > 0 or price[t] < np.nanmax(levels[entered:t])):
            entered = None
        elif entered is None and begun and enter[t] > 0 and not leave[t] > 0 and not np.isnan(levels[t]):
            entered = t
        position.append(NAN if not begun else float(entered is not None))
        stops.append(NAN if entered is None else float(np.nanmax(levels[entered : t + 1])))
    return position, stops


@st.composite
def histories(draw: st.DrawFn) -> tuple[Array, Array, Array, Array, float]:
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    count, gaps = draw(st.integers(1, 60)), draw(st.sampled_from([0.0, 0.1]))
    enter, leave = ((random.random(count) < share).astype(float) for share in (0.3, 0.1))
    price = 100 * np.exp(np.cumsum(random.normal(0, 0.02, count)))
    unit = random.uniform(0.5, 2, count)
    for values in (enter, leave, price, unit):
        values[random.random(count) < gaps] = NAN
    return enter, leave, price, unit, draw(st.sampled_from([0.0, 1.0, 2.5]))


@given(histories())
def test_any_trailed_position_follows_the_rules(history: tuple[Array, Array, Array, Array, float]) -> None:
    enter, leave, price, unit, multiple = history
    position, stops = plainly(enter, leave, price, unit, multiple)
    span = (0, len(enter))
    np.testing.assert_array_equal(call("trailed", enter, leave, price, unit, multiple, starts=span), position)
    np.testing.assert_array_equal(
        call("trailing_stop", enter, leave, price, unit, multiple, starts=span), stops
    )
    # Without prices that could stop it, it is the position that is only latched, once all are known.
    endless = call("trailed", enter, leave, np.full(len(enter), 1.0), unit, 1_000.0, starts=span)
    known = ~np.isnan(unit) & ~np.isnan(price)
    if known.all():
        np.testing.assert_array_equal(endless, call("latched", enter, leave, starts=span))


@given(histories(), st.integers(1, 60))
def test_what_comes_later_changes_no_position(
    history: tuple[Array, Array, Array, Array, float], cut: int
) -> None:
    *series, multiple = history
    count = len(series[0])
    cut = min(cut, count)
    for name, arguments in (("latched", 2), ("trailed", 4), ("trailing_stop", 4)):
        parameters = (multiple,) if arguments == 4 else ()
        whole = call(name, *series[:arguments], *parameters, starts=(0, count))
        early = call(name, *(x[:cut] for x in series[:arguments]), *parameters, starts=(0, cut))
        np.testing.assert_array_equal(early, whole[:cut])
