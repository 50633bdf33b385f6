"""What of a run's config makes it another trial, and what another family."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from types import SimpleNamespace
from typing import Any, cast

import pytest
from hydra import compose

from execution.trials import Trial
from flows.config import RunConfig, to_run_config
from flows.run import Run
from flows.trials import trial_of
from tests.flows.composing import hydra_over_conf


@cache
def config(strategy: str = "model", *more: str) -> RunConfig:
    with hydra_over_conf():
        return to_run_config(compose("config", [f"strategy={strategy}", *more]))


def trial(of: RunConfig, group: str = "", **changes: Any) -> Trial:
    """The trial of a config, with keys of one group changed."""
    changed = replace(of, **{group: replace(getattr(of, group), **changes)}) if group else of
    return trial_of(cast("Run", SimpleNamespace(config=changed, run_id="run-1")))


@pytest.mark.parametrize(
    ("group", "key", "value"),
    [
        ("portfolio", "k", 1),
        ("costs", "slippage_bps", 50.0),
        ("risk", "max_gross", 0.5),
        ("exits", "stop_loss", 0.1),
        ("orders", "participation", 0.1),
        ("account", "cash_rate", 0.01),
        ("features", "rsi_windows", [5]),
        ("model", "max_depth", 2),
        ("split", "test_sessions", 9),
    ],
)
def test_what_shapes_the_strategy_makes_another_trial_of_its_family(group: str, key: str, value: Any) -> None:
    base, changed = trial(config()), trial(config(), group, **{key: value})
    assert changed.fingerprint != base.fingerprint
    assert (changed.strategy, changed.data) == (base.strategy, base.data)


@pytest.mark.parametrize(
    ("group", "key", "value"),
    [("engine", "threads", 1), ("broker", "account", "other"), ("statistics", "level", 0.9)],
)
def test_what_changes_no_decision_makes_no_other_trial(group: str, key: str, value: Any) -> None:
    assert trial(config(), group, **{key: value}) == trial(config())


@pytest.mark.parametrize(
    ("group", "key", "value"), [("model", "max_depth", 2), ("split", "test_sessions", 9)]
)
def test_sql_strategy_looks_at_no_model(group: str, key: str, value: Any) -> None:
    momentum = config("momentum")
    assert trial(momentum, group, **{key: value}) == trial(momentum)
    assert trial(momentum).strategy == "momentum"


def test_several_strategies_are_one_trial_of_all_their_parameters() -> None:
    both = config("combined")
    other = config("combined", "strategy.members.momentum.parameters.lookback_bars=126")
    assert trial(both).strategy == trial(other).strategy == "combined"
    assert trial(both).fingerprint != trial(other).fingerprint
    assert trial(both, "model", max_depth=2) == trial(both), "neither looks at the model"
    third = config("combined", "+strategy@strategy.members.model=model")
    assert trial(third, "model", max_depth=2) != trial(third)


@pytest.mark.parametrize("group", ["source", "universe"])
def test_other_symbols_make_another_family_and_another_window_does_not(group: str) -> None:
    base = trial(config())
    assert trial(config(), group, symbols=["AAPL"]).data != base.data
    later = trial(config(), "source", start="2005-01-03")
    assert (later.data, later.fingerprint) == (base.data, base.fingerprint)
