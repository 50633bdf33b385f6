"""The config tree: every choice and experiment composes; what is wrong is refused by name."""

from __future__ import annotations

import copy
import functools
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hydra import compose
from omegaconf import DictConfig, OmegaConf

from flows.__main__ import translate
from flows.config import CONF, SCHEMAS, RunConfig, all_keys, choices_of, to_group, to_run_config
from tests.flows.composing import hydra_over_conf
from transforms.errors import ConfigError, QuantmillError

CHOICES = [(group, choice) for group in SCHEMAS for choice in choices_of(group)]
NEEDS = {
    ("source", "parquet"): ["source.path=x"],
    ("source", "csv"): ["source.path=x"],
    ("flow", "compare"): ["flow.runs=[a,b]"],
    ("flow", "sensitivity"): ["++sensitivity.grid={portfolio.k:[1,2]}"],
    ("universe", "list"): ["universe.symbols=[A]"],
    ("strategy", "intraday_mean_reversion"): ["source=synthetic", "source.timeframe=1m"],
    ("costs", "fitted"): ["costs.slippage_model=s0123456789abcdef"],
    ("features", "intraday"): ["source=synthetic", "source.timeframe=1m"],
    ("features", "multi_timeframe_intraday"): ["source=synthetic", "source.timeframe=1m"],
}


@pytest.fixture(autouse=True, scope="module")
def _hydra() -> Iterator[None]:
    """Hydra over ``conf/``, once for all: registering the schemas costs a third of a composition."""
    with hydra_over_conf():
        yield


def composed(*overrides: str) -> RunConfig:
    return to_run_config(compose("config", list(overrides)))


@functools.cache
def plainly_composed(*overrides: str) -> DictConfig:
    return compose("config", list(overrides))


def refusal(*overrides: str) -> QuantmillError:
    with pytest.raises(Exception) as caught:  # noqa: PT011 (what Hydra raises is translated below)
        composed(*overrides)
    error = translate(caught.value)
    assert error is not None
    return error


def test_defaults_are_the_main_job() -> None:
    config = composed()
    assert config.flow.name == "research"
    assert config.source.name == "sample"
    assert config.universe.benchmark == "SPX"


@pytest.mark.parametrize(("group", "choice"), CHOICES)
def test_every_choice_composes(group: str, choice: str) -> None:
    config = composed(f"{group}={choice}", *NEEDS.get((group, choice), []))
    assert isinstance(getattr(config, group), tuple(SCHEMAS[group].values()))


@pytest.mark.parametrize("experiment", choices_of("experiment"))
def test_every_experiment_composes_and_changes_something(experiment: str) -> None:
    assert composed(f"experiment={experiment}") != to_run_config(plainly_composed())


def test_every_group_of_the_schema_has_a_folder_and_the_reverse() -> None:
    folders = {path.name for path in CONF.iterdir() if path.is_dir()} - {"hydra", "experiment"}
    assert folders == set(SCHEMAS)


KEYS = sorted(key for key in all_keys() if "." in key)
NODES = {key.rpartition(".")[0]: key for key in KEYS}  # a key of each node


def choice_with(key: str) -> list[str]:
    """Return the choice that has the node of a key, where the default one has it not."""
    return ["strategy=combined"] if key.startswith("strategy.allocation.") else []


@pytest.mark.parametrize("key", KEYS)
def test_every_key_misspelt_and_added_is_refused_by_name(key: str) -> None:
    group, _, rest = key.partition(".")
    added = copy.deepcopy(plainly_composed(*choice_with(key))[group])
    OmegaConf.update(added, f"{rest}x", 1, force_add=True)  # what +key does, without composing each time
    with pytest.raises(ConfigError) as caught:
        to_group(group, added)
    assert_names(caught.value, f"{key}x")


@pytest.mark.parametrize("key", NODES.values())
def test_a_key_of_every_node_misspelt_is_refused_by_name(key: str) -> None:
    assert_names(refusal(f"{key}x=1", *choice_with(key)), f"{key}x")


