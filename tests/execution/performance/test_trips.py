import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from execution.performance import match_trips, trade_figures
from execution.performance.trips import Trips
from tests.execution.performance.books import actions, fills, trips_of


def only(trips: Trips) -> dict[str, float]:
    assert len(trips.pnl) == 1
    return {name: column[0].item() for name, column in trips._asdict().items()}


def test_trip_has_mean_prices_and_profit_after_costs() -> None:
    trip = only(
        trips_of(
            (1, 0, 10, 20.0, 19.9, 1.0, 0.5),
            (2, 0, 30, 24.0, 24.0, 1.0, 0.0),
            (4, 0, -15, 30.0, 30.0, 1.0, 0.0),
            (5, 0, -25, 26.0, 26.0, 1.0, 0.0),
        )
    )
    assert (trip["side"], trip["opened"], trip["closed"], trip["sessions"]) == (1, 1, 5, 4)
    assert (trip["first_fill"], trip["last_fill"]) == (0, 3)
    assert (trip["quantity"], trip["entry_price"], trip["exit_price"]) == (40, 23.0, 27.5)
    assert trip["pnl"] == pytest.approx(40 * 4.5 - 4.5)
    assert trip["return_on_entry"] == pytest.approx(175.5 / 920)


def test_short_earns_when_the_price_falls_and_pays_the_dividend() -> None:
    trip = only(trips_of((1, 0, -10, 50.0), (3, 0, 10, 40.0), acts=actions((2, 0, 1.0, -10, -5.0))))
    assert (trip["side"], trip["entry_price"], trip["exit_price"], trip["pnl"]) == (-1, 50, 40, 95)


def test_fill_through_zero_closes_one_trip_and_opens_the_next_and_shares_its_costs() -> None:
    trips = trips_of((1, 0, 10, 20.0), (3, 0, -30, 25.0, 25.0, 3.0, 0.0), marks=[24.0])
    assert trips.side.tolist() == [1, -1]
    assert trips.closed.tolist() == [3, -1]
    assert trips.pnl.tolist() == [49.0, 20 - 2.0]
    assert trips.sessions.tolist() == [2, 7]
    assert trips.last_fill.tolist() == [1, -1]
    assert np.isnan(trips.exit_price[1])


def test_prices_and_quantity_stand_on_the_split_basis_of_the_opening() -> None:
    trip = only(trips_of((1, 0, 10, 80.0), (4, 0, -40, 22.0), acts=actions((2, 0, 4.0, 40, 0.0))))
    assert (trip["quantity"], trip["entry_price"], trip["exit_price"], trip["pnl"]) == (10, 80, 88, 80)


def test_split_that_leaves_no_share_closes_the_trip() -> None:
    trip = only(trips_of((1, 0, 3, 10.0), acts=actions((4, 0, 0.1, 0.0, 28.0))))
    assert (trip["closed"], trip["last_fill"], trip["pnl"]) == (4, -1, -2.0)


def test_fractions_sold_in_parts_end_flat() -> None:
    trips = trips_of((1, 0, 0.3, 10.0), (2, 0, -0.1, 10.0), (3, 0, -0.1, 10.0), (4, 0, -0.1, 10.0))
    assert 0.3 - 0.1 - 0.1 - 0.1 != 0
    assert trips.closed.tolist() == [4]


def test_trips_stand_by_opening_then_symbol() -> None:
    trips = trips_of((1, 1, 5, 10.0), (1, 0, 5, 10.0), (2, 1, -5, 10.0), (2, 1, 5, 10.0))
    assert list(zip(trips.opened.tolist(), trips.symbol.tolist(), strict=True)) == [(1, 0), (1, 1), (2, 1)]


def test_excursions_take_in_fills_and_the_bars_at_whose_close_the_position_stood() -> None:
    high, low = np.full((10, 1), 105.0), np.full((10, 1), 95.0)
    low[0], high[0] = 1.0, 999.0  # before the opening
    low[1], high[1] = 92.0, 106.0  # the opening's own bar
    low[3], high[3] = 1.0, 999.0  # the bar of the exit: who knows what came after it
    long = only(trips_of((1, 0, 1, 100.0), (3, 0, -1, 110.0), high=high, low=low, marks=[0.0]))
    assert (long["mae"], long["mfe"]) == (pytest.approx(-0.08), pytest.approx(0.10))
    short = only(trips_of((1, 0, -1, 100.0), (3, 0, 1, 110.0), high=high, low=low, marks=[0.0]))
    assert (short["mae"], short["mfe"]) == (pytest.approx(-0.10), pytest.approx(0.08))


def test_entry_at_the_close_saw_none_of_its_bar_and_exit_at_the_close_saw_all() -> None:
    high, low = np.full((10, 1), 101.0), np.full((10, 1), 99.0)
    low[1], high[1] = 50.0, 150.0
    low[3], high[3] = 96.0, 107.0

    def at_close(bar: int, shares: float, price: float) -> tuple[float, ...]:
        return (bar, 0, shares, price, price, 0.0, 0.0, 1)

    bought = at_close(1, 1, 100.0), at_close(1, 1, 100.0)
    trip = only(trips_of(*bought, at_close(3, -2, 104.0), high=high, low=low, marks=[0.0]))
    assert (trip["mae"], trip["mfe"]) == (pytest.approx(-0.04), pytest.approx(0.07))
    turned = trips_of(*bought, at_close(3, -4, 104.0), high=high, low=low, marks=[104.0])
    assert turned.mfe.tolist() == [pytest.approx(0.07), pytest.approx(5 / 104)]


