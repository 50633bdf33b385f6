"""Configs of several strategies in one account: what a trial shares with others, and in which order to try them.

What a member does alone hangs on its scores and on what it trades by (``combination.member_book``). All trials that
agree in both share it, whatever else they differ in.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Generic, TypeVar

from execution.combination import member_book
from execution.combined_config import CombinedConfig
from execution.config import BookConfig, StrategyConfig
from transforms.versions import digest

Found = TypeVar("Found")


@dataclass(frozen=True)
class CombinedTrial:
    """One config of several strategies in one account.

    Attributes:
        number: The trial's.
        config: The account's; ``members`` has each strategy's portfolio.
    """

    number: int
    strategy: CombinedConfig
    config: BookConfig

    @cached_property
    def scores(self) -> dict[str, str]:
        """Member → key of its scores."""
        return {name: digest(repr(member)) for name, member in self.strategy.members.items()}

    @cached_property
    def books(self) -> dict[str, str]:
        """Member → key of its own backtest."""
        return {name: digest(key, repr(member_book(self.config, name))) for name, key in self.scores.items()}

    @cached_property
    def terms(self) -> str:
        """Key of what all members trade by, whatever their portfolios."""
        config = self.config
        return digest(repr((config.costs, config.orders, config.exits, config.account, config.risk)))


def in_order(trials: Sequence[CombinedTrial]) -> list[CombinedTrial]:
    """Return trials of the same members so that little of what they share must be kept at any time.

    Of two orders, by the account's terms first or by the most varied member's scores, the one that keeps less.
    """
    if not trials:
        return []
    names = trials[0].strategy.members
    most, *others = sorted(names, key=lambda name: -len({trial.books[name] for trial in trials}))

    def alone(trial: CombinedTrial) -> list[str]:
        return [trial.books[name] for name in (most, *others)]

    return min(
        _grouped(trials, lambda trial: [trial.terms, *alone(trial)]),
        _grouped(trials, lambda trial: [trial.scores[most], trial.terms, *alone(trial)]),
        key=_most_kept,
    )


def _grouped(
    trials: Sequence[CombinedTrial], keys: Callable[[CombinedTrial], list[str]]
) -> list[CombinedTrial]:
    """Return trials sorted by several keys; the values of each stand in the order in which they first come."""
    columns = zip(*(keys(trial) for trial in trials), strict=True)
    places = [{key: place for place, key in enumerate(dict.fromkeys(column))} for column in columns]
    return sorted(
        trials, key=lambda trial: [known[key] for known, key in zip(places, keys(trial), strict=True)]
    )


def _most_kept(trials: Sequence[CombinedTrial]) -> int:
    """Return how many members' scores and backtests are needed at once, at most, in this order."""
    left, kept, most = uses(trials), set(), 0
    for trial in trials:
        keys = [*trial.scores.values(), *trial.books.values()]
        kept.update(keys)
        most = max(most, len(kept))
        left.subtract(keys)
        kept.difference_update([key for key in keys if not left[key]])
    return most


def uses(trials: Iterable[CombinedTrial]) -> Counter[str]:
    """Return key of scores or of a member's backtest → how many trials need it."""
    return Counter(key for trial in trials for key in (*trial.scores.values(), *trial.books.values()))


def members_of(trials: Iterable[CombinedTrial]) -> list[StrategyConfig]:
    """Return every member with other parameters, in the order in which the trials first need its scores."""
    found = {key: trial.strategy.members[name] for trial in trials for name, key in trial.scores.items()}
    return list(found.values())


class Shared(Generic[Found]):
    """What several trials need: made when the first asks for it, kept until the last has.

    Args:
        asked: Key → how often it will be asked for.
    """

    def __init__(self, asked: Counter[str]) -> None:
        self._left = asked.copy()
        self._kept: dict[str, Found] = {}

    def get(self, key: str, make: Callable[..., Found], *args: Any) -> Found:
        """Return what has the key; ``make(*args)`` the first time."""
        found = self._kept[key] if key in self._kept else make(*args)
        self._left[key] -= 1
        if self._left[key] > 0:
            self._kept[key] = found
        else:
            self._kept.pop(key, None)
        return found
