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
    with Warehouse(home.warehouse, EngineConfig(threads=2, memory_limit="1GB")) as opened:
        yield opened
