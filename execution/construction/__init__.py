"""Portfolio construction: scores, returns and holdings at a close → target weights; docs/portfolio.md."""

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
