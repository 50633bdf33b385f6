"""Portfolio construction: scores, returns and holdings at a close → target weights; docs/portfolio.md.

Where ``is_by_scores_alone(config)``, ``weights_of_all`` builds every rebalance at once. Otherwise each is
``construct(inputs_at(history, t, …), config)``: with ``History.of(panel)``, made once per panel, where
``needs_history``, and with what is held, costs and equity where ``needs_account``. A row of NaN leaves every position
alone; the notes are risk decisions of that bar.
"""

from execution.construction.build import construct, weights_of_all
from execution.construction.history import History, inputs_at
from execution.construction.inputs import (
    Construction,
    ConstructionInputs,
    is_by_scores_alone,
    needs_account,
    needs_history,
)
from execution.construction.simple import ranking

__all__ = [
    "Construction",
    "ConstructionInputs",
    "History",
    "construct",
    "inputs_at",
    "is_by_scores_alone",
    "needs_account",
    "needs_history",
    "ranking",
    "weights_of_all",
]
