"""Sums, means and squared distances of all windows of n bars, put together from windows of 1, 2, 4 … bars.

It takes as many steps as n has binary digits, the same ones for every window: what comes of it depends on the window
alone, bit for bit, wherever it lies in the history. A large value leaves no trace in windows without it. Means and
squares are joined as Chan, Golub and LeVeque do (1983, equation 2.1): nothing cancels, and where nothing moved the
mean is exactly x and the squares are exactly 0. A NaN makes the windows that hold it NaN.

The loops run over the bars of a block, which the processor takes several at a time: hence their small size and
separate arrays.
"""

from __future__ import annotations

import numpy as np

from transforms.operators.catalogue import Array, Rows
from transforms.operators.compiled import compiled

# Bars per block: what the buffers take stays in the processor's second cache.
BLOCK = 1024


def joins_of(n: int) -> Rows:
    """Plan the joins that make windows of n bars out of three buffers of windows; shape (joins, 5).

    Each row says: the buffer to fill, the buffers of the older and of the newer part, and how many bars these have.
    Buffer 0 holds single bars at first. Entry j of a buffer is the window that begins with bar j. The last row fills
    what is wanted; there is none for n = 1.
    """
    joins: list[tuple[int, int, int, int, int]] = []
    doubled, size = 0, 1
    wanted, wanted_size = -1, 0
    while wanted_size < n:
        if n & size:
            if wanted_size:
                free = min({0, 1, 2} - {doubled, wanted})
                joins.append((free, wanted, doubled, wanted_size, size))
                wanted = free
            else:
                wanted = doubled
            wanted_size += size
        if wanted_size < n:
            free = min({0, 1, 2} - {doubled, wanted})
            joins.append((free, doubled, doubled, size, size))
            doubled, size = free, 2 * size
    return np.array(joins, dtype=np.int64).reshape(-1, 5)


@compiled
def _join_sums(out: Array, old: Array, new: Array) -> None:
    for j in range(len(out)):
        out[j] = old[j] + new[j]


@compiled
def _join_means(out: Array, old: Array, new: Array, share: float) -> None:
    for j in range(len(out)):
        out[j] = old[j] + (new[j] - old[j]) * share


@compiled
def _join_squares(out: Array, old: Array, new: Array, x_old: Array, x_new: Array, weight: float) -> None:
    for j in range(len(out)):
        step = x_new[j] - x_old[j]
        out[j] = old[j] + new[j] + step * step * weight


@compiled
def join_moments(out: Array, old: Array, new: Array, old_size: int, new_size: int, count: int) -> None:
    """Join means (row 0) and sums of squared distances from them (row 1) of an older and a newer part."""
    size = old_size + new_size
    mean_old, mean_new = old[0, :count], new[0, old_size : old_size + count]
    _join_means(out[0, :count], mean_old, mean_new, new_size / size)
    squares_new = new[1, old_size : old_size + count]
    weight = old_size * new_size / size
    _join_squares(out[1, :count], old[1, :count], squares_new, mean_old, mean_new, weight)


@compiled
def sums(x: Array, joins: Rows, buffers: Array) -> Array:
    """Return the sums of all windows of x, the one that begins with its first bar first.

    Args:
        x: At most ``BLOCK`` windows' bars.
        joins: What ``joins_of`` returned.
        buffers: Shape (3, at least len(x)); the result is a view of them.
    """
    bars, filled = len(x), 0
    buffers[0, :bars] = x
    for k in range(len(joins)):
        filled, old, new, old_size, new_size = joins[k]
        count = bars - old_size - new_size + 1
        _join_sums(buffers[filled, :count], buffers[old, :count], buffers[new, old_size : old_size + count])
    whole: Array = buffers[filled]
    return whole


@compiled
def means(x: Array, joins: Rows, buffers: Array) -> Array:
    """As ``sums``, the means."""
    bars, filled = len(x), 0
    buffers[0, :bars] = x
    for k in range(len(joins)):
        filled, old, new, old_size, new_size = joins[k]
        count = bars - old_size - new_size + 1
        share = new_size / (old_size + new_size)
        newer = buffers[new, old_size : old_size + count]
        _join_means(buffers[filled, :count], buffers[old, :count], newer, share)
    whole: Array = buffers[filled]
    return whole


@compiled
def moments(x: Array, joins: Rows, buffers: Array) -> Array:
    """As ``sums``, the means (row 0) and the sums of squared distances from them (row 1); buffers (3, 2, len(x))."""
    bars, filled = len(x), 0
    buffers[0, 0, :bars] = x
    buffers[0, 1, :bars] = x - x  # NaN where x is
    for k in range(len(joins)):
        filled, old, new, old_size, new_size = joins[k]
        count = bars - old_size - new_size + 1
        join_moments(buffers[filled], buffers[old], buffers[new], old_size, new_size, count)
    whole: Array = buffers[filled]
    return whole
