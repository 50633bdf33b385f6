"""What holds for every test."""

from __future__ import annotations

import gc

from hypothesis import settings

# How long an example takes says more of the machine than of the code. The same code is tried with the same examples;
# `make test ARGS="-m hypothesis --hypothesis-profile=explore"` looks for new ones.
settings.register_profile("quantmill", deadline=None, derandomize=True)
settings.register_profile("explore", deadline=None, derandomize=False)
settings.load_profile("quantmill")


def pytest_collection_finish() -> None:
    """Leave what was imported and collected out of every garbage collection to come, and collect less often.

    A build by dbt makes millions of objects and next to no garbage: a tenth of its time went into looking.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)
