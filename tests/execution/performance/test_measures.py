import math
import warnings
from datetime import date

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from execution import performance as perf
from tests.execution.performance.books import actions, fills, trips_of

HAND = np.array([100.0, 110.0, 99.0, 108.9, 130.68])  # +10 %, -10 %, +10 %, +20 %
FLAT = np.zeros(5)


def test_measure_annualises_turnover_and_sums_costs() -> None:
    measured = perf.measure(
        equity=HAND,
        benchmark=HAND,
        turnover=np.array([0, 0.5, 0, 0.5, 0.25]),
        gross_exposure=np.array([0, 1, 1, 0.5, 0.5]),
        net_exposure=np.array([0, 1, -1, 0.5, 0.5]),
        trips=trips_of((1, 0, 1, 10.0), (2, 0, -1, 11.0)),
        costs=perf.Costs(commission=3.0, fees=0.5, slippage=4.5, borrow=2.0, interest=-1.0),
        capacity=5e6,
        periods=10,
    )
    assert measured["turnover"] == pytest.approx(2.5)
    assert measured["exposure"] == pytest.approx(0.6)
    assert measured["net_exposure"] == pytest.approx(0.2)
    assert (measured["commission"], measured["fees"], measured["slippage"]) == (3.0, 0.5, 4.5)
    assert (measured["borrow"], measured["interest"], measured["costs"]) == (2.0, -1.0, 10.0)
    assert (measured["sessions"], measured["trades"], measured["final_equity"]) == (5, 1, 130.68)
    assert (measured["capacity"], measured["expectancy"]) == (5e6, 1.0)
    assert measured["benchmark_cagr"] == measured["cagr"]
    assert (measured["tracking_error"], measured["up_capture"], measured["beta"]) == pytest.approx((0, 1, 1))


def test_probability_that_the_sharpe_is_above_zero_is_of_sessions_not_years() -> None:
    random = np.random.default_rng(1)
    equity = 100 * np.cumprod(np.append(1, 1 + random.normal(0.0015, 0.01, 300)))
    measured = [
        perf.measure(
            equity=equity,
            benchmark=equity,
            turnover=equity,
            gross_exposure=equity,
            net_exposure=equity,
            trips=trips_of(),
            costs=perf.Costs(),
            periods=periods,
        )["probabilistic_sharpe"]
        for periods in (252, 12)
    ]
    assert measured[0] == measured[1]
    assert 0.5 < (measured[0] or 0) < 1


def test_book_of_two_bars_a_session_is_measured_at_its_first_close_and_the_closes_of_sessions() -> None:
    equity = np.array([100.0, 102.0, 101.0, 110.0, 0.0, 55.0])
    made = fills((1, 0, 2, 10.0, 9.5, 0.25, 0.5), (3, 0, -2, 11.0, 11.5, 0.25, 0.0))
    nothing = np.zeros(6)
    book = perf.Book(
        session=np.array([0, 0, 1, 1, 2, 2]),
        initial_cash=100.0,
        equity=equity,
        benchmark=equity,
        traded=np.array([0, 20, 0, 22, 5, 0.0]),
        gross_exposure=np.arange(6.0),
        net_exposure=-np.arange(6.0),
        borrow=nothing - 0.5,
        interest=nothing + 0.25,
        dollar_volume=np.full((6, 1), 1000.0),
        marks=np.array([11.0]),
        fills=made,
        actions=actions(),
    )
    sessions = perf.by_session(book)
    assert sessions.of_bar.tolist() == [0, 1, 2, 2, 3, 3]
    assert (sessions.last.tolist(), sessions.equity.tolist()) == ([0, 1, 3, 5], [100.0, 102.0, 110.0, 55.0])
    assert sessions.turnover[:3].tolist() == pytest.approx([0, 20 / 102, 22 / 110])
    assert np.isnan(sessions.turnover[3])  # a bar of it had no equity
    trips = perf.match_trips(made, book.actions, marks=book.marks, session=book.session)
    measured = perf.measure_book(book, trips, participation=0.1)
    assert (measured["sessions"], measured["exposure"], measured["net_exposure"]) == (3, 2.5, -2.5)
    assert (measured["commission"], measured["fees"], measured["slippage"]) == (0.5, 0.5, 2.0)
    assert (measured["borrow"], measured["interest"], measured["costs"]) == (3.0, -1.5, 6.0)
    assert measured["total_return"] == pytest.approx(55 / 100 - 1)
    assert perf.measure_book(
        book._replace(traded=book.traded * 0 + 1, equity=equity + 100), trips, participation=0.1
    )["turnover"] == pytest.approx(252 * np.mean([1 / 202, 1 / 201 + 1 / 210, 1 / 100 + 1 / 155]))
    shares = np.array([20 / 100, 22 / 101])  # of equity at the close before each fill
    assert measured["capacity"] == pytest.approx(0.1 * shares.sum() / (shares**2 / 1000).sum())


