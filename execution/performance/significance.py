"""How sure a Sharpe ratio is: probabilistic and deflated.

Sharpe ratios here are per observation (not annualised); kurtosis is the excess over the normal's 3.

Sources: Bailey and López de Prado (2012), "The Sharpe ratio efficient frontier", Journal of Risk 15(2), eq. 11;
(2014), "The deflated Sharpe ratio", Journal of Portfolio Management 40(5), eqs. 1 and 2.
"""

from __future__ import annotations

import math
from statistics import NormalDist

_NORMAL = NormalDist()
_EULER = 0.5772156649015329


def probabilistic_sharpe(
    sharpe: float, *, count: int, skew: float, kurtosis: float, against: float = 0.0
) -> float | None:
    """Return the probability that the true Sharpe ratio is above ``against``.

    Args:
        sharpe: Observed, per observation.
        count: Observations (returns).
        skew, kurtosis: Of the returns; kurtosis in excess of 3.

    Returns:
        In [0, 1]; None for fewer than two observations or moments that leave the estimate no variance.
    """
    variance = 1 - skew * sharpe + (kurtosis + 2) / 4 * sharpe**2
    if count < 2 or not variance > 0:
        return None
    return _NORMAL.cdf((sharpe - against) * math.sqrt((count - 1) / variance))


def expected_max_sharpe(trials: int, variance: float) -> float:
    """Return the highest Sharpe ratio to expect of ``trials`` independent strategies that have none.

    Args:
        variance: Of the trials' Sharpe ratios, per observation.
    """
    if trials < 2:
        return 0.0
    high = _NORMAL.inv_cdf(1 - 1 / trials)
    higher = _NORMAL.inv_cdf(1 - 1 / (trials * math.e))
    return math.sqrt(variance) * ((1 - _EULER) * high + _EULER * higher)


def deflated_sharpe(
    sharpe: float, *, count: int, skew: float, kurtosis: float, trials: int, variance: float
) -> float | None:
    """Return the probability that the true Sharpe ratio is above what the best of ``trials`` would show by luck.

    With one trial it is ``probabilistic_sharpe`` against 0. See there for the rest.
    """
    against = expected_max_sharpe(trials, variance)
    return probabilistic_sharpe(sharpe, count=count, skew=skew, kurtosis=kurtosis, against=against)
