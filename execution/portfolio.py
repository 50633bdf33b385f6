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


def ranking(symbols: tuple[str, ...], scores: Scores, *, lowest_first: bool = False) -> NDArray[np.int64]:
    """Return the places of the symbols that have a score, best first; ties by confidence, then by name.

    ``lowest_first`` puts the best to sell short first: the lowest scores, ties by confidence as well.

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
    names, sign = _name_order(symbols), 1 if lowest_first else -1
    # What is NaN sorts last; names of a short side run backwards.
    order = np.lexsort((-sign * names, -scores.confidence, sign * scores.score))
    return order[: int(np.count_nonzero(~np.isnan(scores.score)))].astype(np.int64)


def target_weights(symbols: tuple[str, ...], scores: Scores, portfolio: PortfolioConfig) -> Floats:
    """Return target weights (signed fraction of equity, (N,)), before risk.

    A score above 0 is for a long position, below 0 for a short one, at 0 or missing for none. ``long`` takes the k
    highest above 0, ``long_short`` the k lowest below 0 as well; k = 0 takes all of them. They are weighted

    - ``equal``: k names share the ``gross``, of which ``long_short`` gives half to each side; a side with fewer than
      k names leaves their part in cash. With k = 0 every symbol that has a score, be it 0, has an equal part of the
      gross, and those not taken leave theirs in cash.
    - ``inverse_volatility``: as ``equal``, but the names taken on a side divide their parts inversely to their
      volatility (Maillard, Roncalli and Teïletche 2010, eq. 5: risk parity for equal correlations). A name without
      a positive volatility cannot be sized and is no candidate.
    - ``score``: each by its score times the gross, all scaled down alike where that is more than the gross together.

    Raises:
        QuantmillError: If a score, confidence or volatility is infinite.
    """
    best = ranking(symbols, scores)
    worst = ranking(symbols, scores, lowest_first=True)
    if portfolio.weighting == "inverse_volatility":
        best, worst = (side[scores.volatility[side] > 0] for side in (best, worst))
    places = portfolio.k or best.size
    best = best[:places]
    worst = worst[:places] if portfolio.side == "long_short" else worst[:0]
    longs, shorts = best[scores.score[best] > 0], worst[scores.score[worst] < 0]
    weights = np.zeros(len(symbols))
    if portfolio.weighting == "score":
        taken = np.concatenate([longs, shorts])
        exposure = math.fsum(np.abs(scores.score[taken]).tolist())
        weights[taken] = portfolio.gross * scores.score[taken] / max(exposure, 1.0)
        return weights
    is_halved = portfolio.side == "long_short" and portfolio.k > 0
    gross = portfolio.gross / 2 if is_halved else portfolio.gross
    for chosen, signed in ((longs, gross), (shorts, -gross)):
        if portfolio.weighting == "equal":
            weights[chosen] = signed / max(places, 1)
        elif chosen.size:
            inverse = 1 / scores.volatility[chosen]
            weights[chosen] = signed * chosen.size / places * (inverse / math.fsum(inverse.tolist()))
    return weights
