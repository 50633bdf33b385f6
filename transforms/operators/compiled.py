"""How kernels are compiled: ahead of nothing, once per machine, and without the interpreter's lock."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

import numba

_F = TypeVar("_F", bound=Callable[..., object])

# numba compiles a kernel anew when its own file has changed, and does not see that one has whose kernels it calls.
# A digest of those files names the folder of the cache. Operators call kernels of their own file and of this one.
SHARED = "doubling"


def compiled(function: _F) -> _F:
    """Compile a kernel on first use and keep it in the cache beside its module.

    A sum of floats is exactly the loop that was written: no reassociation, so that a value depends on its window
    alone and not on the processor. Division by zero gives inf or NaN, as in numpy.
    """
    return _compiled(function)


def compiled_sum(function: _F) -> _F:
    """As ``compiled``, for loops over one window: sums may be vectorised (their terms regrouped).

    The grouping depends on the window's length only, so a value still depends on its window alone. They must write
    into no array: where one lies close behind another, a loop that reads the one and writes the other is carried out
    in another way, and what may be regrouped comes out otherwise in the last bit.
    """
    return _compiled(function, fastmath={"reassoc", "nsz", "contract"})


def compiled_with_package(function: _F) -> _F:
    """As ``compiled``, for kernels that call those of other files of their package.

    A change of any file of the package compiles all of them anew. They may not make arrays: numba counts references
    to those that it makes or passes on, atomically, which costs a loop over records a seventh of its time.
    """
    package = Path(function.__code__.co_filename).parent
    return _compiled(function, cache=_cache(package, sorted(package.glob("*.py"))), _nrt=False)


def _compiled(function: _F, *, cache: str | None = None, **options: Any) -> _F:
    config: Any = numba.config
    folder = config.CACHE_DIR
    here = Path(__file__)
    config.CACHE_DIR = cache or _cache(here.parent, [here.with_name(f"{SHARED}.py")])
    try:
        return cast("_F", numba.njit(cache=True, nogil=True, error_model="numpy", **options)(function))
    finally:
        config.CACHE_DIR = folder


def _cache(package: Path, sources: list[Path]) -> str:
    """Where a package's kernels are kept; where that cannot be written to, numba takes a folder of the user's."""
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()[:12]
    config: Any = numba.config
    return str(Path(config.CACHE_DIR or package / "__pycache__") / f"kernels-{digest}")