@pytest.mark.parametrize("node", ["model", "portfolio.limits", "strategy.allocation"])
@pytest.mark.parametrize("mark", ["+", "++"])
def test_a_misspelt_key_that_is_forced_in_is_refused_by_name(node: str, mark: str) -> None:
    key = NODES[node]
    assert_names(refusal(f"{mark}{key}x=1", *choice_with(key)), f"{key}x")


def test_an_infinite_penalty_is_refused() -> None:
    error = refusal("model=logistic", "model.alpha=inf")
    assert "model.alpha must be finite and at least 0, was inf" in str(error)


def test_a_key_of_another_choice_is_refused_naming_the_choice() -> None:
    error = refusal("model=logistic", "model.max_depth=3")
    assert str(error) == "model.max_depth: not a key of the chosen model, only of xgboost  (conf/model/)"


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("costs.borrow_rate_by_symbol.AAPL", "0.05"),
        ("portfolio.limits.groups.AAPL", "tech"),
        ("account.not_shortable.AAPL", "[[2008-09-19,2008-10-08]]"),
        ("validation.regimes.calm", "[2004-01-01,2006-12-31]"),
    ],
)
def test_an_entry_that_a_map_does_not_have_is_added_as_the_error_says(key: str, value: str) -> None:
    said = str(refusal(f"{key}={value}"))
    assert f"{key}: " in said
    assert f"+{key}=<value> adds it  (conf/{key.split('.', maxsplit=1)[0]}/)" in said
    composed(f"+{key}={value}")


def test_a_parameter_that_a_strategy_does_not_have_cannot_be_added() -> None:
    assert "adds it" not in str(refusal("strategy=momentum", "strategy.parameters.lookback=5"))