def test_trip_from_close_to_close_of_one_bar_has_only_its_prices() -> None:
    high, low = np.full((10, 1), 150.0), np.full((10, 1), 50.0)
    rows = [(1, 0, shares, price, price, 0.0, 0.0, 1) for shares, price in ((1, 100.0), (-1, 101.0))]
    trip = only(trips_of(*rows, high=high, low=low, marks=[0.0]))
    assert (trip["mae"], trip["mfe"]) == (0.0, pytest.approx(0.01))


def test_excursions_stand_on_the_split_basis_of_the_opening() -> None:
    high, low = np.full((10, 1), 101.0), np.full((10, 1), 99.0)
    high[4:], low[4:] = 52.0, 49.0  # two for one
    split = actions((4, 0, 2.0, 2, 0.0))
    trip = only(trips_of((1, 0, 1, 100.0), acts=split, high=high, low=low, marks=[50.0]))
    assert (trip["mae"], trip["mfe"]) == (pytest.approx(-0.02), pytest.approx(0.04))
    assert trip["closed"] == -1
    assert trip["pnl"] == 0.0


def test_trade_that_only_gained_has_no_adverse_excursion() -> None:
    trip = only(trips_of((1, 0, 1, 100.0), (2, 0, -1, 104.0)))
    assert (trip["mae"], trip["mfe"]) == (0.0, pytest.approx(0.04))


def test_ranges_may_begin_before_the_book() -> None:
    rng = np.random.default_rng(3)
    low, more = rng.uniform(90, 100, (10, 1)), rng.uniform(0, 10, (10, 1))
    split = actions((5, 0, 2.0, 4, 0.0))
    rows = fills((1, 0, 2, 95.0), (7, 0, -4, 50.0), (8, 0, 1, 48.0))
    of = {"marks": np.array([50.0]), "session": np.arange(10)}
    plain = match_trips(rows, split, **of, high=low + more, low=low)
    wild = np.array([[1e6], [1e-6], [np.nan]])
    longer = match_trips(
        rows, split, **of, high=np.vstack([wild, low + more]), low=np.vstack([wild, low]), first=3
    )
    for name in Trips._fields:
        np.testing.assert_array_equal(getattr(longer, name), getattr(plain, name), err_msg=name)


def test_nobody_who_gives_no_ranges_gets_excursions() -> None:
    of = {"marks": np.array([101.0]), "session": np.arange(5)}
    rows = fills((1, 0, 1, 100.0), (2, 0, -1, 104.0), (3, 0, 1, 100.0))
    unknown, known = np.full((5, 1), np.nan), match_trips(rows, actions(), **of)
    assert np.isnan(known.mae).all()
    assert np.isnan(known.mfe).all()
    figures = trade_figures(known)
    assert (figures["mae"], figures["mfe_losers"], figures["trades"]) == (None, None, 2)
    full = match_trips(rows, actions(), **of, high=unknown, low=unknown)
    for name in set(Trips._fields) - {"mae", "mfe"}:
        np.testing.assert_array_equal(getattr(known, name), getattr(full, name))


def test_trades_that_are_open_or_flat_count_as_neither_won_nor_lost() -> None:
    def trade(bar: int, pnl: float) -> tuple[tuple[float, ...], ...]:
        return (bar, 0, 1, 100.0), (bar + 1, 0, -1, 100.0 + pnl)

    rows = [fill for bar, pnl in ((0, 30), (2, 10), (4, -20), (6, 0)) for fill in trade(bar, pnl)]
    figures = trade_figures(trips_of(*rows, (9, 1, 1, 100.0), marks=[0.0, 1100.0]))
    assert figures["trades"] == 5
    assert (figures["hit_rate"], figures["profit_factor"], figures["payoff_ratio"]) == (0.5, 2.0, 1.0)
    assert (figures["expectancy"], figures["expectancy_return"]) == (5.0, pytest.approx(0.05))
    assert figures["holding_sessions"] == 1.0
    assert (figures["mae_winners"], figures["mfe_losers"]) == (0.0, 0.0)
    assert (figures["mae"], figures["mfe"]) == (pytest.approx(-0.05), pytest.approx(0.1))


@pytest.mark.parametrize("rows", [(), ((1, 0, 1, 100.0),)], ids=["no trade", "an open one"])
def test_no_closed_trade_has_no_figure(rows: tuple[tuple[float, ...], ...]) -> None:
    figures = trade_figures(trips_of(*rows, marks=[101.0]))
    assert figures.pop("trades") == len(rows)
    assert set(figures.values()) == {None}


def test_profit_factor_and_payoff_without_a_loss_are_not_defined() -> None:
    figures = trade_figures(trips_of((1, 0, 1, 100.0), (2, 0, -1, 101.0)))
    assert figures["profit_factor"] is figures["payoff_ratio"] is None
    assert figures["hit_rate"] == 1.0


FILL = st.tuples(
    st.integers(0, 1), st.sampled_from([-7.5, -3, -1, 1, 2.5, 4]), st.floats(1, 200), st.floats(0, 3)
)


@settings(max_examples=150, deadline=None)
@given(st.lists(FILL, max_size=30))
def test_profits_of_all_trips_sum_to_what_the_book_gained(
    given_fills: list[tuple[int, float, float, float]],
) -> None:
    rows = [(n // 4, i, q, price, price, cost, 0.0) for n, (i, q, price, cost) in enumerate(given_fills)]
    trips = trips_of(*rows, marks=[50.0, 60.0])
    cash = -sum(q * price + cost for _, _, q, price, _, cost, _ in rows)
    held = sum(q * (50.0, 60.0)[i] for _, i, q, *_ in rows)
    assert trips.pnl.sum() == pytest.approx(cash + held, abs=1e-8)
    assert (np.diff(trips.opened) >= 0).all()
    assert ((trips.mae <= 0) & (trips.mfe >= 0)).all()
