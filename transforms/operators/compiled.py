"""How kernels are compiled: ahead of nothing, once per machine, and without the interpreter's lock."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar, cast

import numba

_F = TypeVar("_F", bound=Callable[..., object])


def compiled(function: _F) -> _F:
    """Compile a kernel on first use and keep it in the cache beside its module.

    A sum of floats is exactly the loop that was written: no reassociation, so that a value depends on its window
    alone and not on the processor. Division by zero gives inf or NaN, as in numpy.
    """
    return cast("_F", numba.njit(cache=True, nogil=True, error_model="numpy")(function))


def compiled_sum(function: _F) -> _F:
    """As ``compiled``, for loops over one window: sums may be vectorised (their terms regrouped).

    The grouping depends on the window's length only, so a value still depends on its window alone.
    """
    options = {"reassoc", "nsz", "contract"}
    return cast("_F", numba.njit(cache=True, nogil=True, error_model="numpy", fastmath=options)(function))
