"""The compiled rows: which names a bar's scores choose, and what they weigh by scores alone."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from execution.types import Floats
from transforms.operators.compiled import compiled

EQUAL, INVERSE_VOLATILITY, SCORE = range(3)
Ints = NDArray[np.int64]
Signs = NDArray[np.int8]


@compiled
def precedes(
    a: Any, b: Any, sign: float, scores: Floats, confidences: Floats, names: Ints
) -> bool:  # pragma: no cover
    """Whether ``a`` comes before ``b``: by score times ``sign``, then confidence (NaN last), then name."""
    if scores[a] != scores[b]:
        return bool(sign * scores[a] > sign * scores[b])
    sure_a = -math.inf if math.isnan(confidences[a]) else confidences[a]
    sure_b = -math.inf if math.isnan(confidences[b]) else confidences[b]
    if sure_a != sure_b:
        return bool(sure_a > sure_b)
    # The names of a short side run backwards, as a ranking read from its end.
    return bool(sign * names[a] < sign * names[b])


@compiled
def first_to_front(
    places: Ints, count: int, wanted: int, sign: float, scores: Floats, confidences: Floats, names: Ints
) -> None:  # pragma: no cover
    """Bring the ``wanted`` that come first of ``places[:count]`` to its front, in any order (Hoare's selection)."""
    low, high = 0, count - 1
    while low < high:
        pivot = places[(low + high) // 2]
        i, j = low, high
        while i <= j:
            while precedes(places[i], pivot, sign, scores, confidences, names):
                i += 1
            while precedes(pivot, places[j], sign, scores, confidences, names):
                j -= 1
            if i <= j:
                places[i], places[j] = places[j], places[i]
                i += 1
                j -= 1
        if wanted - 1 <= j:
            high = j
        elif wanted - 1 >= i:
            low = i
        else:
            return


@compiled
def choose(
    scores: Floats,
    confidences: Floats,
    volatilities: Floats,
    names: Ints,
    k: int,
    quantile: float,
    has_shorts: bool,
    needs_volatility: bool,
    signs: Signs,
) -> int:  # pragma: no cover
    """Write the side of each name into ``signs`` (1, -1, 0: not held), (N,); return the places on each side."""
    ranked = np.empty(len(scores), np.int64)
    count = 0
    for n in range(len(scores)):
        signs[n] = 0
        if not math.isnan(scores[n]) and (not needs_volatility or volatilities[n] > 0):
            ranked[count] = n
            count += 1
    places = k if k > 0 else count
    if quantile > 0:
        places = min(math.ceil(quantile * count - 1e-9), count // 2 if has_shorts else count)
    for sign in (1, -1):
        if sign < 0 and not has_shorts:
            break
        if places < count:
            first_to_front(ranked, count, places, float(sign), scores, confidences, names)
        for i in range(min(places, count)):
            if quantile > 0 or sign * scores[ranked[i]] > 0:
                signs[ranked[i]] = sign
    return places


@compiled
def weigh(
    scores: Floats,
    volatilities: Floats,
    by_name: Ints,
    signs: Signs,
    places: int,
    is_halved: bool,
    weighting: int,
    gross: float,
    weights: Floats,
) -> None:  # pragma: no cover
    """Write the weights of the chosen into ``weights``, (N,). Sums run by name, so that columns may come anyhow."""
    total_up, total_down = 0.0, 0.0
    count_up, count_down = 0, 0
    for n in by_name:
        weights[n] = 0.0
        if signs[n] == 0:
            continue
        size = 1.0
        if weighting == SCORE:
            size = abs(scores[n])
        elif weighting == INVERSE_VOLATILITY:
            size = 1 / volatilities[n]
        if signs[n] > 0:
            total_up += size
            count_up += 1
        else:
            total_down += size
            count_down += 1
    side = gross / 2 if is_halved else gross
    for n in by_name:
        if signs[n] == 0:
            continue
        if weighting == SCORE:
            weights[n] = gross * scores[n] / max(total_up + total_down, 1.0)
        elif weighting == EQUAL:
            weights[n] = signs[n] * side / places
        else:
            count, total = (count_up, total_up) if signs[n] > 0 else (count_down, total_down)
            weights[n] = signs[n] * side * count / places * (1 / volatilities[n] / total)


@compiled
def weigh_rows(
    rows: Ints,
    scores: Floats,
    confidences: Floats,
    volatilities: Floats,
    names: Ints,
    by_name: Ints,
    k: int,
    quantile: float,
    has_shorts: bool,
    is_halved: bool,
    weighting: int,
    gross: float,
    weights: Floats,
) -> None:  # pragma: no cover
    """Write the weights of ``rows`` of (T, N) scores into ``weights``, (R, N)."""
    signs = np.zeros(scores.shape[1], np.int8)
    for r in range(len(rows)):
        t = rows[r]
        places = choose(
            scores[t],
            confidences[t],
            volatilities[t],
            names,
            k,
            quantile,
            has_shorts,
            weighting == INVERSE_VOLATILITY,
            signs,
        )
        weigh(scores[t], volatilities[t], by_name, signs, places, is_halved, weighting, gross, weights[r])
