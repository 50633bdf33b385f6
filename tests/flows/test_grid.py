"""The grid of a sweep: which keys and values it may have, and what its combinations are."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hydra import compose

from execution.sensitivity_config import SensitivityConfig
from flows.__main__ import free_grid
from flows.config import RunConfig, to_run_config
from flows.grid import combinations_of
from tests.flows.composing import hydra_over_conf
from transforms.errors import ConfigError


def composed(*overrides: str) -> RunConfig:
    with hydra_over_conf():
        return to_run_config(compose("config", free_grid(list(overrides))))


@pytest.fixture(scope="module")
def base() -> RunConfig:
    return composed("strategy=momentum")


def with_grid(base: RunConfig, grid: dict[str, Any], **settings: Any) -> RunConfig:
    return replace(base, sensitivity=SensitivityConfig(name="own", grid=grid, **settings))


def test_every_combination_is_the_config_that_its_overrides_make(base: RunConfig) -> None:
    grid = {"portfolio.k": [3, 2], "strategy.parameters.lookback_bars": [60, 120], "costs.slippage_bps": [1]}
    axes, found = combinations_of(with_grid(base, grid))
    assert [axis.values for axis in axes] == [(2, 3), (60, 120), (1,)]
    assert [one.places for one in found] == [(0, 0, 0), (0, 1, 0), (1, 0, 0), (1, 1, 0)]
    last = found[-1].config
    assert last is not None
    wanted = composed(
        "strategy=momentum", "portfolio.k=3", "strategy.parameters.lookback_bars=120", "costs.slippage_bps=1"
    )
    assert replace(last, sensitivity=wanted.sensitivity) == wanted
    assert found[-1].values == {
        "portfolio.k": 3,
        "strategy.parameters.lookback_bars": 120,
        "costs.slippage_bps": 1,
    }


def test_nested_keys_of_the_command_line_are_written_out() -> None:
    config = composed(
        "flow=sensitivity", "sensitivity.grid={portfolio.k:[1,2]}", "sensitivity.grid.risk.max_gross=[0.5,1]"
    )
    axes, found = combinations_of(config)
    assert [axis.key for axis in axes] == ["portfolio.k", "risk.max_gross"]
    assert len(found) == 4


def test_words_keep_their_order_and_have_no_neighbours(base: RunConfig) -> None:
    axes, _ = combinations_of(with_grid(base, {"portfolio.rebalance": ["weekly", "daily"]}))
    assert (axes[0].values, axes[0].is_ordered) == (("weekly", "daily"), False)


def test_values_that_do_not_go_together_fail_their_combination_alone(base: RunConfig) -> None:
    grid = {"strategy.parameters.lookback_bars": [10, 60], "strategy.parameters.skip_bars": [5, 21]}
    _, found = combinations_of(with_grid(base, grid))
    assert [one.config is None for one in found] == [False, True, False, False]
    assert "above strategy.parameters.skip_bars (21), was 10" in str(found[1].error)


@pytest.mark.parametrize(
    ("grid", "parts"),
    [
        ({}, ["sensitivity.grid names no key"]),
        ({"portfolio.kk": [1]}, ["portfolio.kk is no key of portfolio=top_k", "Did you mean: portfolio.k"]),
        ({"portfolio.k": [5, -10]}, ["portfolio.k=-10", "at least 0"]),
        ({"portfolio.k": [5, "many"]}, ["portfolio.k=many", "Integer"]),
        ({"portfolio.k": 5}, ["portfolio.k must be a list", "was 5"]),
        ({"portfolio.k": []}, ["portfolio.k must be a list"]),
        ({"portfolio.k": [5, 5]}, ["different values"]),
        ({"portfolio.name": ["x"]}, ["portfolio.name is no key"]),
        ({"portfolio.sizing": [1]}, ["portfolio.sizing is a group of keys"]),
        ({"model.max_depth": [4, 6]}, ["model.max_depth cannot be varied here", "quantmill -m"]),
        ({"portfoio.k": [4]}, ["portfoio.k is no key", "Did you mean: portfolio"]),
        ({"strategy.parameters.entry_bars": [4]}, ["is no key of strategy=momentum", "lookback_bars"]),
        ({"strategy.parameters.lookback_bars": [20, 300]}, ["lookback_bars=20", "was 20"]),
    ],
)
def test_wrong_key_or_value_names_itself(base: RunConfig, grid: dict[str, Any], parts: list[str]) -> None:
    with pytest.raises(ConfigError) as caught:
        combinations_of(with_grid(base, grid))
    assert all(part in str(caught.value) for part in parts), str(caught.value)


MEMBER, PORTFOLIO = "strategy.members.momentum.parameters", "strategy.portfolios.mean_reversion"
SEVERAL = (
    "strategy=combined",
    "strategy.allocation.weighting=fixed",
    "+strategy.allocation.shares={momentum:0.5,mean_reversion:0.5}",
)


@pytest.fixture(scope="module")
def several() -> RunConfig:
    return composed(*SEVERAL)


def test_every_combination_of_several_strategies_is_the_config_that_its_overrides_make(
    several: RunConfig,
) -> None:
    values = {
        f"{MEMBER}.lookback_bars": 60,
        f"{PORTFOLIO}.gross": 0.5,
        "strategy.allocation.drift": 0.1,
        "strategy.allocation.shares.momentum": 0.25,
        "portfolio.rebalance": "weekly",
    }
    _, (found,) = combinations_of(with_grid(several, {key: [value] for key, value in values.items()}))
    assert found.values == values
    assert found.config is not None
    wanted = composed(*SEVERAL, *(f"{key}={value}" for key, value in values.items()))
    assert replace(found.config, sensitivity=wanted.sensitivity) == wanted
    assert list(found.config.strategy.signals) == list(wanted.strategy.signals)


def test_values_of_a_member_that_do_not_go_together_fail_their_combination_by_its_keys(
    several: RunConfig,
) -> None:
    grid = {f"{MEMBER}.lookback_bars": [10, 60], f"{MEMBER}.skip_bars": [5, 21]}
    _, found = combinations_of(with_grid(several, grid))
    assert [one.config is None for one in found] == [False, True, False, False]
    assert found[1].error == f"{MEMBER}.lookback_bars must be above {MEMBER}.skip_bars (21), was 10"


def test_shares_that_are_too_much_together_fail_their_combination(several: RunConfig) -> None:
    shares = "strategy.allocation.shares"
    _, found = combinations_of(
        with_grid(several, {f"{shares}.momentum": [0.3, 0.6], f"{shares}.mean_reversion": [0.4, 0.5]})
    )
    assert [one.config is None for one in found] == [False, False, False, True]
    assert "strategy.allocation.shares must be at most strategy.allocation.total" in str(found[3].error)


@pytest.mark.parametrize(
    ("grid", "parts"),
    [
        (
            {f"{MEMBER}.lookback_barz": [1]},
            [
                f"{MEMBER}.lookback_barz is no key of strategy=combined",
                f"Did you mean: {MEMBER}.lookback_bars",
            ],
        ),
        (
            {f"{MEMBER}.lookback_bars": [60, 1]},
            [f"{MEMBER}.lookback_bars=1: {MEMBER}.lookback_bars must be in"],
        ),
        ({f"{MEMBER}.lookback_bars": ["many"]}, [f"{MEMBER}.lookback_bars: Value 'many'", "conf/strategy/"]),
        ({f"{PORTFOLIO}.gross": [0.5, 9]}, [f"{PORTFOLIO}.gross=9: {PORTFOLIO}.gross must be in"]),
        ({f"{PORTFOLIO}.gross": ["much"]}, [f"{PORTFOLIO}.gross: Value 'much'", "conf/portfolio/"]),
        ({f"{PORTFOLIO}.sizing": [1]}, [f"{PORTFOLIO}.sizing is a group of keys", f"{PORTFOLIO}.sizing."]),
        (
            {"strategy.portfolios.momentum.k": [2]},
            ["no such member; +portfolio@strategy.portfolios.momentum=<choice>"],
        ),
        (
            {"strategy.members.pairs.parameters.entry_zscore": [2]},
            ["no such member; +strategy@strategy.members.pairs=<choice>"],
        ),
        ({"strategy.members.momentum.name": ["x"]}, ["strategy.members.momentum.name is no key"]),
        (
            {"strategy.allocation.shares.pairs": [0.5]},
            ["shares.pairs is no key", "strategy.allocation.shares"],
        ),
        ({"strategy.allocation.drift": [0.1, 2]}, ["strategy.allocation.drift must be in [0, 1], was 2"]),
        (
            {"account.kind": ["cash"], "strategy.allocation.total": [2]},
            ["account.kind must be margin or auto"],
        ),
    ],
)
def test_wrong_key_or_value_of_several_strategies_names_itself(
    several: RunConfig, grid: dict[str, Any], parts: list[str]
) -> None:
    test_wrong_key_or_value_names_itself(several, grid, parts)


def test_more_combinations_than_allowed_are_refused_with_their_number(base: RunConfig) -> None:
    grid = {"portfolio.k": [1, 2, 3], "risk.max_gross": [0.5, 1.0]}
    assert len(combinations_of(with_grid(base, grid, max_trials=6))[1]) == 6
    with pytest.raises(
        ConfigError, match=r"6 combinations \(3 of portfolio.k × 2 of risk.max_gross\).*allows 5"
    ):
        combinations_of(with_grid(base, grid, max_trials=5))


@pytest.mark.parametrize("name", ["momentum", "combined"])
def test_grids_that_come_with_the_project_fit_the_strategy_of_their_name(name: str) -> None:
    _, found = combinations_of(composed(f"strategy={name}", f"sensitivity={name}"))
    assert len(found) > 100
    assert all(one.error is None for one in found)


def test_wrong_grid_is_refused_before_anything_runs() -> None:
    with pytest.raises(ConfigError, match=r"portfolio\.kk"):
        composed("flow=sensitivity", "sensitivity.grid={portfolio.kk:[1]}")
    assert composed("sensitivity.grid={portfolio.kk:[1]}").flow.name == "research"
