"""What a config comes to, and nothing else: for sweeps, sensitivity and stress, a thousand runs at a time."""

from __future__ import annotations

from execution.config import BookConfig
from execution.kernel.types import Targets
from execution.panel import ScorePanel
from execution.performance import SESSIONS_PER_YEAR, measure_book
from execution.rules import Terms
from execution.simulator import simulate
from execution.statistics import book_of
from execution.statistics_config import StatisticsConfig


def evaluate(
    scores: ScorePanel,
    terms: Terms,
    *,
    config: BookConfig,
    first: int = 0,
    targets: Targets | None = None,
    statistics: StatisticsConfig | None = None,
    periods: int = SESSIONS_PER_YEAR,
) -> dict[str, float | None]:
    """Return every metric of a book by name: those of ``run_backtest`` without the ledger's, from arrays alone.

    Nothing is written, named or put into words. Lay out the terms once for configs that share a market and costs:
    ``dataclasses.replace(terms, rules=kernel_rules(config))`` gives them other orders, exits, margins and risk rules,
    and ``terms_of(panel, config, costs)`` other costs or shortable symbols.

    Args:
        scores: On the panel of ``terms``.
        config: What the book trades by; ``terms.rules`` are its rules.
        first: The panel's first row that the book sees.
        targets: Target weights to trade instead of what the portfolio makes of the scores, such as delayed or thinned
            ones.
        periods: Sessions per year.

    Raises:
        QuantmillError: as ``simulate``.
    """
    result = simulate(
        scores, terms, book="evaluation", config=config, first=first, targets=targets, keeps_positions=False
    )
    participation = (statistics or StatisticsConfig()).capacity_participation
    return measure_book(book_of(result), result.trips, participation=participation, periods=periods)
