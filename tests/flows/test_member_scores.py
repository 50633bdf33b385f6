"""Scores of several strategies for parameters that are not built: as a build of them would make them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from threading import Thread
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

import flows.member_scores
from execution.combined_config import CombinedConfig
from execution.config import StrategyConfig
from execution.panel import ScorePanel, load_panel, load_scores
from execution.strategies import OwnStrategyConfig, PlainStrategyConfig
from flows.member_scores import member_scores
from flows.run import Run
from flows.trial_signals import trial_queries
from tests.models_sql.market import VARS, Lab, random_bars
from transforms.errors import QuantmillError

HELD = PlainStrategyConfig(name="buy_and_hold", scores="signals")


def momentum(lookback_bars: int) -> StrategyConfig:
    """Parameters that no class has checked: the SQL does."""
    parameters = {"lookback_bars": lookback_bars, "skip_bars": 1}
    return OwnStrategyConfig(name="momentum", scores="signals", parameters=parameters)


BUILT = CombinedConfig(name="both", members={"buy_and_hold": HELD, "momentum": momentum(10)})
BUILT_VARS = replace(VARS, strategy=BUILT)


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    lab = Lab.at(tmp_path_factory.mktemp("home"), threads=2)
    lab.load([row for seed, name in enumerate(("A", "B", "IDX")) for row in random_bars(name, 40, seed)])
    lab.build(BUILT_VARS, select="+signals +bars +features")
    yield lab
    lab.warehouse.close()


def found(lab: Lab, *members: StrategyConfig, strategy: CombinedConfig = BUILT) -> list[Any]:
    run = SimpleNamespace(
        home=lab.home,
        warehouse=lab.warehouse,
        outputs={},
        config=SimpleNamespace(engine=lab.engine),
        display=SimpleNamespace(update=lambda *_: None),
    )
    panel = load_panel(lab.warehouse)
    unknown = np.full(panel.close.shape, np.nan)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(flows.member_scores, "build_vars", lambda _run: BUILT_VARS)
        return list(member_scores(cast(Run, run), strategy, panel, unknown, members))


def test_each_member_has_the_scores_of_a_build_or_says_why_not(lab: Lab) -> None:
    held, shorter, refused, too_long, built = found(
        lab, HELD, momentum(5), momentum(1), momentum(1000), momentum(10)
    )
    assert isinstance(refused, QuantmillError)
    assert str(refused) == (
        "strategy.members.momentum.parameters.lookback_bars must be a whole number in 2..2520, was 1"
    )
    assert isinstance(too_long, QuantmillError)
    assert str(too_long) == "strategy.members.momentum has no score with these parameters"

    panel = load_panel(lab.warehouse)

    def same(scores: ScorePanel, member: StrategyConfig) -> bool:
        loaded = load_scores(lab.warehouse, panel, strategy=member, model_id=None)
        return np.array_equal(scores.score, loaded.score, equal_nan=True) and np.array_equal(
            scores.confidence, loaded.confidence, equal_nan=True
        )

    assert same(held, HELD)
    assert same(built, momentum(10))
    assert not same(shorter, momentum(10))
    other = replace(BUILT, members={"buy_and_hold": HELD, "momentum": momentum(5)})
    lab.build(replace(VARS, strategy=other), select="+signals +bars +features")
    assert same(shorter, momentum(5))


def test_a_model_without_predictions_is_an_error_of_that_member(lab: Lab) -> None:
    model = PlainStrategyConfig(name="model")
    strategy = CombinedConfig(name="both", members={"buy_and_hold": HELD, "model": model})
    held, missing = found(lab, HELD, model, strategy=strategy)
    assert held.has_score.any()
    assert "train a model first" in str(missing)


def test_who_leaves_early_waits_for_nothing(lab: Lab) -> None:
    """What is made ahead stops where nobody reads it any more."""
    others = [replace(BUILT, members={"buy_and_hold": HELD, "momentum": momentum(n)}) for n in range(3, 12)]

    def leave() -> None:
        with trial_queries(lab.home, lab.warehouse, BUILT_VARS, others, engine=lab.engine) as queries:
            assert isinstance(next(queries), str)
            time.sleep(2)  # the tables of the next one are there, and those after it wait for room

    leaving = Thread(target=leave, daemon=True)
    leaving.start()
    leaving.join(timeout=20)
    assert not leaving.is_alive()
