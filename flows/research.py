"""The main job: bars → gate → features → model → backtest → orders → report."""

from __future__ import annotations

from prefect import flow

from flows import tasks
from flows.run import current


@flow(name="research", persist_result=False)
def research(run_id: str) -> None:
    """Carry out the whole research run.

    A sweep explores: its jobs neither promote a model nor place orders. Research orders go to a simulated account
    of the backtest's own, so that what one config holds never meets another's bars; ``flow=trade`` uses the
    account that ``broker.account`` names.
    """
    run = current()
    tasks.prepare()
    tasks.backtest()
    if not run.is_sweep:
        if "train" in run.outputs:
            tasks.promote()
        try:
            if run.config.broker.is_simulated:
                tasks.trade()
        finally:
            tasks.report()  # a refused trade takes no finished backtest with it
    else:
        tasks.report()
