"""dbt in this process: vars, shared database, partial builds, failures, tasks."""

from __future__ import annotations

import dataclasses
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import flows.dbt
from execution.combined_config import CombinedConfig
from execution.config import StrategyConfig
from execution.strategies import (
    MomentumConfig,
    MomentumParameters,
    PlainStrategyConfig,
    TrendBreakoutConfig,
    TrendBreakoutParameters,
)
from flows.dbt import BuildVars, build, docs, unit_test
from flows.dbt_state import BUILT_SCHEMAS
from tests.models_sql.market import VARS, Lab, bar
from transforms.config import SampleSourceConfig, UniverseConfig
from transforms.errors import ConfigError, QuantmillError
from transforms.features import FeaturesConfig
from transforms.labels import ForwardReturnLabelsConfig
from transforms.warehouse import Warehouse

EVIL = "x'; drop table raw.bars; --"


def test_vars_come_from_the_configs_of_a_run() -> None:
    build_vars = BuildVars.from_config(
        SampleSourceConfig(start="2005-01-03"),
        UniverseConfig(name="list", symbols=["AAPL"], benchmark="SPX"),
        FeaturesConfig(name="all", periods_per_year=365),
        ForwardReturnLabelsConfig(name="week", horizon=7, entry="close", dead_band=0.01),
        StrategyConfig(name="model"),
        as_of="2024-05-31",
    )
    told = json.loads(build_vars.as_json())
    assert {name: value for name, value in told.items() if not isinstance(value, dict)} == {
        "source": "sample",
        "dataset": "default",
        "timeframe": "1d",
        "calendar": "XNYS",
        "source_symbols": [],
        "start": "2005-01-03",
        "end": None,
        "as_of": "2024-05-31",
    }
    assert (told["universe"]["symbols"], told["universe"]["benchmark"]) == (["AAPL"], "SPX")
    assert told["features"]["periods_per_year"] == 365
    assert "columns" not in told["features"], "what a model sees of them is no matter of SQL"
    assert (told["labels"]["horizon"], told["labels"]["entry"], told["labels"]["dead_band"]) == (
        7,
        "close",
        0.01,
    )
    assert told["strategy"] == {"signals": {}}


