"""What decides a stage's result."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from execution.combined_config import CombinedConfig
from execution.config import StrategyConfig
from flows.stages import score_version

MODEL = StrategyConfig(name="model")
TREND = StrategyConfig(name="trend", scores="signals")
SWING = StrategyConfig(name="swing", scores="signals")


def combined(*members: StrategyConfig) -> CombinedConfig:
    return CombinedConfig(name="several", members={member.name: member for member in members})


@pytest.mark.parametrize(
    ("strategy", "version"),
    [
        (MODEL, "m1"),
        (TREND, "s1"),
        (combined(TREND, SWING), "s1"),
        (combined(TREND, MODEL), "m1+s1"),
    ],
)
def test_scores_are_of_the_model_and_the_signals_that_are_traded(
    strategy: StrategyConfig, version: str
) -> None:
    outputs: dict[str, Any] = {"build": {"digests": {"signals": "s1"}}}
    if strategy.uses_predictions:
        outputs["train"] = {"model_id": "m1"}
    run: Any = SimpleNamespace(outputs=outputs, config=SimpleNamespace(strategy=strategy))
    assert score_version(run) == version
