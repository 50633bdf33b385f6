"""One bar's construction, and that of many bars where scores alone decide."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from execution.config import PortfolioConfig
from execution.construction.inputs import Construction, ConstructionInputs, is_by_scores_alone
from execution.construction.simple import simple_weights, simple_weights_of
from execution.panel import ScorePanel
from execution.types import Floats
from transforms.errors import QuantmillError


def construct(inputs: ConstructionInputs, config: PortfolioConfig) -> Construction:
    """Return the target weights of one decision, before risk. Pure; docs/portfolio.md says how they come about.

    Raises:
        QuantmillError: If a score, confidence or volatility is infinite, or what the config needs
            (``needs_history``, ``needs_account``) was not given.
    """
    return Construction(simple_weights(inputs.symbols, inputs.scores, config))


def weights_of_all(
    symbols: tuple[str, ...], scores: ScorePanel, rows: NDArray[np.int64], config: PortfolioConfig
) -> Floats:
    """Return the target weights of many decisions at once, (R, N): to the last bit those of ``construct``.

    Args:
        rows: The panel's rows to decide on, (R,).

    Raises:
        QuantmillError: If a score, confidence or volatility is infinite, or the construction is not
            ``is_by_scores_alone``.
    """
    if not is_by_scores_alone(config):
        raise QuantmillError(
            f"portfolio={config.name} looks at more than scores; build it bar by bar with construct"
        )
    return simple_weights_of(symbols, scores, rows, config)