@pytest.mark.parametrize(
    "change",
    [
        {"source_symbols": [EVIL]},
        {"timeframe": "1w"},
        {"start": "yesterday"},
        {"as_of": "2024-05-31T21:00:00+02:00"},
        {"as_of": EVIL},
    ],
)
def test_a_wrong_var_is_a_config_error(change: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        dataclasses.replace(VARS, **change)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A copy of the SQL that tests may edit, in use instead of the project's own."""
    copy = tmp_path_factory.mktemp("project") / "models_sql"
    shutil.copytree(flows.dbt.PROJECT_DIR, copy)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(flows.dbt, "PROJECT_DIR", copy)
        yield copy


@pytest.fixture(scope="module")
def lab(project: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    lab = Lab.at(tmp_path_factory.mktemp("home"), threads=2)
    lab.load([bar(symbol, i, 10.0 + i) for symbol in ("A", "B", "IDX") for i in range(30)])
    yield lab
    lab.warehouse.close()


def tree(directory: Path) -> set[str]:
    return {str(path.relative_to(directory)) for path in directory.rglob("*")}


def test_a_build_fills_the_marts_and_writes_nothing_into_the_source_tree(
    lab: Lab, project: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    before = tree(project)
    result = lab.build(changed_only=True)
    assert result.mode == "full", "there is nothing to compare with yet"
    files = {path.stem for folder in BUILT_SCHEMAS for path in (project / folder).rglob("*.sql")}
    built = set(result.models)
    assert {"int_bars_adjusted", "int_features_core", "labels", "signals", "universe"} <= built <= files
    assert "int_features_alpha158" in files - built, "sets that were not chosen are not built"
    assert result.tests > 20
    assert set(result.timings) == set(result.models)
    assert lab.warehouse.value("select count(*) from marts.features") == 60, (
        "our cursor sees what dbt committed"
    )
    assert tree(project) == before
    assert capfd.readouterr() == ("", "")


def test_nothing_changed_runs_nothing(lab: Lab) -> None:
    result = lab.build(changed_only=True)
    assert (result.mode, result.models, result.tests) == ("changed", (), 0)


def test_a_changed_model_rebuilds_itself_and_its_dependants(lab: Lab, project: Path) -> None:
    labels = project / "marts" / "labels.sql"
    labels.write_text(labels.read_text() + "\n-- changed\n")
    assert set(lab.build(changed_only=True).models) == {"labels", "training_set"}
    assert lab.build(changed_only=True).models == ()


def test_a_changed_macro_rebuilds_the_models_that_use_it(lab: Lab, project: Path) -> None:
    macros = project / "macros" / "indicators.sql"
    macros.write_text(macros.read_text().replace("100 * {{ operator('growth'", "1 * {{ operator('growth'"))
    models = set(lab.build(changed_only=True).models)
    assert {"int_features_core", "features", "training_set"} <= models
    assert not {"stg_raw__bars", "int_bars_adjusted", "labels"} & models


def test_another_var_rebuilds_the_models_that_read_it_and_their_dependants(lab: Lab) -> None:
    other = dataclasses.replace(VARS, labels=ForwardReturnLabelsConfig(name="forward_return", horizon=2))
    result = lab.build(other, changed_only=True)
    assert (result.mode, set(result.models)) == (
        "changed",
        {"int_label_returns", "int_labels_forward_return", "labels", "training_set"},
    )
    assert lab.warehouse.value("select count(label) from marts.labels") == 2 * (30 - 3)


def test_other_feature_sets_leave_those_that_stay_alone(lab: Lab) -> None:
    other = dataclasses.replace(VARS, features=FeaturesConfig("two", sets=["core", "timeseries"]))
    models = set(lab.build(other, changed_only=True).models)
    assert {"int_features_timeseries", "features"} <= models
    assert not {"int_feature_bars", "int_bars_adjusted", "int_features_core"} & models
    columns = lab.warehouse.columns("marts.features")
    assert {"rsi_14", "is_month_end"} <= set(columns)


def test_a_parameter_of_one_of_several_strategies_rebuilds_its_models_alone(lab: Lab) -> None:
    lab.build(traded(momentum(5), breakout(4)), changed_only=True)
    result = lab.build(traded(momentum(5), breakout(6)), changed_only=True)
    assert (result.mode, set(result.models)) == ("changed", {"int_signals_trend_breakout", "signals"})
    result = lab.build(traded(momentum(7), breakout(6)), changed_only=True)
    assert set(result.models) == {"int_momentum_inputs", "int_signals_momentum", "signals"}
    assert lab.build(traded(momentum(7), breakout(6)), changed_only=True).models == ()


def test_a_strategy_that_comes_or_goes_leaves_the_models_of_the_others_alone(lab: Lab) -> None:
    held = PlainStrategyConfig(name="buy_and_hold", scores="signals")
    lab.build(traded(momentum(5), breakout(4)), changed_only=True)
    result = lab.build(traded(momentum(5), breakout(4), held), changed_only=True)
    assert set(result.models) == {"int_signals_buy_and_hold", "signals"}
    assert lab.build(traded(momentum(5), held), changed_only=True).models == ("signals",)
    traded_now = lab.warehouse.read("select distinct strategy from marts.signals order by strategy")
    assert traded_now["strategy"].to_list() == ["buy_and_hold", "momentum"]
    assert not lab.warehouse.has_table("intermediate.int_signals_trend_breakout")


def test_a_unit_test_of_a_strategy_runs_where_the_strategy_is_traded(lab: Lab) -> None:
    """Where it is not, dbt passes over the model's unit tests without a word."""
    both = traded(momentum(5), breakout(4))
    lab.build(VARS)
    without = unit_test(lab.home, lab.warehouse, VARS, engine=lab.engine)
    lab.build(both, changed_only=True)
    assert unit_test(lab.home, lab.warehouse, both, engine=lab.engine) == without + 1


def traded(*strategies: StrategyConfig) -> BuildVars:
    members = {strategy.name: strategy for strategy in strategies}
    return dataclasses.replace(VARS, strategy=CombinedConfig(name="several", members=members))


def momentum(bars: int) -> StrategyConfig:
    return MomentumConfig("momentum", "signals", MomentumParameters(lookback_bars=bars, skip_bars=1))


def breakout(bars: int) -> StrategyConfig:
    parameters = TrendBreakoutParameters(entry_bars=bars, exit_bars=2, average_bars=0)
    return TrendBreakoutConfig("trend_breakout", "signals", parameters)


def test_a_lost_table_rebuilds_everything(lab: Lab) -> None:
    lab.build()
    lab.warehouse.execute("drop table marts.universe")
    assert lab.build(changed_only=True).mode == "full"
    assert lab.warehouse.has_table("marts.universe")


def test_a_model_that_is_gone_leaves_no_table_behind(lab: Lab) -> None:
    lab.warehouse.execute("create table marts.old_idea as select 1 as x")
    lab.build(select="universe")
    assert lab.warehouse.has_table("marts.old_idea"), "a selection is not the whole project"
    lab.build()
    assert not lab.warehouse.has_table("marts.old_idea")


def test_a_failing_model_is_named_with_its_compiled_sql_and_the_next_build_is_whole(
    lab: Lab, project: Path
) -> None:
    universe = project / "marts" / "universe.sql"
    good = universe.read_text()
    universe.write_text(good.replace("valid_to,", "no_such_column as valid_to,"))
    with pytest.raises(QuantmillError, match=r"model universe failed: .*no_such_column") as failure:
        lab.build(changed_only=True)
    compiled = str(failure.value).split("(SQL: ")[1].split(")")[0]
    assert "no_such_column" in Path(compiled).read_text()
    universe.write_text(good)
    assert lab.build(changed_only=True).mode == "full"


def test_a_project_that_does_not_parse_is_one_clear_line(lab: Lab, project: Path) -> None:
    broken = project / "marts" / "broken.sql"
    broken.write_text("select * from {{ ref('nowhere') }}")
    try:
        with pytest.raises(QuantmillError, match="nowhere") as failure:
            lab.build()
    finally:
        broken.unlink()
    assert "\n" not in str(failure.value)


def test_a_payload_that_got_past_python_is_refused_by_the_sql(lab: Lab) -> None:
    universe = dataclasses.replace(VARS.universe)
    universe.symbols = ["A", EVIL]
    evil = dataclasses.replace(VARS, universe=universe)
    with pytest.raises(QuantmillError, match=r"var universe.symbols must be symbols"):
        lab.build(evil)
    assert lab.warehouse.value("select count(*) from raw.bars") == 90


def test_catalogue_is_one_page(lab: Lab) -> None:
    page = docs(lab.home, lab.warehouse, VARS.as_dict(), engine=lab.engine)
    assert page.is_relative_to(lab.home.dbt)
    assert "sma_distance_200" in page.read_text()


def test_after_a_build_the_database_is_closed_with_its_warehouse(tmp_path: Path) -> None:
    lab = Lab.at(tmp_path, threads=1)
    lab.load([bar(symbol, 0, 1.0) for symbol in ("A", "IDX")])
    build(lab.home, lab.warehouse, VARS, engine=lab.engine, select="+stg_raw__bars")
    lab.warehouse.close()
    # DuckDB refuses another configuration while any connection of this process is still open.
    other = dataclasses.replace(lab.engine, memory_limit="2GB")
    with Warehouse(lab.home.warehouse, other) as warehouse:
        assert warehouse.value("select count(*) from staging.stg_raw__bars") == 2
