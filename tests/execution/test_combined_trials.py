"""What trials of several strategies share, and in which order little of it must be kept."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from itertools import product
from typing import Any

import pytest

from execution.combined_config import AllocationConfig
from execution.combined_trials import CombinedTrial, Shared, in_order, members_of, uses
from execution.config import (
    AccountConfig,
    CostsConfig,
    ExitsConfig,
    OrdersConfig,
    RiskConfig,
    StrategyConfig,
)
from tests.execution.combinations import account, combined_config
from tests.execution.markets import EVERY_DAY, book_config

OWN = replace(EVERY_DAY, gross=0.5)


def trial(
    number: int = 0,
    *,
    one: int = 0,
    two: int = 0,
    allocation: AllocationConfig | None = None,
    **groups: Any,
) -> CombinedTrial:
    """Two strategies, the second with a portfolio of its own, for some parameters and groups of the config."""
    strategy = combined_config("one", "two", allocation=allocation or AllocationConfig(), two=OWN)
    members = {
        name: StrategyConfig(name=name, scores="signals", parameters={"bars": bars})
        for name, bars in (("one", one), ("two", two))
    }
    strategy = replace(strategy, members=members)
    return CombinedTrial(number, strategy, account(strategy, replace(book_config(), **groups)))


@pytest.mark.parametrize(
    ("changed", "same_scores", "same_books"),
    [
        ({}, {"one", "two"}, {"one", "two"}),
        ({"one": 1}, {"two"}, {"two"}),
        ({"two": 1}, {"one"}, {"one"}),
        ({"allocation": AllocationConfig(drift=0.1)}, {"one", "two"}, {"one", "two"}),
        # The account decides by it, and so does the member that has no portfolio of its own.
        ({"portfolio": replace(EVERY_DAY, rebalance="weekly")}, {"one", "two"}, {"two"}),
        ({"portfolio": replace(EVERY_DAY, initial_cash=5.0)}, {"one", "two"}, set()),
        ({"costs": CostsConfig(name="zero", slippage_bps=5)}, {"one", "two"}, set()),
        ({"orders": OrdersConfig(name="market", participation=0.1)}, {"one", "two"}, set()),
        ({"exits": ExitsConfig(name="none", stop_loss=0.1)}, {"one", "two"}, set()),
        ({"account": AccountConfig(name="auto", cash_rate=0.01)}, {"one", "two"}, set()),
        ({"risk": RiskConfig(name="none", max_gross=0.5)}, {"one", "two"}, set()),
    ],
)
def test_trials_share_what_a_member_does_alone_where_nothing_that_decides_it_differs(
    changed: dict[str, Any], same_scores: set[str], same_books: set[str]
) -> None:
    first, second = trial(), trial(**changed)
    assert {name for name in first.scores if first.scores[name] == second.scores[name]} == same_scores
    assert {name for name in first.books if first.books[name] == second.books[name]} == same_books


def grid(ones: int, twos: int, costs: int) -> list[CombinedTrial]:
    places = product(range(ones), range(twos), range(costs))
    return [
        trial(number, one=one, two=two, costs=CostsConfig(name="zero", slippage_bps=float(bps)))
        for number, (one, two, bps) in enumerate(places)
    ]


def most_kept(trials: Sequence[CombinedTrial]) -> int:
    """Scores and backtests that are there at once, of those that a trial yet to come has also."""
    needs = [{*one.scores.values(), *one.books.values()} for one in trials]
    return max(len(set().union(*needs[: n + 1]) & set().union(*needs[n:])) for n in range(len(needs)))


@pytest.mark.parametrize(
    ("ones", "twos", "costs", "most"),
    [
        (
            8,
            1,
            3,
            1 + 1 + 1 + 3,
        ),  # one's scores and backtest at a time, beside two's scores and its three backtests
        (4, 4, 3, 4 + 4 + 1 + 4),  # costs at a time: all scores, a backtest of one member, all of the other's
        (1, 1, 3, 1 + 1 + 1 + 1),
    ],
)
def test_order_keeps_little_and_leaves_no_trial_out(ones: int, twos: int, costs: int, most: int) -> None:
    given = grid(ones, twos, costs)
    ordered = in_order(given)
    assert sorted(one.number for one in ordered) == list(range(len(given)))
    assert most_kept(ordered) == most
    assert most_kept(given) >= most


def test_no_trials_have_an_order_and_no_members() -> None:
    assert in_order([]) == []
    assert members_of([]) == []


def test_members_come_once_each_in_the_order_in_which_trials_need_them() -> None:
    trials = [trial(one=1), trial(one=1, two=2), trial(one=3, two=2), trial(one=1)]
    found = [(member.name, member.parameters["bars"]) for member in members_of(trials)]
    assert found == [("one", 1), ("two", 0), ("two", 2), ("one", 3)]


def test_what_is_shared_is_made_once_and_kept_until_the_last_has_it() -> None:
    made: list[str] = []

    def make(name: str) -> str:
        made.append(name)
        return name

    shared = Shared[str](Counter(a=2, b=1))
    assert [shared.get(key, make, key) for key in "aba"] == ["a", "b", "a"]
    assert made == ["a", "b"]
    shared.get("a", make, "a")  # nobody was to ask again: it had been let go
    assert made == ["a", "b", "a"]


def test_uses_count_the_trials_that_need_scores_or_a_backtest() -> None:
    first, second = trial(), trial(one=1)
    counts = uses([first, second])
    assert counts[first.scores["one"]] == counts[first.books["one"]] == 1
    assert counts[first.scores["two"]] == counts[first.books["two"]] == 2
