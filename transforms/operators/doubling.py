"""How windows of n bars are put together from windows of 1, 2, 4 … bars.

As many steps as n has binary digits, the same ones for every window: what comes of it depends on the window alone,
bit for bit, wherever it lies in the history.
"""

from __future__ import annotations

import numpy as np

from transforms.operators.catalogue import Rows


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
