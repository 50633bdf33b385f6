from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.models_sql.market import Lab, whole_market
from tests.models_sql.strategies import Floor


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """The whole market, built once. Tests only read from it."""
    lab = Lab.at(tmp_path_factory.mktemp("built"), threads=2)
    lab.load(*whole_market())
    lab.build()
    yield lab
    lab.warehouse.close()


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A warehouse that every test loads and builds for itself; shared, so that dbt parses once.

    One thread where ``built`` has two: whatever is compared between them must not depend on threads.
    """
    lab = Lab.at(tmp_path_factory.mktemp("lab"), threads=1)
    yield lab
    lab.warehouse.close()


@pytest.fixture(scope="module")
def floor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Floor]:
    """A warehouse that each test loads and builds for itself."""
    with Floor.at(tmp_path_factory.mktemp("floor")) as floor:
        yield floor
