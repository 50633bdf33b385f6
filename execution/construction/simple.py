"""Scores → sides and weights, by scores (and ``volatility_20``) alone."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from execution.config import PortfolioConfig
from execution.panel import ScorePanel
from execution.types import Floats, Scores
from transforms.errors import QuantmillError

Ints = NDArray[np.int64]
Signs = NDArray[np.int8]


@lru_cache(maxsize=64)
def _name_order(symbols: tuple[str, ...]) -> tuple[Ints, Ints]:
    """Return each symbol's place in the alphabet and the symbols by it, so that columns may come anyhow."""
    by_name = np.argsort(np.array(symbols, dtype=object), kind="stable").astype(np.int64)
    places = np.empty(len(symbols), dtype=np.int64)
    places[by_name] = np.arange(len(symbols))
    return places, by_name


def _require_finite(symbols: tuple[str, ...], scores: Scores | ScorePanel, rows: Ints | None = None) -> None:
    """Raise ``QuantmillError`` where a score, confidence or volatility is infinite; NaN means there is none."""
    for name in ("score", "confidence", "volatility"):
        values = getattr(scores, name)
        infinite = np.isinf(values if rows is None else values[rows])
        if infinite.any():
            places = np.flatnonzero(infinite.reshape(-1, len(symbols)).any(axis=0))
            culprits = ", ".join(symbols[i] for i in places[:5].tolist())
            raise QuantmillError(
                f"strategy {scores.strategy}: the {name} of {culprits} is infinite; nothing is decided"
            )


def ranking(symbols: tuple[str, ...], scores: Scores) -> Ints:
    """Return the places of the symbols that have a score, best first; ties by confidence, then by name.

    Raises:
        QuantmillError: If a score, confidence or volatility is infinite; the message names strategy and
            symbol.
    """
    _require_finite(symbols, scores)
    # What is NaN sorts last.
    order = np.lexsort((_name_order(symbols)[0], -scores.confidence, -scores.score))
    return order[: int(np.count_nonzero(~np.isnan(scores.score)))].astype(np.int64)


def chosen_sides(symbols: tuple[str, ...], scores: Scores, config: PortfolioConfig) -> tuple[Signs, int]:
    """Return the side of each name (1 long, -1 short, 0 not held), (N,), and the places on each side.

    Raises:
        QuantmillError: If a score, confidence or volatility is infinite.
    """
    from execution.construction import rows as kernel

    _require_finite(symbols, scores)
    signs = np.zeros(len(symbols), dtype=np.int8)
    places = kernel.choose(
        *_contiguous(scores),
        _name_order(symbols)[0],
        config.k,
        config.quantile,
        config.side == "long_short",
        config.weighting == "inverse_volatility",
        signs,
    )
    return signs, int(places)


def is_halved(config: PortfolioConfig) -> bool:
    """Whether each side has half of the gross, and not one pool for both."""
    return config.side == "long_short" and (config.k > 0 or config.quantile > 0)


def simple_weights(symbols: tuple[str, ...], scores: Scores, config: PortfolioConfig) -> Floats:
    """Return target weights (signed fraction of equity, (N,)) before sizing, limits and risk.

    A score above 0 is for a long position, below 0 for a short one, at 0 or missing for none. ``long`` takes the k
    highest above 0, ``long_short`` the k lowest below 0 as well; k = 0 takes all of them. With a ``quantile`` q the
    best and the worst ⌈q × scored names⌉ are taken by rank, whatever their sign (at most half on each side). They are
    weighted

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
    panel = ScorePanel(
        scores.strategy, scores.score[None, :], scores.confidence[None, :], scores.volatility[None, :]
    )
    weights: Floats = simple_weights_of(symbols, panel, np.zeros(1, dtype=np.int64), config)[0]
    return weights


def simple_weights_of(
    symbols: tuple[str, ...], scores: ScorePanel, rows: Ints, config: PortfolioConfig
) -> Floats:
    """Return ``simple_weights`` of several rows of a panel, (R, N)."""
    from execution.construction import rows as kernel

    _require_finite(symbols, scores, rows)
    weights = np.zeros((len(rows), len(symbols)))
    codes = {"equal": kernel.EQUAL, "inverse_volatility": kernel.INVERSE_VOLATILITY, "score": kernel.SCORE}
    kernel.weigh_rows(
        np.ascontiguousarray(rows, dtype=np.int64),
        *_contiguous(scores),
        *_name_order(symbols),
        config.k,
        config.quantile,
        config.side == "long_short",
        is_halved(config),
        codes[config.weighting],
        config.gross,
        weights,
    )
    return weights


def _contiguous(scores: Scores | ScorePanel) -> tuple[Floats, Floats, Floats]:
    """Return score, confidence and volatility as the kernels were compiled for."""
    score, confidence, volatility = (
        np.ascontiguousarray(values, dtype=np.float64)
        for values in (scores.score, scores.confidence, scores.volatility)
    )
    return score, confidence, volatility
