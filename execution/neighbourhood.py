"""A grid of trials as an array: how a trial stands among those beside it, and which keys matter.

A result that only one combination of values shows, and none beside it, was found by searching and will not be found
again: what is worth trusting is a plateau (Pardo 2008, "The Evaluation and Optimization of Trading Strategies",
ch. 9).
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from itertools import product
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from execution.types import Floats


class Neighbours(NamedTuple):
    """What lies around each cell of a grid, in the grid's shape.

    Attributes:
        number: How many neighbours have a value.
        mean, median: Of their values; NaN where there are none.
    """

    number: NDArray[np.int64]
    mean: Floats
    median: Floats


class Judgement(NamedTuple):
    """What a grid says of its best cell.

    Attributes:
        best: Place of the highest value in the flattened grid; the first of equals.
        robust: Place of the cell of which the lower of its value and its neighbours' mean is highest.
        stability: Mean of the best's neighbours as a part of it; NaN where it has none, or is not above 0.
        is_sharp_peak: Whether that is less than was asked for.
        edges: Axes at whose first or last value the best lies: higher ones may lie beyond.
    """

    best: int
    robust: int
    stability: float
    is_sharp_peak: bool
    edges: tuple[int, ...]


def neighbours(values: Floats, *, is_ordered: Sequence[bool], steps: int) -> Neighbours:
    """Return what lies at most ``steps`` away along every ordered axis, in the same place on the others.

    Args:
        values: A grid, one axis per key; NaN where a trial has no value. The cell itself is no neighbour of its own.
        is_ordered: Which axes are.
    """
    reach = [range(-steps, steps + 1) if ordered else range(1) for ordered in is_ordered]
    offsets = [offset for offset in product(*reach) if any(offset)]
    padded = np.pad(
        values, [(steps, steps) if ordered else (0, 0) for ordered in is_ordered], constant_values=np.nan
    )
    beside = np.full((max(len(offsets), 1), *values.shape), np.nan)
    for number, offset in enumerate(offsets):
        window = tuple(
            slice(steps + by, steps + by + size) if ordered else slice(None)
            for by, size, ordered in zip(offset, values.shape, is_ordered, strict=True)
        )
        beside[number] = padded[window]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # cells without neighbours are NaN
        return Neighbours(
            np.isfinite(beside).sum(axis=0), np.nanmean(beside, axis=0), np.nanmedian(beside, axis=0)
        )


def judge(
    values: Floats, around: Neighbours, *, is_ordered: Sequence[bool], sharp_peak: float
) -> Judgement | None:
    """Return what a grid says of its best cell, None where no cell has a value.

    Args:
        around: Of ``values``.
        sharp_peak: Part of the best's value that the mean of its neighbours must reach.
    """
    if not np.isfinite(values).any():
        return None
    best = int(np.nanargmax(values))
    # A cell is as good as what confirms it: a neighbour of a peak has a high mean around it and is not high itself.
    confirmed = np.where(around.number > 0, np.minimum(values, around.mean), np.nan)
    if not np.isfinite(confirmed).any():
        confirmed = values
    value, beside = float(values.flat[best]), float(around.mean.flat[best])
    stability = beside / value if value > 0 else float("nan")
    places = np.unravel_index(best, values.shape)
    edges = tuple(
        axis
        for axis, (place, size) in enumerate(zip(places, values.shape, strict=True))
        if is_ordered[axis] and size > 1 and place in (0, size - 1)
    )
    return Judgement(best, int(np.nanargmax(confirmed)), stability, stability < sharp_peak, edges)


def influence(values: Floats) -> list[float]:
    """Return each axis's part of the values' variance: that of the means over all other axes (eta squared).

    NaN where there are fewer than two values or they do not differ.
    """
    found = []
    known = np.isfinite(values)
    total = float(np.var(values[known])) if known.sum() > 1 else 0.0
    for axis in range(values.ndim):
        lines = np.moveaxis(values, axis, 0).reshape(values.shape[axis], -1)
        counts = np.isfinite(lines).sum(axis=1)
        lines, counts = lines[counts > 0], counts[counts > 0]
        if total <= 0:
            found.append(float("nan"))
            continue
        means = np.nanmean(lines, axis=1)
        centre = float(np.average(means, weights=counts))
        found.append(float(np.average((means - centre) ** 2, weights=counts)) / total)
    return found
