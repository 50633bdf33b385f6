"""Who is a member when: dynamic universes on tiny markets, and against a slow and plain account of the rules."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from datetime import date, datetime, time
from fractions import Fraction
from itertools import pairwise
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.models_sql.market import VARS, Lab, bar
from tests.models_sql.rendering import render_model
from transforms.config import UniverseConfig
from transforms.errors import ConfigError
from transforms.warehouse import Warehouse

RULES = UniverseConfig(
    name="dynamic",
    benchmark="IDX",
    selection="dynamic",
    enter_rank=2,
    exit_rank=3,
    lookback_months=2,
    min_dollar_volume=50.0,
    min_price=5.0,
    min_history=2,
    max_absence=2,
    retention_months=2,
)

# (symbol, session, price, shares)
Traded = tuple[str, date, float, float]


class Rules:
    """The models of the universe with ``RULES``, to run again and again on markets of a test's own."""

    def __init__(self, warehouse: Warehouse) -> None:
        vars_ = {"universe": dataclasses.asdict(RULES)}
        warehouse.execute(
            "create table intermediate.int_bars_adjusted "
            "(symbol varchar, bar_at timestamp, session_date date, close double, volume double)"
        )
        self._steps = [
            f"create or replace {kind} {schema}.{model} as {render_model(model, vars_)}"
            for kind, schema, model in (
                ("table", "intermediate", "int_universe_candidates"),
                ("table", "marts", "universe_rebalances"),
                ("view", "intermediate", "int_universe_members"),
                ("table", "marts", "universe"),
            )
        ]
        self._warehouse = warehouse

    def decide(self, market: list[Traded]) -> None:
        """Make the universe of these bars."""
        rows = {
            "symbol": [symbol for symbol, *_ in market],
            "bar_at": [datetime.combine(session, time()) for _, session, *_ in market],
            "session_date": [session for _, session, *_ in market],
            "close": [price for *_, price, _ in market],
            "volume": [shares for *_, shares in market],
        }
        columns = ", ".join(rows)
        self._warehouse.execute("delete from intermediate.int_bars_adjusted")
        self._warehouse.cursor.register("market", pl.DataFrame(rows))
        self._warehouse.execute(
            f"insert into intermediate.int_bars_adjusted ({columns}) select {columns} from market"
        )
        for step in self._steps:
            self._warehouse.execute(step)

    def rebalances(self, symbol: str | None = None) -> pl.DataFrame:
        return self._warehouse.read(
            "select * from marts.universe_rebalances where symbol = coalesce(?, symbol) "
            "order by rebalance_date, symbol",
            [symbol],
        )

    def members(self) -> dict[date, set[str]]:
        """Return session → members, for every session on which there is a bar."""
        rows = self._warehouse.read(
            "select distinct session_date, universe.symbol from intermediate.int_bars_adjusted as bars "
            "left join marts.universe as universe on is_member and session_date >= valid_from "
            "and session_date < coalesce(valid_to, date '9999-01-01') order by all"
        )
        found: dict[date, set[str]] = {}
        for session, symbol in rows.iter_rows():
            found.setdefault(session, set()).update([symbol] if symbol else [])
        return found


@pytest.fixture(scope="module")
def rules(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rules]:
    with Warehouse(tmp_path_factory.mktemp("rules") / "w.duckdb") as warehouse:
        yield Rules(warehouse)