def assert_names(error: QuantmillError, typo: str) -> None:
    assert error.exit_code == 2
    assert typo in str(error)
    assert f"conf/{typo.split('.', maxsplit=1)[0]}/" in str(error)


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("model.max_dept=4", ["model.max_dept", "Did you mean: model.max_depth", "conf/model/"]),
        ("+typo=1", ["typo", "conf/config.yaml"]),
        ("++typo=1", ["typo", "conf/config.yaml"]),
        ("modle=xgboost", ["modle", "Did you mean: model"]),
        ("model=xgbost", ["model=xgbost", "Did you mean: xgboost", "conf/model/"]),
        ("experiment=long_shrt", ["experiment=long_shrt", "long_short"]),
        ("model.max_depth=deep", ["model.max_depth", "'deep'", "conf/model/"]),
        ("model.max_depth=99", ["model.max_depth", "1..16", "99"]),
        ("model.reg_lambda=inf", ["model.reg_lambda", "finite and at least 0", "inf"]),
        ("model.min_child_weight=inf", ["model.min_child_weight", "finite and at least 0", "inf"]),
        ("risk.min_price=inf", ["risk.min_price", "finite and at least 0", "inf"]),
        ("risk.max_position_weight=2.0", ["risk.max_position_weight", "(0, 1]", "2.0"]),
        ("source=csv", ["source.path", "source.path=…"]),
        ("as_of=yesterday", ["as_of", "'yesterday'"]),
        ("source.path=~/bars/*.csv", ["source.path=~/bars/*.csv", "double quotes"]),
        ("source.timezone=Mars/Base", ["source.timezone"]),
        ("source.timeframe=2d", ["source.timeframe", "1d"]),
        ("flow.start=2012-01-02", ["flow.start and flow.end"]),
        ("flow.runs=[a]", ["flow.runs", "flow=compare", "was ['a']"]),
        ("flow.audit_cuts=0", ["flow.audit_cuts", "1..1000", "was 0"]),
        ("flow.audit_seed=-1", ["flow.audit_seed", "0..4294967295", "was -1"]),
        ("flow.audit_symbols=few", ["flow.audit_symbols", "'few'", "conf/flow/"]),
        ("broker.account=../../etc", ["broker.account"]),
        ('source.symbols=["x\'; drop table raw.bars"]', ["source.symbols", "drop table"]),
        ('universe.symbols=["x\'; drop table raw.bars"]', ["universe.symbols", "drop table"]),
        ('features.columns=["a; drop table b"]', ["features.columns", "drop table"]),
    ],
)
def test_what_is_wrong_is_refused_with_key_value_and_way_out(override: str, said: list[str]) -> None:
    error = refusal(override)
    assert error.exit_code == 2
    for words in said:
        assert words in str(error)


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (["features=intraday"], ["features.sets", "intraday", "source.timeframe", "'1d'"]),
        (["features.sets=[intraday]"], ["features.sets", "source.timeframe", "'1d'"]),
        (
            ["features=intraday", "source=parquet", "source.path=x", "source.timeframe=15m"],
            ["features.momentum_minutes", "multiples of 15", "source.timeframe is 15m", "[5, 30, 60]"],
        ),
        (
            ["features=intraday", "source=parquet", "source.path=x", "source.timeframe=1h"],
            ["features.opening_range_minutes", "multiples of 60", "[30]"],
        ),
        (
            ["features=multi_timeframe", "features.higher_timeframes=[15m]"],
            ["features.higher_timeframes", "source.timeframe (1d)", "week, month", "'15m'"],
        ),
        (["features.higher_timeframes=[weekly]"], ["features.higher_timeframes", "Did you mean: week"]),
        (["features.higher_timeframes=[]"], ["features.higher_timeframes", "at least one"]),
        (["features.regime_long_bars=30"], ["features.regime_long_bars", "above", "30"]),
        (["features.momentum_minutes=[0]"], ["features.momentum_minutes", "1..1440"]),
        (["features.volume_profile_sessions=1"], ["features.volume_profile_sessions", "2..1000"]),
    ],
)
def test_features_that_the_bars_cannot_give_are_refused_naming_both_keys(
    overrides: list[str], said: list[str]
) -> None:
    error = refusal(*overrides)
    assert error.exit_code == 2
    for words in said:
        assert words in str(error)


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (["trend_breakout", "entry_bars=1"], ["strategy.parameters.entry_bars", "2..1000", "1"]),
        (["trend_breakout", "entry_bars=twenty"], ["strategy.parameters.entry_bars", "'twenty'"]),
        (["trend_breakout", "exit_bars=60"], ["strategy.parameters.exit_bars", "entry_bars (55)", "60"]),
        (
            ["trend_breakout", "entry_barz=20"],
            ["entry_barz", "Did you mean", "strategy.parameters.entry_bars"],
        ),
        (["momentum", "lookback_bars=21"], ["strategy.parameters.lookback_bars", "skip_bars (21)"]),
        (["mean_reversion", "stop_zscore=1"], ["strategy.parameters.stop_zscore", "entry_zscore (1.5)"]),
        (["mean_reversion", "oversold=70"], ["strategy.parameters.oversold", "0.0..50.0", "70"]),
        (["pairs", "pairs=[KO]"], ["strategy.parameters.pairs", "FIRST:SECOND", "'KO'"]),
        (["pairs", "pairs=[KO:KO]"], ["strategy.parameters.pairs", "two different symbols"]),
        (["pairs", 'pairs=["KO:x\' or true"]'], ["strategy.parameters.pairs", "x' or true"]),
        (["pairs", "pairs=[KO:PEP,PEP:KO]"], ["strategy.parameters.pairs", "in either order"]),
        (["pairs", "rank_by=cointegratin"], ["strategy.parameters.rank_by", "Did you mean: cointegration"]),
        (["swing_trend", "entry=crossing"], ["strategy.parameters.entry", "Did you mean: cross"]),
        (["swing_trend", "slow_bars=20"], ["strategy.parameters.slow_bars", "fast_bars (20)"]),
        (
            [
                "factor_composite",
                *(f"{f}_weight=0" for f in ("momentum", "low_volatility", "reversal", "liquidity")),
            ],
            ["strategy.parameters.…_weight", "other than 0"],
        ),
        (["intraday_mean_reversion"], ["source.timeframe", "strategy=intraday_mean_reversion", "1m", "'1d'"]),
        (["model", "lookback_bars=20"], ["strategy.parameters.lookback_bars", "conf/strategy/"]),
    ],
)
def test_a_bad_parameter_of_a_strategy_is_refused_by_name(overrides: list[str], said: list[str]) -> None:
    strategy, *parameters = overrides
    error = refusal(f"strategy={strategy}", *(f"strategy.parameters.{text}" for text in parameters))
    assert error.exit_code == 2
    for words in said:
        assert words in str(error)


