"""What holds of every strategy: causality, upkeep, membership, parameters."""

from __future__ import annotations

from dataclasses import fields
from datetime import datetime

import polars as pl
import pytest

from execution.combined_config import CombinedConfig
from execution.strategies import STRATEGIES, OwnStrategyConfig, PlainStrategyConfig
from tests.models_sql.rendering import RefusedError, text_of
from tests.models_sql.strategies import CHOSEN, COUNT, SYMBOLS, Floor, day, market, refusal_of


@pytest.mark.parametrize("name", sorted(CHOSEN))
def test_what_comes_later_changes_no_signal(floor: Floor, name: str) -> None:
    bars = market()
    floor.load(bars)
    whole = floor.build(CHOSEN[name])
    assert whole["score"].is_finite().all()
    for cut in (COUNT - 41, COUNT - 5):
        floor.load(bars.filter(pl.col("session_date") <= day(cut)))
        assert floor.build(CHOSEN[name]).equals(whole.filter(pl.col("session_date") <= day(cut)))


@pytest.mark.parametrize("name", sorted(CHOSEN))
def test_bars_that_were_added_or_changed_give_what_a_build_from_nothing_gives(
    floor: Floor, name: str
) -> None:
    bars = market()
    restated = (pl.col("symbol") == "BBB") & (pl.col("session_date") == day(230))
    before = bars.filter(pl.col("session_date") < day(COUNT - 1)).with_columns(
        adj_close=pl.when(restated).then(pl.col("adj_close") * 1.01).otherwise(pl.col("adj_close"))
    )
    floor.load(before)
    floor.build(CHOSEN[name])
    floor.load(bars)
    newest = datetime.combine(day(COUNT - 1), datetime.min.time())
    changed = dict.fromkeys(SYMBOLS, newest) | {"BBB": datetime.combine(day(230), datetime.min.time())}
    mended = floor.build(CHOSEN[name], changed_from=changed)
    assert mended.equals(floor.build(CHOSEN[name]))


def test_only_members_have_signals_on_the_days_of_their_membership(floor: Floor) -> None:
    floor.load(market(), [("AAA", day(10), day(20)), ("AAA", day(40), None), ("CCC", day(250), None)])
    signals = floor.build(CHOSEN["buy_and_hold"])
    days = {s: signals.filter(pl.col("symbol") == s)["session_date"].to_list() for s in ("AAA", "CCC")}
    assert days["AAA"] == [day(i) for i in [*range(10, 20), *range(40, COUNT)]]
    assert days["CCC"] == [day(i) for i in range(250, COUNT)]
    assert set(signals["symbol"]) == {"AAA", "CCC"}


def test_without_a_sql_strategy_there_are_no_signals_but_their_columns(floor: Floor) -> None:
    floor.load(market())
    expected = floor.build(CHOSEN["buy_and_hold"]).schema
    empty = floor.build(PlainStrategyConfig(name="model", scores="predictions"))
    assert empty.is_empty()
    assert empty.schema == expected


@pytest.mark.parametrize("name", sorted(set(STRATEGIES) - {"plain", "own", "combined"}))
def test_config_and_sql_check_the_same_parameters_within_the_same_ranges(name: str) -> None:
    """The SQL is run by hand as well, so it does not rely on the config; what they say must not drift apart."""
    models = [model for model in MODELS[name] if model]
    sql = " ".join(text_of(model) for model in models)
    for item in fields(STRATEGIES[name](name=name).parameters):
        if "range" not in item.metadata:
            assert f"parameter_{KINDS[item.name]}('{name}.{item.name}'" in sql, item.name
            continue
        low, high = item.metadata["range"]
        kind = "integer" if isinstance(low, int) else "number"
        bounds = {f"{low:g}, {high:g}", f"{low}, {high}"}
        assert any(f"parameter_{kind}('{name}.{item.name}', {text})" in sql for text in bounds), item.name


KINDS = {"pairs": "pairs", "rank_by": "choice", "entry": "choice", "timeframes": "choices"}
MODELS = {name: [f"int_signals_{name}"] for name in STRATEGIES} | {
    "momentum": ["int_momentum_inputs"],
    "factor_composite": ["int_factor_inputs", "int_signals_factor_composite"],
    "pairs": ["int_pair_candidates", "int_pair_choices", "int_pair_liquidity", "int_pair_positions"],
}


@pytest.mark.parametrize(
    ("call", "value", "rule"),
    [
        ("parameter_integer('x.n', 2, 9)", 1, "a whole number in 2..9, was 1"),
        ("parameter_integer('x.n', 2, 9)", 2.5, "a whole number in 2..9, was 2.5"),
        ("parameter_integer('x.n', 2, 9)", True, "a whole number in 2..9, was true"),
        ("parameter_integer('x.n', 2, 9)", None, "a whole number in 2..9, was null"),
        ("parameter_number('x.n', 0, 1)", 1.5, "a number in 0..1, was 1.5"),
        ("parameter_number('x.n', 0, 1)", float("nan"), "a number in 0..1"),
        ("parameter_number('x.n', 0, 1)", "1 or true", "a number in 0..1"),
        ("parameter_choice('x.n', ['a', 'b'])", "c", "one of a, b"),
        ("parameter_choices('x.n', ['a', 'b'])", ["a", "a"], "some of a, b, each once"),
        ("parameter_choices('x.n', ['a', 'b'])", [], "some of a, b, each once"),
        ("parameter_pairs('x.n')", ["A:A"], "pairs of different symbols"),
        ("parameter_pairs('x.n')", ["A:B' or true"], "pairs of different symbols"),
        ("parameter_pairs('x.n')", "A:B", "pairs of different symbols"),
    ],
)
def test_the_sql_refuses_a_bad_parameter_by_name(call: str, value: object, rule: str) -> None:
    with pytest.raises(RefusedError) as caught:
        refusal_of(call, {} if value is None else {"n": value})
    assert "strategy.signals.x.n must be" in str(caught.value)
    assert rule in str(caught.value)


@pytest.mark.parametrize("parameter", ["lookback_barz", "entry_bars"], ids=["misspelt", "another strategy's"])
def test_the_sql_refuses_a_parameter_that_its_strategy_does_not_read(floor: Floor, parameter: str) -> None:
    floor.load(market())
    momentum = OwnStrategyConfig(
        name="momentum",
        scores="signals",
        parameters={"lookback_bars": 20, "skip_bars": 3, parameter: 2},
    )
    both = CombinedConfig(
        name="both", members={"momentum": momentum, "trend_breakout": CHOSEN["trend_breakout"]}
    )
    for strategy in (momentum, both):
        with pytest.raises(RefusedError) as caught:
            floor.build(strategy)
        refusal = (
            f"strategy.signals.momentum.{parameter} must be a parameter that the SQL of momentum reads, was 2"
        )
        assert str(caught.value) == f"var {refusal}"


def test_signals_of_several_strategies_are_those_of_each_alone(floor: Floor) -> None:
    floor.load(market())
    alone = {name: floor.build(strategy) for name, strategy in CHOSEN.items()}
    together = floor.build(CombinedConfig(name="all", members=dict(CHOSEN)))
    assert together.equals(pl.concat([alone[name] for name in sorted(alone)]))
    assert not together.select("strategy", "symbol", "bar_at").is_duplicated().any()
