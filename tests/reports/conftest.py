from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from transforms.config import EngineConfig
from transforms.paths import Home
from transforms.warehouse import Warehouse


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


@pytest.fixture
def warehouse(home: Home) -> Iterator[Warehouse]:
    """A warehouse whose contract tables have no rows; ``tests.reports.books`` fills it."""
    with Warehouse(home.warehouse, EngineConfig(threads=1)) as opened:
        yield opened
