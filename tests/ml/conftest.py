"""Benches: a warehouse with a training set, and one on which a model has been trained."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.ml.market import Bench, training_set, write_marts


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """A home of one's own with 150 sessions of four symbols."""
    made = Bench.at(tmp_path)
    write_marts(made.warehouse, training_set())
    with made.warehouse:
        yield made


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """The same with a model ``m1``, shared by tests that change nothing."""
    made = Bench.at(tmp_path_factory.mktemp("trained"))
    write_marts(made.warehouse, training_set())
    made.train("m1")
    with made.warehouse:
        yield made
