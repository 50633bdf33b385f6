"""What decides a stage's result."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from hydra import compose

from execution import backtest
from execution.combined_config import CombinedConfig
from execution.config import StrategyConfig
from flows.config import to_run_config
from flows.stages import BACKTEST, score_version
from tests.flows.composing import hydra_over_conf

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


@pytest.mark.parametrize(("calendar", "sessions"), [("XNYS", 252), ("24/7", 365)])
def test_a_year_of_figures_is_the_calendars_and_not_the_features(
    monkeypatch: pytest.MonkeyPatch, calendar: str, sessions: int
) -> None:
    class BegunError(Exception):
        """Ends the stage where the simulation would begin."""

    def run_backtest(*_args: Any, periods: int, **_more: Any) -> None:
        raise BegunError(periods)

    monkeypatch.setattr(backtest, "run_backtest", run_backtest)
    with hydra_over_conf():
        config = to_run_config(
            compose(
                "config",
                [
                    "source=synthetic",
                    "source.timeframe=1m",
                    f"source.calendar={calendar}",
                    "features=intraday",
                ],
            )
        )
    outputs = {"build": {"digests": {"bars": "b", "features": "f"}}, "train": {"model_id": "m"}}
    run: Any = SimpleNamespace(outputs=outputs, config=config, warehouse=None, home=None, run_id="run-1")

    assert config.features.periods_per_year == 98280
    assert BACKTEST.inputs is not None
    assert BACKTEST.inputs(run)["periods"] == sessions
    with pytest.raises(BegunError, match=f"^{sessions}$"):
        BACKTEST.carry_out(run, "fingerprint")
