"""Scores → target weights."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from execution.config import PortfolioConfig
from execution.types import Floats, Scores
from transforms.errors import QuantmillError


@lru_cache(maxsize=64)
def _name_order(symbols: tuple[str, ...]) -> NDArray[np.int64]:
    """Return each symbol's place in the alphabet, so that ties do not depend on the order of the columns."""
    place = {symbol: i for i, symbol in enumerate(sorted(symbols))}
    return np.array([place[symbol] for symbol in symbols], dtype=np.int64)


def ranking(symbols: tuple[str, ...], scores: Scores) -> NDArray[np.int64]:
    """Return the places of the symbols that have a score, best first; ties by name.

    Raises:
        QuantmillError: If a score, confidence or volatility is infinite; the message names strategy and
            symbol.
    """
    for name in ("score", "confidence", "volatility"):
        infinite = np.flatnonzero(np.isinf(getattr(scores, name)))
        if infinite.size:
            culprits = ", ".join(symbols[i] for i in infinite[:5].tolist())
            raise QuantmillError(
                f"strategy {scores.strategy}: the {name} of {culprits} is infinite; nothing is decided"
            )
    order = np.lexsort((_name_order(symbols), -scores.score))  # NaN sorts last
    return order[: int(np.count_nonzero(~np.isnan(scores.score)))].astype(np.int64)


def target_weights(symbols: tuple[str, ...], scores: Scores, portfolio: PortfolioConfig) -> Floats:
    """Return target weights (signed fraction of equity, (N,)), before risk.

    ``long`` holds the k highest scores above 0 with the whole ``gross``; ``long_short`` gives half of it to
    those and half to the k lowest scores below 0. A side with fewer than k names leaves their part in cash:
    each name has 1/k of its side on average. Weights are equal, or inverse to the volatility (Maillard,
    Roncalli and Teïletche 2010, eq. 5: risk parity for equal correlations); then a name without a positive
    volatility cannot be sized and is no candidate. A symbol without a score is not held.

    Raises:
        QuantmillError: If a score, confidence or volatility is infinite.
    """
    ranked = ranking(symbols, scores)
    if portfolio.weighting == "inverse_volatility":
        ranked = ranked[scores.volatility[ranked] > 0]
    weights = np.zeros(len(symbols))
    side_gross = portfolio.gross / 2 if portfolio.side == "long_short" else portfolio.gross
    best = ranked[: portfolio.k]
    _spread(weights, best[scores.score[best] > 0], side_gross, scores, portfolio)
    if portfolio.side == "long_short":
        worst = ranked[::-1][: portfolio.k]
        _spread(weights, worst[scores.score[worst] < 0], -side_gross, scores, portfolio)
    return weights


def _spread(
    weights: Floats, chosen: NDArray[np.int64], gross: float, scores: Scores, portfolio: PortfolioConfig
) -> None:
    """Spread one side's gross over its names, in place."""
    if chosen.size == 0:
        return
    if portfolio.weighting == "equal":
        weights[chosen] = gross / portfolio.k
        return
    inverse = 1 / scores.volatility[chosen]
    weights[chosen] = gross * chosen.size / portfolio.k * (inverse / math.fsum(inverse.tolist()))
