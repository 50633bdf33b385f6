"""Named places where a crash can be tried: how the promises about ``kill -9`` are tested for real.

``QUANTMILL_FAILPOINT=landing.page.renamed`` kills the process at that place, ``…:3`` at the third passing.
"""

from __future__ import annotations

import os
import signal
from collections import Counter

_passings: Counter[str] = Counter()


def failpoint(name: str) -> None:
    """Do nothing, unless ``QUANTMILL_FAILPOINT`` names this place: then die at once, as by ``kill -9``."""
    wanted = os.environ.get("QUANTMILL_FAILPOINT")
    if wanted is None:
        return
    place, _, passing = wanted.partition(":")
    if place != name:
        return
    _passings[name] += 1
    if _passings[name] == int(passing or 1):
        os.kill(os.getpid(), signal.SIGKILL)
