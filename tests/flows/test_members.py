"""Several strategies in one config: composed from the choices there are, refused by the key that a user wrote."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hydra import compose

from execution.combined_config import CombinedConfig
from execution.strategies import MeanReversionConfig, MomentumConfig, PairsParameters
from flows.__main__ import translate
from flows.config import RunConfig, to_run_config
from tests.flows.composing import hydra_over_conf
from transforms.errors import QuantmillError

PAIRS = ("+strategy@strategy.members.pairs=pairs", "+portfolio@strategy.portfolios.pairs=by_score")
MODEL = "+strategy@strategy.members.model=model"


@pytest.fixture(autouse=True)
def _hydra() -> Iterator[None]:
    with hydra_over_conf():
        yield


def composed(*overrides: str) -> RunConfig:
    return to_run_config(compose("config", ["strategy=combined", *overrides]))


def combined(*overrides: str) -> CombinedConfig:
    strategy = composed(*overrides).strategy
    assert isinstance(strategy, CombinedConfig)
    return strategy


def refusal(*overrides: str) -> str:
    with pytest.raises(Exception) as caught:  # noqa: PT011 (what Hydra raises is translated below)
        composed(*overrides)
    error = translate(caught.value)
    assert isinstance(error, QuantmillError)
    assert error.exit_code == 2
    return str(error)


def test_members_are_the_strategies_that_their_choices_compose() -> None:
    members = combined("strategy.members.momentum.parameters.lookback_bars=126").members
    assert [type(member) for member in members.values()] == [MeanReversionConfig, MomentumConfig]
    assert members["momentum"].parameters.lookback_bars == 126
    assert members["momentum"].parameters.skip_bars == 21


def test_a_member_and_its_portfolio_are_added_and_changed_on_the_command_line() -> None:
    strategy = combined(
        *PAIRS, "strategy.members.pairs.parameters.pairs=[A:B]", "strategy.portfolios.pairs.gross=0.4"
    )
    assert strategy.members["pairs"].parameters == PairsParameters(pairs=["A:B"])
    assert strategy.portfolios["pairs"].weighting == "score"
    assert strategy.portfolios["pairs"].gross == 0.4
    assert sorted(strategy.signals) == ["mean_reversion", "momentum", "pairs"]


def test_members_stand_in_order_of_their_names_however_they_were_given() -> None:
    others = [f"+strategy@strategy.members.{name}={name}" for name in ("pairs", "buy_and_hold")]
    expected = ["buy_and_hold", "mean_reversion", "momentum", "pairs"]
    assert list(combined(*others).members) == list(combined(*reversed(others)).members) == expected


def test_a_member_makes_room_for_the_model() -> None:
    strategy = combined("~strategy@strategy.members.momentum", MODEL)
    assert list(strategy.members) == ["mean_reversion", "model"]
    assert strategy.uses_predictions
    assert list(strategy.signals) == ["mean_reversion"]


def test_shares_of_capital_are_given_by_name() -> None:
    shares = "+strategy.allocation.shares={momentum:0.7,mean_reversion:0.3}"
    allocation = combined("strategy.allocation.weighting=fixed", shares).allocation
    assert allocation.shares == {"momentum": 0.7, "mean_reversion": 0.3}


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("lookback_bars=1", "lookback_bars must be in 2..2520, was 1"),
        ("skip_bars=300", "lookback_bars must be above strategy.members.momentum.parameters.skip_bars (300)"),
        ("lookback_bars=many", "lookback_bars: Value 'many'"),
        ("lookback_barz=20", "Did you mean: strategy.members.momentum.parameters.lookback_bars"),
        ("entry_bars=20", "entry_bars: not a key of the chosen strategy, only of trend_breakout"),
    ],
)
@pytest.mark.parametrize("plus", ["", "++"])
def test_a_bad_parameter_of_a_member_is_refused_by_its_whole_key(override: str, said: str, plus: str) -> None:
    message = refusal(f"{plus}strategy.members.momentum.parameters.{override}")
    assert said in message
    assert message.startswith("strategy.members.momentum.parameters.")


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (["strategy.members.momentum.scores=signal"], ["strategy.members.momentum.scores must", "signals?"]),
        (
            ["strategy.members.momentum.parametres.x=1"],
            ["Did you mean: strategy.members.momentum.parameters"],
        ),
        (["strategy.members.momentum.name=trend"], ["strategy.members.momentum.name must be momentum"]),
        (
            ["+strategy@strategy.members.other=pairs"],
            ["strategy.members.other.name must be other", "'pairs'"],
        ),
        (["+strategy@strategy.members.parrs=parrs"], ["strategy=parrs", "Did you mean: pairs"]),
        (["+strategy@strategy.members.momentum=momentum"], ["strategy.members.momentum is chosen already"]),
        (
            ["+strategy@strategy.members.combined=combined"],
            ["strategy.members.combined must be one strategy"],
        ),
        (["+strategy.members.pairs=3"], ["+strategy@strategy.members.pairs=<choice>", "was 'int'"]),
        (
            ["strategy.members.pears.name=pears"],
            ["no such member; +strategy@strategy.members.pears=<choice>"],
        ),
        (
            ["strategy.portfolios.pears.k=2"],
            ["no such member; +portfolio@strategy.portfolios.pears=<choice>"],
        ),
        (
            ["+strategy.portfolios.pears.k=2"],
            ["no such member; +portfolio@strategy.portfolios.pears=<choice>"],
        ),
        (
            ["+portfolio@strategy.portfolios.pears=top_k"],
            ["strategy.portfolios must be for members", "'pears'"],
        ),
        (
            ["strategy.portfolios.mean_reversion.gross=9"],
            ["strategy.portfolios.mean_reversion.gross must", "9"],
        ),
        (
            ["strategy.portfolios.mean_reversion.gros=1"],
            ["conf/portfolio/", "Did you mean: strategy.portfolios.mean_reversion.gross"],
        ),
        (["~strategy@strategy.members.momentum"], ["strategy.members must be 2 to 16", "'mean_reversion'"]),
        (["+strategy.parameters.lookback_bars=20"], ["strategy.parameters must be left to strategy.members"]),
        (["strategy.allocation.weighting=risk_partiy"], ["Did you mean: risk_parity"]),
        (
            ["+strategy@strategy.members.intraday_mean_reversion=intraday_mean_reversion"],
            ["source.timeframe", "1m"],
        ),
        (
            ["features=alpha158", "strategy.portfolios.mean_reversion.weighting=inverse_volatility"],
            ["strategy.portfolios.mean_reversion.weighting must be", "core"],
        ),
        (
            ["features=alpha158", "portfolio.weighting=inverse_volatility"],
            ["portfolio.weighting must be", "core"],
        ),
        (
            ["universe.benchmark=null", "strategy.portfolios.mean_reversion.sizing.regime_average=200"],
            ["universe.benchmark must be given with strategy.portfolios.mean_reversion.sizing"],
        ),
    ],
)
def test_what_is_wrong_with_several_strategies_names_key_and_way_out(
    overrides: list[str], said: list[str]
) -> None:
    message = refusal(*overrides)
    for words in said:
        assert words in message


def test_the_config_of_one_strategy_has_no_members() -> None:
    message = refusal("strategy=momentum", "+strategy.members.pairs=1")
    assert message.startswith("strategy.members: not a key of the chosen strategy, only of combined")


def test_a_member_without_its_sql_is_refused(tmp_path: Path) -> None:
    (tmp_path / "strategy").mkdir()
    (tmp_path / "strategy" / "mine.yaml").write_text(
        "defaults:\n  - /schema/strategy@_here_: own\nname: mine\nscores: signals\n"
    )
    path = f"hydra.searchpath=[file://{tmp_path}]"
    message = refusal("+strategy@strategy.members.mine=mine", path)
    assert "strategy.members.mine.name=mine: there is no" in message
    assert "int_signals_mine.sql" in message
