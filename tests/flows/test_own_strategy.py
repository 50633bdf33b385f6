"""A new strategy is one SQL file plus one YAML: added to a copy of the project, found by its name."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace

import polars as pl
import pytest

import flows.dbt
from execution.combined_config import CombinedConfig
from execution.strategies import OwnStrategyConfig, PlainStrategyConfig
from tests.models_sql.market import VARS, Lab, bar
from transforms.errors import ConfigError

SQL = """
{{ config(materialized='refreshed', enabled=trades_strategy('mine')) }}

{%- set average = sma('adj_close', parameter_integer('mine.bars', 2, 100)) -%}

select
    'mine' as strategy,
    symbol,
    bar_at,
    session_date,
    {{ latched(above('adj_close', average), below('adj_close', average)) }} as score,
    cast(1 as double) as confidence
from {{ operators_over(ref('int_feature_bars')) }}
"""


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    copy = tmp_path_factory.mktemp("project") / "models_sql"
    shutil.copytree(flows.dbt.PROJECT_DIR, copy)
    (copy / "intermediate" / "strategies" / "int_signals_mine.sql").write_text(SQL)
    lab = Lab.at(tmp_path_factory.mktemp("home"), threads=2)
    lab.load([bar(s, i, 10.0 + (i % 7)) for s in ("A", "B", "IDX") for i in range(30)])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(flows.dbt, "PROJECT_DIR", copy)
        yield lab
    lab.warehouse.close()


def build(lab: Lab, **parameters: object) -> pl.DataFrame:
    strategy = OwnStrategyConfig(name="mine", scores="signals", parameters=parameters)
    lab.build(replace(VARS, strategy=strategy), select="+signals")
    return lab.table("marts.signals")


def test_its_signals_are_found_by_its_name_and_no_other_strategy_is_built(lab: Lab) -> None:
    signals = build(lab, bars=7)
    assert signals.columns == ["strategy", "symbol", "bar_at", "session_date", "score", "confidence"]
    assert signals["strategy"].unique().to_list() == ["mine"]
    # Closes go 10, 11, … 16, 10, …: their mean is 13 from the seventh bar on.
    scores = [1, *([0, 0, 0, 0, 1, 1, 1] * 3), 0, 0]
    assert signals.filter(pl.col("symbol") == "A")["score"].to_list() == scores
    built = lab.warehouse.read(
        "select table_name from information_schema.tables where table_name like 'int_signals_%'"
    )
    assert built["table_name"].to_list() == ["int_signals_mine"]


def test_a_parameter_that_the_sql_refuses_is_a_wrong_config(lab: Lab) -> None:
    with pytest.raises(ConfigError) as caught:
        build(lab, bars=1)
    refusal = "strategy.parameters.bars must be a whole number in 2..100, was 1"
    assert str(caught.value) == f"{refusal}  (model int_signals_mine)"


def test_of_several_strategies_it_is_named_with_the_one_whose_parameter_it_is(lab: Lab) -> None:
    mine = OwnStrategyConfig(name="mine", scores="signals", parameters={"bars": 7, "barz": 3})
    held = PlainStrategyConfig(name="buy_and_hold", scores="signals")
    both = CombinedConfig(name="both", members={"mine": mine, "buy_and_hold": held})
    with pytest.raises(ConfigError) as caught:
        lab.build(replace(VARS, strategy=both), select="+signals")
    refusal = "strategy.members.mine.parameters.barz must be a parameter that the SQL of mine reads, was 3"
    assert str(caught.value) == f"{refusal}  (model signals)"
