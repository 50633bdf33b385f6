"""Series for tests of windowed operators, and their definitions applied to one window after the other."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from hypothesis import strategies as st

from transforms.operators.catalogue import Array, Segments

# Prices a few ticks apart: equal values, falls and rises within every window, now and then a gap.
TICKS = st.one_of(st.integers(1, 60).map(lambda tick: 10 + tick / 4), st.just(float("nan")))


def segments(*lengths: int) -> Segments:
    """Symbols of these many bars, one after the other, all rows wanted."""
    return Segments.whole(np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64))


def walk(seed: int, bars: int, nans: int = 0) -> Array:
    """A seeded random walk around 50 with so many values unknown."""
    random = np.random.default_rng(seed)
    series = 50 * np.exp(np.cumsum(random.normal(0, 0.02, bars)))
    series[random.choice(bars, nans, replace=False)] = np.nan
    return series


def per_window(f: Callable[..., float], n: int, *series: Array) -> Array:
    """``f`` of the last n values of each series; NaN until there are n, and where one is unknown."""
    out = np.full(len(series[0]), np.nan)
    for t in range(n - 1, len(out)):
        windows = [s[t - n + 1 : t + 1] for s in series]
        if not any(np.isnan(w).any() for w in windows):
            out[t] = f(*windows)
    return out
