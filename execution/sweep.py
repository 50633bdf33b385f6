"""Many configs of a strategy on one panel: what each comes to, on threads, without a table or a row in Python."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np

from execution.combination import Alone, member_book, together, trade_alone
from execution.combined_trials import CombinedTrial, Shared, uses
from execution.config import BookConfig
from execution.evaluation import evaluate
from execution.kernel.types import Targets
from execution.panel import Panel, ScorePanel
from execution.rules import Terms, kernel_rules
from execution.simulator import decided_rows
from execution.statistics_config import StatisticsConfig
from execution.targets import TargetBuilder
from execution.types import Floats
from transforms.errors import QuantmillError
from transforms.versions import digest
from transforms.warehouse import Warehouse

# Trials that wait for a thread: a few, for their scores stay in memory.
_WAITING = 4

Done = TypeVar("Done")


@dataclass(frozen=True)
class Evaluation:
    """What one trial came to.

    Attributes:
        number: The trial's.
        metrics: Name → value as a backtest has them, None where not defined; empty where the trial failed.
        first: The panel's row of its first bar, -1 where it failed.
        error: Why it failed, None where it did not.
    """

    number: int
    metrics: dict[str, float | None]
    first: int
    error: str | None = None


class Sweep:
    """Trials on one panel, carried out by as many threads as there are given.

    Args:
        load_terms: Returns the terms of a config; asked once for each that differs in costs or account.
        threads: How many trials are in work at once.
        statistics, periods: How they are measured, as for ``run_backtest``.
        on_done: Told after each trial how many are done.
    """

    def __init__(
        self,
        *,
        load_terms: Callable[[BookConfig], Terms],
        threads: int,
        statistics: StatisticsConfig,
        periods: int,
        on_done: Callable[[int], None] = lambda _done: None,
    ) -> None:
        self._load_terms = load_terms
        self._threads = threads
        self._statistics = statistics
        self._periods = periods
        self._on_done = on_done
        self._terms: dict[str, Terms | QuantmillError] = {}

    def run(self, batches: Iterable[tuple[ScorePanel, Sequence[tuple[int, BookConfig]]]]) -> list[Evaluation]:
        """Return what every trial came to, by number; a trial that fails takes no other with it.

        Args:
            batches: Scores with the (number, config) of the trials that trade on them; asked for one after the other,
                while trials of the one before are still in work.
        """
        with ThreadPoolExecutor(self._threads) as pool:
            work = _Work(pool, self._threads, self._on_done)
            for scores, trials in batches:
                # Weights that depend on scores alone are built once for all trials of a portfolio.
                weights: dict[str, Future[Targets | None]] = {}
                for number, config in trials:
                    terms = self._terms_of(config)
                    if isinstance(terms, QuantmillError):
                        work.fail(number, terms)
                        continue
                    key = digest(config.portfolio)
                    if key not in weights:
                        weights[key] = work.share(_targets, scores, terms, config)
                    work.start(self._try, number, scores, terms, config, weights[key])
            return work.finished()

    def run_combined(
        self, trials: Sequence[CombinedTrial], scores: Iterable[ScorePanel | QuantmillError]
    ) -> list[Evaluation]:
        """Return what every trial of several strategies in one account comes to; otherwise as ``run``.

        What a member does alone is carried out once for all trials that share it.

        Args:
            trials: Best in the order of ``combined_trials.in_order``.
            scores: Of each of ``combined_trials.members_of(trials)``, or why it has none; asked for one after the
                other, while trials are in work.
        """
        coming, asked = iter(scores), uses(trials)
        known = Shared[ScorePanel | QuantmillError](asked)
        alone = Shared[Future[Alone]](asked)
        with ThreadPoolExecutor(self._threads) as pool:
            work = _Work(pool, self._threads, self._on_done)
            for trial in trials:
                found = {name: known.get(key, next, coming) for name, key in trial.scores.items()}
                terms = self._terms_of(trial.config)
                if isinstance(terms, QuantmillError):
                    work.fail(trial.number, terms)
                    continue
                members = {
                    name: alone.get(
                        trial.books[name], work.share, _trade_alone, name, one, terms, trial.config
                    )
                    for name, one in found.items()
                }
                work.start(self._try_combined, trial.number, trial, terms, members)
            return work.finished()

    def _try(
        self,
        number: int,
        scores: ScorePanel,
        terms: Terms,
        config: BookConfig,
        weights: Future[Targets | None],
    ) -> Evaluation:
        return self._measured(number, scores, terms, config, weights.result())

    def _try_combined(
        self, number: int, trial: CombinedTrial, terms: Terms, members: Mapping[str, Future[Alone]]
    ) -> Evaluation:
        alone = {name: future.result() for name, future in members.items()}
        scores = together(alone, terms.panel, strategy=trial.strategy, config=trial.config)
        return self._measured(number, scores, terms, trial.config, None)

    def _measured(
        self, number: int, scores: ScorePanel, terms: Terms, config: BookConfig, targets: Targets | None
    ) -> Evaluation:
        first = _first(scores)
        metrics = evaluate(
            scores,
            terms,
            config=config,
            first=first,
            targets=targets,
            statistics=self._statistics,
            periods=self._periods,
        )
        return Evaluation(number, metrics, first)

    def _terms_of(self, config: BookConfig) -> Terms | QuantmillError:
        """Return the terms of a config: market and costs are shared by all that have the same, rules are its own."""
        key = digest(config.costs, config.account)
        if key not in self._terms:
            try:
                self._terms[key] = self._load_terms(config)
            except QuantmillError as error:
                self._terms[key] = error
        found = self._terms[key]
        return found if isinstance(found, QuantmillError) else replace(found, rules=kernel_rules(config))


class _Work:
    """Trials on threads: a few that wait for one, and those done.

    Threads take up work in order, so what trials share and wait for is always done or in work.
    """

    def __init__(self, pool: ThreadPoolExecutor, threads: int, on_done: Callable[[int], None]) -> None:
        self._pool = pool
        self._most = threads + _WAITING
        self._on_done = on_done
        self._waiting: deque[Future[Evaluation]] = deque()
        self._done: list[Evaluation] = []

    def share(self, make: Callable[..., Done], *args: Any) -> Future[Done]:
        """Carry out what several trials need."""
        return self._pool.submit(make, *args)

    def start(self, try_: Callable[..., Evaluation], number: int, *args: Any) -> None:
        """Carry out a trial; return when not too many wait."""
        self._waiting.append(self._pool.submit(_tried, try_, number, *args))
        while len(self._waiting) > self._most:
            self._finish()

    def fail(self, number: int, error: QuantmillError) -> None:
        """Note a trial that cannot be carried out."""
        self._done.append(_failed(number, error))

    def finished(self) -> list[Evaluation]:
        """Return all trials by number, once they are done."""
        while self._waiting:
            self._finish()
        return sorted(self._done, key=lambda evaluation: evaluation.number)

    def _finish(self) -> None:
        self._done.append(self._waiting.popleft().result())
        self._on_done(len(self._done))


def _tried(try_: Callable[..., Evaluation], number: int, *args: Any) -> Evaluation:
    try:
        return try_(number, *args)
    except QuantmillError as error:
        return _failed(number, error)


def _failed(number: int, error: QuantmillError) -> Evaluation:
    return Evaluation(number, {}, -1, str(error))


def _trade_alone(name: str, scores: ScorePanel | QuantmillError, terms: Terms, config: BookConfig) -> Alone:
    if isinstance(scores, QuantmillError):
        raise scores
    try:
        return trade_alone(name, scores, terms, member_book(config, name))
    except QuantmillError as error:
        raise QuantmillError(f"strategy.members.{name}: {error}") from error


def _first(scores: ScorePanel) -> int:
    """Return the row of the first scores, with which a backtest begins."""
    scored = np.flatnonzero(scores.has_score)
    if scored.size == 0:
        raise QuantmillError(f"strategy {scores.strategy} has no score with these parameters")
    return int(scored[0])


def _targets(scores: ScorePanel, terms: Terms, config: BookConfig) -> Targets | None:
    """Return the target weights of a whole backtest, None where they depend on how the book stands."""
    builder = TargetBuilder(terms.panel, scores, config.portfolio, terms.costs)
    if builder.needs_account:
        return None
    rows = decided_rows(terms.panel, scores, config, _first(scores))
    weights, _ = builder.all(rows)
    return Targets(rows, weights, scores.confidence[rows])


def read_scores(
    warehouse: Warehouse, panel: Panel, sql: str, volatility: Floats, *, strategy: str
) -> ScorePanel:
    """Return the scores of a query (columns symbol, bar_at, score, confidence) on a panel's bars and symbols.

    Args:
        sql: A SELECT of ours; what lies outside the panel is left out.
        volatility: As in ``ScorePanel``, (T, N).
    """
    rows = warehouse.read(
        "select place, epoch_us(bar_at) as bar_us, score, confidence "
        f"from ({sql}) as signals inner join (select unnest(?) as symbol, unnest(range(?)) as place) using (symbol) "
        "where bar_at between ? and ?",
        [list(panel.symbols), len(panel.symbols), panel.bar_at[0], panel.bar_at[-1]],
    )
    grid = np.array(panel.bar_at, dtype="datetime64[us]").astype(np.int64)
    bar_us = rows["bar_us"].to_numpy()
    row = np.searchsorted(grid, bar_us)
    inside = grid[row] == bar_us
    flat = (row * len(panel.symbols) + rows["place"].to_numpy())[inside]
    matrices = []
    for column in ("score", "confidence"):
        values = np.full(panel.close.shape, np.nan)
        values.reshape(-1)[flat] = rows[column].fill_null(np.nan).to_numpy()[inside]
        matrices.append(values)
    return ScorePanel(strategy, matrices[0], matrices[1], volatility)
