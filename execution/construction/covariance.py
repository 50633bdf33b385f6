"""Returns → their covariance, for the names that have enough of them."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from execution.portfolio_config import CovarianceConfig
from execution.types import Floats


@dataclass(frozen=True)
class Estimate:
    """What returns say of the names at ``places`` (K of N), per year.

    Attributes:
        places: Columns of the names, by name, (K,).
        returns: Returns per session, no NaN, (L, K).
        covariance: Per year, (K, K).
        mean: Mean return per year, (K,).
    """

    places: NDArray[np.int64]
    returns: Floats
    covariance: Floats
    mean: Floats

    @property
    def volatility(self) -> Floats:
        """Volatility per year (fraction), (K,)."""
        volatility: Floats = np.sqrt(np.diag(self.covariance))
        return volatility


def nothing_known() -> Estimate:
    """Return the estimate of no name."""
    return Estimate(np.zeros(0, dtype=np.int64), np.zeros((0, 0)), np.zeros((0, 0)), np.zeros(0))


def has_history(returns: Floats, config: CovarianceConfig) -> NDArray[np.bool_]:
    """Whether a name has returns enough for an estimate, (N,).

    That is ``min_history`` of them within the lookback, none of them infinite or beyond what its square can hold, and
    not all alike: a price that never moves has no risk that could be estimated.

    Args:
        returns: (L, N), NaN where there is none.
    """
    window = returns[-config.lookback :]
    known = ~np.isnan(window)
    usable = np.all(np.abs(np.where(known, window, 0.0)) < 1e100, axis=0)
    counted: NDArray[np.bool_] = known.sum(axis=0) >= config.min_history
    if not len(window):
        return counted
    high = np.max(np.where(known, window, -np.inf), axis=0)
    low = np.min(np.where(known, window, np.inf), axis=0)
    with np.errstate(invalid="ignore"):
        # Less than a hundredth of a basis point is how floats round, not how prices move.
        moves = high - low > 1e-6
    return np.asarray(usable & counted & moves)


def estimate(
    returns: Floats,
    symbols: tuple[str, ...],
    wanted: NDArray[np.bool_],
    config: CovarianceConfig,
    sessions_per_year: int,
) -> Estimate:
    """Return the estimate for the names ``wanted``, (N,), all of which have history; annualised.

    The window begins where the youngest of them does, so that each counts with its own past. A missing return within
    it is 0: the price was carried over, and its next return covers the gap. Names are taken in alphabetical order, so
    that columns may come anyhow.

    Estimators: sample (ddof 1); exponentially weighted about 0 (RiskMetrics 1996); Ledoit and Wolf (2004), shrunk
    towards a multiple of the identity. All by skfolio, which also mends a matrix that is not positive definite.
    """
    places = np.array(sorted(np.flatnonzero(wanted).tolist(), key=lambda i: symbols[i]), dtype=np.int64)
    if not places.size:
        return nothing_known()
    window = np.ascontiguousarray(returns[-config.lookback :][:, places])
    begun = int(np.argmax(~np.isnan(window), axis=0).max())
    window = np.nan_to_num(window[begun:], nan=0.0)
    with warnings.catch_warnings():
        # It says that it mended the matrix, which is what it was asked for, and where it overflowed, which shows.
        warnings.filterwarnings("ignore", message="The covariance matrix is not positive definite")
        warnings.filterwarnings("ignore", category=RuntimeWarning)
        covariance = np.asarray(estimator(config).fit(window).covariance_, dtype=np.float64)
    return Estimate(
        places,
        window,
        (covariance + covariance.T) / 2 * sessions_per_year,
        window.mean(axis=0) * sessions_per_year,
    )


def estimator(config: CovarianceConfig) -> Any:
    """Return skfolio's estimator; it is called with complete returns."""
    from skfolio.moments import EmpiricalCovariance, EWCovariance, LedoitWolf

    if config.estimator == "sample":
        return EmpiricalCovariance()
    if config.estimator == "exponential":
        return EWCovariance(half_life=config.half_life, min_observations=1)
    return LedoitWolf(store_precision=False)
