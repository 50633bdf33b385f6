"""What a backtest enters into the ledger of trials."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flows.config import RunConfig
from flows.run import Run
from transforms.versions import plain

if TYPE_CHECKING:
    from execution.trials import Trial


def trial_of(run: Run) -> Trial:
    """Return the run's config as a trial; see ``trial_of_config``."""
    return trial_of_config(run.config, run.run_id)


def trial_of_config(config: RunConfig, run_id: str) -> Trial:
    """Return a config as a trial: what shapes its strategy, and on which data, whatever their dates.

    What a SQL strategy does not look at (labels, split, model) makes no other trial of it.
    """
    from execution.trials import Trial

    source = config.source
    shaping = ["features"]
    if config.strategy.uses_predictions:
        shaping += ["labels", "split", "model"]
    return Trial(
        strategy=config.strategy.name,
        source=source.name,
        dataset=source.dataset,
        timeframe=source.timeframe,
        universe={"source_symbols": sorted(source.symbols), **plain(config.universe)},
        config={
            **{name: plain(getattr(config, name)) for name in shaping},
            "strategy": plain(config.strategy),
            **plain(config.book),
        },
        run_id=run_id,
    )