def test_weighting_by_volatility_needs_the_features_that_have_it() -> None:
    error = refusal("portfolio=long_short", "features=alpha158")
    assert error.exit_code == 2
    assert "portfolio.weighting" in str(error)
    assert "core" in str(error)


@pytest.mark.parametrize("key", ["regime_average=200", "regime_max_volatility=0.3"])
def test_a_regime_without_a_benchmark_is_refused(key: str) -> None:
    error = refusal(f"portfolio.sizing.{key}", "universe.benchmark=null")
    assert error.exit_code == 2
    assert "universe.benchmark must be given with" in str(error)


def test_a_strategy_without_its_sql_is_refused() -> None:
    error = refusal("strategy=momentum", "strategy.name=momentun")
    assert error.exit_code == 2
    assert "int_signals_momentun.sql" in str(error)
    assert "Did you mean: momentum" in str(error)


def test_a_strategy_of_ones_own_takes_any_parameters_and_no_misspelt_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "int_signals_mine.sql").touch()
    monkeypatch.setattr("flows.config.PROJECT", tmp_path.parent)
    monkeypatch.setattr("flows.config.STRATEGY_SQL", tmp_path)
    (tmp_path / "strategy").mkdir()
    (tmp_path / "strategy" / "mine.yaml").write_text(
        "defaults:\n  - /schema/strategy@_here_: own\n"
        "name: mine\nscores: signals\nparameters: {bars: 20, legs: [A, B]}\n"
    )
    path = f"hydra.searchpath=[file://{tmp_path}]"
    config = composed("strategy=mine", "strategy.parameters.bars=30", path)
    assert config.strategy.parameters == {"bars": 30, "legs": ["A", "B"]}
    assert "strategy.parameters.barz" in str(refusal("strategy=mine", "strategy.parameters.barz=30", path))


def test_an_experiment_with_a_typo_is_refused(tmp_path: Path) -> None:
    (tmp_path / "experiment").mkdir()
    (tmp_path / "experiment" / "mine.yaml").write_text("# @package _global_\nmodel:\n  max_dept: 4\n")
    error = refusal("experiment=mine", f"hydra.searchpath=[file://{tmp_path}]")
    assert error.exit_code == 2
    assert "model.max_dept" in str(error)
    assert "model.max_depth" in str(error)


def test_help_names_every_choice_without_importing_anything_heavy() -> None:
    script = (
        "import sys; sys.argv=['quantmill','--help']\n"
        "from flows.__main__ import main; main()\n"
        "heavy = {'hydra','prefect','polars','duckdb','pandas','dbt','xgboost','numpy'} & set(sys.modules)\n"
        "sys.exit(f'imported {heavy}' if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    for group, choice in CHOICES:
        assert group in done.stdout
        assert choice in done.stdout


def test_an_entry_of_a_mapping_is_added_with_a_plus() -> None:
    config = composed("+account.not_shortable.AAPL=[[2008-09-19,2008-10-08],[2012-01-03]]")
    assert config.account.not_shortable == {"AAPL": [["2008-09-19", "2008-10-08"], ["2012-01-03"]]}


def test_groups_that_do_not_go_together_are_refused_by_key() -> None:
    assert "account.kind" in str(refusal("account=cash", "portfolio=long_short"))
    assert "orders.lot" in str(refusal("orders.lot=0.5"))
