"""The scores of several strategies in one account, for parameters that are built and for others."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from execution.combined_config import CombinedConfig
from execution.config import StrategyConfig
from flows.run import Run
from flows.stages import build_vars
from transforms.errors import QuantmillError

if TYPE_CHECKING:
    from execution.panel import Panel, ScorePanel
    from execution.types import Floats


def member_scores(
    run: Run,
    strategy: CombinedConfig,
    panel: Panel,
    volatility: Floats,
    members: Sequence[StrategyConfig],
) -> Iterator[ScorePanel | QuantmillError]:
    """Yield the scores of each member, or why it has none.

    Predictions and signals of the parameters that are built are read where a backtest reads them.

    Args:
        strategy: Of the run, as it is built.
        volatility: As in ``ScorePanel``, (T, N).
        members: Of the strategy, or with other parameters.

    Raises:
        QuantmillError: As ``trial_queries``.
    """
    from execution.panel import load_scores
    from execution.sweep import read_scores
    from flows.trial_signals import trial_queries

    model_id = run.outputs.get("train", {}).get("model_id")

    def is_built(member: StrategyConfig) -> bool:
        return repr(member) == repr(strategy.members[member.name])

    def scores_of(member: StrategyConfig, query: str | QuantmillError | None) -> ScorePanel:
        if query is None:
            return load_scores(run.warehouse, panel, strategy=member, model_id=model_id, may_begin_later=True)
        if isinstance(query, QuantmillError):
            raise query
        signals = f"select * from ({query}) as together where strategy = '{member.name}'"
        scores = read_scores(run.warehouse, panel, signals, volatility, strategy=member.name)
        if not scores.has_score.any():
            raise QuantmillError(f"strategy.members.{member.name} has no score with these parameters")
        return scores

    others = [member for member in members if not is_built(member)]
    trials = [replace(strategy, members=strategy.members | {member.name: member}) for member in others]
    if trials:
        run.display.update("sensitivity", f"compiling the signals of {len(trials):,} sets of parameters")
    with trial_queries(run.home, run.warehouse, build_vars(run), trials, engine=run.config.engine) as queries:
        for member in members:
            query = None if is_built(member) else next(queries)
            try:
                found: ScorePanel | QuantmillError = scores_of(member, query)
            except QuantmillError as error:
                found = error
            yield found