CURVES = st.lists(
    st.one_of(st.floats(1, 1e6), st.sampled_from([0.0, -1.0, 100.0, math.nan])), min_size=1, max_size=40
)


@settings(max_examples=200, deadline=None)
@given(CURVES, st.floats(0.01, 100))
def test_figures_are_finite_or_none_and_know_no_currency(values: list[float], rate: float) -> None:
    equity = np.array(values)

    def figures(scale: float) -> dict[str, float | None]:
        return perf.measure(
            equity=equity * scale,
            benchmark=equity[::-1] * scale,
            turnover=equity,
            gross_exposure=equity,
            net_exposure=equity,
            trips=trips_of(),
            costs=perf.Costs(),
        )

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        base, other = figures(1.0), figures(rate)
    assert all(value is None or math.isfinite(value) for value in base.values())
    for name in ("total_return", "max_drawdown", "var_95", "cvar_99", "benchmark_total_return"):
        assert (other[name] is None) == (base[name] is None), name
        assert other[name] is None or other[name] == pytest.approx(base[name], rel=1e-6, abs=1e-9), name


def test_capacity_is_where_mean_participation_reaches_the_limit() -> None:
    # Two equal fills, 1 % and 3 % of their bars' volume at an equity of a million: 2 % on average.
    value, traded, equity = np.full(2, 3e4), np.array([3e6, 1e6]), np.full(2, 1e6)
    assert perf.capacity(value, traded, equity, 0.02) == pytest.approx(1e6)
    assert perf.capacity(value, traded, equity, 0.10) == pytest.approx(5e6)
    assert perf.capacity(value, traded, 2 * equity, 0.02) == pytest.approx(2e6)


def test_capacity_leaves_out_fills_on_bars_without_volume() -> None:
    value, equity = np.full(3, 3e4), np.array([1e6, 1e6, 0.0])
    assert perf.capacity(value, np.array([3e6, 0.0, 3e6]), equity, 0.01) == pytest.approx(1e6)
    assert perf.capacity(value, np.array([np.nan, 0.0, 3e6]), equity, 0.01) is None
    assert perf.capacity(np.zeros(0), np.zeros(0), np.zeros(0), 0.01) is None


def test_months_and_years_count_from_the_close_before() -> None:
    sessions = [date(2023, 12, 28), date(2023, 12, 29), date(2024, 1, 2), date(2024, 1, 31), date(2024, 3, 1)]
    rows = perf.by_period(
        sessions, equity=HAND, benchmark=HAND[::-1].copy(), turnover=np.arange(5.0), periods=252
    )
    assert [(row.year, row.month, row.sessions) for row in rows] == [
        (2023, 12, 2), (2023, 0, 2), (2024, 1, 2), (2024, 3, 1), (2024, 0, 3)
    ]  # fmt: skip
    december, last_year, january, march, year = rows
    assert december.total_return == last_year.total_return == pytest.approx(0.1)
    assert january.total_return == pytest.approx(-0.01)
    assert march.total_return == pytest.approx(0.2)
    assert year.total_return == pytest.approx(0.99 * 1.2 - 1)
    assert january.max_drawdown == pytest.approx(-0.1)
    assert (january.first_session, january.last_session) == (date(2024, 1, 2), date(2024, 1, 31))
    assert january.benchmark_return == pytest.approx(110 / 108.9 - 1)
    assert (january.turnover, year.turnover) == (5.0, 9.0)
    assert march.volatility is None
    total = np.prod([1 + (row.total_return or 0) for row in rows if row.month])
    assert total - 1 == pytest.approx(perf.total_return(HAND))


def test_period_with_unknown_turnover_or_benchmark_says_so() -> None:
    unknown = np.full(5, np.nan)
    sessions = [date(2024, 1, day) for day in (2, 3, 4, 5, 8)]
    month, _ = perf.by_period(sessions, equity=HAND, benchmark=unknown, turnover=unknown, periods=252)
    assert month.turnover is month.benchmark_return is None


def test_no_session_has_no_period() -> None:
    empty = np.zeros(0)
    assert perf.by_period([], equity=empty, benchmark=empty, turnover=empty, periods=252) == []