def session(month: int, number: int = 0) -> date:
    """Return one of a month's sessions; there are three."""
    return date(2020 + (month - 1) // 12, (month - 1) % 12 + 1, (6, 16, 26)[number])


def steady(symbol: str, dollars: list[float | None], *, price: float = 10.0) -> list[Traded]:
    """Return bars worth so many dollars per session of January, February, …; None for a month without bars."""
    return [
        (symbol, session(month, number), price, amount / price)
        for month, amount in enumerate(dollars, start=1)
        for number in range(3)
        if amount is not None
    ]


def course(rules: Rules, symbol: str) -> list[tuple[int | None, bool]]:
    """Return (rank, is_member) at every rebalance that the symbol has a row of."""
    table = rules.rebalances(symbol)
    return list(zip(table["dollar_volume_rank"], table["is_member"], strict=True))


def test_members_enter_above_one_rank_leave_below_another_and_stay_a_while(rules: Rules) -> None:
    # Over two months x averages 85, 95, 85, 70, 85, 95, 70, 70; A, B and C stand at 100, 90 and 80.
    x = [85.0, 105, 65, 75, 95, 95, 45, 95]
    others = {"A": 100.0, "B": 90.0, "C": 80.0, "IDX": 1000.0}
    market = [row for symbol, level in others.items() for row in steady(symbol, [level] * 9)]
    rules.decide(market + steady("X", [*x, 0.0]))
    assert course(rules, "X") == [
        (3, False),  # not good enough to enter
        (2, True),
        (3, True),  # but good enough to stay
        (4, False),
        (3, False),
        (2, True),
        (4, True),  # not good enough, but has just come
        (4, False),
    ]
    table = rules.rebalances("X")
    assert table["has_entered"].to_list() == [False, True, False, False, False, True, False, False]
    assert table["has_left"].to_list() == [False, False, False, True, False, False, False, True]
    february, march, july = session(2), session(3), session(7)
    assert table["rebalance_date"].to_list()[0] == february
    assert table["member_since"].to_list() == [None, march, march, None, None, july, july, None]
    assert rules.rebalances("IDX").is_empty()


def test_stability_is_the_share_of_members_that_stay(rules: Rules) -> None:
    market = steady("A", [100.0] * 5) + steady("B", [90.0] * 5)
    market += steady("C", [60.0, 60, 500, 500, 500]) + steady("D", [70.0, 70, 400, 400, 400])
    rules.decide(market)
    table = rules.rebalances().group_by("rebalance_date").agg(pl.col("stability").unique())
    assert table.sort("rebalance_date")["stability"].to_list() == [[None], [1.0], [0.5], [1.0]]
    assert rules.members()[session(4)] == {"A", "C", "D"}, "B has left, A is still third"


def test_later_fame_puts_nobody_in_earlier(rules: Rules) -> None:
    market = steady("A", [100.0] * 4) + steady("B", [90.0] * 4) + steady("X", [60.0, 60, 9e9, 9e9])
    rules.decide(market)
    members = rules.members()
    assert members[session(3, 2)] == {"A", "B"}, "on the last session before the rebalance"
    assert members[session(4)] == {"A", "B", "X"}
    assert rules.rebalances("X")["decided_on"].to_list()[-1] == session(3, 2)


def test_who_stops_trading_leaves_at_the_next_rebalance_and_returns_by_rank(rules: Rules) -> None:
    market = steady("A", [100.0] * 7) + steady("B", [90.0] * 7)
    gone = steady("X", [500.0, None, None, 500.0, 500.0])
    rules.decide(market + gone)
    table = rules.rebalances("X").select("rebalance_date", "sessions_absent", "is_member", "has_left").rows()
    assert table == [
        (session(2), 0, True, False),
        (session(3), 3, False, True),
        # No row in April: long gone by then.
        (session(5), 0, True, False),
        (session(6), 0, True, False),
        (session(7), 3, False, True),
    ]


def test_a_short_absence_is_forgiven(rules: Rules) -> None:
    market = steady("A", [100.0] * 3) + steady("B", [90.0] * 3) + steady("X", [500.0, None, 500.0])
    rules.decide([*market, ("X", session(2, 0), 10.0, 50.0)])
    assert rules.rebalances("X").select("sessions_absent", "is_member").rows() == [(0, True), (2, True)]


@pytest.mark.parametrize(
    ("bars", "reason"),
    [
        (steady("X", [900.0, 900.0, 900.0], price=4.99), "price"),
        (steady("X", [49.9] * 3), "dollar volume"),
        ([("X", session(1, 2), 10.0, 90.0)], "history"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_too_low_a_price_volume_or_history_keeps_out(rules: Rules, bars: list[Traded], reason: str) -> None:
    rules.decide([*bars, ("A", session(1), 10.0, 10.0), ("A", session(2), 10.0, 10.0)])
    first = rules.rebalances("X").row(0, named=True)
    assert first["rebalance_date"] == session(2)
    assert not first["is_eligible"], reason
    assert first["dollar_volume_rank"] is None
    assert not first["is_member"]


def test_dollar_volume_counts_sessions_without_a_bar_but_none_before_the_first(rules: Rules) -> None:
    market = steady("A", [100.0] * 3)
    # Listed on February's second session; no bar on its third.
    rules.decide([*market, ("X", session(2, 1), 10.0, 60.0), ("X", session(3), 10.0, 999.0)])
    assert rules.rebalances("X")["dollar_volume"].to_list() == [600.0 / 2]
    assert rules.rebalances("X")["history_bars"].to_list() == [1]
    assert rules.rebalances("A")["dollar_volume"].to_list() == [100.0, 100.0]


def test_equal_dollar_volumes_rank_by_symbol(rules: Rules) -> None:
    rules.decide([row for symbol in ("C", "A", "B") for row in steady(symbol, [100.0] * 2)])
    assert rules.rebalances().select("symbol", "dollar_volume_rank").rows() == [("A", 1), ("B", 2), ("C", 3)]


def test_one_month_alone_has_no_rebalance_and_no_members(rules: Rules) -> None:
    rules.decide(steady("A", [100.0]))
    assert rules.rebalances().is_empty()
    assert set().union(*rules.members().values()) == set()


# ---------------------------------------------------------------- against a plain account of the rules


def _expected(market: list[Traded]) -> dict[date, set[str]]:
    """Rebalance → members, by ``RULES``, one symbol and month after the other."""
    sessions = sorted({day for _, day, *_ in market})
    members: dict[str, date] = {}
    found: dict[date, set[str]] = {}
    for before, now in pairwise(sessions):
        if (before.year, before.month) == (now.year, now.month):
            continue
        past = [row for row in market if row[1] <= before]
        ranked: list[tuple[Fraction, str]] = []
        trading = set()
        for symbol in sorted({row[0] for row in past} - {"IDX"}):
            bars = [row for row in past if row[0] == symbol]
            if sum(bars[-1][1] < day <= before for day in sessions) > RULES.max_absence:
                continue
            trading.add(symbol)
            month = before.year * 12 + before.month - RULES.lookback_months
            recent = [day for day in sessions if day <= before and day.year * 12 + day.month > month]
            listed = [day for day in recent if day >= bars[0][1]]
            worth = [Fraction(price) * Fraction(shares) for _, day, price, shares in bars if day in recent]
            average = sum(worth, start=Fraction(0)) / len(listed)
            good = bars[-1][2] >= RULES.min_price and average >= RULES.min_dollar_volume
            if good and len(bars) >= RULES.min_history:
                ranked.append((-average, symbol))
        ranks = {symbol: rank for rank, (_, symbol) in enumerate(sorted(ranked), start=1)}
        for symbol in list(members):
            months = (now.year - members[symbol].year) * 12 + now.month - members[symbol].month
            retained = months < RULES.retention_months or ranks.get(symbol, 99) <= RULES.exit_rank
            if symbol not in trading or not retained:
                del members[symbol]
                ranks.pop(symbol, None)
        for symbol, rank in ranks.items():
            if rank <= RULES.enter_rank:
                members.setdefault(symbol, now)
        found[now] = set(members)
    return found


@st.composite
def markets(draw: st.DrawFn) -> list[Traded]:
    """Up to five symbols and the benchmark over eight months with gaps, prices and sizes around the limits."""
    prices = st.sampled_from([4.0, 5.0, 8.0])
    shares = st.sampled_from([0.0, 5.0, 10.0, 15.0, 20.0, 40.0])
    market: list[Traded] = [("IDX", session(month), 1.0, 1.0) for month in range(1, 9)]
    for symbol in "ABCDE"[: draw(st.integers(1, 5))]:
        first, last = draw(st.integers(1, 5)), draw(st.integers(3, 8))
        for month in range(first, last + 1):
            absent = draw(st.sampled_from([0, 0, 0, 1, 3]))
            price, size = draw(prices), draw(shares)
            market += [(symbol, session(month, number), price, size) for number in range(3 - absent)]
    return market


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(market=markets(), cut=st.integers(0, 23))
def test_memberships_follow_the_rules_and_stay_when_history_is_cut(
    rules: Rules, market: list[Traded], cut: int
) -> None:
    rules.decide(market)
    members, rebalances = rules.members(), rules.rebalances()
    expected = _expected(market)
    assert {day: members[day] for day in expected} == expected

    last = session(cut // 3 + 1, cut % 3)
    rules.decide([row for row in market if row[1] <= last])
    assert rules.members() == {day: found for day, found in members.items() if day <= last}
    assert rules.rebalances().equals(rebalances.filter(pl.col("rebalance_date") <= last))


# ---------------------------------------------------------------- through the whole build


def test_quarterly_rebalances_of_candidates_reach_the_bars_as_known_at_as_of(lab: Lab) -> None:
    quarterly = dataclasses.replace(
        RULES, rebalance="quarterly", symbols=["A", "B"], enter_rank=1, exit_rank=1, retention_months=0
    )
    numbers = [(month, number) for month in range(2, 6) for number in range(3)]
    rows = []
    for symbol, shares in (("A", 10.0), ("B", 9.0), ("C", 99.0), ("IDX", 99.0)):
        for month, number in numbers:
            day = session(month, number)
            rows.append(bar(symbol, (day - date(2020, 1, 1)).days, 10.0, volume=shares))
    restated = [
        row | {"volume": 90.0, "known_at": datetime.fromisoformat("2030-06-01"), "batch_id": "later"}
        for row in rows
        if row["symbol"] == "B" and row["session_date"] == session(3)
    ]
    lab.load(rows + restated)
    build_vars = dataclasses.replace(VARS, universe=quarterly, as_of="2030-05-31")
    lab.build(build_vars, select="+bars +universe_rebalances")
    members = lab.warehouse.read(
        "select symbol, min(session_date), max(session_date) from marts.bars where is_member group by symbol"
    )
    # No rebalance in March or May; C is no candidate; B was smaller than A until it was restated.
    assert members.rows() == [("A", session(4), session(5, 2))]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"selection": "dynamc"}, r"universe\.selection must be one of static, dynamic.*dynamic"),
        ({"rebalance": "weekly"}, r"universe\.rebalance must be one of monthly, quarterly"),
        ({"enter_rank": 0}, r"universe\.enter_rank must be in 1\.\.100000, was 0"),
        ({"exit_rank": 1}, r"universe\.exit_rank must be in enter_rank\.\.100000 .*2.*, was 1"),
        ({"lookback_months": 61}, r"universe\.lookback_months must be in 1\.\.60, was 61"),
        ({"min_dollar_volume": -1.0}, r"universe\.min_dollar_volume must be in \[0, 1e15\), was -1\.0"),
        ({"min_dollar_volume": float("nan")}, r"universe\.min_dollar_volume .*, was nan"),
        ({"min_price": 1e9}, r"universe\.min_price must be in \[0, 1e9\), was 1000000000\.0"),
        ({"min_history": 0}, r"universe\.min_history must be in 1\.\.1000000, was 0"),
        ({"max_absence": -1}, r"universe\.max_absence must be in 0\.\.250, was -1"),
        ({"retention_months": 121}, r"universe\.retention_months must be in 0\.\.120, was 121"),
    ],
)
def test_a_bad_parameter_is_refused_with_its_key_and_range(change: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        dataclasses.replace(RULES, **change)
