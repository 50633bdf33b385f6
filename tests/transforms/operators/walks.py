"""What the tests of paths share: running operators over lists, and random histories."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from transforms.operators.catalogue import Segments, operators

Floats = NDArray[np.float64]
NULL = float("nan")
MINUTE = 60e6

BARRIER = ("barrier_touched", "barrier_return", "barrier_end")
TOUCH = (
    *("touch_reached", "touch_max_gain", "touch_min_loss", "touch_time_to_max"),
    *("touch_coverage", "touch_return", "touch_end"),
)


def run(
    names: tuple[str, ...],
    series: list[Any],
    *parameters: float,
    starts: list[int] | None = None,
    wanted: list[int] | None = None,
) -> list[Floats]:
    """Compute operators that share their work over lists; one symbol unless ``starts`` says otherwise."""
    arrays = [np.array(values, dtype=float) for values in series]
    rows = np.array(starts or [0, len(arrays[0])], dtype=np.int64)
    segments = Segments.whole(rows) if wanted is None else Segments(rows, np.array(wanted, dtype=np.int64))
    known = operators()
    checked = [
        spec.check(names[0], value)
        for spec, value in zip(known[names[0]].parameters, parameters, strict=True)
    ]
    computed = known[names[0]].compute(segments, *arrays, *checked)
    return [computed if known[name].output is None else computed[known[name].output] for name in names]


def same(got: Floats | list[float], want: Floats | list[float]) -> None:
    np.testing.assert_allclose(got, want, rtol=1e-12, atol=1e-14)


# Open, high, low, close. Bar 0 is the decision's; a position enters at the open of bar 1, at 100.
DECISION = (90, 90, 90, 100)
ENTRY = (100, 101, 99, 100)


def random_paths(seed: int, count: int, *, nulls: float = 0.0) -> tuple[list[Floats], list[int]]:
    """Return open, high, low, close of a few symbols, one after the other, and where each begins."""
    random = np.random.default_rng(seed)
    starts = [0, *sorted(random.integers(0, count, 2).tolist()), count]
    close = 50 * np.exp(np.cumsum(random.normal(0, 0.02, count)))
    open_ = close * np.exp(random.normal(0, 0.015, count))
    high = np.maximum(open_, close) * np.exp(np.abs(random.normal(0, 0.01, count)))
    low = np.minimum(open_, close) * np.exp(-np.abs(random.normal(0, 0.01, count)))
    prices = [open_, high, low, close]
    for series in prices:
        series[random.random(count) < nulls] = NULL
    return prices, starts
